//! How long a topic's settings keep what is in its logs.
//!
//! In Kafka:   `TopicConfig`; the brokers' names for the defaults in `ServerTopicConfigSynonyms`.
//! Holds:      of each setting the value that lets go soonest of all that were set so far.
//! Invariants: KP-1 nothing that a topic's settings have allowed at any time is judged to be too early: brokers learn
//!             of a change late, and one after another. So a change back to a longer time is not seen.
//! Left out:   a setting that is deleted and so falls back to the cluster's: what it was before is remembered.

use trial_sim::fault::parse_span;

const HOUR_MS: i64 = 3_600_000;

/// What a topic's settings let go, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// `cleanup.policy` has `delete`: segments go by time and size.
    pub deletes: bool,
    /// `cleanup.policy` has `compact`: of each key only the last record has to stay.
    pub compacts: bool,
    /// `compression.type` or `message.timestamp.type` have leaders write batches anew.
    pub rewrites: bool,
    /// `retention.ms`; none: never.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; none: however many.
    pub retention_bytes: Option<u64>,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            deletes: true,
            compacts: false,
            rewrites: false,
            retention_ms: Some(7 * 24 * HOUR_MS),
            retention_bytes: None,
            delete_retention_ms: 24 * HOUR_MS,
            min_compaction_lag_ms: 0,
        }
    }
}

impl Keeping {
    /// By these settings, each with its value; `cluster` are the brokers', which a topic's own come before.
    #[must_use]
    pub fn of(cluster: &[(String, String)], topic: &[(String, String)]) -> Self {
        let mut keeping = Self::default();
        let given = |names: &[&str]| {
            let find = |name: &&str, of: &[(String, String)]| {
                of.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            };
            names.iter().find_map(|name| find(name, topic).or_else(|| find(name, cluster)))
        };
        if let Some(policy) = given(&["cleanup.policy", "log.cleanup.policy"]) {
            (keeping.deletes, keeping.compacts) = policies(&policy);
        }
        let codec = given(&["compression.type"]);
        let clock = given(&["message.timestamp.type", "log.message.timestamp.type"]);
        keeping.rewrites = codec.is_some_and(|codec| rewrites("compression.type", &codec))
            || clock.is_some_and(|clock| rewrites("message.timestamp.type", &clock));
        let hours = given(&["log.retention.hours"]).and_then(|text| times(&text, HOUR_MS));
        let minutes = given(&["log.retention.minutes"]).and_then(|text| times(&text, 60_000));
        let own = given(&["retention.ms", "log.retention.ms"]).and_then(|text| ms(&text));
        if let Some(ms) = own.or(minutes).or(hours) {
            keeping.retention_ms = (ms >= 0).then_some(ms);
        }
        let bytes = given(&["retention.bytes", "log.retention.bytes"]);
        keeping.retention_bytes = bytes.and_then(|text| text.trim().parse().ok());
        let tombstones = ["delete.retention.ms", "log.cleaner.delete.retention.ms"];
        if let Some(ms) = given(&tombstones).and_then(|text| ms(&text)) {
            keeping.delete_retention_ms = ms;
        }
        let lag = ["min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"];
        if let Some(ms) = given(&lag).and_then(|text| ms(&text)) {
            keeping.min_compaction_lag_ms = ms;
        }
        keeping
    }

    /// From now on this may be set too, by the topic's name or the brokers'.
    pub fn loosen(&mut self, name: &str, value: &str) {
        let name = name.strip_prefix("log.").unwrap_or(name);
        let sooner = |known: Option<i64>, ms: i64| match known {
            _ if ms < 0 => known,
            None => Some(ms),
            Some(known) => Some(known.min(ms)),
        };
        match name.strip_prefix("cleaner.").unwrap_or(name) {
            "cleanup.policy" => {
                let (deletes, compacts) = policies(value);
                self.deletes |= deletes;
                self.compacts |= compacts;
            }
            "compression.type" | "message.timestamp.type" => {
                self.rewrites |= rewrites(name, value);
            }
            "retention.ms" => {
                self.retention_ms = sooner(self.retention_ms, ms(value).unwrap_or(-1));
            }
            "retention.minutes" => {
                self.retention_ms = sooner(self.retention_ms, times(value, 60_000).unwrap_or(-1));
            }
            "retention.hours" => {
                self.retention_ms = sooner(self.retention_ms, times(value, HOUR_MS).unwrap_or(-1));
            }
            "retention.bytes" => {
                if let Ok(bytes) = value.trim().parse() {
                    self.retention_bytes =
                        Some(self.retention_bytes.map_or(bytes, |known| known.min(bytes)));
                }
            }
            "delete.retention.ms" => {
                self.delete_retention_ms = ms(value)
                    .map_or(self.delete_retention_ms, |ms| ms.min(self.delete_retention_ms));
            }
            "min.compaction.lag.ms" => {
                self.min_compaction_lag_ms = ms(value)
                    .map_or(self.min_compaction_lag_ms, |ms| ms.min(self.min_compaction_lag_ms));
            }
            _ => {}
        }
    }
}

/// Whether such a setting has leaders write batches anew.
fn rewrites(name: &str, value: &str) -> bool {
    let as_they_come = if name == "compression.type" { "producer" } else { "CreateTime" };
    value.trim() != as_they_come
}

fn policies(text: &str) -> (bool, bool) {
    let has = |name: &str| text.split(',').any(|given| given.trim() == name);
    (has("delete"), has("compact"))
}

/// Milliseconds; a scenario may say `30s`.
fn ms(text: &str) -> Option<i64> {
    let spelled = || i64::try_from(parse_span(text.trim()).ok()?.as_millis()).ok();
    text.trim().parse().ok().or_else(spelled)
}

fn times(text: &str, unit_ms: i64) -> Option<i64> {
    text.trim().parse().ok().map(|count: i64| count.saturating_mul(unit_ms))
}

#[cfg(test)]
mod tests {
    use super::Keeping;

    fn settings(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_topic_comes_before_its_cluster_and_milliseconds_before_hours() {
        let of = |cluster: &[(&str, &str)], topic: &[(&str, &str)]| {
            Keeping::of(&settings(cluster), &settings(topic))
        };
        assert_eq!(of(&[], &[]), Keeping::default());
        let hours = [("log.retention.hours", "2"), ("log.retention.bytes", "-1")];
        assert_eq!(of(&hours, &[]).retention_ms, Some(7_200_000));
        assert_eq!(of(&hours, &[("retention.ms", "30s")]).retention_ms, Some(30_000));
        assert_eq!(of(&hours, &[("retention.ms", "-1")]).retention_ms, None);
        assert_eq!(of(&hours, &[("retention.bytes", "7")]).retention_bytes, Some(7));
        let both = of(&[("log.cleanup.policy", "compact")], &[]);
        assert_eq!((both.deletes, both.compacts), (false, true));
        let both = of(&[], &[("cleanup.policy", "compact, delete")]);
        assert_eq!((both.deletes, both.compacts), (true, true));
    }

    #[test]
    fn what_was_allowed_once_stays_allowed() {
        let mut keeping = Keeping::of(&settings(&[("log.retention.ms", "5000")]), &[]);
        keeping.loosen("retention.ms", "9000");
        keeping.loosen("retention.ms", "-1");
        assert_eq!(keeping.retention_ms, Some(5_000), "KP-1");
        keeping.loosen("log.retention.ms", "700");
        keeping.loosen("cleanup.policy", "compact");
        keeping.loosen("log.cleaner.delete.retention.ms", "1");
        assert_eq!((keeping.retention_ms, keeping.delete_retention_ms), (Some(700), 1));
        assert!(keeping.deletes && keeping.compacts, "KP-1");
    }
}
