//! How far the high watermark may go, and how far a log may be cut: R8, R10, R11, R15.
//!
//! In Kafka:   `Partition.maybeIncrementLeaderHW`, `UnifiedLog.truncateTo`; `AsyncIsr` of the specifications.
//! Inputs:     a broker's word that its high watermark moved; ends of logs as disks have them.
//! Invariants: R8 every running member of the in-sync set has what lies below a leader's high watermark. R10 it is
//!             not beyond the log's end, nor below its start. R11 it rests under min.insync.replicas. R15 nobody cuts
//!             below it.

use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts, ReplicaLog};

/// The checker.
#[derive(Debug, Clone, Copy, Default)]
pub struct HighWatermarks;

impl HighWatermarks {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        let Known { at, .. } = *known;
        match &known.fact {
            Fact::Noted { host, event } => match event {
                PartitionEvent::LeaderHighWatermarkMoved {
                    to,
                    leader_epoch,
                    committed_isr,
                    min_isr,
                    ..
                } => {
                    let moved = Moved { at, host: *host, to: to.0, partition, facts };
                    moved.within_log(verdicts);
                    moved.enough_in_sync(
                        usize::from(*committed_isr),
                        usize::from(*min_isr),
                        verdicts,
                    );
                    let current = partition.registration.as_deref();
                    if let Some(current) = current.filter(|it| it.leader_epoch == *leader_epoch) {
                        moved.everybody_has_it(current, verdicts);
                    }
                }
                PartitionEvent::FollowerHighWatermarkMoved { to, .. } => {
                    Moved { at, host: *host, to: to.0, partition, facts }.within_log(verdicts);
                }
                PartitionEvent::Truncated { to, high_watermark, .. } if to < high_watermark => {
                    on_cut(at, *host, to.0, high_watermark.0, partition, facts, verdicts);
                }
                _ => {}
            },
            Fact::Removed { host, from, by_crash: false, .. } => {
                let high_watermark = partition.logs.get(host).map_or(0, |log| log.high_watermark);
                if *from < high_watermark {
                    on_cut(at, *host, *from, high_watermark, partition, facts, verdicts);
                }
            }
            Fact::Fetched { host, high_watermark, log_start, .. } if log_start > high_watermark => {
                let (name, broker) = (partition.name(), facts.setup.name(*host));
                let breach = Breach {
                    invariant: "R10",
                    at,
                    message: format!(
                        "{name}: {broker} says that its log starts at {log_start}, above its high watermark {high_watermark}"
                    ),
                    facts: [
                        format!(
                            "{} told a high watermark of {high_watermark}",
                            words::who(facts, at, *host)
                        ),
                        format!("{} told a log start of {log_start}", words::who(facts, at, *host)),
                    ],
                };
                verdicts.always(&format!("{name} {broker}"), breach);
            }
            _ => {}
        }
    }
}

/// A high watermark that moved.
struct Moved<'a> {
    at: Time,
    host: HostId,
    to: i64,
    partition: &'a PartitionFacts,
    facts: &'a Facts,
}

impl Moved<'_> {
    fn noted(&self) -> String {
        let who = words::who(self.facts, self.at, self.host);
        format!("{who} moved its high watermark to {}", self.to)
    }

    fn within_log(&self, verdicts: &mut Verdicts) {
        let end = self.partition.logs.get(&self.host).map_or(0, ReplicaLog::end);
        if self.to > end {
            let (name, broker) = (self.partition.name(), self.facts.setup.name(self.host));
            let breach = Breach {
                invariant: "R10",
                at: self.at,
                message: format!(
                    "{name}: the high watermark {} of {broker} lies beyond its log, which ends at {end}",
                    self.to
                ),
                facts: [format!("the log on {broker}'s disk ends at {end}"), self.noted()],
            };
            verdicts.always(&format!("{name} {broker}"), breach);
        }
    }

    fn enough_in_sync(&self, in_sync: usize, min: usize, verdicts: &mut Verdicts) {
        let min = min.max(self.partition.min_insync);
        if in_sync < min {
            let name = self.partition.name();
            let breach = Breach {
                invariant: "R11",
                at: self.at,
                message: format!(
                    "{name}: the high watermark moved with {in_sync} in sync, and {min} are needed"
                ),
                facts: [
                    format!("min.insync.replicas asks for {min} in sync"),
                    format!("{} with {in_sync} in sync", self.noted()),
                ],
            };
            verdicts.always(&name, breach);
        }
    }

    fn everybody_has_it(&self, current: &PartitionRegistration, verdicts: &mut Verdicts) {
        for member in &current.isr {
            let Some(host) = self.facts.setup.host_of(*member) else { continue };
            if host == self.host
                || self.partition.lossy.contains(&host)
                || !self.facts.is_running(*member)
                || self.facts.down.contains(&host)
            {
                continue;
            }
            let end = self.partition.logs.get(&host).map_or(0, ReplicaLog::end);
            if end < self.to {
                let (name, broker) = (self.partition.name(), self.facts.setup.name(host));
                let breach = Breach {
                    invariant: "R8",
                    at: self.at,
                    message: format!(
                        "{name}: the high watermark {} of {} passed {broker}, which is in sync and ends at {end}",
                        self.to,
                        self.facts.setup.name(self.host)
                    ),
                    facts: [
                        format!(
                            "{broker} is in sync by partition epoch {}, and its log ends at {end}",
                            current.partition_epoch.0
                        ),
                        self.noted(),
                    ],
                };
                verdicts.durable(self.facts, self.partition, breach);
            }
        }
    }
}

fn on_cut(
    at: Time,
    host: HostId,
    to: i64,
    high_watermark: i64,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let breach = Breach {
        invariant: "R15",
        at,
        message: format!(
            "{name}: {broker} cut its log to {to}, below its high watermark {high_watermark}"
        ),
        facts: [
            format!("{broker} knew a high watermark of {high_watermark}"),
            format!("{} cut its log to {to}", words::who(facts, at, host)),
        ],
    };
    verdicts.durable(facts, partition, breach);
}
