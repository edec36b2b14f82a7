//! What nodes read in the metadata log: K14, and L9 for whoever asks whether the cluster is live.
//!
//! In Kafka:   `MetadataLoader`, `MetadataImage`; KIP-868 (metadata transactions). L9 is `EventuallyMetadataConverges`.
//! Holds:      the fingerprint of the image at each offset, as the first node had it; how far each node has come;
//!             where transactions begin and end in each node's metadata log.
//! Inputs:     notes of images that were published; bytes of metadata logs, for the transactions.
//! Invariants: K14 at one offset all nodes have the same image, whichever process of theirs; none shows a part of a
//!             transaction. L9 every node that runs shows what another one had shown a fetch timeout ago.
//! Left out:   that a snapshot and what follows it say the same as the whole log: there are no snapshots yet. A
//!             batch whose records nobody can read here: K2 and K4 judge bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_cluster::image::Fingerprint;
use trial_cluster::note::Note;
use trial_cluster::note::image::ImageNote;
use trial_sim::disk::DiskSeen;
use trial_sim::{HostId, Seen, Span, Time};

use super::quorum::FOLDER;
use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Chunked, Facts, segment_base};
use crate::tap::{Cursor, batches, records};

/// Numbers of the records that begin, end and abort a transaction.
const BEGIN_TRANSACTION: u32 = 23;
const END_TRANSACTION: u32 = 24;
const ABORT_TRANSACTION: u32 = 25;

/// An image that somebody has published.
#[derive(Debug, Clone, Copy)]
struct Published {
    offset: i64,
    fingerprint: Fingerprint,
    host: HostId,
    at: Time,
}

/// Where a transaction begins or ends.
#[derive(Debug, Clone, Copy)]
struct Boundary {
    offset: i64,
    begins: bool,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// By offset, from the first who came there.
    first: Chunked<Published>,
    /// The last one of each process that runs.
    last: BTreeMap<HostId, i64>,
    boundaries: BTreeMap<HostId, Vec<Boundary>>,
    now: Time,
}

impl Images {
    /// Something was seen.
    pub fn on_seen(&mut self, seen: &Seen<Note>, facts: &Facts, verdicts: &mut Verdicts) {
        match seen {
            Seen::Note { at, host, note: Note::Image(note), .. } => {
                let ImageNote::Published { offset, fingerprint } = *note;
                let published = Published { offset: offset.0, fingerprint, host: *host, at: *at };
                self.on_published(&published, facts, verdicts);
            }
            Seen::Disk { host, what: DiskSeen::Wrote { path, bytes, .. }, .. } => {
                let file = path.strip_prefix(FOLDER).and_then(|file| file.strip_prefix('/'));
                if file.and_then(segment_base).is_some() {
                    self.on_written(*host, bytes);
                }
            }
            Seen::Crashed { host, .. } | Seen::Stopped { host, .. } => {
                self.last.remove(host);
            }
            _ => {}
        }
    }

    fn on_published(&mut self, new: &Published, facts: &Facts, verdicts: &mut Verdicts) {
        self.now = new.at;
        self.last.insert(new.host, new.offset);
        self.within_transaction(new, facts, verdicts);
        if self.first.last().is_none_or(|last| last.offset < new.offset) {
            self.first.push(*new);
            return;
        }
        let Some(before) = self.at(new.offset) else { return };
        if before.fingerprint == new.fingerprint {
            return;
        }
        let (name, other) = (facts.setup.name(new.host), facts.setup.name(before.host));
        let offset = new.offset;
        let what = match name == other {
            true => {
                format!("{name} has another image of the metadata at offset {offset} than before")
            }
            false => {
                format!("{name} and {other} have two images of the metadata at offset {offset}")
            }
        };
        let says = |of: &Published| {
            let (who, Fingerprint(sum)) = (words::who(facts, of.at, of.host), of.fingerprint);
            format!("{who} published the image at offset {offset} (fingerprint {sum:016x})")
        };
        tell(new, what, [says(before), says(new)], facts, verdicts);
    }

    fn within_transaction(&self, new: &Published, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(boundaries) = self.boundaries.get(&new.host) else { return };
        let before = boundaries.iter().rev().find(|it| it.offset <= new.offset);
        let Some(begun) = before.filter(|it| it.begins) else { return };
        let name = facts.setup.name(new.host);
        let what = format!("{name} shows a part of a metadata transaction");
        let facts_of = [
            format!("in its metadata log a transaction begins at offset {}", begun.offset),
            format!(
                "{} published the image at offset {}, before its end",
                words::who(facts, new.at, new.host),
                new.offset
            ),
        ];
        tell(new, what, facts_of, facts, verdicts);
    }

    /// The first who came to this offset.
    fn at(&self, offset: i64) -> Option<&Published> {
        let (mut low, mut high) = (0, self.first.len());
        while low < high {
            let middle = low.midpoint(high);
            let found = self.first.get(middle)?;
            if found.offset == offset {
                return Some(found);
            }
            if found.offset < offset { low = middle + 1 } else { high = middle }
        }
        None
    }

    /// A node wrote into its metadata log: what stood there, and behind it, is gone.
    fn on_written(&mut self, host: HostId, bytes: &Bytes) {
        let Ok(written) = batches(bytes, true) else { return };
        let boundaries = self.boundaries.entry(host).or_default();
        for batch in written {
            boundaries.retain(|known| known.offset < batch.base_offset);
            if batch.is_control {
                continue;
            }
            for record in records(&batch).unwrap_or_default() {
                let Some(kind) = record.value.and_then(kind) else { continue };
                if matches!(kind, BEGIN_TRANSACTION | END_TRANSACTION | ABORT_TRANSACTION) {
                    let begins = kind == BEGIN_TRANSACTION;
                    boundaries.push(Boundary { offset: record.offset, begins });
                }
            }
        }
    }

    /// L9: who is behind.
    pub fn missing(&self, facts: &Facts, missing: &mut Vec<String>) {
        let timeout = Span::from_millis(facts.setup.quorum_fetch_timeout_ms);
        let mut due = None;
        for index in (0..self.first.len()).rev() {
            let Some(published) = self.first.get(index) else { break };
            if self.now.since(published.at) >= timeout {
                due = Some(published.offset);
                break;
            }
        }
        let Some(due) = due else { return };
        for place in 0..facts.setup.hosts.len() {
            let host = HostId(u16::try_from(place).expect("few hosts"));
            if facts.setup.node_of(host).is_none() || facts.down.contains(&host) {
                continue;
            }
            let offset = self.last.get(&host).copied().unwrap_or(-1);
            if offset < due {
                let name = facts.setup.name(host);
                missing.push(format!("L9: {name} has read metadata up to {offset} of {due}"));
            }
        }
    }
}

/// The number of a metadata record's kind: its frame's version comes first.
fn kind(value: Bytes) -> Option<u32> {
    let mut cursor = Cursor::new(value);
    cursor.uvarint().ok()?;
    cursor.uvarint().ok()
}

fn tell(
    new: &Published,
    what: String,
    facts_of: [String; 2],
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let breach = Breach { invariant: "K14", at: new.at, message: what, facts: facts_of };
    verdicts.always(facts.setup.name(new.host), breach);
}
