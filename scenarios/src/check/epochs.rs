//! The memory of epochs agrees with the logs: R16, R23.
//!
//! In Kafka:   `LeaderEpochFileCache`, the file `leader-epoch-checkpoint`; KIP-101, KIP-279.
//! Inputs:     audits: the file beside each log, and the log.
//! Invariants: R16 a file's entries rise, and those below the log's end are the log's epochs. R23 two replicas' files
//!             agree below both high watermarks.
//! Left out:   entries at or beyond the end: the file is written in the background after a cut. R23 of topics that are
//!             compacted.

use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Disks, Facts, PartitionFacts, ReplicaLog};

type Entries = Vec<(i32, i64)>;

/// Compares the files of a partition's replicas with their logs and with each other.
pub fn audit(
    at: Time,
    partition: &PartitionFacts,
    disks: &dyn Disks,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let mut read: Vec<(HostId, &ReplicaLog, Entries)> = Vec::new();
    for (host, log) in &partition.logs {
        if facts.down.contains(host) {
            continue;
        }
        let Some(entries) = entries(disks, *host, partition) else { continue };
        faithful(at, *host, log, &entries, partition, facts, verdicts);
        if !partition.lossy.contains(host) {
            read.push((*host, log, entries));
        }
    }
    // A follower of a compacted log never meets an epoch of which nothing is left.
    let agreeing = if partition.keeps_records { &[][..] } else { &read[..] };
    for (place, (host, log, entries)) in agreeing.iter().enumerate() {
        for (other, other_log, other_entries) in &read[place + 1..] {
            let until = log.high_watermark.min(other_log.high_watermark);
            let start = remembered_from(log, entries, partition).max(remembered_from(
                other_log,
                other_entries,
                partition,
            ));
            let below = |entries: &Entries| between(entries, start, until);
            let (a, b) = (below(entries), below(other_entries));
            if a != b {
                let name = partition.name();
                let (one, two) = (facts.setup.name(*host), facts.setup.name(*other));
                let breach = Breach {
                    invariant: "R23",
                    at,
                    message: format!(
                        "{name}: {one} and {two} remember different epochs below {until}"
                    ),
                    facts: [
                        format!("{} has {}", words::who(facts, at, *host), listed(&a)),
                        format!("{} has {}", words::who(facts, at, *other), listed(&b)),
                    ],
                };
                verdicts.durable(facts, partition, breach);
            }
        }
    }
}

fn faithful(
    at: Time,
    host: HostId,
    log: &ReplicaLog,
    entries: &Entries,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let rises = entries.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
    let (start, end) = (remembered_from(log, entries, partition), log.end());
    let below = between(entries, start, end);
    // Batches before the start of a log may be there still, and those at it gone: nothing of them reaches behind it.
    let of_log = between(&log.epochs_from(start), start, end);
    // A cleaning takes batches, and leaves the epochs that they were written in.
    let has = |(epoch, first): &(i32, i64)| {
        entries.iter().rfind(|(_, start)| start <= first).is_some_and(|(of, _)| of == epoch)
    };
    if rises && (below == of_log || partition.keeps_records && of_log.iter().all(has)) {
        return;
    }
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let breach = Breach {
        invariant: "R16",
        at,
        message: format!("{name}: {broker} remembers other epochs than those of its log"),
        facts: [
            format!("its log, which ends at {end}, has {}", listed(&of_log)),
            format!(
                "{} has {} in leader-epoch-checkpoint",
                words::who(facts, at, host),
                listed(entries)
            ),
        ],
    };
    verdicts.always(&format!("{name} {broker}"), breach);
}

/// From where on a file has to know the epochs: the start of the log. A file that was trimmed with segments which a
/// power loss has brought back knows less.
fn remembered_from(log: &ReplicaLog, entries: &Entries, partition: &PartitionFacts) -> i64 {
    let first = entries.first().map_or(0, |(_, first)| *first);
    log.begin().max(first.min(partition.legal_start))
}

/// The entries that say something of the offsets from `start` to `end`: a file that is written in the background has
/// what lies before the start of the log for a while, and one that is trimmed lets the first epoch begin there.
fn between(entries: &Entries, start: i64, end: i64) -> Entries {
    let covers = |next: Option<&(i32, i64)>| next.is_none_or(|(_, next)| *next > start);
    let of_this = entries.iter().enumerate().filter(|(place, _)| covers(entries.get(place + 1)));
    let trimmed = of_this.map(|(_, (epoch, first))| (*epoch, *first.max(&start)));
    trimmed.filter(|(_, first)| *first < end).collect()
}

fn listed(entries: &Entries) -> String {
    if entries.is_empty() {
        return "no epochs".to_owned();
    }
    let each = entries.iter().map(|(epoch, start)| format!("epoch {epoch} from {start}"));
    each.collect::<Vec<_>>().join(", ")
}

/// The file's entries: a version, a count, and a line for each epoch.
fn entries(disks: &dyn Disks, host: HostId, partition: &PartitionFacts) -> Option<Entries> {
    let path = format!("{}-{}/leader-epoch-checkpoint", partition.topic, partition.id.partition);
    let bytes = disks.disk(host).peek(&path, 0, u64::MAX)?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let entry = |line: &str| {
        let (epoch, start) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, start.trim().parse().ok()?))
    };
    text.lines().skip(2).map(entry).collect()
}
