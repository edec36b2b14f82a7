//! What belongs to the examples: who sent a value, who polled it, what was left out.
//!
//! Holds:      the values of the examples, and of each of them an operation or two.

use std::collections::{BTreeMap, BTreeSet};

use super::anomaly::Anomaly;
use super::found::{Found, Part};
use super::order::Order;
use super::transcript::Transcript;
use super::value::{Key, Val};

/// Values that are told of those that were left out.
const TOLD: u32 = 8;

/// Who had to do with a value.
#[derive(Debug, Clone, Copy, Default)]
struct Who {
    sender: Option<u64>,
    reader: Option<u64>,
}

/// Values that were left out, by key and index.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    values: BTreeMap<(Key, u32), Val>,
}

impl Skipped {
    /// The first of those between two indices.
    pub(super) fn between(&self, key: Key, (from, to): (u32, u32)) -> Vec<Val> {
        let told = to.min(from.saturating_add(TOLD));
        (from..told).filter_map(|index| self.values.get(&(key, index)).copied()).collect()
    }
}

/// Completes the examples.
pub(super) fn finish(transcript: &Transcript, orders: &[Order], found: &mut Found) -> Skipped {
    let mut wanted: BTreeMap<(Key, Val), Who> = BTreeMap::new();
    let mut indices: BTreeSet<(Key, u32)> = BTreeSet::new();
    for (anomaly, case) in found.cases_mut() {
        let Some(key) = case.key else { continue };
        if let Some((from, to)) = case.skipped {
            indices.extend((from..to.min(from.saturating_add(TOLD))).map(|index| (key, index)));
        }
        if tells_senders(anomaly) {
            let values = case.values.iter().chain(&case.later);
            wanted.extend(values.map(|value| ((key, *value), Who::default())));
        }
    }
    if !wanted.is_empty() {
        look_for(transcript, &mut wanted);
    }
    for (anomaly, case) in found.cases_mut() {
        let Some(key) = case.key.filter(|_| tells_senders(anomaly)) else { continue };
        for value in &case.values {
            let who = wanted.get(&(key, *value)).copied().unwrap_or_default();
            case.ops.extend(who.sender.map(|op| (Part::Sender, op)));
            if !matches!(anomaly, Anomaly::G1a | Anomaly::NoWriterOfValue | Anomaly::G1cRealtime) {
                case.ops.extend(who.reader.map(|op| (Part::Reader, op)));
            }
        }
        let later = case.later.and_then(|value| wanted.get(&(key, value)));
        case.ops.extend(later.and_then(|who| who.reader).map(|op| (Part::LaterReader, op)));
    }
    let mut skipped = Skipped::default();
    for (place, order) in orders.iter().enumerate() {
        let key = Key(u32::try_from(place).expect("keys are u32"));
        if indices.range((key, 0)..=(key, u32::MAX)).next().is_none() {
            continue;
        }
        for id in order.ids() {
            let Some(index) = order.index(id) else { continue };
            if indices.contains(&(key, index)) {
                skipped.values.insert((key, index), order.value(id));
            }
        }
    }
    skipped
}

/// Whether it is told who sent its values.
fn tells_senders(anomaly: Anomaly) -> bool {
    matches!(
        anomaly,
        Anomaly::InconsistentOffsets
            | Anomaly::Duplicate
            | Anomaly::LostWrite
            | Anomaly::Unseen
            | Anomaly::G1a
            | Anomaly::G1cRealtime
    )
}

/// The last that ended which sent a value, and the first that ended which polled it.
fn look_for(transcript: &Transcript, wanted: &mut BTreeMap<(Key, Val), Who>) {
    let mut replay = transcript.read();
    while let Some(op) = replay.next() {
        if !op.carries() || !op.is_completion() {
            continue;
        }
        for send in op.writes() {
            if let Some(who) = wanted.get_mut(&(send.key, send.value)) {
                who.sender = Some(op.index);
            }
        }
        for polled in op.read() {
            for read in op.records(polled) {
                if let Some(who) = wanted.get_mut(&(polled.key, read.value)) {
                    who.reader.get_or_insert(op.index);
                }
            }
        }
    }
}
