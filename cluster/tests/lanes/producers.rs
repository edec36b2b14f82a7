//! What a producer with an id is told: by a broker that has its batch already, and by one that refuses it.

use bytes::Bytes;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::Offset;
use trial_log::{BatchBuilder, Producer};

use crate::support::{Bench, Door, Setup};

/// A batch of two records.
fn sent(epoch: i16, base_sequence: i32, transactional: bool) -> Bytes {
    let producer = Producer { id: 7, epoch, base_sequence };
    let mut builder = BatchBuilder::new(Offset(0)).producer(producer);
    if transactional {
        builder = builder.transactional();
    }
    for _ in 0..2 {
        builder.append(1_767_225_600_000, None, Some(b"value"), &[]);
    }
    builder.build().into_bytes()
}

fn answer(bench: &mut Bench, door: Door, acks: i16, records: Bytes) -> (i16, i64) {
    bench.send_batch(door, 0, (acks, records));
    let (code, offset) = bench.wait_for_answered(door);
    (code, offset.0)
}

#[test]
fn a_batch_again_is_answered_as_the_first_time_and_what_does_not_follow_is_refused() {
    let mut bench = Setup::new(11).build();
    let door = bench.connect();
    for acks in [1, -1] {
        let epoch = i16::from(acks < 0);
        let base = i64::from(epoch) * 4;
        for (sequence, want) in [(0, base), (2, base + 2), (0, base), (2, base + 2)] {
            let got = answer(&mut bench, door, acks, sent(epoch, sequence, false));
            assert_eq!(got, (0, want), "acks={acks}, sequence {sequence}");
        }
    }
    let refusals = [
        (sent(1, 6, false), ErrorCode::OutOfOrderSequenceNumber),
        (sent(1, 1, false), ErrorCode::OutOfOrderSequenceNumber),
        (sent(2, 2, false), ErrorCode::OutOfOrderSequenceNumber),
        (sent(0, 4, false), ErrorCode::InvalidProducerEpoch),
        (sent(1, 4, true), ErrorCode::TransactionalIdAuthorizationFailed),
    ];
    for (records, want) in refusals {
        assert_eq!(answer(&mut bench, door, 1, records), (want.code(), -1), "{want:?}");
    }
    let read = bench.fetch(door, Offset(0));
    let offsets: Vec<i64> = read.batches.iter().map(|(offset, _)| offset.0).collect();
    assert_eq!(offsets, [0, 2, 4, 6], "each batch once, and nothing that was refused");
    assert_eq!(read.high_watermark, Offset(8), "a duplicate publishes no end");
    assert_eq!(answer(&mut bench, door, -1, sent(1, 4, false)), (0, 8), "and it goes on");
}
