//! A recovery that believed what lay behind a hole, and what was committed lay in the hole.
//!
//! Inputs:     the batch, who lacks it, when it wrote it and when it lost it.
//! Invariants: HO-1 it is told only if the record has all of it: nothing had synced the batch when the power failed,
//!             and the recovery kept both what came before it and a segment behind it. HO-2 that its segment was
//!             closed follows from that; the broker may have lost its power before it told.

use trial_cluster::note::Note;
use trial_cluster::rules::Switch;
use trial_log::LogEvent;
use trial_sim::{CrashKind, HostId};

use super::chain::{Chain, Weight, say, see};
use super::record::What;
use crate::facts::{Fact, Stored};

/// The entries of the story.
struct Hole {
    /// The broker told that the segment was closed.
    rolled: Option<usize>,
    /// The power failed.
    down: usize,
    /// The recovery went over the batch's segment, and over the next one that was there; where each begins.
    kept: [(usize, i64); 2],
    /// The log was open again, and where it ended.
    opened: (usize, i64),
}

/// Tells it; `false` if it is no such story.
pub(super) fn tell(
    chain: &mut Chain<'_>,
    batch: &Stored,
    host: HostId,
    copy: usize,
    lost: usize,
) -> bool {
    let Some(hole) = find(chain, batch, host, copy, lost) else { return false };
    let name = chain.name(host);
    let held = chain.event(copy, Weight::Core);
    let fault = chain.ended_by(hole.down);
    let fault = chain.maybe(fault, Weight::Core);
    let taken = chain.event(lost, Weight::Core);
    let rolled = chain.maybe(hole.rolled, Weight::Core);
    let [(before, first), (behind, next)] = hole.kept;
    let (opened, end) = hole.opened;
    let recovered = chain.events(vec![before, behind, opened], Weight::Core);
    let mut pieces = vec![
        say(format!("However, {name}, which had B")),
        see(&[held]),
        say(", lost power and B with it"),
        see(&[fault, vec![taken]].concat()),
    ];
    if !rolled.is_empty() {
        pieces.push(say(", because B was in a segment that it had closed and not synced yet"));
        pieces.push(see(&rolled));
    }
    chain.argue(pieces);
    chain.argue(vec![
        say(format!(
            "When {name} started again, its recovery kept what was left of the segment that begins at offset {first}"
        )),
        see(&[recovered]),
        say(format!(", and also the segment behind it, which begins at offset {next}")),
        see(&[recovered]),
        say(", and so left a hole in which B is missing"),
        see(&[recovered]),
    ]);
    came_back(chain, host, (opened, end), recovered);
    chain.blame(&[Switch::RecoveryLeavesHole]);
    true
}

/// Why nobody noticed: the end of its log was right.
fn came_back(chain: &mut Chain<'_>, host: HostId, (opened, end): (usize, i64), recovered: usize) {
    let name = chain.name(host);
    let node = chain.node(host);
    let taken = chain.next(opened, |what| match what {
        What::Registered { partition, old, new, .. } => {
            let joins = |node| {
                new.isr.contains(&node) && !old.as_ref().is_some_and(|old| old.isr.contains(&node))
            };
            Some(*partition) == chain.partition && node.is_some_and(joins)
        }
        _ => false,
    });
    let Some(taken) = taken.filter(|taken| *taken < chain.until) else { return };
    let taken = chain.event(taken, Weight::Link);
    chain.argue(vec![
        say(format!("The log of {name} ended at offset {end} all the same")),
        see(&[recovered]),
        say(", so it never asked for B again, and was taken into the in-sync set"),
        see(&[taken]),
    ]);
}

fn find(chain: &Chain<'_>, batch: &Stored, host: HostId, copy: usize, lost: usize) -> Option<Hole> {
    let Some(Fact::Removed { by_crash: true, .. }) = chain.fact(&chain.record[lost].what) else {
        return None;
    };
    let down = chain.down_with(host, lost)?;
    let What::Crashed { kind: CrashKind::PowerLoss, .. } = chain.record[down].what else {
        return None;
    };
    let rolled = logged(
        chain,
        host,
        (copy, lost),
        |it| matches!(it, LogEvent::Rolled { base_offset } if base_offset.0 > batch.last),
    );
    let synced = logged(
        chain,
        host,
        (copy, lost),
        |it| matches!(it, LogEvent::Flushed { recovery_point } if recovery_point.0 > batch.last),
    );
    if synced.is_some() {
        return None;
    }
    let opened = logged(
        chain,
        host,
        (lost, chain.until),
        |it| matches!(it, LogEvent::Opened { log_end_offset, .. } if log_end_offset.0 > batch.last),
    )?;
    let again = chain.next(opened, |what| match chain.fact(what) {
        Some(Fact::Written { host: by, batch: written, .. }) => {
            *by == host && written.is_same(batch)
        }
        _ => false,
    });
    if again.is_some_and(|again| again < chain.until) {
        return None;
    }
    let recovered = (lost..opened).filter_map(|place| match log_event(chain, host, place)? {
        LogEvent::SegmentRecovered { base_offset, .. } => Some((place, base_offset.0)),
        _ => None,
    });
    let recovered: Vec<(usize, i64)> = recovered.collect();
    let before = recovered.iter().copied().rfind(|(_, base)| *base <= batch.base)?;
    let behind = recovered.iter().copied().find(|(_, base)| *base > batch.last)?;
    let end = match log_event(chain, host, opened) {
        Some(LogEvent::Opened { log_end_offset, .. }) => log_end_offset.0,
        _ => return None,
    };
    Some(Hole { rolled, down, kept: [before, behind], opened: (opened, end) })
}

/// The first entry of these at which the partition's log on this host told something for which `test` holds.
fn logged(
    chain: &Chain<'_>,
    host: HostId,
    (from, until): (usize, usize),
    test: impl Fn(&LogEvent) -> bool,
) -> Option<usize> {
    (from..until).find(|place| log_event(chain, host, *place).is_some_and(&test))
}

fn log_event<'a>(chain: &Chain<'a>, host: HostId, place: usize) -> Option<&'a LogEvent> {
    match &chain.record[place].what {
        What::Noted { host: by, note: Note::Log { partition, event } }
            if *by == host && Some(*partition) == chain.partition =>
        {
            Some(event)
        }
        _ => None,
    }
}
