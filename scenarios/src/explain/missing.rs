//! Something that was committed or told safe is not where it should be: R3 to R6, R8, R9, R15, R22, lost-write, unseen.
//!
//! Inputs:     the batch and the replica that the violation names.
//! Invariants: MI-1 the replica that lacks the batch had it and lost it, or never had it; which of the two, the record
//!             says.

use std::collections::BTreeSet;

use trial_cluster::note::partition::PartitionEvent as E;
use trial_cluster::note::partition::TruncationCause;
use trial_cluster::rules::Switch;
use trial_sim::{HostId, Time};

use super::chain::{Chain, Weight, say, see};
use super::hole;
use super::record::What;
use crate::check::Violation;
use crate::facts::{Fact, Stored};

/// Tells it; `false` if the record lacks what the story needs.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    let Some(batch) = batch(chain, violation) else { return false };
    let Some(host) = lacking(chain, violation) else { return false };
    let Some(append) = chain.appended(&batch) else { return false };
    chain.batches.push(('B', batch));
    let appended = chain.event(append, Weight::Core);
    committed(chain, &batch, host, append, appended);
    let copy = chain.written(&batch, host, chain.until);
    let lost = copy.and_then(|copy| loss(chain, &batch, host, copy));
    match (copy, lost) {
        (Some(copy), Some(lost)) => {
            if !hole::tell(chain, &batch, host, copy, lost) {
                how_lost(chain, host, copy, lost);
            }
        }
        (None, _) => never_had(chain, &batch, host),
        // It has it: what is wrong is that nobody reads it there.
        (Some(copy), None) => {
            let held = chain.event(copy, Weight::Core);
            chain.argue(vec![say(format!("{} has B on its disk", chain.name(host))), see(&[held])]);
        }
    }
    other_losses(chain, &batch, host);
    match violation.invariant {
        "R9" | "lost-write" if holders(chain, &batch).is_empty() => chain.argue(vec![say(
            "And yet B was promised to stay, and no disk has it: a contradiction!",
        )]),
        "unseen" => chain.argue(vec![say(
            "And yet somebody read on to the end and did not get B: a contradiction!",
        )]),
        _ => standing(chain, host),
    }
    true
}

/// The batch that is missing.
fn batch(chain: &Chain<'_>, violation: &Violation) -> Option<Stored> {
    let by_checksum = |crc: u32, offset: Option<i64>| {
        let found = chain.next(0, |what| {
            matches!(chain.fact(what), Some(Fact::Written { batch, .. })
                if batch.crc == crc && offset.is_none_or(|it| (batch.base..=batch.last).contains(&it)))
        })?;
        match chain.fact(&chain.record[found].what) {
            Some(Fact::Written { batch, .. }) => Some(*batch),
            _ => None,
        }
    };
    let named = chain.subject.offsets.first().copied();
    if let Some(crc) = chain.subject.checksums.first() {
        return by_checksum(*crc, named).or_else(|| by_checksum(*crc, None));
    }
    let offset = named.or_else(|| after(&violation.message, &["ends at", "its log to"]))?;
    // What was told safe at that offset by the time that the first fact names, else what was committed there.
    let by_then = time_of(&violation.facts[0]).unwrap_or(Time::MAX);
    let told = chain.last(chain.until, |what| {
        matches!(chain.fact(what), Some(Fact::Acked { ack, .. })
            if ack.at <= by_then
                && chain.subject.in_facts[0].contains(&ack.producer)
                && (ack.base..ack.base + i64::from(ack.count)).contains(&offset))
    });
    if let Some(What::Known(_, Fact::Acked { ack, .. })) = told.map(|at| &chain.record[at].what) {
        return by_checksum(ack.crc, Some(offset));
    }
    let partition = chain.subject.partition(chain.facts)?;
    partition.committed_at(offset).map(|entry| entry.batch)
}

/// The number that follows one of these words.
fn after(text: &str, marks: &[&str]) -> Option<i64> {
    let rest = marks.iter().find_map(|mark| text.split_once(mark))?.1;
    rest.split_whitespace().next()?.trim_matches(',').parse().ok()
}

/// The moment that a fact begins with, `at 1234.567 ms`, to the end of its microsecond.
fn time_of(fact: &str) -> Option<Time> {
    let (ms, _) = fact.strip_prefix("at ")?.split_once(" ms")?;
    let (whole, micros) = ms.split_once('.')?;
    let nanos = whole.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()? * 1_000;
    Some(Time(nanos + 999))
}

/// The replica that lacks it.
fn lacking(chain: &Chain<'_>, violation: &Violation) -> Option<HostId> {
    let [first, second] = &chain.subject.in_facts;
    let of = if violation.invariant == "R8" { first } else { second };
    of.iter().copied().find(|host| chain.node(*host).is_some())
}

/// When the host lost its copy; none if it still has it.
fn loss(chain: &Chain<'_>, batch: &Stored, host: HostId, copy: usize) -> Option<usize> {
    let lost = chain.next(copy, |what| {
        matches!(chain.fact(what), Some(Fact::Removed { host: by, from, to, .. })
            if *by == host && (*from..=*to).contains(&batch.base))
    });
    lost.filter(|lost| *lost < chain.until)
}

/// That it was committed and told safe, and who had it then.
fn committed(chain: &mut Chain<'_>, batch: &Stored, host: HostId, append: usize, appended: usize) {
    let passed = chain.committed(batch, append);
    let told = chain.next(append, |what| {
        matches!(chain.fact(what), Some(Fact::Acked { ack, .. })
            if ack.crc == batch.crc && ack.base == batch.base)
    });
    let copies: Vec<usize> = copies(chain, batch)
        .into_iter()
        .filter(|copy| *copy != append && chain.record[*copy].what.host() != Some(host))
        .filter(|copy| passed.is_none_or(|passed| *copy < passed))
        .collect();
    let nobody_else = copies.is_empty() && !copies_of_others(chain, batch, append);
    let own = chain.written(batch, host, passed.unwrap_or(chain.until));
    let mut held = vec![appended];
    if !copies.is_empty() {
        held.push(chain.events(copies, Weight::Aside));
    }
    if let Some(own) = own.filter(|own| *own != append) {
        held.push(chain.event(own, Weight::Core));
    }
    if let Some(passed) = passed {
        let moved = chain.event(passed, Weight::Core);
        let leader = chain.record[passed].what.host().map(|by| chain.name(by)).unwrap_or_default();
        chain.argue(vec![
            say(format!(
                "B is committed, because the high watermark of its leader {leader} passed it"
            )),
            see(&[moved]),
            say(" once its in-sync set had it"),
            see(&held),
        ]);
    }
    if let Some(What::Known(_, Fact::Acked { ack, .. })) =
        told.map(|at| chain.record[at].what.clone())
    {
        let weight = if passed.is_none() { Weight::Core } else { Weight::Aside };
        let refs = chain.maybe(told, weight);
        let how = if ack.acks == -1 { "all" } else { "1" };
        let producer = chain.name(ack.producer);
        chain.argue(vec![
            say(format!(
                "{producer} relies on B, because it was told with acks={how} that it is safe"
            )),
            see(&refs),
        ]);
    }
    if nobody_else {
        let leader = chain.record[append].what.host().map(|by| chain.name(by)).unwrap_or_default();
        chain.argue(vec![say(format!("No broker but {leader} ever wrote B to its disk"))]);
        let all = told.is_some_and(|told| {
            matches!(chain.fact(&chain.record[told].what), Some(Fact::Acked { ack, .. }) if ack.acks == -1)
        });
        if passed.is_none() && all {
            chain.blame(&[Switch::AckBeforeReplication]);
        }
    }
}

/// Whether anybody but its first writer wrote it.
fn copies_of_others(chain: &Chain<'_>, batch: &Stored, append: usize) -> bool {
    let first = chain.record[append].what.host();
    copies(chain, batch).into_iter().any(|copy| chain.record[copy].what.host() != first)
}

/// Whose disks have it when the contradiction is found.
fn holders(chain: &Chain<'_>, batch: &Stored) -> BTreeSet<HostId> {
    let mut holders = BTreeSet::new();
    for entry in &chain.record[..chain.until] {
        match &entry.what {
            What::CameBack { host, partition, batch: back }
                if Some(*partition) == chain.partition && back.is_same(batch) =>
            {
                holders.insert(*host);
            }
            what => match chain.fact(what) {
                Some(Fact::Written { host, batch: written, .. }) if written.is_same(batch) => {
                    holders.insert(*host);
                }
                Some(fact) => {
                    if let Some((host, from, to)) = fact.left()
                        && (from..=to).contains(&batch.base)
                    {
                        holders.remove(&host);
                    }
                }
                None => {}
            },
        }
    }
    holders
}

/// Every entry that wrote the batch.
fn copies(chain: &Chain<'_>, batch: &Stored) -> Vec<usize> {
    let is_it = |what: &What| match chain.fact(what) {
        Some(Fact::Written { batch: written, .. }) => written.is_same(batch),
        _ => false,
    };
    (0..chain.until).filter(|place| is_it(&chain.record[*place].what)).collect()
}

/// How the host lost what it had.
pub(super) fn how_lost(chain: &mut Chain<'_>, host: HostId, copy: usize, lost: usize) {
    let name = chain.name(host);
    let held = chain.event(copy, Weight::Core);
    let by_crash =
        matches!(chain.fact(&chain.record[lost].what), Some(Fact::Removed { by_crash: true, .. }));
    if by_crash {
        let taken = chain.event(lost, Weight::Core);
        let down = chain.down_with(host, lost);
        let fault = down.and_then(|down| chain.ended_by(down));
        let fault = chain.maybe(fault, Weight::Link);
        chain.argue(vec![
            say(format!("However, {name}, which had B")),
            see(&[held]),
            say(", does not have it, because a crash took it before it was on the disk for good"),
            see(&[fault, vec![taken]].concat()),
        ]);
        return;
    }
    let cut = chain.next(lost, |what| {
        chain.noted(what, Some(host), |event| {
            matches!(event, E::Truncated { .. } | E::LogRestarted { .. })
        })
    });
    let cut =
        cut.filter(|cut| chain.record[*cut].at.since(chain.record[lost].at).as_millis() < 1_000);
    let cause = cut.and_then(|cut| match chain.fact(&chain.record[cut].what) {
        Some(Fact::Noted { event: E::Truncated { cause, .. }, .. }) => Some(*cause),
        _ => None,
    });
    let cut = chain.events([Some(lost), cut].into_iter().flatten().collect(), Weight::Core);
    let rule = match cause {
        Some(TruncationCause::HighWatermark) => {
            "truncated to its own high watermark, which lagged behind"
        }
        Some(TruncationCause::Divergence) => {
            "truncated to where the leader's epochs and its own part"
        }
        _ => "cut its log",
    };
    if cause == Some(TruncationCause::HighWatermark) {
        chain.blame(&[Switch::TruncToHwLoss, Switch::TruncToHwDiverge]);
    }
    chain.argue(vec![
        say(format!("However, {name}, which had B")),
        see(&[held]),
        say(format!(", does not have it any more, because it {rule}")),
        see(&[cut]),
    ]);
    why_follower(chain, host, copy, lost);
}

/// Why it became a follower that had to cut: the election, the restart, the faults behind them.
fn why_follower(chain: &mut Chain<'_>, host: HostId, copy: usize, lost: usize) {
    let name = chain.name(host);
    let follow = chain.last(lost, |what| {
        chain.noted(what, Some(host), |it| matches!(it, E::BecameFollower { .. }))
    });
    let Some(follow) = follow else { return };
    let Some(Fact::Noted { event: E::BecameFollower { leader_epoch, .. }, .. }) =
        chain.fact(&chain.record[follow].what)
    else {
        return;
    };
    let epoch = leader_epoch.0;
    let followed = chain.event(follow, Weight::Core);
    let election = chain.election(epoch, lost);
    let elected = chain.maybe(election, Weight::Link);
    let behind = election.and_then(|election| chain.choose_behind(election, Weight::Link));
    let leader = election.map_or_else(String::new, |it| chain.elected(it));
    let down = chain.down(host, follow).filter(|down| *down > copy);
    let restart = down.map(|down| {
        let fault = chain.ended_by(down);
        [chain.maybe(fault, Weight::Link), chain.maybe(Some(down), Weight::Link)].concat()
    });
    let mut pieces = vec![
        say(format!("{name} did so because it became a follower in leader epoch {epoch}")),
        see(&[followed]),
    ];
    if !elected.is_empty() {
        pieces.push(say(format!(", for which the controller had elected {leader}")));
        pieces.push(see(&elected));
    }
    if let Some((words, refs)) = behind {
        pieces.push(say(format!(", {words}")));
        pieces.push(see(&refs));
    }
    if let Some(restart) = restart {
        pieces.push(say(format!(", and because the process of {name} had ended in between")));
        pieces.push(see(&restart));
    }
    chain.argue(pieces);
}

/// The host was counted without ever having had it.
fn never_had(chain: &mut Chain<'_>, batch: &Stored, host: HostId) {
    let name = chain.name(host);
    let node = chain.node(host);
    let commit = chain.last(chain.until, |what| {
        chain.noted(what, None, |event| {
            matches!(event, E::LeaderHighWatermarkMoved { from, to, .. }
                if from.0 <= batch.last && to.0 > batch.last)
        })
    });
    let before = commit.map_or(chain.until, |commit| commit + 1);
    let asked =
        chain.last(chain.until, |what| {
            chain.noted(what, None, |event| {
            matches!(event, E::IsrExpandAsked { joining, .. } if Some(*joining) == node)
        })
        });
    let asked_refs = chain.maybe(asked, Weight::Core);
    let forgot = asked.and_then(|asked| {
        chain
            .next(asked, |what| chain.noted(what, None, |it| matches!(it, E::LeaderUpdated { .. })))
    });
    let forgot = forgot.filter(|forgot| *forgot < before);
    let forgot_refs = chain.maybe(forgot, Weight::Core);
    if forgot.is_some() {
        chain.blame(&[Switch::EqualPartitionEpochApplied]);
    }
    let joined = chain.last(chain.until, |what| match what {
        What::Registered { partition, old, new, .. } => {
            Some(*partition) == chain.partition
                && node.is_some_and(|node| {
                    new.isr.contains(&node)
                        && !old.as_ref().is_some_and(|old| old.isr.contains(&node))
                })
        }
        _ => false,
    });
    let joined = chain.maybe(joined, Weight::Link);
    let mut pieces = vec![say(format!("However, {name} never wrote B to its disk"))];
    if !asked_refs.is_empty() {
        pieces.push(say(": its leader had asked to take it in"));
        pieces.push(see(&asked_refs));
    }
    if !forgot_refs.is_empty() {
        pieces.push(say(", then forgot that it had, and so did not wait for it"));
        pieces.push(see(&forgot_refs));
    }
    if !joined.is_empty() {
        pieces.push(say(", and the controller took it in"));
        pieces.push(see(&joined));
    }
    chain.argue(pieces);
}

/// How everybody else lost it, if they did.
fn other_losses(chain: &mut Chain<'_>, batch: &Stored, host: HostId) {
    let mut holders: Vec<HostId> = copies(chain, batch)
        .into_iter()
        .filter_map(|copy| chain.record[copy].what.host())
        .filter(|holder| *holder != host)
        .collect();
    holders.sort_unstable();
    holders.dedup();
    for holder in holders {
        let Some(copy) = chain.written(batch, holder, chain.until) else { continue };
        let Some(lost) = loss(chain, batch, holder, copy) else { continue };
        let down = chain.down_with(holder, lost);
        let fault = down.and_then(|down| chain.ended_by(down));
        let by_crash = matches!(
            chain.fact(&chain.record[lost].what),
            Some(Fact::Removed { by_crash: true, .. })
        );
        let gone = chain.event(lost, Weight::Core);
        let fault = if by_crash { chain.maybe(fault, Weight::Link) } else { Vec::new() };
        let how = if by_crash { "a crash took it" } else { "it cut it off" };
        chain.argue(vec![
            say(format!("{} has it no more either, because {how}", chain.name(holder))),
            see(&[fault, vec![gone]].concat()),
        ]);
    }
}

/// What the host is, by the newest registration: why it should have it.
pub(super) fn standing(chain: &mut Chain<'_>, host: HostId) {
    let name = chain.name(host);
    let newest = chain.registration(chain.until);
    let role = newest.and_then(|newest| {
        let What::Registered { new, .. } = &chain.record[newest].what else { return None };
        let node = chain.node(host)?;
        if new.leader == Some(node) {
            Some("leads")
        } else if new.isr.contains(&node) {
            Some("is in the in-sync set")
        } else if new.eligible_leader_replicas.contains(&node) {
            Some("is an eligible leader replica")
        } else {
            None
        }
    });
    let Some(role) = role else {
        chain.argue(vec![say("And yet B is what was committed there: a contradiction!")]);
        return;
    };
    let standing = chain.maybe(newest, Weight::Core);
    chain.argue(vec![
        say(format!("And yet {name} {role}")),
        see(&standing),
        say(", which is only for those that have everything committed: a contradiction!"),
    ]);
}
