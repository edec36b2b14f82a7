//! What clients notice: C1 to C3, S1 of a consumer, and the anomalies of a history.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::Offset;
use trial_cluster::note::client::ClientNote;
use trial_log::{LogEvent, LogStartReason};
use trial_sim::{HostId, Span};

use crate::check;
use crate::sequences::{batch_by, batch_of};
use crate::story::{B1, B2, B3, ORDERS, P1, Promises, R1, Story, id, nodes};

/// Record `number` goes the whole way to the offset of its number.
fn committed(story: &mut Story, number: u64) {
    let offset = i64::try_from(number).expect("a small number");
    for broker in [B1, B2, B3] {
        story.writes(broker, 0, number);
    }
    story.commits(B1, 0, offset + 1);
    story.produces(B1, number, offset, -1);
}

#[test]
fn c1_each_send_is_told_once() {
    check(&["C1", "C2"], |story| story.is_told(50, Some(2)));
    check(&["C1"], |story| {
        committed(story, 3);
        story.is_told(3, Some(3));
    });
    check(&["C1"], |story| {
        committed(story, 3);
        let (partition, error) = (Some(ORDERS), ErrorCode::RequestTimedOut);
        story.client(P1, ClientNote::Failed { id: id(3), partition, error, maybe_written: true });
    });
}

#[test]
fn c1_a_send_is_told_within_its_delivery_timeout() {
    check(&["C1"], |story| {
        story.has_id();
        story.sends(3);
        story.waits(Span::from_secs(12));
    });
    // It counts from the moment at which it can send.
    check(&[], |story| {
        story.sends(3);
        story.waits(Span::from_secs(12));
        story.has_id();
        story.waits(Span::from_secs(9));
    });
    check(&["C1"], |story| {
        story.has_id();
        story.sends(3);
        story.waits(Span::from_secs(12));
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 4);
        story.acks(B1, 3, 3, -1);
        story.is_told(3, Some(3));
    });
    // It was paused itself, or killed.
    check(&[], |story| {
        story.sends(3);
        story.fault("at 1s pause p1 for 20s", &[P1]);
        story.waits(Span::from_secs(12));
    });
    check(&[], |story| {
        story.sends(3);
        story.dies(P1);
        story.waits(Span::from_secs(12));
    });
}

#[test]
fn c2_the_record_stands_where_the_application_was_told() {
    // The broker has told something else than the producer tells its application.
    check(&["C2"], |story| {
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 4);
        story.sends(3);
        story.acks(B1, 3, 3, -1);
        story.is_told(3, Some(2));
    });
    check(&[], |story| committed(story, 3));
}

#[test]
fn c3_polls_go_on_from_the_position() {
    check(&["C3", "nonmonotonic-poll"], |story| {
        story.polls(&[(0, 0), (1, 1)]);
        story.polls(&[(1, 1), (2, 2)]);
    });
    check(&[], |story| {
        story.polls(&[(0, 0), (1, 1)]);
        story.polls(&[(2, 2)]);
    });
    // A new process begins anew.
    check(&[], |story| {
        story.polls(&[(0, 0), (1, 1)]);
        story.dies(R1);
        story.polls(&[(0, 0), (1, 1), (2, 2)]);
    });
}

#[test]
fn nonmonotonic_poll_a_reset_does_not_excuse_going_back() {
    check(&["nonmonotonic-poll"], |story| {
        story.polls(&[(0, 0), (1, 1)]);
        let (position, divergent) = (Offset(2), Some(Offset(1)));
        let partition = ORDERS;
        story.client(R1, ClientNote::TruncationDetected { partition, position, divergent });
        story.polls(&[(1, 1), (2, 2)]);
    });
}

#[test]
fn inconsistent_offsets_one_offset_holds_one_record() {
    check(&["inconsistent-offsets"], |story| {
        story.polls(&[(0, 0), (1, 1), (2, 2)]);
        story.dies(R1);
        story.polls(&[(0, 0), (1, 9)]);
    });
}

#[test]
fn poll_skip_nothing_committed_is_left_out() {
    check(&["poll-skip"], |story| story.polls(&[(0, 0), (2, 2)]));
    check(&[], |story| story.polls(&[(0, 0), (1, 1), (2, 2)]));
}

#[test]
fn unseen_what_was_told_safe_is_read_by_the_end() {
    check(&["unseen"], |story| {
        committed(story, 3);
        story.polls(&[(0, 0), (1, 1), (2, 2)]);
        let partition = ORDERS;
        let (records, position) = (Vec::new(), Offset(4));
        story.client(R1, ClientNote::Polled { partition, records, position });
    });
    check(&[], |story| {
        committed(story, 3);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
    });
}

#[test]
fn lost_write_what_was_told_safe_and_is_passed_over_was_lost() {
    check(&["lost-write", "poll-skip"], |story| {
        committed(story, 3);
        committed(story, 4);
        story.polls(&[(0, 0), (1, 1), (2, 2)]);
        story.polls(&[(4, 4)]);
    });
}

/// Seed 14813 of `any_cluster`: while another leader stood that lacks them, consumers read its records in their place.
#[test]
fn lost_write_is_excused_where_an_unclean_election_hid_records_for_a_while() {
    let tale = |from: ElectedFrom, back: ElectedFrom, lacks_it: bool| {
        let mut story = Story::with_three(crate::DURABLE);
        story.polls(&[(0, 0), (1, 1), (2, 2)]);
        story.sends(3);
        story.writes(B1, 0, 3);
        story.produces(B1, 3, 3, 1);
        if !lacks_it {
            story.writes(B3, 0, 3);
        }
        story.fault("at 1s isolate b1", &[B1]);
        story.elects(3, &[3], from);
        story.leads(B3, 1);
        story.writes(B3, 1, 9);
        story.writes(B3, 1, 10);
        story.commits(B3, 1, 5);
        story.polls(&[(4, 10)]);
        story.elects(1, &[1], back);
        story.leads(B1, 2);
        story.writes(B1, 2, 11);
        story.commits(B1, 2, 5);
        story.end().contains(&"lost-write")
    };
    let (clean, unclean) = (ElectedFrom::Isr, ElectedFrom::Unclean);
    assert!(!tale(unclean, unclean, true), "it is excused");
    // Told with acks=1, and the next leader in sync lacks it: an unclean election brings it back.
    assert!(!tale(clean, unclean, true), "it is excused");
    assert!(tale(unclean, unclean, false), "that leader has it");
    assert!(tale(clean, clean, true), "who is in sync has everything");
}

#[test]
fn s1_a_consumer_finds_no_bad_batch() {
    let (partition, position) = (ORDERS, Offset(1));
    check(&["S1"], |story| story.client(R1, ClientNote::CorruptBatch { partition, position }));
}

#[test]
fn duplicate_is_a_violation_only_of_an_idempotent_producer() {
    let twice = |story: &mut Story| {
        story.sends(3);
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 5);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)]);
    };
    check(&["duplicate"], twice);
    let mut story = Story::with_three(Promises { idempotent: false, ..crate::DURABLE });
    story.fault("at 1s reset p1 - b1", &[P1, B1]);
    twice(&mut story);
    assert_eq!(story.end(), [""; 0]);
    let [excuse] = story.judge.excused() else { panic!("{:?}", story.judge.excused()) };
    assert_eq!(excuse.setting, "enable.idempotence=false");
    assert_eq!(excuse.fault, "a retry by p1 after at 1s reset p1 - b1");
}

#[test]
fn duplicate_is_excused_where_a_restarted_broker_took_the_first_batch_for_out_of_order() {
    let tale = |refused_by: HostId, restarted: HostId| {
        let mut story = Story::with_three(crate::DURABLE);
        story.has_id();
        story.sends(3);
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.fault("at 1s crash b1", &[B1]);
        story.boots(restarted);
        story.refuses_sequence(refused_by, 3);
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 5);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)]);
        story
    };
    let mut story = tale(B1, B1);
    assert_eq!(story.end(), [""; 0]);
    let [excuse] = story.judge.excused() else { panic!("{:?}", story.judge.excused()) };
    assert_eq!(excuse.setting, "a producer's snapshot, which holds one batch");
    assert_eq!(excuse.fault, "b1 had restarted after at 1s crash b1");
    // A broker that was up all the time remembers five batches.
    assert_eq!(tale(B1, B2).end(), ["duplicate"]);
}

/// Seed 104 of `old_records_go`.
#[test]
fn duplicate_is_excused_where_a_restarted_broker_holds_nothing_of_the_producer() {
    let tale = |is_opened: bool| {
        let mut story = Story::with_three(crate::DURABLE);
        story.has_id();
        story.sends(3);
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 4);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
        story.asks_to_delete(B1, 4);
        story.starts(B1, 0, 4, LogStartReason::ClientRecordDeletion);
        story.fault("at 1s crash b1", &[B1]);
        if is_opened {
            let (clean, start) = (false, Offset(4));
            story.log(
                B1,
                LogEvent::Opened { clean, log_start_offset: start, log_end_offset: start },
            );
        }
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 5);
        story.polls(&[(4, 3)]);
        // What a later process finds changes nothing of that.
        let (start, end) = (Offset(4), Offset(5));
        story.log(
            B1,
            LogEvent::Opened { clean: true, log_start_offset: start, log_end_offset: end },
        );
        story
    };
    let mut story = tale(true);
    assert_eq!(story.end(), [""; 0]);
    let [excuse] = story.judge.excused() else { panic!("{:?}", story.judge.excused()) };
    assert_eq!(excuse.setting, "retention, which took all that a broker knew a producer by");
    assert_eq!(excuse.fault, "b1 had restarted after at 1s crash b1");
    // A broker that was up all the time remembers the producer, whatever retention takes.
    assert_eq!(tale(false).end(), ["duplicate"]);
}

/// Seed 1474 of `any_cluster`: what was read is gone with its leader, and the next one knows nothing of its sequence.
#[test]
fn duplicate_is_excused_where_an_unclean_election_took_the_first_copy() {
    let tale = |from: ElectedFrom, lacks_it: bool| {
        let mut story = Story::with_three(crate::DURABLE);
        story.has_id();
        story.sends(3);
        story.sends(4);
        story.writes(B1, 0, 3);
        if !lacks_it {
            story.writes(B3, 0, 3);
        }
        story.commits(B1, 0, 4);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
        story.fault("at 1s isolate b1", &[B1]);
        story.elects(3, &[3], from);
        story.leads(B3, 1);
        story.writes(B3, 1, 4);
        story.writes(B3, 1, 3);
        story.polls(&[(4, 3)]);
        story.end().contains(&"duplicate")
    };
    assert!(!tale(ElectedFrom::Unclean, true), "it is excused");
    assert!(tale(ElectedFrom::Unclean, false), "that leader has it, and knows its sequence");
    assert!(tale(ElectedFrom::Isr, true), "who is in sync has everything");
}

/// The second batch comes to a new leader before the first, which is then out of order; both go again in the next
/// epoch. (Seed 2228 of `groups_at_once`.)
#[test]
fn duplicate_is_excused_where_a_leader_took_a_later_batch_as_the_first_of_its_producer() {
    let tale = |first: i32, next_epoch: i16, is_refused: bool| {
        let mut story = Story::with_three(crate::DURABLE);
        story.has_id();
        story.sends(3);
        story.sends(4);
        story.fault("at 1s pause b2", &[B2]);
        let write = |story: &mut Story, number, base, epoch, sequence| {
            for broker in [B1, B2, B3] {
                story.writes_batch(broker, batch_of(number, base, epoch, sequence));
            }
        };
        write(&mut story, 4, 3, 0, first);
        if is_refused {
            story.refuses_sequence(B1, 3);
        }
        write(&mut story, 3, 4, next_epoch, if next_epoch == 0 { first + 1 } else { 0 });
        write(&mut story, 4, 5, next_epoch, if next_epoch == 0 { first + 2 } else { 1 });
        story.commits(B1, 0, 6);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 4), (4, 3), (5, 4)]);
        story
    };
    let mut story = tale(1, 1, true);
    assert_eq!(story.end(), [""; 0]);
    let [excuse] = story.judge.excused() else { panic!("{:?}", story.judge.excused()) };
    let setting = "a leader that knows nothing of a producer, which takes any first sequence";
    assert_eq!(excuse.setting, setting);
    assert_eq!(excuse.fault, "sequence 1 came to a leader before the first, after at 1s pause b2");
    // The leader knew the producer; nobody was told of a gap; the epoch is the same.
    for (first, next_epoch, is_refused) in [(0, 1, true), (1, 1, false), (1, 0, true)] {
        assert_eq!(tale(first, next_epoch, is_refused).end(), ["duplicate"]);
    }
}

/// A deposed leader, whose log lacks what came since, calls the next batch out of order. (Seed 19200 of
/// `groups_at_once`.)
#[test]
fn duplicate_is_excused_where_a_deposed_leader_called_a_batch_out_of_order() {
    let tale = |refused_by: HostId, next_epoch: i16| {
        let mut story = Story::with_three(crate::DURABLE);
        story.has_id();
        story.sends(3);
        story.fault("at 1s isolate b1", &[B1]);
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
        story.leads(B2, 1);
        for broker in [B2, B3] {
            story.writes_batch(broker, batch_by(1, 3, 3, 0, 0));
            story.remembers(broker, "0\n2\n0 0\n1 3\n");
        }
        story.refuses_sequence(refused_by, 3);
        let sequence = i32::from(next_epoch == 0);
        for broker in [B2, B3] {
            story.writes_batch(broker, batch_by(1, 3, 4, next_epoch, sequence));
        }
        story.registers(|it| it.isr = nodes(&[2, 3]));
        story.commits(B2, 1, 5);
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)]);
        story
    };
    let mut story = tale(B1, 1);
    assert_eq!(story.end(), [""; 0]);
    let [excuse] = story.judge.excused() else { panic!("{:?}", story.judge.excused()) };
    assert_eq!(excuse.setting, "a produce request, which names no leader epoch");
    let fault = "b1, which did not lead any more, refused it, after at 1s isolate b1";
    assert_eq!(excuse.fault, fault);
    // It led; the epoch is the same.
    for (refused_by, next_epoch) in [(B2, 1), (B1, 0)] {
        assert_eq!(tale(refused_by, next_epoch).end(), ["duplicate"]);
    }
}
