//! Reads `[network]` and `[racks.NAME]`: how far hosts are from one another.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_spanned::Spanned;
use trial_sim::fault::{parse_rate, parse_span};
use trial_sim::{Distances, Distribution, Place, Span};

use super::error::ScenarioError;
use super::file::{NetworkTable, ScenarioFile};
use super::names;
use super::reading::Reading;
use super::scenario::{Client, Cluster, Network};

/// What a latency may look like.
const LATENCY_HELP: &str = "always `1ms`; anything in `1ms..3ms`; at least and a mean on top `1ms + 200us`; \
    the same with a long tail in so many of a million, so many times as long `1ms + 200us, 5000ppm x50`; an hour and x1000 at most";

/// The longest latency, and the longest mean.
const LATENCY_MAX: Span = Span::from_secs(3_600);

impl Reading<'_> {
    pub(super) fn network(&self, table: &NetworkTable) -> Result<Network, ScenarioError> {
        Ok(Network {
            latency: self.latency(table.latency.as_ref())?,
            distances: Distances {
                racks: self.latency(table.between_racks.as_ref())?,
                zones: self.latency(table.between_zones.as_ref())?,
                regions: self.latency(table.between_regions.as_ref())?,
            },
            bandwidth: match &table.bandwidth {
                None => None,
                Some(text) => {
                    let rate = parse_rate(text.get_ref()).map_err(|error| {
                        self.source.error(text.span(), error.what, "a rate such as 125MB/s")
                    })?;
                    Some(rate.0)
                }
            },
        })
    }

    pub(super) fn latency(
        &self,
        given: Option<&Spanned<String>>,
    ) -> Result<Option<Distribution>, ScenarioError> {
        let Some(text) = given else { return Ok(None) };
        parse_latency(text.get_ref()).map(Some).ok_or_else(|| {
            let message = format!("`{}` is no latency", text.get_ref());
            self.source
                .error(text.span(), message, "this one")
                .with_help(format!("allowed: {LATENCY_HELP}"))
        })
    }

    /// Where each host stands; one of which nothing is said stands beside every other.
    pub(super) fn places(
        &self,
        file: &ScenarioFile,
        cluster: &Cluster,
        clients: &BTreeMap<String, Client>,
    ) -> Result<BTreeMap<String, Place>, ScenarioError> {
        let mut known = names::node_names(cluster);
        known.extend(clients.keys().cloned());
        let mut places = BTreeMap::new();
        for (rack, table) in &file.racks {
            let name = |given: &Spanned<String>| -> Result<Arc<str>, ScenarioError> {
                if names::is_host_name(given.get_ref()) {
                    return Ok(Arc::from(given.get_ref().as_str()));
                }
                let message = format!("`{}` is no name for a place", given.get_ref());
                let label = "a small letter, then letters, digits and `_`";
                Err(self.source.error(given.span(), message, label))
            };
            let place = Place {
                rack: Some(name(rack)?),
                zone: table.zone.as_ref().map(name).transpose()?,
                region: table.region.as_ref().map(name).transpose()?,
            };
            if table.hosts.is_empty() {
                let message = format!("rack `{}` is empty", rack.get_ref());
                return Err(self.source.error(rack.span(), message, "hosts = [\"b1\", ...]"));
            }
            for host in &table.hosts {
                if !known.contains(host.get_ref()) {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    return Err(self.unknown(host, "host", &known));
                }
                if places.insert(host.get_ref().clone(), place.clone()).is_some() {
                    let message = format!("`{}` stands in two racks", host.get_ref());
                    return Err(self.source.error(host.span(), message, "the second one"));
                }
            }
        }
        Ok(places)
    }
}

/// `1ms`, `1ms..3ms`, `1ms + 200us`, `1ms + 200us, 5000ppm x50`.
fn parse_latency(text: &str) -> Option<Distribution> {
    let span = |text: &str| parse_span(text.trim()).ok().filter(|span| *span <= LATENCY_MAX);
    if let Some((min, max)) = text.split_once("..") {
        let (min, max) = (span(min)?, span(max)?);
        return (min < max).then_some(Distribution::Uniform { min, max });
    }
    let Some((min, rest)) = text.split_once('+') else {
        return span(text).map(Distribution::Constant);
    };
    let min = span(min)?;
    let Some((mean, tail)) = rest.split_once(',') else {
        return Some(Distribution::Exponential { min, mean: span(rest)? });
    };
    let (often, longer) = tail.trim().split_once(' ')?;
    let tail_ppm = often.strip_suffix("ppm")?.parse().ok()?;
    let tail_factor = longer.trim().strip_prefix('x')?.parse().ok()?;
    let possible = tail_ppm <= 1_000_000 && (1..=1_000).contains(&tail_factor);
    let mean = span(mean)?;
    possible.then_some(Distribution::LongTail { min, mean, tail_ppm, tail_factor })
}

#[cfg(test)]
mod tests {
    use super::parse_latency;
    use trial_sim::{Distribution, Span};

    #[test]
    fn a_latency_has_four_forms() {
        let [one, two] = [Span::from_millis(1), Span::from_millis(2)];
        for (text, want) in [
            ("1ms", Some(Distribution::Constant(one))),
            ("1ms..2ms", Some(Distribution::Uniform { min: one, max: two })),
            ("1ms + 2ms", Some(Distribution::Exponential { min: one, mean: two })),
            (
                "1ms+2ms, 500ppm x50",
                Some(Distribution::LongTail {
                    min: one,
                    mean: two,
                    tail_ppm: 500,
                    tail_factor: 50,
                }),
            ),
            ("2ms..1ms", None),
            ("1ms + ", None),
            ("1ms + 2ms, 500 x50", None),
            ("1ms + 2ms, 500ppm x0", None),
            ("fast", None),
        ] {
            assert_eq!(parse_latency(text), want, "{text}");
        }
    }
}
