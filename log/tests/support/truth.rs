//! What the batches of a log say about its producers, worked out without the engine's own code: a plain fold.

use std::collections::BTreeMap;

use trial_log::{AbortedTxn, Offset, ProducerStateEntry, RecordBatch, read_snapshot};

use super::{FOLDER, Fixture};

/// What is to be known of one producer, its last batch alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub last_timestamp: i64,
    pub coordinator_epoch: i32,
    pub txn_first_offset: Option<i64>,
}

impl Known {
    const NOTHING: Self = Self {
        epoch: -1,
        last_sequence: -1,
        last_offset: -1,
        offset_delta: 0,
        last_timestamp: -1,
        coordinator_epoch: -1,
        txn_first_offset: None,
    };

    pub fn of(entry: &ProducerStateEntry) -> Self {
        Self {
            epoch: entry.producer_epoch(),
            last_sequence: entry.last_sequence(),
            last_offset: entry.last_data_offset().0,
            offset_delta: entry.last_offset_delta(),
            last_timestamp: entry.last_timestamp(),
            coordinator_epoch: entry.coordinator_epoch(),
            txn_first_offset: entry.current_txn_first_offset().map(|offset| offset.0),
        }
    }
}

/// A transaction that has ended: where it began, where its marker lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub first: i64,
    pub marker: i64,
}

/// What some batches say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    pub producers: BTreeMap<i64, Known>,
    pub ended: Vec<Ended>,
    pub aborted: Vec<AbortedTxn>,
}

impl Truth {
    /// What the batches that end below `end` say.
    pub fn of(batches: &[RecordBatch], end: i64) -> Self {
        let mut truth = Self::default();
        for batch in batches.iter().filter(|batch| batch.last_offset().0 < end) {
            if batch.producer_id() >= 0 {
                truth.take(batch);
            }
        }
        truth
    }

    fn take(&mut self, batch: &RecordBatch) {
        let id = batch.producer_id();
        let mut known = self.producers.get(&id).copied().unwrap_or(Known::NOTHING);
        if batch.producer_epoch() != known.epoch {
            let txn_first_offset = known.txn_first_offset;
            let coordinator_epoch = known.coordinator_epoch;
            known = Known { txn_first_offset, coordinator_epoch, ..Known::NOTHING };
            known.epoch = batch.producer_epoch();
        }
        known.last_timestamp = batch.max_timestamp();
        if batch.is_control() {
            let record = batch.records().next().expect("a marker").expect("a whole one");
            let (key, value) = (record.key().expect("a key"), record.value().expect("a value"));
            known.coordinator_epoch = i32::from_be_bytes(value[2..6].try_into().expect("four"));
            if let Some(first) = known.txn_first_offset.take() {
                let marker = batch.base_offset().0;
                self.ended.push(Ended { first, marker });
                let others = self.producers.iter().filter(|(other, _)| **other != id);
                let open = others.filter_map(|(_, known)| known.txn_first_offset).min();
                if key[3] == 0 {
                    self.aborted.push(AbortedTxn {
                        producer_id: id,
                        first_offset: Offset(first),
                        last_offset: Offset(marker),
                        last_stable_offset: Offset(open.unwrap_or(marker + 1)),
                    });
                }
            }
        } else {
            known.last_sequence = batch.last_sequence();
            known.last_offset = batch.last_offset().0;
            known.offset_delta = batch.last_offset_delta();
            if batch.is_transactional() {
                known.txn_first_offset.get_or_insert(batch.base_offset().0);
            }
        }
        self.producers.insert(id, known);
    }

    /// Where the first transaction begins that is open.
    pub fn first_open(&self) -> Option<i64> {
        self.producers.values().filter_map(|known| known.txn_first_offset).min()
    }
}

impl Fixture {
    /// What the batches that are in the log say.
    pub fn truth(&mut self) -> Truth {
        let end = self.log.log_end_offset().0;
        Truth::of(&self.batches(), end)
    }

    /// What the log knows.
    pub fn known(&self) -> BTreeMap<i64, Known> {
        let producers = self.log.producers().active_producers();
        producers.map(|entry| (entry.producer_id(), Known::of(entry))).collect()
    }

    /// The snapshots that lie on the disk, with what they say; none for one that cannot be read.
    pub fn snapshots(&self) -> Vec<(i64, Option<BTreeMap<i64, Known>>)> {
        let names = self.disk.paths().filter_map(|path| path.strip_suffix(".snapshot"));
        let names: Vec<_> = names.map(str::to_owned).collect();
        let read = |name: &String| {
            let digits = name.strip_prefix(FOLDER).expect("one log").trim_start_matches('/');
            let bytes = self.disk.contents(&format!("{name}.snapshot")).expect("it is there");
            let producers = read_snapshot(bytes).ok();
            let known = producers.map(|producers| {
                producers.iter().map(|entry| (entry.producer_id(), Known::of(entry))).collect()
            });
            (digits.parse().expect("an offset"), known)
        };
        names.iter().map(read).collect()
    }

    /// S3, S4: what the log, its snapshots and its indexes know is what its batches say.
    #[track_caller]
    pub fn knows_its_producers(&mut self, what: &str) {
        let batches = self.batches();
        let end = self.log.log_end_offset().0;
        let truth = Truth::of(&batches, end);
        assert_eq!(self.known(), truth.producers, "{what}: S4, what is known");
        assert_eq!(self.log.producers().map_end_offset().0, end, "{what}: up to where");
        for (offset, known) in self.snapshots() {
            assert!(offset <= end, "{what}: S4, a snapshot at {offset} is ahead of the log: {end}");
            let want = Truth::of(&batches, offset).producers;
            assert_eq!(known, Some(want), "{what}: S4, the snapshot at {offset}");
        }
        let aborted = self.log.aborted_transactions(Offset::ZERO, Offset(end));
        let without_stable = |t: &AbortedTxn| (t.producer_id, t.first_offset, t.last_offset);
        let got: Vec<_> = aborted.iter().map(without_stable).collect();
        let want: Vec<_> = truth.aborted.iter().map(without_stable).collect();
        assert_eq!(got, want, "{what}: S3, what was aborted");
        for ((slot, got), want) in aborted.iter().enumerate().zip(&truth.aborted) {
            // A replica that takes a marker and the begin of a later transaction in one append enters where that
            // begins, as Kafka does. What a search relies on is that no later entry begins below.
            assert!(got.last_stable_offset >= want.last_stable_offset, "{what}: S3, {got:?}");
            let later = aborted[slot + 1..].iter().map(|t| t.first_offset).min();
            assert!(later.is_none_or(|first| first >= got.last_stable_offset), "{what}: {got:?}");
        }
    }
}
