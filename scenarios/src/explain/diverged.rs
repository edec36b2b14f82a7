//! One offset with two batches: R3, R4, R6 ("different"), R16, R23, inconsistent-offsets.
//!
//! Inputs:     the offset and the replica that the violation names, or the first at which logs part.
//! Invariants: DI-1 both batches were written in this run, each by a broker that the record names.

use trial_cluster::note::partition::PartitionEvent as E;
use trial_cluster::rules::Switch;
use trial_sim::HostId;

use super::chain::{Chain, Weight, say, see};
use super::missing::standing;
use super::record::What;
use crate::check::Violation;
use crate::facts::{Fact, Stored};

/// Tells it; `false` if the record lacks what the story needs.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    let brokers = |hosts: &[HostId]| hosts.iter().copied().find(|host| chain.node(*host).is_some());
    let [first, second] = &chain.subject.in_facts;
    let Some(host) = brokers(second).or_else(|| brokers(first)) else { return false };
    let Some((stands, other)) = pair(chain, host, violation) else { return false };
    let (Some(one), Some(two)) = (chain.appended(&stands), chain.appended(&other)) else {
        return false;
    };
    chain.batches.push(('A', stands));
    chain.batches.push(('B', other));
    writers(chain, one, two);
    let name = chain.name(host);
    let back = chain.last(chain.until, |what| {
        matches!(what, What::CameBack { host: by, partition, batch }
            if *by == host && Some(*partition) == chain.partition && batch.is_same(&stands))
    });
    match back {
        Some(back) => came_back(chain, host, &stands, &other, back),
        None => kept(chain, host, &stands, &other),
    }
    if violation.invariant == "R16" {
        chain.argue(vec![say(format!(
            "So the log of {name} has A where its leader-epoch-checkpoint still says leader epoch {}: a contradiction!",
            other.epoch
        ))]);
    } else {
        standing(chain, host);
    }
    true
}

/// The batch that stands at the offset on the host, and another that stood there or elsewhere.
fn pair(chain: &Chain<'_>, host: HostId, violation: &Violation) -> Option<(Stored, Stored)> {
    if let [one, two] = chain.subject.checksums[..] {
        let by_crc = |crc: u32| written(chain).find(|batch| batch.crc == crc);
        // The first fact is what was committed, the second what stands on the replica.
        return Some((by_crc(two)?, by_crc(one)?));
    }
    let offset = match violation.invariant {
        "R16" | "R23" => parting(violation)?,
        _ => chain.subject.offsets.first().copied()?,
    };
    let stands = standing_at(chain, host, offset)?;
    let other = written(chain)
        .filter(|batch| (batch.base..=batch.last).contains(&offset) && !batch.is_same(&stands))
        .last()?;
    Some((stands, other))
}

fn written<'a>(chain: &'a Chain<'_>) -> impl Iterator<Item = Stored> + 'a {
    chain.record[..chain.until].iter().filter_map(|entry| match chain.fact(&entry.what) {
        Some(Fact::Written { batch, .. }) => Some(*batch),
        _ => None,
    })
}

/// The first offset at which one list of epochs has a start that the other lacks.
fn parting(violation: &Violation) -> Option<i64> {
    let starts = |text: &str| -> Vec<(i32, i64)> {
        let entries = text.split("epoch ").skip(1);
        entries
            .filter_map(|entry| {
                let (epoch, rest) = entry.split_once(" from ")?;
                let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
                Some((epoch.parse().ok()?, digits.parse().ok()?))
            })
            .collect()
    };
    let [one, two] = &violation.facts;
    let (one, two) = (starts(one), starts(two));
    let lacks = |of: &[(i32, i64)], other: &[(i32, i64)]| {
        of.iter().find(|entry| !other.contains(entry)).map(|(_, start)| *start)
    };
    [lacks(&one, &two), lacks(&two, &one)].into_iter().flatten().min()
}

/// What a replica's log has at an offset when the contradiction is found.
fn standing_at(chain: &Chain<'_>, host: HostId, offset: i64) -> Option<Stored> {
    let mut stands = None;
    for entry in &chain.record[..chain.until] {
        match &entry.what {
            What::CameBack { host: by, partition, batch }
                if *by == host
                    && Some(*partition) == chain.partition
                    && (batch.base..=batch.last).contains(&offset) =>
            {
                stands = Some(*batch);
            }
            what => match chain.fact(what) {
                Some(Fact::Written { host: by, batch, .. })
                    if *by == host && (batch.base..=batch.last).contains(&offset) =>
                {
                    stands = Some(*batch);
                }
                Some(fact)
                    if fact.left().is_some_and(|(by, from, to)| {
                        by == host && (from..=to).contains(&offset)
                    }) =>
                {
                    stands = None;
                }
                _ => {}
            },
        }
    }
    stands
}

/// Who wrote the two, in which epochs, and why there was a second writer.
fn writers(chain: &mut Chain<'_>, one: usize, two: usize) {
    let (first, second) = (one.min(two), one.max(two));
    let wrote = [chain.event(first, Weight::Core), chain.event(second, Weight::Core)];
    let by = |place: usize| {
        chain.record[place].what.host().map(|host| chain.name(host)).unwrap_or_default()
    };
    let (a, b) = (by(first), by(second));
    let epoch = match chain.fact(&chain.record[second].what) {
        Some(Fact::Written { batch, .. }) => batch.epoch,
        _ => return,
    };
    let election = chain.election(epoch, second);
    let elected = chain.maybe(election, Weight::Link);
    let behind = election.and_then(|election| chain.choose_behind(election, Weight::Aside));
    let leader = election.map_or_else(String::new, |it| chain.elected(it));
    let mut pieces = vec![
        say(format!(
            "A and B have the same offset, because first {a} and then {b} wrote there as leader"
        )),
        see(&wrote),
    ];
    if !elected.is_empty() {
        pieces.push(say(format!(
            ", the controller having elected {leader} for leader epoch {epoch}"
        )));
        pieces.push(see(&elected));
    }
    if let Some((words, refs)) = behind {
        pieces.push(say(format!(", {words}")));
        pieces.push(see(&refs));
    }
    chain.argue(pieces);
}

/// The replica had cut A off and written B, and a crash undid that.
fn came_back(chain: &mut Chain<'_>, host: HostId, stands: &Stored, other: &Stored, back: usize) {
    let name = chain.name(host);
    let held = chain.written(stands, host, back);
    let held = chain.maybe(held, Weight::Aside);
    let cut = chain.last(back, |what| {
        matches!(chain.fact(what), Some(Fact::Removed { host: by, from, to, by_crash: false })
            if *by == host && (*from..=*to).contains(&stands.base))
    });
    let noted = cut.and_then(|cut| {
        chain
            .next(cut, |what| chain.noted(what, Some(host), |it| matches!(it, E::Truncated { .. })))
    });
    let noted = noted.filter(|noted| *noted < back).or(cut);
    let cut = chain.maybe(noted, Weight::Core);
    let replaced = chain.written(other, host, back);
    let replaced = chain.maybe(replaced, Weight::Core);
    let down = chain.down_with(host, back);
    let fault = down.and_then(|down| chain.ended_by(down));
    let fault = chain.maybe(fault, Weight::Link);
    let returned = chain.event(back, Weight::Core);
    chain.argue(vec![
        say(format!("{name}, which had A")),
        see(&held),
        say(", cut it off to follow the leader of B"),
        see(&cut),
        say(", and wrote B in its place"),
        see(&replaced),
    ]);
    chain.argue(vec![
        say(format!(
            "However, {name} has A and not B, because it lost power before the cut had reached its disk"
        )),
        see(&[fault, vec![returned]].concat()),
    ]);
    chain.blame(&[Switch::TruncationNotSynced]);
}

/// The replica wrote A, and kept it where others have B.
fn kept(chain: &mut Chain<'_>, host: HostId, stands: &Stored, other: &Stored) {
    let name = chain.name(host);
    let held = chain.written(stands, host, chain.until);
    let held = chain.maybe(held, Weight::Core);
    let passed = chain.appended(other).and_then(|append| chain.committed(other, append));
    let passed = chain.maybe(passed, Weight::Core);
    let had = chain.written(other, host, chain.until);
    let had_refs = chain.maybe(had, Weight::Link);
    let cut = had.and_then(|had| {
        chain.next(had, |what| {
            chain.noted(
                what,
                Some(host),
                |it| matches!(it, E::Truncated { to, .. } if to.0 <= other.base),
            )
        })
    });
    let cut = cut.filter(|cut| *cut < chain.until);
    if let Some(cut) = cut
        && chain.noted(&chain.record[cut].what, Some(host), |event| {
            matches!(event, E::Truncated { cause, .. }
                if *cause == trial_cluster::note::partition::TruncationCause::HighWatermark)
        })
    {
        chain.blame(&[Switch::TruncToHwDiverge, Switch::TruncToHwLoss]);
    }
    let cut_refs = chain.maybe(cut, Weight::Core);
    if !passed.is_empty() {
        chain.argue(vec![
            say("B is what is committed there, because a leader's high watermark passed it"),
            see(&passed),
        ]);
    }
    let mut pieces =
        vec![say(format!("However, {name} has A there, because it wrote it")), see(&held)];
    if !cut_refs.is_empty() {
        pieces.push(say(" after it had cut B off"));
        pieces.push(see(&[had_refs, cut_refs].concat()));
    }
    chain.argue(pieces);
}
