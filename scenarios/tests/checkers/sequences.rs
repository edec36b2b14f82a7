//! What idempotent producers may have in a log: X1, X2. The first three records have no sequences.

use bytes::Bytes;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::note::client::RECORD_ID_HEADER;
use trial_log::{BatchBuilder, Header, Producer};

use crate::check;
use crate::story::{B1, B2, B3, Story, id};

/// One record of producer 7 in its epoch, as long as the others.
pub fn batch(base: i64, epoch: i16, sequence: i32) -> Bytes {
    batch_of(base.unsigned_abs(), base, epoch, sequence)
}

/// The same, with the record of this number.
pub fn batch_of(number: u64, base: i64, epoch: i16, sequence: i32) -> Bytes {
    batch_by(0, number, base, epoch, sequence)
}

/// The same, by the leader of this epoch.
pub fn batch_by(leader_epoch: i32, number: u64, base: i64, epoch: i16, sequence: i32) -> Bytes {
    let producer = Producer { id: 7, epoch, base_sequence: sequence };
    let mut builder =
        BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(leader_epoch)).producer(producer);
    let id = id(number).0.to_be_bytes();
    let header = Header { key: RECORD_ID_HEADER, value: Some(&id) };
    builder.append(1_000, None, Some(&number.to_be_bytes()), &[header]);
    builder.build().into_bytes()
}

/// b1 leads; from offset 3 on it appends one record after another, and everybody copies them.
fn appends(story: &mut Story, batches: &[(i16, i32)]) {
    for (base, (epoch, sequence)) in (3..).zip(batches) {
        for broker in [B1, B2, B3] {
            story.writes_batch(broker, batch(base, *epoch, *sequence));
        }
    }
}

#[test]
fn x1_sequences_go_on_and_begin_anew_with_an_epoch() {
    check(&[], |story| appends(story, &[(0, 0), (0, 1), (1, 0), (1, 1)]));
    // A leader that knows nothing of a producer takes any sequence.
    check(&[], |story| appends(story, &[(0, 5), (0, 6)]));
    check(&[], |story| appends(story, &[(0, i32::MAX), (0, 0)]));
}

#[test]
fn x1_no_sequence_comes_twice_and_none_is_left_out() {
    check(&["X1"], |story| appends(story, &[(0, 0), (0, 1), (0, 1)]));
    check(&["X1"], |story| appends(story, &[(0, 0), (0, 1), (0, 0)]));
    check(&["X1"], |story| appends(story, &[(0, 0), (0, 2)]));
    check(&["X1"], |story| appends(story, &[(0, 0), (1, 1)]));
}

#[test]
fn x1_what_was_cut_may_come_again() {
    check(&[], |story| {
        story.writes_batch(B1, batch(3, 0, 0));
        story.writes_batch(B1, batch(4, 0, 1));
        story.cuts(B1, 4);
        story.writes_batch(B1, batch(4, 0, 1));
    });
}

#[test]
fn x2_no_older_epoch_comes_behind_a_newer_one() {
    check(&["X2"], |story| appends(story, &[(1, 0), (0, 0)]));
    check(&[], |story| appends(story, &[(0, 0), (3, 0)]));
}
