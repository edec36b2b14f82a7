//! Places new partitions: striped over racks and, within a rack, over brokers, the unfenced ones first.
//!
//! In Kafka:   `StripedReplicaPlacer`, KIP-36 (racks).
//! Holds:      for one topic, how far each rack and each list of brokers has been used.
//! Invariants: PL-1 a partition's first replica is unfenced; PL-2 its replicas are on different brokers; PL-3 no
//!             rack gets a second replica while another one, with a broker left, has none.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_sim::Stream;

use crate::ids::BrokerId;

/// A broker that may get replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableBroker {
    /// Its id.
    pub id: BrokerId,
    /// Its rack.
    pub rack: Option<Arc<str>>,
    /// Whether it is fenced: it gets replicas only when nobody else is left, and never the first one.
    pub fenced: bool,
}

/// Why nothing can be placed: INVALID_REPLICATION_FACTOR to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementError {
    /// Fewer brokers than replicas.
    TooFewBrokers {
        /// Replicas that were asked for.
        replication_factor: usize,
        /// Brokers that there are.
        brokers: usize,
    },
    /// Nobody can lead.
    AllFenced,
}

impl std::fmt::Display for PlacementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFewBrokers { replication_factor, brokers } => write!(
                f,
                "The target replication factor of {replication_factor} cannot be reached because \
                 only {brokers} broker(s) are registered or some brokers have all their log \
                 directories cordoned."
            ),
            Self::AllFenced => f.write_str(
                "All brokers are currently fenced, or have all their log directories cordoned.",
            ),
        }
    }
}

/// Brokers that are taken in turn; each partition begins one further.
#[derive(Debug, Default)]
struct BrokerList {
    brokers: Vec<BrokerId>,
    index: usize,
    offset: usize,
    epoch: usize,
}

impl BrokerList {
    fn initialize(&mut self, random: &mut Stream) {
        if !self.brokers.is_empty() {
            self.brokers.sort_unstable();
            self.offset = below(random, self.brokers.len());
        }
    }

    fn next(&mut self, epoch: usize) -> Option<BrokerId> {
        let count = self.brokers.len();
        if count == 0 {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % count;
        }
        if self.index >= count {
            return None;
        }
        self.index += 1;
        Some(self.brokers[(self.index - 1 + self.offset) % count])
    }
}

#[derive(Debug, Default)]
struct Rack {
    unfenced: BrokerList,
    fenced: BrokerList,
}

/// The places of one topic in the making.
#[derive(Debug)]
struct RackList {
    racks: Vec<Rack>,
    brokers: usize,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

fn below(random: &mut Stream, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("below a usize")
}

/// The replicas of `partitions` new partitions.
///
/// # Errors
/// If there are too few brokers, or none that could lead.
pub fn place(
    usable: &[UsableBroker],
    partitions: usize,
    replication_factor: usize,
    random: &mut Stream,
) -> Result<Vec<Vec<BrokerId>>, PlacementError> {
    assert!(replication_factor > 0, "a partition needs a replica");
    if !usable.iter().any(|broker| !broker.fenced) {
        return Err(PlacementError::AllFenced);
    }
    if usable.len() < replication_factor {
        return Err(PlacementError::TooFewBrokers { replication_factor, brokers: usable.len() });
    }
    let mut racks = RackList::new(usable, random);
    Ok((0..partitions).map(|_| racks.place(replication_factor, random)).collect())
}

impl RackList {
    /// Racks in the order of their names, each begun at a random broker; the first rack is random too.
    fn new(usable: &[UsableBroker], random: &mut Stream) -> Self {
        let mut racks: BTreeMap<Option<Arc<str>>, Rack> = BTreeMap::new();
        for broker in usable {
            let rack = racks.entry(broker.rack.clone()).or_default();
            let list = if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced };
            list.brokers.push(broker.id);
        }
        let mut racks: Vec<_> = racks.into_values().collect();
        for rack in &mut racks {
            rack.fenced.initialize(random);
            rack.unfenced.initialize(random);
        }
        let unfenced = usable.iter().filter(|broker| !broker.fenced).count();
        let offset = below(random, racks.len());
        Self { racks, brokers: usable.len(), unfenced, epoch: 0, offset }
    }

    fn place(&mut self, replication_factor: usize, random: &mut Stream) -> Vec<BrokerId> {
        assert!(replication_factor <= self.brokers, "{replication_factor} of {}", self.brokers);
        // After as many assignments as there are live brokers they would repeat: shuffle. A single broker repeats
        // whatever one does.
        if self.epoch == self.unfenced && self.unfenced > 1 {
            random.shuffle(&mut self.racks);
            for rack in &mut self.racks {
                random.shuffle(&mut rack.fenced.brokers);
                random.shuffle(&mut rack.unfenced.brokers);
            }
            self.epoch = 0;
        }
        let (epoch, count) = (self.epoch, self.racks.len());
        self.offset %= count;
        let from_offset = (0..count).map(|step| (self.offset + step) % count);
        let first = from_offset
            .into_iter()
            .find_map(|at| self.racks[at].unfenced.next(epoch).map(|broker| (at, broker)));
        let (first_rack, leader) = first.expect("PL-1: one broker at least is unfenced");
        let mut replicas = vec![leader];
        let mut skipped_first_rack = false;
        let mut at = self.offset;
        while replicas.len() < replication_factor {
            // The rack of the first replica has had its turn in the first round.
            if at == first_rack && !skipped_first_rack {
                skipped_first_rack = true;
            } else {
                let rack = &mut self.racks[at];
                replicas.extend(rack.unfenced.next(epoch).or_else(|| rack.fenced.next(epoch)));
            }
            at = (at + 1) % count;
        }
        self.epoch += 1;
        self.offset += 1;
        replicas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use trial_sim::Plan;

    fn usable(brokers: &[(i32, &str, bool)]) -> Vec<UsableBroker> {
        let one = |&(id, rack, fenced): &(i32, &str, bool)| UsableBroker {
            id: BrokerId(id),
            rack: Some(rack.into()),
            fenced,
        };
        brokers.iter().map(one).collect()
    }

    fn stream(seed: u64) -> Stream {
        Plan::new(seed).run_stream("test", "placement")
    }

    #[test]
    fn leaders_are_striped_and_replicas_differ_for_every_seed() {
        let brokers = usable(&[(0, "a", false), (1, "a", false), (2, "a", false), (3, "a", false)]);
        for seed in 0..100 {
            let placed = place(&brokers, 4, 3, &mut stream(seed)).expect("four brokers");
            let leaders: BTreeSet<_> = placed.iter().map(|replicas| replicas[0]).collect();
            assert_eq!(leaders.len(), 4, "seed {seed}: one leader each in {placed:?}");
            for replicas in placed {
                let distinct: BTreeSet<_> = replicas.iter().collect();
                assert_eq!(distinct.len(), 3, "PL-2, seed {seed}: {replicas:?}");
            }
        }
    }

    #[test]
    fn racks_get_one_replica_each_and_a_fenced_broker_never_leads() {
        let brokers = usable(&[
            (0, "a", false),
            (1, "a", true),
            (2, "b", false),
            (3, "b", false),
            (4, "c", true),
        ]);
        let rack =
            |id: &BrokerId| brokers.iter().find(|it| it.id == *id).expect("placed").rack.clone();
        for seed in 0..100 {
            for replicas in place(&brokers, 9, 3, &mut stream(seed)).expect("five brokers") {
                assert!(![1, 4].contains(&replicas[0].0), "PL-1, seed {seed}: {replicas:?}");
                let racks: BTreeSet<_> = replicas.iter().map(rack).collect();
                assert_eq!(racks.len(), 3, "PL-3, seed {seed}: {replicas:?}");
            }
        }
    }

    #[test]
    fn too_few_brokers_and_only_fenced_ones_are_refused() {
        let rows = [
            (usable(&[(0, "a", true), (1, "a", true)]), 1, PlacementError::AllFenced),
            (usable(&[]), 1, PlacementError::AllFenced),
            (
                usable(&[(0, "a", false), (1, "a", true)]),
                3,
                PlacementError::TooFewBrokers { replication_factor: 3, brokers: 2 },
            ),
        ];
        for (brokers, replication_factor, want) in rows {
            let got = place(&brokers, 1, replication_factor, &mut stream(1));
            assert_eq!(got, Err(want), "of {brokers:?}");
        }
    }
}
