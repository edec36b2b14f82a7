//! Which fetch is answered, with what, and how far it reads.
//!
//! Holds: tables after Kafka's `PartitionTest` (fetchRecords, fetchOffsetForTimestamp) and `DelayedFetchTest`.

use trial_log::{EpochEndOffset, LeaderEpoch, Offset};

use super::leading::{Leading, at};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::partition::fixture::epochs;
use crate::partition::{FetchPartition, FetchProgress, Isolation, OffsetQuery, Reader};

const CONSUMER: Reader =
    Reader::Consumer { isolation: Isolation::ReadUncommitted, leader_only: false };
const OLD_CONSUMER: Reader =
    Reader::Consumer { isolation: Isolation::ReadUncommitted, leader_only: true };

fn follower(id: i32) -> Reader {
    Reader::Follower { id: BrokerId(id), epoch: BrokerEpoch::NONE }
}

/// Broker 1 leads in epoch 4 with epochs 1 from 0, 4 from 6; log from 2 to 10, high watermark 7.
fn leading() -> Leading {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(7);
    leading.fetch(2, 7);
    leading.lead(4, 1, &[1, 2]);
    leading.append(10);
    leading.epochs = epochs(&[(1, 0), (4, 6)]);
    leading.partition.on_log_start(Offset(2));
    leading
}

/// Reads as `reader`; wants the bound of the read.
#[track_caller]
fn check(reader: Reader, fetch: FetchPartition, want: Result<i64, ErrorCode>) {
    let leading = leading();
    let view = leading.partition.read(&reader, &fetch, &leading.epochs);
    assert_eq!(view.map(|view| view.up_to.0), want, "{reader:?} {fetch:?}");
}

fn in_epoch(offset: i64, epoch: i32) -> FetchPartition {
    FetchPartition { current_leader_epoch: Some(LeaderEpoch(epoch)), ..at(offset) }
}

#[test]
fn followers_read_to_the_log_end_and_consumers_to_the_high_watermark() {
    check(follower(2), at(5), Ok(10));
    check(CONSUMER, at(5), Ok(7));
    // Above the high watermark there is nothing to read, and nothing wrong.
    check(CONSUMER, at(10), Ok(7));
}

#[test]
fn offsets_outside_the_log_are_out_of_range() {
    for reader in [follower(2), CONSUMER] {
        check(reader, at(1), Err(ErrorCode::OffsetOutOfRange));
        check(reader, at(11), Err(ErrorCode::OffsetOutOfRange));
    }
}

#[test]
fn readers_of_another_leader_epoch_are_fenced_or_wait() {
    check(CONSUMER, in_epoch(5, 3), Err(ErrorCode::FencedLeaderEpoch));
    check(CONSUMER, in_epoch(5, 5), Err(ErrorCode::UnknownLeaderEpoch));
    check(CONSUMER, in_epoch(5, 4), Ok(7));
}

#[test]
fn a_replica_that_is_not_assigned_has_to_wait() {
    check(follower(9), in_epoch(5, 4), Err(ErrorCode::UnknownLeaderEpoch));
    check(follower(9), at(5), Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn only_consumers_that_know_racks_may_read_from_a_follower() {
    let mut leading = leading();
    leading.follow(BrokerId(2), 5, 2);
    let read = |reader| leading.partition.read(&reader, &at(5), &leading.epochs);
    assert_eq!(read(CONSUMER).map(|view| view.up_to), Ok(Offset(7)));
    for reader in [OLD_CONSUMER, follower(2)] {
        assert_eq!(read(reader), Err(ErrorCode::NotLeaderOrFollower));
    }
}

/// A follower that holds records up to `offset`, the last of them of `epoch`; wants what the leader says of it.
#[track_caller]
fn check_divergence(offset: i64, epoch: i32, want: Result<Option<(i32, i64)>, ErrorCode>) {
    let leading = leading();
    let fetch =
        FetchPartition { last_fetched_epoch: Some(LeaderEpoch(epoch)), ..in_epoch(offset, 4) };
    let view = leading.partition.read(&follower(2), &fetch, &leading.epochs);
    let end =
        |(epoch, end)| EpochEndOffset { leader_epoch: LeaderEpoch(epoch), end_offset: Offset(end) };
    assert_eq!(
        view.map(|view| view.diverging_epoch),
        want.map(|found| found.map(end)),
        "offset {offset}, last epoch {epoch}"
    );
}

#[test]
fn a_log_diverges_if_its_epoch_ends_earlier_at_the_leader_or_is_unknown_there() {
    check_divergence(6, 1, Ok(None));
    check_divergence(8, 1, Ok(Some((1, 6))));
    check_divergence(8, 3, Ok(Some((1, 6))));
    check_divergence(10, 4, Ok(None));
    // Beyond the log end, but of the same epoch: the leader's end says where to cut.
    check_divergence(12, 4, Ok(Some((4, 10))));
    check_divergence(8, 5, Err(ErrorCode::OffsetOutOfRange));
    check_divergence(1, 1, Err(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_parked_fetch_is_answered_for_data_errors_and_divergence() {
    let mut leading = leading();
    let poll = |leading: &Leading, reader: &Reader, fetch: &FetchPartition| {
        leading.partition.poll_fetch(reader, fetch, &leading.epochs)
    };
    let (parked, consumer) = (in_epoch(10, 4), in_epoch(7, 4));
    assert_eq!(poll(&leading, &follower(2), &parked), FetchProgress::Nothing);
    assert_eq!(poll(&leading, &CONSUMER, &consumer), FetchProgress::Nothing);
    leading.append(12);
    let readable = |up_to| FetchProgress::Readable { up_to: Offset(up_to) };
    assert_eq!(poll(&leading, &follower(2), &parked), readable(12));
    assert_eq!(poll(&leading, &CONSUMER, &consumer), FetchProgress::Nothing);
    leading.fetch(2, 12);
    assert_eq!(poll(&leading, &CONSUMER, &consumer), readable(12));
    let diverging = FetchPartition { last_fetched_epoch: Some(LeaderEpoch(1)), ..parked };
    assert_eq!(poll(&leading, &follower(2), &diverging), FetchProgress::Answer);
    leading.lead(5, 2, &[1, 2]);
    assert_eq!(poll(&leading, &follower(2), &parked), FetchProgress::Answer);
    leading.follow(BrokerId(2), 6, 3);
    assert_eq!(poll(&leading, &OLD_CONSUMER, &at(7)), FetchProgress::Answer);
}

fn query(isolation: Option<Isolation>, version: i16) -> OffsetQuery {
    OffsetQuery { isolation, current_leader_epoch: None, leader_only: true, version }
}

#[test]
fn a_new_leader_names_no_end_before_its_high_watermark_reaches_its_epoch() {
    let client = Some(Isolation::ReadUncommitted);
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(7);
    leading.fetch(2, 5);
    leading.lead(1, 1, &[1, 2]);
    let latest = |leading: &Leading, query| leading.partition.latest_offset(&query);
    assert_eq!(latest(&leading, query(client, 10)), Err(ErrorCode::OffsetNotAvailable));
    assert_eq!(latest(&leading, query(client, 4)), Err(ErrorCode::LeaderNotAvailable));
    assert_eq!(latest(&leading, query(None, 10)), Ok(Offset(7)), "a follower sees the end");
    let found = |leading: &Leading, offset: Option<i64>| {
        leading.partition.offset_for_timestamp(&query(client, 10), offset.map(Offset))
    };
    assert_eq!(found(&leading, Some(4)), Ok(Some(Offset(4))), "that is committed");
    assert_eq!(found(&leading, Some(5)), Err(ErrorCode::OffsetNotAvailable));
    assert_eq!(found(&leading, None), Err(ErrorCode::OffsetNotAvailable));
    leading.fetch(2, 7);
    assert_eq!(latest(&leading, query(client, 10)), Ok(Offset(7)));
    assert_eq!(found(&leading, None), Ok(None), "no such record");
}
