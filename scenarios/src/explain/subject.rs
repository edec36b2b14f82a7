//! What a violation is about: the partition, offsets, epochs, hosts that its own words name.
//!
//! Inputs:     the message and the two facts, worded by the checkers (`check/words.rs`).
//! Invariants: SU-1 a word that is no name of this run names nothing.

use trial_sim::HostId;

use crate::check::Violation;
use crate::facts::{Facts, PartitionFacts};

/// What is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// The partition, as in `orders/0`.
    pub(super) partition: Option<String>,
    /// Hosts in the message, in order.
    pub(super) hosts: Vec<HostId>,
    /// Hosts in the two facts, in order: those of the first, those of the second.
    pub(super) in_facts: [Vec<HostId>; 2],
    /// Offsets that the message or the facts name, in order.
    pub(super) offsets: Vec<i64>,
    /// Epochs in the facts and the message.
    pub(super) epochs: Vec<i32>,
    /// Checksums of batches, in order.
    pub(super) checksums: Vec<u32>,
}

impl Subject {
    pub(super) fn of(violation: &Violation, facts: &Facts) -> Self {
        let mut subject = Self::default();
        let [first, second] = &violation.facts;
        subject.in_facts = [hosts(first, facts), hosts(second, facts)];
        subject.hosts = hosts(&violation.message, facts);
        let all = [&violation.message, first, second];
        for text in all {
            let words = words(text);
            for (place, word) in words.iter().enumerate() {
                let before = place.checked_sub(1).map_or("", |before| words[before]);
                subject.take(before, word, facts);
            }
        }
        subject
    }

    fn take(&mut self, before: &str, word: &str, facts: &Facts) {
        if self.partition.is_none() && facts.partition_named(word).is_some() {
            self.partition = Some(word.to_owned());
        }
        match before {
            "offset" | "offsets" => self.offsets.extend(word.parse::<i64>()),
            "epoch" => self.epochs.extend(word.parse::<i32>()),
            "checksum" => self.checksums.extend(u32::from_str_radix(word, 16)),
            _ => {}
        }
    }

    /// The partition's facts.
    pub(super) fn partition<'a>(&self, facts: &'a Facts) -> Option<&'a PartitionFacts> {
        facts.partition_named(self.partition.as_deref()?)
    }

    /// Everybody who is named, each once.
    pub(super) fn everybody(&self) -> Vec<HostId> {
        let mut all: Vec<HostId> = Vec::new();
        for host in self.hosts.iter().chain(&self.in_facts[0]).chain(&self.in_facts[1]) {
            if !all.contains(host) {
                all.push(*host);
            }
        }
        all
    }
}

/// Words without what surrounds them.
pub(super) fn words(text: &str) -> Vec<&str> {
    let around = |letter: char| !letter.is_ascii_alphanumeric();
    text.split_whitespace().map(|word| word.trim_matches(around)).collect()
}

/// The hosts that a text names, in order.
pub(super) fn hosts(text: &str, facts: &Facts) -> Vec<HostId> {
    let named = words(text).into_iter().map(|word| word.strip_suffix("'s").unwrap_or(word));
    named.filter_map(|word| facts.setup.host_named(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_lose_what_surrounds_them() {
        let text = "(written in epoch 0, checksum 10fa1323), b3's log";
        assert_eq!(
            words(text),
            ["written", "in", "epoch", "0", "checksum", "10fa1323", "b3's", "log"]
        );
    }
}
