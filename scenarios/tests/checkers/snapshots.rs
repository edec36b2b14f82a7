//! What is written down about producers: S4, S11.

use bytes::{BufMut, Bytes, BytesMut};
use trial_sim::HostId;

use crate::check;
use crate::sequences::batch;
use crate::story::{B1, B2, B3, Story};

/// What a snapshot says of producer 7.
#[derive(Clone, Copy)]
struct Entry {
    epoch: i16,
    last_sequence: i32,
    last_offset: i64,
    transaction: i64,
}

/// After the two batches of producer 7 that every log has at the offsets 3 and 4.
const RIGHT: Entry = Entry { epoch: 0, last_sequence: 1, last_offset: 4, transaction: -1 };

fn file(entries: &[Entry]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_i32(i32::try_from(entries.len()).expect("few"));
    for entry in entries {
        body.put_i64(7);
        body.put_i16(entry.epoch);
        body.put_i32(entry.last_sequence);
        body.put_i64(entry.last_offset);
        body.put_i32(0);
        body.put_i64(1_000);
        body.put_i32(-1);
        body.put_i64(entry.transaction);
    }
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_u32(crc32c::crc32c(&body));
    bytes.extend_from_slice(&body);
    bytes.freeze()
}

fn takes(story: &mut Story, host: HostId, offset: i64, entries: &[Entry]) {
    story.append(host, &format!("orders-0/{offset:020}.snapshot"), file(entries));
}

/// b1 leads; the producer's two records are everywhere.
fn two_more(story: &mut Story) {
    for (base, sequence) in [(3, 0), (4, 1)] {
        for broker in [B1, B2, B3] {
            story.writes_batch(broker, batch(base, 0, sequence));
        }
    }
}

#[test]
fn s4_a_snapshot_is_what_its_log_says() {
    let with = |entries: &'static [Entry], offset: i64| {
        move |story: &mut Story| {
            two_more(story);
            takes(story, B1, offset, entries);
        }
    };
    check(&[], with(&[RIGHT], 5));
    check(&[], with(&[Entry { last_sequence: 0, last_offset: 3, ..RIGHT }], 4));
    check(&[], with(&[], 3));
    // A transaction that begins with a batch of the producer's.
    check(&[], with(&[Entry { transaction: 3, ..RIGHT }], 5));
    check(&["S4"], with(&[Entry { last_sequence: 2, ..RIGHT }], 5));
    check(&["S4"], with(&[Entry { epoch: 1, ..RIGHT }], 5));
    check(&["S4"], with(&[Entry { last_offset: 3, ..RIGHT }], 5));
    check(&["S4"], with(&[Entry { transaction: 2, ..RIGHT }], 5));
    check(&["S4"], with(&[], 5));
    check(&["S4"], with(&[RIGHT], 3));
    // What a crash leaves beyond the end of a log a load drops.
    check(&[], with(&[Entry { last_offset: 8, ..RIGHT }], 9));
}

#[test]
fn s4_a_file_that_cannot_be_read_says_nothing() {
    check(&[], |story| {
        two_more(story);
        let whole = file(&[Entry { epoch: 3, ..RIGHT }]);
        let path = "orders-0/00000000000000000005.snapshot";
        story.append(B1, path, whole.slice(..whole.len() - 1));
    });
}

#[test]
fn s11_two_snapshots_at_one_offset_say_the_same() {
    check(&[], |story| {
        two_more(story);
        takes(story, B1, 5, &[RIGHT]);
        takes(story, B2, 5, &[RIGHT]);
        takes(story, B3, 4, &[Entry { last_sequence: 0, last_offset: 3, ..RIGHT }]);
    });
    check(&["S11"], |story| {
        two_more(story);
        takes(story, B1, 5, &[RIGHT]);
        takes(story, B2, 5, &[Entry { transaction: 4, ..RIGHT }]);
    });
}
