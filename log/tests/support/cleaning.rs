//! A compacted log, with a word for each thing that a test writes to it, cleans of it, and finds in it.

use trial_log::{
    AppendInfo, AppendOrigin, AppendTerms, BatchBuilder, CleanerConfig, CleanerStats, Cleaning,
    LastBatchKept, LeaderEpoch, LogConfig, LogError, LogToClean, Offset, Producer, RecordBatch,
};

use super::transactions::Who;
use super::{Fixture, NOW};

/// A record's key and value; no value is a tombstone.
pub type Keyed<'a> = (&'a str, Option<&'a str>);

/// What a cleaning is told.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Where the log is dirty.
    pub from: i64,
    /// Up to where it may be cleaned, if not up to its active segment.
    pub to: Option<i64>,
    pub high_watermark: i64,
    /// For how many keys there is room, at 100 percent.
    pub slots: usize,
    pub read_bytes: usize,
    pub max_segment_bytes: u64,
    pub last: LastBatchKept,
}

pub const HOW: How = How {
    from: 0,
    to: None,
    high_watermark: 0,
    slots: 10_000,
    read_bytes: 1 << 20,
    max_segment_bytes: i32::MAX as u64,
    // With a high watermark of zero none is kept for its offset alone, which would be in the way of most tests.
    last: LastBatchKept::BelowHighWatermark,
};

/// A batch as a client sends it.
pub fn keyed(who: Option<(Who, i32)>, records: &[Keyed<'_>], time: i64) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    if let Some(((id, epoch), base_sequence)) = who {
        builder = builder.producer(Producer { id, epoch, base_sequence });
    }
    for (key, value) in records {
        builder.append(time, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    }
    builder
}

impl Fixture {
    pub fn compacted() -> Self {
        Self::with(LogConfig {
            compacted: true,
            deletes: false,
            delete_retention_ms: 1000,
            index_interval_bytes: 100,
            ..LogConfig::default()
        })
    }

    /// One batch of records.
    pub fn put(&mut self, records: &[Keyed<'_>]) -> AppendInfo {
        let batch = keyed(None, records, self.now).build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client);
        self.append_as(batch, &terms).expect("the batch is good")
    }

    /// A record for each of these keys, with its offset as its value.
    pub fn put_each(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let value = self.log.log_end_offset().to_string();
            self.put(&[(key, Some(&value))]);
        }
    }

    pub fn put_as(&mut self, who: Who, sequence: i32, records: &[Keyed<'_>]) -> AppendInfo {
        let batch = keyed(Some((who, sequence)), records, self.now).build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client);
        self.append_as(batch, &terms).expect("the batch is good")
    }

    pub fn put_in_txn(&mut self, who: Who, sequence: i32, keys: &str) -> AppendInfo {
        let guard = self.ask(who, sequence, true).expect("the producer may");
        let records: Vec<Keyed<'_>> = keys.split_whitespace().map(|key| (key, Some("v"))).collect();
        let batch = keyed(Some((who, sequence)), &records, self.now).transactional();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client).verified(guard);
        self.append_as(batch.build().into_bytes(), &terms).expect("the batch is good")
    }

    pub fn roll(&mut self) {
        let Self { disk, log, events, now, .. } = self;
        log.roll(disk, *now, events).expect("the disk is whole");
    }

    /// A cleaning that has not begun; all markers are replicated.
    pub fn cleaning(&mut self, how: How) -> Cleaning {
        self.log.on_high_watermark_updated(self.log.log_end_offset());
        let active = self.log.segment_base_offsets().next_back().expect("there is one");
        let to = how.to.map_or(active, Offset);
        let to_clean = LogToClean::new(&self.log, Offset(how.from), to, false);
        let config = CleanerConfig {
            dedupe_buffer_bytes: how.slots * 24,
            dedupe_buffer_load_percent: 100,
            read_bytes: how.read_bytes,
            max_cleaned_segment_bytes: how.max_segment_bytes,
            last_batch_kept: how.last,
        };
        Cleaning::new(&self.log, to_clean, config, self.now)
    }

    pub fn try_clean(&mut self, how: How) -> Result<(Option<i64>, CleanerStats), LogError> {
        let mut cleaning = self.cleaning(how);
        let Self { disk, log, events, now, .. } = self;
        let end = cleaning.run(log, disk, Offset(how.high_watermark), *now, events)?;
        Ok((end.map(|end| end.0), cleaning.stats()))
    }

    /// Cleans; answers where the log is dirty now.
    pub fn clean_as(&mut self, how: How) -> i64 {
        let (end, _) = self.try_clean(how).expect("the disk is whole");
        let left: Vec<_> = self.disk.paths().filter(|path| path.ends_with(".cleaned")).collect();
        assert!(left.is_empty(), "nothing is left over: {left:?}");
        end.expect("nobody came between")
    }

    /// Cleans all that is closed, dirty from an offset on.
    pub fn clean(&mut self, from: i64) -> i64 {
        self.clean_as(How { from, ..HOW })
    }

    /// Cleans twice: tombstones and markers that nobody needs get a time in the first, and go in the second.
    pub fn clean_twice(&mut self, from: i64) -> i64 {
        self.clean(from);
        self.now += 1001;
        self.clean(from)
    }

    /// `key=value@offset` of the users' records, in order; `key-@offset` of a tombstone.
    pub fn records(&mut self) -> String {
        let text = |bytes: Option<&[u8]>| bytes.map(|it| String::from_utf8_lossy(it).into_owned());
        let mut found = Vec::new();
        for batch in self.batches().iter().filter(|batch| !batch.is_control()) {
            for record in batch.records() {
                let record = record.expect("it is whole");
                let key = text(record.key()).unwrap_or_else(|| "?".to_owned());
                let value = text(record.value()).map_or("-".to_owned(), |it| format!("={it}"));
                found.push(format!("{key}{value}@{}", record.offset));
            }
        }
        found.join(" ")
    }

    /// `key@offset` of the users' records.
    pub fn keys(&mut self) -> String {
        let words = self.records();
        let short = words.split(' ').map(|word| match word.split_once('=') {
            Some((key, rest)) => {
                format!("{key}{}", &rest[rest.find('@').expect("it was put there")..])
            }
            None => word.to_owned(),
        });
        short.collect::<Vec<_>>().join(" ")
    }

    /// The last offsets of the batches, and how many records each has: `2:0` is an empty one.
    pub fn shape(&mut self) -> String {
        let shape = |batch: &RecordBatch| format!("{}:{}", batch.last_offset(), batch.count());
        self.batches().iter().map(shape).collect::<Vec<_>>().join(" ")
    }

    pub fn later(&mut self, ms: i64) {
        self.now += ms;
        assert!(self.now >= NOW, "the clock goes on");
    }
}
