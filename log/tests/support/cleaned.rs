//! Judges a cleaning by what lay in the log before, what lies there now, and all that was ever appended.
//!
//! It knows nothing of how a cleaning works: S6 is stated here by itself.

use std::collections::{BTreeMap, BTreeSet};

use trial_log::{AbortedTxn, ControlRecordType, Offset, RecordBatch, TimestampType};

/// A record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rec {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

pub fn records(batch: &RecordBatch) -> Vec<Rec> {
    let own = |bytes: &[u8]| bytes.to_vec();
    let rec = |record: trial_log::Record<'_>| Rec {
        offset: record.offset.0,
        timestamp: record.timestamp,
        key: record.key().map(own).unwrap_or_default(),
        value: record.value().map(own),
        headers: record.headers().map(|it| (own(it.key), it.value.map(own))).collect(),
    };
    batch.records().map(|record| rec(record.expect("the batch is whole"))).collect()
}

/// What became of the transaction that a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It belongs to none.
    Plain,
    Open,
    Committed {
        marker: i64,
    },
    Aborted {
        marker: i64,
    },
}

/// All that was appended and not cut off again, as it was.
#[derive(Debug, Clone, Default)]
pub struct History {
    batches: BTreeMap<i64, RecordBatch>,
}

impl History {
    pub fn add(&mut self, batch: RecordBatch) {
        self.batches.insert(batch.base_offset().0, batch);
    }

    pub fn cut(&mut self, end: i64) {
        self.batches.retain(|_, batch| batch.last_offset().0 < end);
    }

    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// The fates of the batches, by their base offsets.
    pub fn fates(&self) -> BTreeMap<i64, Fate> {
        let mut fates = BTreeMap::new();
        let mut open: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (&base, batch) in &self.batches {
            let id = batch.producer_id();
            fates.insert(base, Fate::Plain);
            if batch.is_control() {
                let record = batch.records().next().expect("a marker").expect("a whole one");
                let aborts = record.key().and_then(ControlRecordType::of_key)
                    == Some(ControlRecordType::Abort);
                let marker = base;
                let fate =
                    if aborts { Fate::Aborted { marker } } else { Fate::Committed { marker } };
                fates.extend(open.remove(&id).into_iter().flatten().map(|base| (base, fate)));
            } else if batch.is_transactional() {
                fates.insert(base, Fate::Open);
                open.entry(id).or_default().push(base);
            }
        }
        fates
    }
}

/// A cleaning, or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// When it began.
    pub began_ms: i64,
    pub delete_retention_ms: i64,
    /// Nothing here or beyond was to be touched.
    pub first_uncleanable: i64,
    /// If it was done, up to where the log is clean.
    pub end_offset: Option<i64>,
    /// The batch that ends here stays whatever is in it.
    pub last_kept: i64,
    /// Whether there was room for all keys.
    pub has_room: bool,
    /// What lies below was deleted, and may be there again: of the keys and the transactions that begin there nothing
    /// is promised, but that no batch has other records than before.
    pub deleted_below: i64,
}

/// The batches with their fates, and an index of the records.
struct State<'a> {
    batches: BTreeMap<i64, &'a RecordBatch>,
    fates: &'a BTreeMap<i64, Fate>,
    deleted_below: i64,
}

impl<'a> State<'a> {
    fn of(batches: &'a [RecordBatch], fates: &'a BTreeMap<i64, Fate>, deleted_below: i64) -> Self {
        let bases = batches.iter().map(|batch| (batch.base_offset().0, batch));
        Self { batches: bases.collect(), fates, deleted_below }
    }

    fn fate(&self, base: i64) -> Fate {
        *self.fates.get(&base).unwrap_or_else(|| panic!("{base} was appended"))
    }

    /// The records that nobody has aborted, in order.
    fn valid(&self) -> Vec<Rec> {
        let data = self.batches.iter().filter(|(base, batch)| {
            !batch.is_control() && !matches!(self.fate(**base), Fate::Aborted { .. })
        });
        data.flat_map(|(_, batch)| records(batch)).collect()
    }

    /// Whether a batch, with or without records, is there whose transaction ends with a marker.
    fn has_data_of(&self, marker: i64) -> bool {
        self.batches.range(self.deleted_below..).any(|(&base, _)| match self.fate(base) {
            Fate::Committed { marker: of } | Fate::Aborted { marker: of } => of == marker,
            Fate::Plain | Fate::Open => false,
        })
    }
}

/// S6: judges a pass.
pub fn judge(
    before: &[RecordBatch],
    after: &[RecordBatch],
    history: &History,
    pass: Pass,
    when: &str,
) {
    let fates = history.fates();
    let floor = pass.deleted_below;
    let (old, new) = (State::of(before, &fates, floor), State::of(after, &fates, floor));
    assert!(
        after.windows(2).all(|pair| pair[0].last_offset() < pair[1].base_offset()),
        "S6: the order stays, {when}"
    );
    for (base, batch) in &new.batches {
        let was = old.batches.get(base).unwrap_or_else(|| panic!("S6: {base} is new, {when}"));
        is_part_of(was, batch, pass, &new, when);
    }
    let valid: Vec<Rec> = old.valid();
    let kept: BTreeSet<i64> = after.iter().flat_map(records).map(|rec| rec.offset).collect();
    for (base, batch) in &old.batches {
        let is_same = new.batches.get(base).is_some_and(|now| now.as_bytes() == batch.as_bytes());
        if batch.last_offset().0 >= pass.first_uncleanable {
            assert!(is_same, "S6: {base} was not to be touched, {when}");
        }
        let is_gone = |rec: &&Rec| rec.offset >= floor && !kept.contains(&rec.offset);
        for gone in records(batch).iter().filter(is_gone) {
            may_go(gone, batch, (&old, &new), &valid, pass, when);
        }
    }
    for (base, fate) in fates.range(floor..) {
        let (Fate::Committed { marker } | Fate::Aborted { marker }) = fate else { continue };
        if new.batches.contains_key(base) && old.batches.contains_key(marker) {
            let outlives = new.batches.get(marker).is_some_and(|it| it.count() == 1);
            assert!(outlives, "S6: the marker {marker} went before {base}, {when}");
        }
    }
    if let Some(end) = pass.end_offset {
        is_clean(&new, end, pass, when);
    }
}

/// A batch is what it was, or a part of that.
fn is_part_of(was: &RecordBatch, is: &RecordBatch, pass: Pass, new: &State<'_>, when: &str) {
    let base = is.base_offset();
    if was.as_bytes() == is.as_bytes() {
        return;
    }
    let header = |batch: &RecordBatch| {
        let flags = (batch.is_transactional(), batch.is_control(), batch.timestamp_type());
        (batch.last_offset(), batch.leader_epoch(), batch.producer(), flags)
    };
    assert_eq!(header(is), header(was), "S6: the header of {base}, {when}");
    assert!(is.is_valid(), "S1: {base}, {when}");
    let (all, left) = (records(was), records(is));
    assert!(left.iter().all(|rec| all.contains(rec)), "S6: the records of {base}, {when}");
    if left.is_empty() {
        assert_eq!((is.codec(), is.max_timestamp()), (0, was.max_timestamp()), "{base}, {when}");
        assert_eq!(is.delete_horizon_ms(), None, "an empty batch waits for nothing, {when}");
        return;
    }
    assert_eq!(is.codec(), was.codec(), "S6: the codec of {base}, {when}");
    let newest = match is.timestamp_type() {
        TimestampType::CreateTime => left.iter().map(|rec| rec.timestamp).max(),
        TimestampType::LogAppendTime => Some(was.max_timestamp()),
    };
    assert_eq!(Some(is.max_timestamp()), newest, "S6: the largest timestamp of {base}, {when}");
    if was.delete_horizon_ms() == is.delete_horizon_ms() {
        return;
    }
    assert_eq!(was.delete_horizon_ms(), None, "S6: a time to go is set once, {base}, {when}");
    let horizon = pass.began_ms + pass.delete_retention_ms;
    assert_eq!(is.delete_horizon_ms(), Some(horizon), "S6: {base}, {when}");
    let needs_it = if is.is_control() {
        !new.has_data_of(base.0)
    } else {
        left.iter().any(|rec| rec.value.is_none())
    };
    assert!(needs_it, "S6: nothing in {base} is to go, {when}");
}

/// CL-2, CL-4: whether a record may have gone.
fn may_go(
    gone: &Rec,
    batch: &RecordBatch,
    (old, new): (&State<'_>, &State<'_>),
    valid: &[Rec],
    pass: Pass,
    when: &str,
) {
    let (base, offset) = (batch.base_offset().0, gone.offset);
    let is_over = batch.delete_horizon_ms().is_some_and(|horizon| horizon <= pass.began_ms);
    if batch.is_control() {
        assert!(is_over, "S6: the marker {base} went too early, {when}");
        assert!(!old.has_data_of(base), "S6: the marker {base} went with its records, {when}");
        return;
    }
    if matches!(old.fate(base), Fate::Aborted { .. }) {
        return;
    }
    let to = pass.end_offset.unwrap_or(pass.first_uncleanable);
    let is_superseded =
        valid.iter().any(|rec| rec.key == gone.key && rec.offset > offset && rec.offset < to);
    if is_superseded {
        return;
    }
    assert!(gone.value.is_none(), "S6: the latest value of a key went, at {offset}, {when}");
    assert!(is_over, "S6: the tombstone {offset} went too early, {when}");
    let mut older = new.valid().into_iter().filter(|rec| rec.offset >= pass.deleted_below);
    let older = older.find(|rec| rec.key == gone.key && rec.offset < offset);
    assert_eq!(older, None, "S6: the tombstone {offset} went before what it deletes, {when}");
}

/// What a pass that was done leaves below its end.
fn is_clean(new: &State<'_>, end: i64, pass: Pass, when: &str) {
    assert!(end <= pass.first_uncleanable, "CL-1: {end}, {when}");
    if pass.has_room {
        assert_eq!(end, pass.first_uncleanable, "it went as far as it might, {when}");
    }
    let mut latest: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for rec in new.valid().into_iter().filter(|rec| rec.offset < end) {
        let offset = rec.offset;
        let twice = latest.insert(rec.key, offset).filter(|_| offset >= pass.deleted_below);
        assert_eq!(twice, None, "S6: below {end} a key has two records, {when}");
    }
    for (base, batch) in new.batches.iter().filter(|(_, batch)| batch.last_offset().0 < end) {
        let is_aborted = matches!(new.fate(*base), Fate::Aborted { .. });
        let is_emptied = batch.count() == 0 || *base < pass.deleted_below;
        assert!(!is_aborted || is_emptied, "S6: {base} is aborted and is there, {when}");
        let has_tombstone = records(batch).iter().any(|rec| rec.value.is_none());
        let waits = batch.delete_horizon_ms().is_some();
        assert!(waits || !has_tombstone || batch.is_control(), "KIP-534: {base}, {when}");
    }
}

/// X7: what a reader of committed records sees below the last stable offset, by the index of aborted transactions and
/// as Java's consumer reads it, is what nobody has aborted.
pub fn reads_committed(
    batches: &[RecordBatch],
    aborted: &[AbortedTxn],
    last_stable_offset: Offset,
    history: &History,
    when: &str,
) {
    let fates = history.fates();
    let mut waiting: Vec<&AbortedTxn> = aborted.iter().collect();
    waiting.sort_by_key(|txn| txn.first_offset);
    let mut waiting = waiting.into_iter().peekable();
    let mut skipped: BTreeSet<i64> = BTreeSet::new();
    for batch in batches.iter().filter(|batch| batch.last_offset() < last_stable_offset) {
        while waiting.peek().is_some_and(|txn| txn.first_offset <= batch.last_offset()) {
            skipped.extend(waiting.next().map(|txn| txn.producer_id));
        }
        let base = batch.base_offset().0;
        if batch.is_control() {
            let is_abort = records(batch).first().map(|rec| ControlRecordType::of_key(&rec.key));
            if is_abort == Some(Some(ControlRecordType::Abort)) {
                skipped.remove(&batch.producer_id());
            }
            continue;
        }
        let is_seen = !(batch.is_transactional() && skipped.contains(&batch.producer_id()));
        let is_valid = match fates[&base] {
            Fate::Plain | Fate::Committed { .. } => true,
            Fate::Aborted { .. } => false,
            Fate::Open => panic!("{base} is open below {last_stable_offset}, {when}"),
        };
        if batch.count() > 0 {
            assert_eq!(is_seen, is_valid, "X7: whether {base} is read, {when}");
        }
    }
}
