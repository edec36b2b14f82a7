//! What the settings of a run allow to be found in its history: a table of conditions and anomalies.
//!
//! In Kafka:   `acks`, `min.insync.replicas`, `unclean.leader.election.enable`, `enable.idempotence`,
//!             `auto.offset.reset`, KIP-966; in Jepsen `:sub-via`, which `anomaly.rs` has.
//! Invariants: EX-1 a condition holds only if the setting is there *and* what it takes has happened: a setting alone
//!             allows nothing. EX-2 an anomaly that no condition of a run allows is an error of the run.
//! Left out:   whether the record that was lost is one that the condition explains: the judge of runs
//!             (`crate::check`) looks at each, this at the history as a whole.

use std::collections::BTreeMap;

use super::super::{Form, History};
use super::anomaly::Anomaly::{self, *};
use super::judgement::Judgement;
use super::source::HistoryError;
use super::value::Notation;
use super::{Options, judge};
use crate::facts::{Facts, Role};
use crate::run::Run;

/// What, of a run, allows anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// A leader alone acknowledged, and another one came.
    LeaderAcks,
    /// One replica in sync was enough, and a replica lost bytes.
    OneInSync,
    /// More replicas lost bytes than the protocol survives.
    BeyondBudget,
    /// A leader was elected that lacked committed records.
    UncleanElection,
    /// The last one in sync leads again whatever it lost.
    NoEligibleLeaderReplicas,
    /// A producer without idempotence tried again.
    NoIdempotence,
    /// A broker had forgotten what an idempotent producer had sent.
    ProducerForgotten,
    /// A consumer reads what is not decided.
    ReadUncommitted,
    /// A group gives partitions to consumers and takes them away.
    Subscribe,
    /// A consumer whose position is gone, or who has none, goes on at the end.
    ResetToEnd,
    /// Records were let go: retention, compaction, DeleteRecords.
    RecordsLetGo,
    /// Nobody had read to the end when the run ended.
    NotReadToTheEnd,
    /// Clients from outside wrote records, which are nobody's in the history.
    Outsiders,
}

/// What follows from a value that stands at two offsets: it has the index of the later one, and who reads the earlier
/// one seems to go ahead and back.
const STANDS_TWICE: [Anomaly; 5] =
    [Duplicate, IntPollSkip, IntNonmonotonicPoll, PollSkip, NonmonotonicPoll];
/// What follows if committed records are gone, and others take their offsets.
const LOSES: [Anomaly; 6] =
    [LostWrite, Unseen, InconsistentOffsets, NonmonotonicPoll, PollSkip, NonmonotonicSend];

impl Condition {
    /// All, in the order in which they are looked for.
    pub const ALL: [Self; 13] = [
        Self::LeaderAcks,
        Self::OneInSync,
        Self::BeyondBudget,
        Self::UncleanElection,
        Self::NoEligibleLeaderReplicas,
        Self::NoIdempotence,
        Self::ProducerForgotten,
        Self::ReadUncommitted,
        Self::Subscribe,
        Self::ResetToEnd,
        Self::RecordsLetGo,
        Self::NotReadToTheEnd,
        Self::Outsiders,
    ];

    /// The setting, and what it takes.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::LeaderAcks => "acks=0 or acks=1, and another leader",
            Self::OneInSync => "min.insync.replicas=1, and a replica that lost bytes",
            Self::BeyondBudget => {
                "as many replicas lost bytes at a time as have to be in sync, or the only one did"
            }
            Self::UncleanElection => "a leader was elected that lacked committed records",
            Self::NoEligibleLeaderReplicas => {
                "eligible.leader.replicas.version=0, and a replica that lost bytes"
            }
            Self::NoIdempotence => "enable.idempotence=false",
            Self::ProducerForgotten => {
                "a broker had forgotten what an idempotent producer had sent"
            }
            Self::ReadUncommitted => "isolation.level=read_uncommitted, with transactions",
            Self::Subscribe => "consumers in a group, which rebalances",
            Self::ResetToEnd => "auto.offset.reset=latest",
            Self::RecordsLetGo => "retention, compaction or DeleteRecords took records",
            Self::NotReadToTheEnd => "nobody had read to the end when the run ended",
            Self::Outsiders => "clients from outside wrote records",
        }
    }

    /// What it allows.
    #[must_use]
    pub const fn allows(self) -> &'static [Anomaly] {
        match self {
            Self::LeaderAcks => &[LostWrite, Unseen, InconsistentOffsets, NonmonotonicSend],
            Self::OneInSync
            | Self::BeyondBudget
            | Self::UncleanElection
            | Self::NoEligibleLeaderReplicas => &LOSES,
            Self::NoIdempotence => &[
                Duplicate,
                NonmonotonicSend,
                IntNonmonotonicSend,
                IntPollSkip,
                IntNonmonotonicPoll,
                PollSkip,
                NonmonotonicPoll,
            ],
            Self::ProducerForgotten => &STANDS_TWICE,
            Self::ReadUncommitted => &[G1a, PrecommittedRead],
            Self::Subscribe => &[PollSkip, NonmonotonicPoll],
            Self::ResetToEnd | Self::RecordsLetGo => &[LostWrite, Unseen, PollSkip],
            Self::NotReadToTheEnd => &[Unseen],
            Self::Outsiders => &[
                NoWriterOfValue,
                Duplicate,
                IntPollSkip,
                IntNonmonotonicPoll,
                PollSkip,
                NonmonotonicPoll,
            ],
        }
    }

    /// EX-1.
    fn holds(self, facts: &Facts) -> bool {
        let setup = &facts.setup;
        let lost_bytes = facts.crashes.iter().any(|crash| crash.lossy);
        let mut roles = setup.hosts.iter().map(|host| host.role);
        match self {
            Self::LeaderAcks => {
                let one = |role| matches!(role, Role::Producer { acks: 0 | 1, .. });
                let moved = facts.partitions().any(|partition| partition.terms.len() > 1);
                (moved || lost_bytes) && roles.any(one)
            }
            Self::OneInSync => {
                lost_bytes && facts.partitions().any(|partition| partition.min_insync < 2)
            }
            Self::BeyondBudget => {
                facts.beyond_budget.is_some() || (lost_bytes && setup.exceeds_budget)
            }
            Self::UncleanElection => {
                facts.partitions().any(|partition| partition.unclean_election.is_some())
            }
            Self::NoEligibleLeaderReplicas => {
                lost_bytes && !setup.rules.promises_eligible_leader_replicas()
            }
            Self::NoIdempotence => {
                roles.any(|role| matches!(role, Role::Producer { idempotent: false, .. }))
            }
            Self::ProducerForgotten => facts.partitions().any(|partition| {
                let let_go = partition.legal_start > 0 && !facts.restarts.is_empty();
                let_go || !partition.out_of_order.is_empty() || partition.unclean_election.is_some()
            }),
            // There are no transactions of clients yet.
            Self::ReadUncommitted => false,
            Self::Subscribe => roles.any(|role| role == Role::Member),
            Self::ResetToEnd => setup.hosts.iter().any(|host| host.resets_to_end),
            Self::RecordsLetGo => facts
                .partitions()
                .any(|partition| partition.legal_start > 0 || partition.keeps_records),
            Self::NotReadToTheEnd => {
                facts.partitions().any(|partition| partition.read_end < partition.committed_end)
            }
            Self::Outsiders => roles.any(|role| role == Role::Outside),
        }
    }
}

/// The conditions that hold in what is known of a run.
pub fn conditions_of(facts: &Facts) -> impl Iterator<Item = Condition> + '_ {
    Condition::ALL.into_iter().filter(|condition| condition.holds(facts))
}

/// What these allow, each with the first that does.
#[must_use]
pub fn expected_of(conditions: impl IntoIterator<Item = Condition>) -> BTreeMap<Anomaly, String> {
    let mut allowed = BTreeMap::new();
    for condition in conditions {
        for anomaly in condition.allows() {
            allowed.entry(*anomaly).or_insert_with(|| condition.text().to_owned());
        }
    }
    allowed
}

/// Judges a run by its own history, with what its settings allow. The run has to be played with its record kept
/// ([`Run::keep_record`]).
///
/// # Errors
///
/// None that a run is known to come to: a history of ours can be read.
pub fn judge_run(run: &Run) -> Result<Judgement, HistoryError> {
    let history = History::of(run, Form::Kafka).to_edn();
    let allowed = expected_of(conditions_of(run.judge().facts()));
    judge(history.as_bytes(), Notation::Edn, &Options { allowed, ..Options::default() })
}

#[cfg(test)]
mod tests {
    use super::{Anomaly, Condition, expected_of};

    #[test]
    fn a_condition_allows_what_the_table_says_and_no_more() {
        let allowed = |condition| expected_of([condition]).into_keys().collect::<Vec<_>>();
        assert_eq!(allowed(Condition::ReadUncommitted), [Anomaly::G1a, Anomaly::PrecommittedRead]);
        assert_eq!(allowed(Condition::Subscribe), [Anomaly::PollSkip, Anomaly::NonmonotonicPoll]);
        assert_eq!(allowed(Condition::NotReadToTheEnd), [Anomaly::Unseen]);
        assert!(!allowed(Condition::LeaderAcks).contains(&Anomaly::Duplicate));
        assert!(expected_of([]).is_empty());
        for condition in Condition::ALL {
            assert!(!condition.allows().is_empty(), "{condition:?}");
            let circles = [Anomaly::G1c, Anomaly::G1cRealtime, Anomaly::EmptyTransactionGraph];
            assert!(circles.iter().all(|one| !condition.allows().contains(one)), "{condition:?}");
        }
    }
}
