//! A log with producers that Apache Kafka 4.3.0 wrote: ours is the same byte for byte, and reads the same from it.
//!
//! The files are in `data/kafka-4.3.0/by-classes/producers-0`; `log/oracle/ProducerFiles.java` wrote them.

mod support;

use std::collections::BTreeMap;

use support::producers::{abort, commit};
use support::transactions::{Who, marker};
use support::{Fixture, NOW};
use trial_log::{
    AppendOrigin, AppendTerms, BatchBuilder, EndTransactionMarker, LeaderEpoch, LogConfig,
    LogEvent, Offset, Producer, TransactionVersion,
};

const LEADER_EPOCH: LeaderEpoch = LeaderEpoch(3);

macro_rules! kafkas_files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("data/kafka-4.3.0/by-classes/producers-0/", $name)).as_slice())),*]
    };
}

fn kafkas_files() -> BTreeMap<&'static str, &'static [u8]> {
    let files = kafkas_files![
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
        "00000000000000000000.txnindex",
        "00000000000000000006.index",
        "00000000000000000006.log",
        "00000000000000000006.snapshot",
        "00000000000000000006.timeindex",
        "00000000000000000006.txnindex",
        "00000000000000000010.index",
        "00000000000000000010.log",
        "00000000000000000010.snapshot",
        "00000000000000000010.timeindex",
        "00000000000000000015.snapshot",
        "leader-epoch-checkpoint",
    ];
    files.into_iter().collect()
}

/// The files of our log, by the same names.
fn our_files(f: &Fixture) -> BTreeMap<String, Vec<u8>> {
    let paths = f.disk.paths().map(str::to_owned);
    let read = |path: String| {
        let bytes = f.disk.contents(&path).expect("it is there").to_vec();
        (path.rsplit('/').next().expect("a name").to_owned(), bytes)
    };
    paths.map(read).collect()
}

#[track_caller]
fn is_kafkas(f: &Fixture) {
    let ours = our_files(f);
    let kafkas = kafkas_files();
    let (ours_names, kafkas_names): (Vec<_>, Vec<_>) =
        (ours.keys().collect(), kafkas.keys().collect());
    assert_eq!(ours_names, kafkas_names, "the same files");
    for (name, bytes) in kafkas {
        assert_eq!(ours[name], bytes, "{name}");
    }
}

fn data(f: &mut Fixture, (id, epoch): Who, sequence: i32, count: i64, transactional: bool) {
    let producer = Producer { id, epoch, base_sequence: sequence };
    let mut builder = BatchBuilder::new(Offset::ZERO).producer(producer);
    for number in 0..count {
        builder.append(NOW + number, Some(b"key"), Some(b"value"), &[]);
    }
    let mut terms = AppendTerms::new(LEADER_EPOCH, AppendOrigin::Client);
    if transactional {
        builder = builder.transactional();
        terms = terms.verified(f.ask((id, epoch), sequence, true).expect("the epoch is right"));
    }
    f.append_as(builder.build().into_bytes(), &terms).expect("in order");
}

fn end(f: &mut Fixture, who: Who, what: EndTransactionMarker) {
    let records = marker(who, what, NOW + 7).build().into_bytes();
    let terms = AppendTerms::new(LEADER_EPOCH, AppendOrigin::Coordinator);
    f.append_as(records, &terms.version(TransactionVersion::V2)).expect("it may end");
}

fn roll(f: &mut Fixture) {
    let Fixture { disk, log, events, .. } = f;
    log.roll(disk, NOW, events).expect("the disk is whole");
}

/// What `ProducerFiles.java write` does.
fn the_same_log() -> Fixture {
    let mut f = Fixture::with(LogConfig::default());
    data(&mut f, (1, 0), 0, 2, false);
    data(&mut f, (2, 5), 0, 1, true);
    data(&mut f, (3, 7), 0, 2, true);
    end(&mut f, (2, 6), abort(11));
    roll(&mut f);
    data(&mut f, (1, 0), 2, 1, false);
    data(&mut f, (2, 6), 0, 1, true);
    end(&mut f, (3, 8), commit(12));
    end(&mut f, (2, 7), abort(11));
    roll(&mut f);
    data(&mut f, (1, 0), 3, 1, false);
    data(&mut f, (4, 1), i32::MAX - 1, 3, false);
    data(&mut f, (3, 8), 0, 1, true);
    let Fixture { disk, log, events, .. } = &mut f;
    log.flush(disk, Offset(15), events).expect("the disk is whole");
    log.close(disk, events).expect("the disk is whole");
    f
}

fn kafkas_log(clean: bool) -> Fixture {
    let mut f = Fixture::with(LogConfig::default());
    let old: Vec<String> = f.disk.paths().map(str::to_owned).collect();
    for path in old {
        use trial_log::Disk;
        f.disk.remove(&path).expect("it was there");
    }
    for (name, bytes) in kafkas_files() {
        f.disk.set_contents(&format!("{}/{name}", support::FOLDER), bytes);
    }
    f.reopen(clean, Offset::ZERO, Offset::ZERO).expect("Kafka's files are good");
    f
}

#[test]
fn what_we_write_is_what_kafka_writes() {
    is_kafkas(&the_same_log());
}

#[test]
fn what_kafka_wrote_is_what_we_know() {
    let (ours, clean, mut unclean) = (the_same_log(), kafkas_log(true), kafkas_log(false));
    assert_eq!((clean.known(), unclean.known()), (ours.known(), ours.known()));
    for f in [&clean, &unclean] {
        assert_eq!((f.log.log_end_offset(), f.first_unstable()), (Offset(15), Some(14)));
        assert_eq!(f.aborted(0, 15), [(2, 2, 5), (2, 7, 9)]);
        assert_eq!(f.aborted(6, 7), [], "nothing that was aborted lies there");
        is_kafkas(f);
    }
    unclean.knows_its_producers("Kafka's log");
}

#[test]
fn what_is_lost_of_kafkas_log_is_made_again_as_kafka_made_it() {
    for name in kafkas_files().into_keys().filter(|name| !name.ends_with(".log")) {
        let mut f = kafkas_log(true);
        use trial_log::Disk;
        f.disk.remove(&format!("{}/{name}", support::FOLDER)).expect("it was there");
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the batches are all there");
        is_kafkas(&f);
        assert!(f.events.iter().any(|event| matches!(event, LogEvent::SegmentRecovered { .. })));
    }
}
