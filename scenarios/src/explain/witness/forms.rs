//! Every form that a clause of an argument may have, and what the record must show for it.
//!
//! Invariants: FO-1 a clause that names a host, a number or a batch is held against the record; only words that name
//!             nothing hold by themselves.

use trial_cluster::note::Note;
use trial_cluster::note::controller::ChangeReason;
use trial_cluster::note::partition::{PartitionEvent as E, TruncationCause};
use trial_cluster::note::raft::RaftNote;
use trial_log::LogEvent;
use trial_sim::{CrashKind, HostId};

use super::held::{
    closed_and_not_synced, log_event, lost_power, on_no_disk, opened_without, recovered,
    wrote_after,
};
use super::reading::Clause;
use crate::explain::deeds::On;
use crate::explain::record::What;
use crate::facts::{Fact, Stored};

/// Whether the record shows what a clause says.
pub(super) type Holds = fn(&Clause<'_>) -> bool;

/// The forms. `{h}` is a host, `{n}` a number, `{s}` anything.
pub(super) const FORMS: &[(&str, Holds)] = &[
    // Who wrote what, and how far it was committed.
    ("B is committed, because the high watermark of its leader {h} passed it", |c| {
        passed(c, 'B', Some(c.hosts[0]))
    }),
    ("B is what is committed there, because a leader's high watermark passed it", |c| {
        passed(c, 'B', None)
    }),
    (" once its in-sync set had it", |c| c.all(|at| wrote(c, at, 'B', None))),
    ("No broker but {h} ever wrote B to its disk", |c| only_writer(c, c.hosts[0])),
    ("{h} has B on its disk", |c| c.any(|at| wrote(c, at, 'B', Some(c.hosts[0])))),
    ("However, {h}, which had B", |c| c.any(|at| wrote(c, at, 'B', Some(c.hosts[0])))),
    ("{h}, which had A", |c| c.any(|at| wrote(c, at, 'A', Some(c.hosts[0])))),
    ("However, {h} never wrote B to its disk", |c| {
        c.never(|at| wrote(c, at, 'B', Some(c.hosts[0])))
    }),
    ("However, {h} has A there, because it wrote it", |c| {
        c.any(|at| wrote(c, at, 'A', Some(c.hosts[0])))
    }),
    (" after it had cut B off", |c| c.any(|at| cut(c, at, c.about, 'B', false))),
    (", and wrote B in its place", |c| c.any(|at| wrote(c, at, 'B', c.about))),
    ("A and B have the same offset, because first {h} and then {h} wrote there as leader", |c| {
        let by = |place: usize, host: HostId| {
            wrote(c, place, 'A', Some(host)) || wrote(c, place, 'B', Some(host))
        };
        let overlap = c.batch('A').zip(c.batch('B'));
        overlap.is_some_and(|(a, b)| a.base <= b.last && b.base <= a.last)
            && c.events.len() == 2
            && c.events.iter().zip(&c.hosts).all(|(event, host)| by(event[0], *host))
    }),
    ("{h} appended B as its leader", |c| c.any(|at| wrote(c, at, 'B', Some(c.hosts[0])))),
    // What was told.
    ("{h} relies on B, because it was told with acks=all that it is safe", |c| {
        c.any(|at| told(c, at, -1, None, Some(c.hosts[0])))
    }),
    ("{h} relies on B, because it was told with acks={n} that it is safe", |c| {
        let acks = i16::try_from(c.number.unwrap_or(0)).unwrap_or(0);
        c.any(|at| told(c, at, acks, None, Some(c.hosts[0])))
    }),
    (", and answers acks=all only for what the whole in-sync set has", |c| {
        c.any(|at| matches!(c.entry(at).what, What::Registered { .. }))
    }),
    (", that is, for what lies below its high watermark", words),
    ("B lay above the high watermark, because nothing had moved it past B yet", |c| {
        c.any(|at| mark_below(c, at, 'B'))
    }),
    ("B lay below the high watermark of {h}", |c| {
        passed(c, 'B', Some(c.hosts[0])) || c.any(|at| {
            matches!(c.fact(at), Some(Fact::Noted { host, event: E::BecameLeader { .. } }) if *host == c.hosts[0])
                && !mark_below(c, at, 'B')
        })
    }),
    (
        "What is committed there is A, because the high watermark of a leader that had A passed it",
        |c| passed(c, 'A', None),
    ),
    ("A follower had it by then, which its leader did not know", |c| {
        c.any(|at| wrote(c, at, 'B', None))
    }),
    ("No follower had a copy: the first wrote one only after the answer", |c| {
        c.any(|at| wrote(c, at, 'B', None))
    }),
    ("No follower had a copy, and none ever wrote one in the whole run", |c| {
        c.about.is_none_or(|host| only_writer(c, host))
    }),
    ("However, {h} answered that B is safe", |c| {
        let by = c.hosts[0];
        c.any(|at| told(c, at, -1, Some(by), None) || answered(c, at, by))
    }),
    // How it was lost.
    (", does not have it, because a crash took it before it was on the disk for good", |c| {
        c.any(|at| cut(c, at, c.about, 'B', true))
    }),
    (
        ", does not have it any more, because it truncated to its own high watermark, which lagged behind",
        |c| truncated(c, TruncationCause::HighWatermark),
    ),
    (
        ", does not have it any more, because it truncated to where the leader's epochs and its own part",
        |c| truncated(c, TruncationCause::Divergence),
    ),
    (", does not have it any more, because it cut its log", |c| {
        c.any(|at| cut(c, at, c.about, 'B', false))
    }),
    (", lost power and B with it", |c| c.any(|at| lost_power(c, at, 'B'))),
    (", because B was in a segment that it had closed and not synced yet", |c| {
        c.any(|at| closed_and_not_synced(c, at, 'B'))
    }),
    (
        "When {h} started again, its recovery kept what was left of the segment that begins at offset {n}",
        |c| {
            let below = c.batch('B').zip(c.number).is_some_and(|(batch, from)| from <= batch.base);
            below && c.any(|at| recovered(c, at))
        },
    ),
    (", and also the segment behind it, which begins at offset {n}", |c| {
        let above = c.batch('B').zip(c.number).is_some_and(|(batch, from)| from > batch.last);
        above && c.any(|at| recovered(c, at))
    }),
    (", and so left a hole in which B is missing", |c| c.any(|at| opened_without(c, at, 'B'))),
    ("The log of {h} ended at offset {n} all the same", |c| {
        c.any(|at| {
            matches!(log_event(c, at), Some(LogEvent::Opened { log_end_offset, .. })
                if Some(log_end_offset.0) == c.number)
                && opened_without(c, at, 'B')
        })
    }),
    (", so it never asked for B again, and was taken into the in-sync set", |c| {
        c.any(|at| took_in(c, at, c.about) && !wrote_after(c, at, 'B'))
    }),
    ("{h} has it no more either, because a crash took it", |c| {
        c.any(|at| cut(c, at, Some(c.hosts[0]), 'B', true))
    }),
    ("{h} has it no more either, because it cut it off", |c| {
        c.any(|at| cut(c, at, Some(c.hosts[0]), 'B', false))
    }),
    (", cut it off to follow the leader of B", |c| c.any(|at| cut(c, at, c.about, 'A', false))),
    (
        "However, {h} has A and not B, because it lost power before the cut had reached its disk",
        |c| c.any(|at| came_back(c, at, c.hosts[0], 'A')),
    ),
    (
        "So the log of {h} has A where its leader-epoch-checkpoint still says leader epoch {n}: a contradiction!",
        |c| {
            let epoch = c.batch('B').map(|batch| i64::from(batch.epoch));
            epoch == c.number
                && c.any(|at| {
                    wrote(c, at, 'A', Some(c.hosts[0])) || came_back(c, at, c.hosts[0], 'A')
                })
        },
    ),
    // Elections and in-sync sets.
    ("{h} did so because it became a follower in leader epoch {n}", |c| {
        c.any(|at| {
            matches!(c.fact(at), Some(Fact::Noted { host, event: E::BecameFollower { leader_epoch, .. } })
                if *host == c.hosts[0] && Some(i64::from(leader_epoch.0)) == c.number)
        })
    }),
    (", for which the controller had elected {h}", |c| c.any(|at| elected(c, at, c.before))),
    (", the controller having elected {h} for leader epoch {n}", |c| {
        c.any(|at| elected(c, at, c.number))
    }),
    (", and because the process of {h} had ended in between", |c| {
        c.any(|at| {
            matches!(c.entry(at).what, What::Crashed { host, .. } | What::Stopped { host, .. }
                if host == c.hosts[0])
        })
    }),
    (": its leader had asked to take it in", |c| c.any(|at| asked(c, at, None, c.about))),
    (", then forgot that it had, and so did not wait for it", |c| {
        c.any(|at| {
            matches!(c.fact(at), Some(Fact::Noted { event: E::LeaderUpdated { isr, .. }, .. })
                if node(c, c.about).is_some_and(|node| !isr.contains(&node)))
        })
    }),
    (", and the controller took it in", |c| c.any(|at| took_in(c, at, c.about))),
    ("{h} asked the controller to take {h} in", |c| {
        c.any(|at| asked(c, at, Some(c.hosts[0]), Some(c.hosts[1])))
    }),
    (
        ", and from then on has to wait for {h} before it moves its high watermark, whatever it is answered",
        |c| c.any(|at| asked(c, at, c.about, Some(c.hosts[0]))),
    ),
    ("However, before it was answered, {h} applied partition epoch {n}", |c| {
        c.any(|at| {
            matches!(c.fact(at), Some(Fact::Noted { host, event: E::LeaderUpdated { partition_epoch, .. } })
                if *host == c.hosts[0] && Some(i64::from(partition_epoch.0)) == c.number)
        })
    }),
    (", which it knew already", |c| {
        c.any(|at| match c.fact(at) {
            Some(Fact::Noted {
                host,
                event:
                    E::LeaderUpdated { partition_epoch, .. }
                    | E::IsrCommitted { partition_epoch, .. }
                    | E::BecameLeader { partition_epoch, .. },
            }) => Some(*host) == c.about && Some(i64::from(partition_epoch.0)) == c.before,
            _ => false,
        })
    }),
    ("; the controller's record of it", |c| {
        c.any(|at| {
            matches!(&c.entry(at).what, What::Registered { new, .. }
                if Some(i64::from(new.partition_epoch.0)) == c.before)
        })
    }),
    (" reached it only then", words),
    (", and so it forgot that it had asked", words),
    ("{h} may ask again, but takes that back at once", |c| {
        c.any(|at| {
            matches!(c.fact(at), Some(Fact::Noted { host, event: E::IsrReverted { .. } }) if *host == c.hosts[0])
        })
    }),
    (" while its first request is still on the way", words),
    ("And yet the controller took {h} in", |c| c.any(|at| took_in(c, at, Some(c.hosts[0])))),
    ("And yet the controller took {h} in, as {h} had asked", |c| {
        c.any(|at| {
            took_in(c, at, Some(c.hosts[0]))
                && matches!(c.entry(at).what, What::Registered { why: ChangeReason::AlterPartition(id), .. }
                    if Some(id) == node(c, Some(c.hosts[1])))
        })
    }),
    (": {h} may be elected for what {h} commits without waiting for it: a contradiction!", |c| {
        c.any(|at| took_in(c, at, Some(c.hosts[0])) && leads(c, at, c.hosts[1]))
    }),
    ("And yet {h} leads", |c| c.any(|at| leads(c, at, c.hosts[0]))),
    ("And yet {h} is in the in-sync set", |c| c.any(|at| is_in_sync(c, at, c.hosts[0]))),
    ("And yet {h} is an eligible leader replica", |c| {
        c.any(|at| {
            matches!(&c.entry(at).what, What::Registered { new, .. }
                if node(c, Some(c.hosts[0])).is_some_and(|node| new.eligible_leader_replicas.contains(&node)))
        })
    }),
    (", which is only for those that have everything committed: a contradiction!", words),
    ("And yet B is what was committed there: a contradiction!", words),
    ("And yet B was promised to stay, and no disk has it: a contradiction!", |c| {
        on_no_disk(c, 'B')
    }),
    ("And yet somebody read on to the end and did not get B: a contradiction!", words),
    (": a contradiction!", words),
    // Faults.
    (", because a fault held back what {h} sent to {h}", |c| {
        c.any(|at| did(c, at, On::Link(c.hosts[0], c.hosts[1])))
    }),
    (", because a fault had paused {h}", |c| c.any(|at| did(c, at, On::Host(c.hosts[0])))),
    (", because a fault had failed the disk of {h}", |c| {
        c.any(|at| did(c, at, On::Host(c.hosts[0])))
    }),
    (", because a fault had taken the power of {h}", |c| {
        c.any(|at| ended(c, at, CrashKind::PowerLoss))
    }),
    (", because a fault had killed the process of {h}", |c| {
        c.any(|at| ended(c, at, CrashKind::Process))
    }),
    (", because a fault had asked {h} to stop", |c| c.any(|at| hit(c, at, c.hosts[0]))),
    // The quorum, and what is told when nothing contradicts.
    ("Who leads follows from who voted for whom", |c| {
        c.all(|at| {
            matches!(
                c.entry(at).what,
                What::Noted { note: Note::Raft(RaftNote::VoteGranted { .. }), .. }
            )
        })
    }),
    ("However, {s}: a contradiction!", |c| c.explanation.title.contains(&c.text)),
    ("The controller's last word about {s} is still what counts", |c| {
        c.any(|at| {
            matches!(c.entry(at).what, What::Registered { partition, .. }
                if c.facts.partition(partition).is_some_and(|known| known.name() == c.text))
        })
    }),
    ("{h} has said nothing about it in the whole run", |c| {
        c.never(|at| matches!(c.fact(at), Some(Fact::Noted { host, .. }) if *host == c.hosts[0]))
    }),
    ("{h}: its last word about it", |c| c.any(|at| c.entry(at).what.host() == Some(c.hosts[0]))),
    ("; the last fault that did something to it", |c| {
        c.any(|at| c.about.is_some_and(|host| hit(c, at, host) || touched(c, at, host)))
    }),
    ("However, at the end there was still missing: {s}", |c| {
        let title = c.explanation.title.trim_start_matches("stuck: ");
        c.text.starts_with(title)
    }),
    ("Nobody can say: {s}", |c| !c.text.is_empty()),
    (
        "Nothing contradicts anything here: {s}. The events are what the scenario's faults did",
        |c| c.text == c.explanation.title,
    ),
];

fn words(_: &Clause<'_>) -> bool {
    true
}

fn node(c: &Clause<'_>, host: Option<HostId>) -> Option<trial_cluster::ids::BrokerId> {
    c.facts.setup.node_of(host?)
}

/// Whether an entry writes this batch, to the disk of this host.
fn wrote(c: &Clause<'_>, place: usize, letter: char, by: Option<HostId>) -> bool {
    let Some(named) = c.batch(letter) else { return false };
    matches!(c.fact(place), Some(Fact::Written { host, batch, .. })
        if batch.is_same(named) && by.is_none_or(|by| by == *host))
}

fn only_writer(c: &Clause<'_>, host: HostId) -> bool {
    let others = |at: usize| wrote(c, at, 'B', None) && !wrote(c, at, 'B', Some(host));
    c.never(others) && c.any(|at| wrote(c, at, 'B', Some(host)))
}

fn passed(c: &Clause<'_>, letter: char, by: Option<HostId>) -> bool {
    let Some(Stored { last, .. }) = c.batch(letter) else { return false };
    c.any(|at| {
        matches!(c.fact(at), Some(Fact::Noted { host, event: E::LeaderHighWatermarkMoved { from, to, .. } })
            if by.is_none_or(|by| by == *host) && from.0 <= *last && to.0 > *last)
    })
}

fn mark_below(c: &Clause<'_>, place: usize, letter: char) -> bool {
    let Some(Stored { last, .. }) = c.batch(letter) else { return false };
    match c.fact(place) {
        Some(Fact::Noted {
            event:
                E::LeaderHighWatermarkMoved { to: mark, .. }
                | E::BecameLeader { high_watermark: mark, .. },
            ..
        }) => mark.0 <= *last,
        _ => false,
    }
}

/// Whether an entry tells a producer that B is safe.
fn told(c: &Clause<'_>, place: usize, acks: i16, by: Option<HostId>, whom: Option<HostId>) -> bool {
    let Some(batch) = c.batch('B') else { return false };
    matches!(c.fact(place), Some(Fact::Acked { ack, .. })
        if ack.acks == acks && ack.base == batch.base && ack.crc == batch.crc
            && by.is_none_or(|by| by == ack.by) && whom.is_none_or(|whom| whom == ack.producer))
}

fn answered(c: &Clause<'_>, place: usize, by: HostId) -> bool {
    let Some(batch) = c.batch('B') else { return false };
    matches!(c.fact(place), Some(Fact::Noted { host, event: E::ProduceCompleted { required, .. } })
        if *host == by && required.0 == batch.last + 1)
}

/// Whether an entry takes the batch out of a log: by a crash, or by the broker itself.
fn cut(c: &Clause<'_>, place: usize, of: Option<HostId>, letter: char, crash: bool) -> bool {
    let Some(batch) = c.batch(letter) else { return false };
    match c.fact(place) {
        Some(Fact::Removed { host, from, to, by_crash }) => {
            Some(*host) == of && (*from..=*to).contains(&batch.base) && *by_crash == crash
        }
        Some(Fact::Noted { host, event: E::Truncated { to, .. } }) => {
            !crash && Some(*host) == of && to.0 <= batch.last
        }
        _ => false,
    }
}

fn truncated(c: &Clause<'_>, why: TruncationCause) -> bool {
    c.any(|at| {
        cut(c, at, c.about, 'B', false)
            && matches!(c.fact(at), Some(Fact::Noted { event: E::Truncated { cause, .. }, .. }) if *cause == why)
    })
}

fn came_back(c: &Clause<'_>, place: usize, of: HostId, letter: char) -> bool {
    let Some(named) = c.batch(letter) else { return false };
    matches!(&c.entry(place).what, What::CameBack { host, partition, batch }
        if *host == of && Some(*partition) == c.partition && batch.is_same(named))
}

fn elected(c: &Clause<'_>, place: usize, epoch: Option<i64>) -> bool {
    matches!(&c.entry(place).what, What::Registered { new, .. }
        if new.leader.is_some() != c.hosts.is_empty()
            && new.leader == node(c, c.hosts.first().copied())
            && Some(i64::from(new.leader_epoch.0)) == epoch)
}

fn asked(c: &Clause<'_>, place: usize, by: Option<HostId>, whom: Option<HostId>) -> bool {
    matches!(c.fact(place), Some(Fact::Noted { host, event: E::IsrExpandAsked { joining, .. } })
        if by.is_none_or(|by| by == *host) && Some(*joining) == node(c, whom))
}

fn took_in(c: &Clause<'_>, place: usize, whom: Option<HostId>) -> bool {
    let Some(whom) = node(c, whom) else { return false };
    matches!(&c.entry(place).what, What::Registered { old, new, .. }
        if new.isr.contains(&whom) && !old.as_ref().is_some_and(|old| old.isr.contains(&whom)))
}

fn leads(c: &Clause<'_>, place: usize, host: HostId) -> bool {
    matches!(&c.entry(place).what, What::Registered { new, .. }
        if new.leader.is_some() && new.leader == node(c, Some(host)))
}

fn is_in_sync(c: &Clause<'_>, place: usize, host: HostId) -> bool {
    let Some(node) = node(c, Some(host)) else { return false };
    matches!(&c.entry(place).what, What::Registered { new, .. } if new.isr.contains(&node))
}

/// Whether a fault did something to this.
fn did(c: &Clause<'_>, place: usize, on: On) -> bool {
    c.record.deeds().all().iter().any(|deed| deed.fault == place && deed.on == on)
}

fn touched(c: &Clause<'_>, place: usize, host: HostId) -> bool {
    c.record.deeds().all().iter().any(|deed| deed.fault == place && deed.touches(host))
}

fn hit(c: &Clause<'_>, place: usize, host: HostId) -> bool {
    matches!(&c.entry(place).what, What::Fault { hosts, .. } if hosts.contains(&host))
}

/// Whether a fault was carried out at the very moment at which the host that is named went down so.
fn ended(c: &Clause<'_>, place: usize, how: CrashKind) -> bool {
    let (of, at) = (c.hosts[0], c.entry(place).at);
    hit(c, place, of)
        && c.record.entries().iter().any(|entry| {
            entry.at == at
                && matches!(entry.what, What::Crashed { host, kind } if host == of && kind == how)
        })
}
