//! What DeleteRecords waits for: the smallest start among the logs of live replicas.
//!
//! Holds: a table after Kafka's `Partition.lowWatermarkIfLeader`.

use super::leading::{Leading, fetched};
use crate::ids::{BrokerId, Offset};
use crate::partition::FollowerFetch;
use crate::partition::effect::Registration;

/// Broker 1 leads, with a log from 3 to 5; only it and 3 are in sync. The others have fetched with these starts, if at
/// all; what is registered of broker 2 changes.
#[track_caller]
fn check(starts: [Option<i64>; 2], change: impl FnOnce(&mut Registration), want: i64) {
    let mut leading = Leading::new(1, &[1, 3]);
    leading.append(5);
    leading.partition.on_log_start(Offset(3));
    for (replica, start) in [2, 3].into_iter().zip(starts) {
        let Some(start) = start else { continue };
        let log_start_offset = Offset(start);
        let fetch = FollowerFetch { log_start_offset, ..fetched(&leading, replica, 5) };
        leading.fetch_as(&fetch).expect("it is the registered incarnation");
    }
    leading.brokers = leading.brokers.change(2, change);
    let found = leading.partition.low_watermark(&leading.brokers);
    assert_eq!(found, Some(Offset(want)), "{starts:?}");
}

#[test]
fn every_live_replica_counts_in_sync_or_not() {
    check([Some(3), Some(3)], |_| {}, 3);
    check([Some(3), Some(2)], |_| {}, 2);
    check([Some(1), Some(3)], |_| {}, 1);
    check([Some(4), Some(5)], |_| {}, 3);
    check([Some(3), None], |_| {}, -1);
    check([None, Some(3)], |_| {}, -1);
}

#[test]
fn who_is_fenced_is_not_waited_for() {
    check([Some(1), Some(3)], |two| two.fenced = true, 3);
    check([None, Some(2)], |two| two.fenced = true, 2);
    check([Some(1), Some(3)], |two| two.in_controlled_shutdown = true, 1);
}

#[test]
fn who_does_not_lead_knows_none() {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.follow(BrokerId(2), 1, 1);
    assert_eq!(leading.partition.low_watermark(&leading.brokers), None);
}
