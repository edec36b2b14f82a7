//! What is judged: every invariant by its id, with what it says and under which settings it must hold.
//!
//! Holds: the table behind `trial list invariants`; the checkers themselves are in `check`.

/// One invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// Its id in reports.
    pub id: &'static str,
    /// What it says.
    pub says: &'static str,
    /// When it must hold.
    pub holds: Condition,
}

/// Under which settings an invariant must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Whatever the settings.
    Always,
    /// With acks=all, min.insync.replicas of 2 or more, and faults within the budget.
    Durable,
    /// For records that were acknowledged; what acks=0 or acks=1 allows to be lost is excused.
    Acknowledged,
    /// Once the faults have ended, within the time that the rule names.
    Afterwards,
}

impl Condition {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Durable => "acks=all, min.insync.replicas >= 2, within the budget; else excused",
            Self::Acknowledged => "what acks=0 or acks=1 allows to be lost is excused",
            Self::Afterwards => "after the faults have ended",
        }
    }
}

macro_rules! invariants {
    ($($id:literal $holds:ident $says:literal;)*) => {
        /// All of them, in the order of `trial list invariants`.
        pub const INVARIANTS: &[Invariant] = &[
            $(Invariant { id: $id, says: $says, holds: Condition::$holds },)*
        ];
    };
}

invariants! {
    "R1" Always "in one leader epoch of a partition at most one broker appends the clients' records";
    "R2" Always "along a log leader epochs never decrease and offsets strictly increase";
    "R3" Durable "two replicas agree on every batch below both of their high watermarks";
    "R4" Durable "a committed record is never absent from, or different on, a later leader";
    "R5" Durable "an elected leader has every committed and every acks=all record";
    "R6" Durable "every running member of ISR and ELR has every committed record";
    "R7" Always "the leader's idea of the in-sync set covers the controller's";
    "R8" Durable "every running in-sync replica has reached the leader's high watermark";
    "R9" Durable "every acked record is on at least one replica's disk";
    "R10" Always "log start <= high watermark <= log end, and the recovery point <= log end";
    "R11" Always "a leader under min.insync.replicas does not advance its high watermark";
    "R12" Always "an acks=all produce is answered only when its offsets are committed by enough replicas";
    "R13" Always "ISR and ELR are disjoint subsets of the replicas, and no fenced broker is in sync or leads";
    "R14" Always "leader epochs and partition epochs never go back";
    "R15" Durable "a replica never truncates below its own high watermark";
    "R16" Always "the leader-epoch cache is the fold of the log's history";
    "R17" Always "once the restart of a replica that lost bytes is registered it is neither in sync nor eligible, until it has caught up";
    "R18" Always "a follower cuts its log for an answer only in the leader epoch in which it asked";
    "R19" Durable "a consumer is handed committed records only, and none above the high watermark of who answers";
    "R20" Always "a reassignment ends when all who are added are in sync and, if it removes more, all who stay; who was removed leads no more";
    "R22" Durable "who joins an in-sync set covers the leader's high watermark and the start of its epoch";
    "R23" Durable "the epoch caches of two replicas agree below both high watermarks";
    "R24" Always "a high watermark is not held back by replicas that may not join the in-sync set";
    "R25" Always "a leader sends consumers to other members of its committed in-sync set only";
    "R26" Always "DeleteRecords is answered when the log of every live replica in sync starts where the answer says, or later";
    "S1" Always "every batch that is served has the right length and checksum";
    "S4" Always "a producer snapshot has of each producer what its last batch below says";
    "S6" Always "a cleaning keeps the order and content of records; what is gone is superseded, or was a tombstone for delete.retention.ms";
    "S7" Always "retention drops the oldest segments only, when they are due, and nothing at the high watermark or beyond; a log's start only rises";
    "S8" Always "a crash leaves of a cleaning the old segments or the new ones, never a mix";
    "S11" Always "two producer snapshots at one offset, of logs that agree below, say the same";
    "X1" Always "what a leader appends of an idempotent producer goes on where its log has ended: no sequence twice, none left out";
    "X2" Always "behind a batch of a producer's epoch no batch of an older one is appended";
    "C1" Always "a producer's send is completed exactly once, within delivery.timeout.ms";
    "C2" Durable "a send that succeeded at an offset is found at that offset";
    "C3" Always "a consumer's offsets strictly increase, and only in partitions that it was given";
    "G1" Always "in one generation of a group a partition has one owner";
    "G2" Always "no two members of a group that the coordinator knows believe that they own a partition";
    "G3" Always "a partition is not given to another in a generation in which its owner still lists it (cooperative)";
    "G4" Always "generations, group epochs and member epochs never go back";
    "G5" Always "a commit is taken from a member in its generation, or in an epoch in which the partition was its own";
    "G6" Always "a commit that was acknowledged is what the next owner is told, unless a later one or its end is";
    "G7" Always "no member commits beyond what its application has processed";
    "G8" Always "no offset expires while a member reads its topic";
    "G9" Always "the coordinator that loads the log of a shard has the state that all of its records make";
    "G10" Always "one member of a group has a group.instance.id";
    "G11" Always "a coordinator answers when what it answers rests on is committed";
    "G12" Always "a group that changes its protocol keeps its members and what they have";
    "G13" Always "what a coordinator tells of offsets is committed";
    "NoDoubleClientAssignment" Always "by the records of a consumer group a partition is one member's, until it is given back";
    "LegalTargetAssignment" Always "a target assignment is for members, and gives each partition to one";
    "ValidMemberEpoch" Always "no member is beyond the epoch of its group";
    "ValidPartitionEpoch" Always "no partition was given in an epoch that its owner has not reached";
    "ValidStableGroupState" Always "when all members are stable at the group's epoch, each has its target";
    "K1" Always "a controller epoch has at most one leader";
    "K2" Always "two controllers' logs agree where they share offset and epoch";
    "K3" Always "a new controller leader has every committed metadata record";
    "K4" Always "committed metadata is on a majority of the voters";
    "K5" Always "the quorum's high watermark never goes back, and a majority has reached it";
    "K6" Always "a controller's epoch never goes back, and the one on disk is the one it uses";
    "K7" Always "a voter votes at most once an epoch, restarts included";
    "K8" Always "a controller leader commits nothing before a record of its own epoch";
    "K9" Always "a controller never truncates below the quorum's high watermark";
    "K13" Always "a controller leader from which no majority fetches writes nothing after 1.5 fetch timeouts";
    "K14" Always "at one offset of the metadata log all nodes have the same image; a metadata transaction is shown whole or not at all";
    "K15" Always "a broker epoch is newer than all before it, and who comes with an older one than it was told is refused";
    "K16" Always "what a controller answers is committed";
    "K17" Always "a topic id is given once, and a name has one id at a time";
    "unreachable" Always "nobody comes to a place in the code that is marked as unreachable";
    "lost-write" Acknowledged "a record that was acked, or seen, is read by whoever reads past it";
    "inconsistent-offsets" Acknowledged "one offset holds one record, whoever reads it";
    "duplicate" Acknowledged "a record is at one offset only; retries without idempotence are excused";
    "nonmonotonic-poll" Always "an assigned consumer never reads backwards";
    "nonmonotonic-end" Durable "who asks where a log ends is told no less than was told before";
    "poll-skip" Always "an assigned consumer skips no record that others see";
    "unseen" Afterwards "every acked record has been read by the end";
    "L1" Afterwards "the controllers have a leader";
    "L2" Afterwards "every broker runs and is not fenced; one that stays down is";
    "L3" Afterwards "every partition has a leader that runs";
    "L4" Afterwards "every replica is in sync, and the high watermark is the log end";
    "L5" Afterwards "every send is completed, and consumers and members have read everything";
    "L7" Afterwards "every member was told what it has, and each partition that a group reads has one owner (EventuallyConverges)";
    "L8" Afterwards "every reassignment has ended";
    "L9" Afterwards "every node shows the metadata that another one has shown a fetch timeout ago";
    "L10" Afterwards "no leader waits for the controller to change its in-sync set";
}

#[cfg(test)]
mod tests {
    use super::INVARIANTS;
    use std::collections::BTreeSet;

    #[test]
    fn an_id_stands_for_one_invariant() {
        let ids: BTreeSet<&str> = INVARIANTS.iter().map(|known| known.id).collect();
        assert_eq!(ids.len(), INVARIANTS.len());
    }
}
