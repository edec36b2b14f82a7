//! What disks held of a batch and when, and what a log told of its segments: looked up for `forms.rs`.
//!
//! Invariants: HE-1 what a crash gave back is held again, and what was cut or lost is not, whoever wrote it before.

use std::collections::BTreeSet;

use trial_cluster::note::Note;
use trial_log::LogEvent;
use trial_sim::{CrashKind, HostId};

use super::reading::Clause;
use crate::check::words::when;
use crate::explain::record::What;
use crate::facts::Fact;

/// What the log of the host that the argument is about told at an entry.
pub(super) fn log_event<'a>(c: &'a Clause<'_>, place: usize) -> Option<&'a LogEvent> {
    match &c.entry(place).what {
        What::Noted { host, note: Note::Log { partition, event } }
            if Some(*host) == c.about && Some(*partition) == c.partition =>
        {
            Some(event)
        }
        _ => None,
    }
}

/// Whether an entry is the recovery of the segment whose offset is named.
pub(super) fn recovered(c: &Clause<'_>, place: usize) -> bool {
    matches!(log_event(c, place), Some(LogEvent::SegmentRecovered { base_offset, .. })
        if Some(base_offset.0) == c.number)
}

/// The hosts whose disks hold the batch before an entry.
fn holders(c: &Clause<'_>, letter: char, before: usize) -> BTreeSet<HostId> {
    let mut holders = BTreeSet::new();
    let Some(batch) = c.batch(letter) else { return holders };
    for place in 0..before {
        if let What::CameBack { host, partition, batch: back } = &c.entry(place).what
            && Some(*partition) == c.partition
            && back.is_same(batch)
        {
            holders.insert(*host);
        }
        match c.fact(place) {
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
        }
    }
    holders
}

/// Whether no disk holds the batch at the time of the title, or once its last entry is over.
pub(super) fn on_no_disk(c: &Clause<'_>, letter: char) -> bool {
    let entries = c.record.entries();
    let at_the_time =
        |place: &usize| c.explanation.title.contains(&format!(" {}:", when(c.entry(*place).at)));
    let last = (0..entries.len()).rfind(at_the_time);
    c.batch(letter).is_some()
        && holders(c, letter, last.map_or(entries.len(), |it| it + 1)).is_empty()
}

/// Whether an entry is a power loss of the host that takes the batch.
pub(super) fn lost_power(c: &Clause<'_>, place: usize, letter: char) -> bool {
    let Some(batch) = c.batch(letter) else { return false };
    let Some(Fact::Removed { host, from, to, by_crash: true }) = c.fact(place) else {
        return false;
    };
    let at = c.entry(place).at;
    Some(*host) == c.about
        && (*from..=*to).contains(&batch.base)
        && c.record.entries().iter().any(|entry| {
            let kind = CrashKind::PowerLoss;
            entry.at == at && matches!(&entry.what, What::Crashed { host: of, kind: how } if of == host && *how == kind)
        })
}

/// Whether an entry closes the segment that has the batch, and nothing synced it before the host's power failed.
pub(super) fn closed_and_not_synced(c: &Clause<'_>, place: usize, letter: char) -> bool {
    let Some(batch) = c.batch(letter) else { return false };
    let closes = match log_event(c, place) {
        Some(LogEvent::Rolled { base_offset }) => base_offset.0 > batch.last,
        _ => false,
    };
    let holds = c.about.is_some_and(|host| holders(c, letter, place).contains(&host));
    let until = (place..c.record.entries().len()).find(|at| lost_power(c, *at, letter));
    let wrote = (0..place).rfind(|at| {
        matches!(c.fact(*at), Some(Fact::Written { host, batch: written, .. })
            if Some(*host) == c.about && written.is_same(batch))
    });
    let Some((wrote, until)) = wrote.zip(until) else { return false };
    let synced = |at: usize| match log_event(c, at) {
        Some(LogEvent::Flushed { recovery_point }) => recovery_point.0 > batch.last,
        _ => false,
    };
    closes && holds && !(wrote..until).any(synced)
}

/// Whether an entry opens a log that ends beyond the batch and does not hold it.
pub(super) fn opened_without(c: &Clause<'_>, place: usize, letter: char) -> bool {
    let Some(batch) = c.batch(letter) else { return false };
    let beyond = matches!(log_event(c, place), Some(LogEvent::Opened { log_end_offset, .. })
        if log_end_offset.0 > batch.last);
    beyond && c.about.is_some_and(|host| !holders(c, letter, place).contains(&host))
}

/// Whether the host that the argument is about wrote the batch after an entry.
pub(super) fn wrote_after(c: &Clause<'_>, place: usize, letter: char) -> bool {
    let Some(batch) = c.batch(letter) else { return false };
    (place..c.record.entries().len()).any(|at| {
        matches!(c.fact(at), Some(Fact::Written { host, batch: written, .. })
            if Some(*host) == c.about && written.is_same(batch))
    })
}
