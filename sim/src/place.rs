//! Where a host stands, and how far two hosts are from one another.
//!
//! In Kafka:   `broker.rack`; a cloud's availability zones and regions.
//! Invariants: PL-1 a host of which nothing is said stands beside every other.

use std::sync::Arc;

use crate::network::Distribution;

/// A rack in a zone in a region, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The rack.
    pub rack: Option<Arc<str>>,
    /// The zone that the rack stands in.
    pub zone: Option<Arc<str>>,
    /// The region that the zone lies in.
    pub region: Option<Arc<str>>,
}

/// The latencies, one way, between hosts that do not share a rack, a zone or a region; those of
/// the next smaller distance where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Distances {
    /// Between two racks of a zone.
    pub racks: Option<Distribution>,
    /// Between two zones of a region.
    pub zones: Option<Distribution>,
    /// Between two regions.
    pub regions: Option<Distribution>,
}

impl Place {
    /// The latency between two places; none: that of the network.
    pub(crate) fn latency(&self, other: &Self, distances: &Distances) -> Option<Distribution> {
        let Distances { racks, zones, regions } = *distances;
        let differ = |one: &Option<Arc<str>>, two: &Option<Arc<str>>| {
            one.is_some() && two.is_some() && one != two
        };
        if differ(&self.region, &other.region) {
            return regions.or(zones).or(racks);
        }
        if differ(&self.zone, &other.zone) {
            return zones.or(racks);
        }
        if differ(&self.rack, &other.rack) { racks } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn place(text: &str) -> Place {
        let mut names = text.split('/').map(|name| (name != "-").then(|| Arc::from(name)));
        let mut next = || names.next().flatten();
        Place { region: next(), zone: next(), rack: next() }
    }

    #[test]
    fn the_largest_distance_decides_and_the_next_smaller_one_stands_in_for_it() {
        let [racks, zones, regions] = [1, 2, 3].map(|n| Some(Distribution::Constant(Span(n))));
        let all = Distances { racks, zones, regions };
        let few = Distances { racks, zones: None, regions: None };
        for (one, other, want, of_few) in [
            ("eu/a/r1", "eu/a/r1", None, None),
            ("eu/a/r1", "eu/a/r2", racks, racks),
            ("eu/a/r1", "eu/b/r1", zones, racks),
            ("eu/a/r1", "us/a/r1", regions, racks),
            ("-/-/r1", "-/-/r2", racks, racks),
            ("-/-/-", "us/a/r1", None, None),
        ] {
            let (one, other) = (place(one), place(other));
            assert_eq!(one.latency(&other, &all), want, "{one:?} {other:?}");
            assert_eq!(other.latency(&one, &few), of_few, "{other:?} {one:?}");
        }
    }
}
