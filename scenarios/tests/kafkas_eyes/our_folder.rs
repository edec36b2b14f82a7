//! A log that our storage engine writes on real files, with every codec, producers and transactions.

use std::path::Path;

use bytes::Bytes;
use trial_log::{
    AppendOrigin, AppendTerms, BatchBuilder, CompressionType, ControlRecordType,
    EndTransactionMarker, LeaderEpoch, Log, LogConfig, LogEvent, Offset, OpenLog, Producer,
    TransactionVersion,
};
use trial_scenarios::FileDisk;

pub const T: i64 = 1_767_225_600_000;
const EPOCH: LeaderEpoch = LeaderEpoch(0);

pub struct Ours {
    pub disk: FileDisk,
    pub log: Log,
    pub events: Vec<LogEvent>,
    /// What a reader of what is committed gets: offset, timestamp, key, value.
    pub records: Vec<(i64, i64, String, String)>,
    /// Records in batches, markers and what was aborted too.
    pub written: i64,
}

impl Ours {
    fn append(&mut self, builder: BatchBuilder, terms: &AppendTerms) {
        let batch = builder.build().into_bytes();
        let Self { disk, log, events, .. } = self;
        log.append_with_terms(disk, batch, terms, T, events).expect("it is good");
        self.written = log.log_end_offset().0;
    }

    fn fill(
        &mut self,
        mut builder: BatchBuilder,
        count: i64,
        what: &str,
        kept: bool,
    ) -> BatchBuilder {
        for n in 0..count {
            let (offset, time) = (self.written + n, T + 10 * (self.written + n));
            let key = format!("key{}", offset % 5);
            let value =
                format!("{what} {} {offset}", "x".repeat(usize::try_from(n * 30).unwrap_or(0)));
            builder.append(time, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
            if kept {
                self.records.push((offset, time, key, value));
            }
        }
        builder
    }

    fn plain(&mut self, codec: CompressionType, sequence: i32, count: i64) {
        let producer = Producer { id: 900, epoch: 0, base_sequence: sequence };
        let builder = BatchBuilder::new(Offset::ZERO).compression(codec.into()).producer(producer);
        let builder = self.fill(builder, count, &codec.to_string(), true);
        self.append(builder, &AppendTerms::new(EPOCH, AppendOrigin::Client));
    }

    fn transaction(&mut self, id: i64, epoch: i16, kind: ControlRecordType) {
        let committed = kind == ControlRecordType::Commit;
        let producer = Producer { id, epoch, base_sequence: 0 };
        let builder = BatchBuilder::new(Offset::ZERO).producer(producer).transactional();
        let builder = self.fill(builder, 2, "in a transaction", committed);
        let guard = self.log.maybe_start_transaction_verification(id, (0, epoch), true, T);
        let terms =
            AppendTerms::new(EPOCH, AppendOrigin::Client).verified(guard.expect("it is new"));
        self.append(builder, &terms);
        let producer = Producer { id, epoch: epoch + 1, base_sequence: -1 };
        let mut marker =
            BatchBuilder::new(Offset::ZERO).producer(producer).transactional().control();
        let end = EndTransactionMarker { aborts: !committed, coordinator_epoch: 0 };
        marker.append_control(T + 10 * self.written, end.kind(), &end.value());
        let terms = AppendTerms::new(EPOCH, AppendOrigin::Coordinator);
        self.append(marker, &terms.version(TransactionVersion::V2));
    }
}

/// Writes `folder` in the log directory `root`, several segments of it, and syncs it; it is not closed.
pub fn write(root: &Path, folder: &str) -> Ours {
    let mut disk = FileDisk::open(root).expect("it was made");
    let config =
        LogConfig { segment_bytes: 1_500, index_interval_bytes: 200, ..LogConfig::default() };
    let open = OpenLog { config, ..OpenLog::new(folder) };
    let mut events = Vec::new();
    let log = Log::open(&mut disk, open, T, &mut events).expect("the disk is whole");
    let mut ours = Ours { disk, log, events, records: Vec::new(), written: 0 };
    for round in 0..4 {
        for (at, codec) in (0..).zip(CompressionType::ALL) {
            ours.plain(codec, (round * 5 + at) * 3, 3);
        }
        let epoch = i16::try_from(round).expect("a few") * 2;
        ours.transaction(901, epoch, ControlRecordType::Abort);
        ours.transaction(902, epoch, ControlRecordType::Commit);
    }
    let Ours { disk, log, events, .. } = &mut ours;
    let end = log.log_end_offset();
    log.flush(disk, end, events).expect("the disk is whole");
    assert!(log.segment_base_offsets().count() > 3, "several segments");
    ours
}

impl Ours {
    /// Half a batch more, as a crash leaves it.
    pub fn tear(&mut self, root: &Path, folder: &str) {
        use std::io::Write as _;
        let mut builder = BatchBuilder::new(self.log.log_end_offset());
        builder.append(T, None, Some(b"never acknowledged"), &[]);
        let batch: Bytes = builder.build().into_bytes();
        let active = self.log.segment_base_offsets().next_back().expect("LOG-1");
        let path = root.join(folder).join(format!("{:020}.log", active.0));
        let file = std::fs::OpenOptions::new().append(true).open(path);
        file.expect("it is there").write_all(&batch[..batch.len() - 5]).expect("there is room");
    }

    pub fn close(&mut self) {
        let Self { disk, log, events, .. } = self;
        log.close(disk, events).expect("the disk is whole");
    }
}
