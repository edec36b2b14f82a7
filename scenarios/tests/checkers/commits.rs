//! What is written, committed, told and handed out: R1 to R6, R8 to R12, R15, R16, R19, R22 to R25, S1, C2,
//! nonmonotonic-end.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::{PartitionEvent, TruncationCause};
use trial_sim::Span;

use crate::check;
use crate::story::{B1, B2, B3, C1, C2, DURABLE, Story, batch, nodes};

const ISR: ElectedFrom = ElectedFrom::Isr;

#[test]
fn a_quiet_story_breaks_nothing() {
    check(&[], |_| {});
    check(&[], |story| {
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
        story.commits(B1, 0, 4);
        story.produces(B1, 3, 3, -1);
        story.serves(B1, 4, 0, batch(3, 0, 3));
        story.polls(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
    });
}

#[test]
fn r1_one_writer_in_an_epoch() {
    check(&["R1"], |story| story.writes(B2, 0, 9));
    check(&["R1"], |story| {
        story.leads(B2, 0);
    });
    // The new leader writes in its own epoch; the old one's last words are a copy of nothing, and in its own.
    check(&[], |story| {
        story.elects(2, &[1, 2, 3], ISR);
        story.leads(B2, 1);
        story.writes(B1, 0, 8);
    });
}

#[test]
fn r1_a_copy_of_what_its_leader_has_lost_is_no_new_record() {
    check(&[], |story| {
        story.writes(B1, 0, 3);
        story.loses_records(B1, 3);
        story.writes(B2, 0, 3);
    });
}

#[test]
fn r2_offsets_and_epochs_rise_along_a_log() {
    check(&["R2", "R6"], |story| story.writes_at(B1, 1, 0, 1));
    check(&["R16", "R2"], |story| {
        story.elects(1, &[1, 2, 3], ISR);
        story.leads(B1, 1);
        story.writes(B1, 1, 4);
        story.remembers(B1, "0\n2\n0 0\n1 3\n");
        story.writes(B1, 0, 5);
    });
}

#[test]
fn r3_two_replicas_agree_below_both_high_watermarks() {
    // b3 led for a while, and keeps what it wrote although others have committed something else there.
    let two_histories = |story: &mut Story| {
        story.elects(3, &[1, 2, 3], ISR);
        story.leads(B3, 1);
        story.writes(B3, 1, 7);
        story.remembers(B3, "0\n2\n0 0\n1 3\n");
        story.elects(1, &[1, 2], ISR);
        story.leads(B1, 2);
        for broker in [B1, B2] {
            story.writes(broker, 2, 3);
            story.remembers(broker, "0\n2\n0 0\n2 3\n");
        }
        story.commits(B1, 2, 4);
    };
    check(&[], two_histories);
    check(&["R23", "R3"], |story| {
        two_histories(story);
        story.follows_to(B3, 2, 4);
    });
}

#[test]
fn r4_a_leader_of_a_newer_epoch_does_not_overwrite() {
    check(&["R15", "R23", "R3", "R4", "R5", "R6"], |story| {
        story.elects(2, &[1, 2, 3], ISR);
        story.cuts(B2, 2);
        story.leads(B2, 1);
        story.writes(B2, 1, 9);
        story.remembers(B2, "0\n2\n0 0\n1 2\n");
    });
}

/// b1 wrote it in epoch 0 and was deposed by b2, which has not; b1 leads again, and commits it with b3. b2 does not
/// know yet and writes on in epoch 1: it will be cut. (Seed 4068 of `groups_at_once`.)
#[test]
fn r4_a_leader_may_overwrite_what_is_committed_in_an_epoch_after_its_own() {
    let tale = |story: &mut Story, epoch: i32| {
        story.writes(B1, 0, 7);
        story.elects(2, &[2], ISR);
        story.leads(B2, 1);
        story.elects(1, &[1, 3], ISR);
        story.leads(B1, 2);
        story.writes(B3, 0, 7);
        story.commits(B1, 2, 4);
        story.writes(B2, epoch, 9);
        story.remembers(B2, &format!("0\n2\n0 0\n{epoch} 3\n"));
    };
    check(&[], |story| tale(story, 1));
    check(&["R1", "R4"], |story| tale(story, 2));
}

/// What stands behind a hole is not what was committed in it: the words do not say that it is another batch.
#[test]
fn r4_what_a_leader_has_behind_a_hole_is_not_in_its_place() {
    let mut story = Story::with_three(DURABLE);
    story.cuts(B2, 2);
    story.writes_at(B2, 3, 0, 9);
    story.elects(2, &[1, 2, 3], ISR);
    story.leads(B2, 1);
    story.end();
    let found = story.judge.violations().iter().find(|found| found.invariant == "R4");
    let found = found.expect("b2 leads without offset 2");
    assert!(found.message.ends_with("and is missing on its leader b2"), "{}", found.message);
    let then = "b2 has nothing there on its disk, and behind it offset 3 of epoch 0";
    assert!(found.facts[1].contains(then), "{:?}", found.facts);
}

#[test]
fn r5_a_leader_has_everything_committed() {
    check(&["R15", "R5", "R6"], |story| {
        story.cuts(B2, 2);
        story.elects(2, &[1, 2, 3], ISR);
        story.leads(B2, 1);
    });
    check(&[], |story| {
        story.elects(2, &[1, 2, 3], ISR);
        story.leads(B2, 1);
    });
}

#[test]
fn r5_a_replica_that_lost_bytes_is_judged_once_its_registration_is_handled() {
    check(&[], |story| {
        story.loses_records(B2, 1);
        story.elects(2, &[2, 3], ISR);
        story.leads(B2, 1);
    });
    check(&["R17", "R5"], |story| {
        story.loses_records(B2, 1);
        story.unfences(2);
        story.elects(2, &[2, 3], ISR);
        story.leads(B2, 1);
    });
}

#[test]
fn r6_eligible_replicas_have_everything_committed() {
    check(&["R15", "R6"], |story| {
        story.cuts(B3, 1);
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
    });
    check(&[], |story| {
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
    });
}

#[test]
fn r8_the_high_watermark_waits_for_the_in_sync_set() {
    let grow = |story: &mut Story| {
        story.writes(B1, 0, 3);
        story.writes(B2, 0, 3);
        story.commits(B1, 0, 4);
    };
    check(&["R6", "R8"], grow);
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        grow(story);
    });
}

/// A controller that is deposed registers b2 anew, and nobody else ever hears of it. (Seed 9805 of `groups_at_once`.)
#[test]
fn r8_a_registration_that_is_undone_lets_nobody_count() {
    let tale = |is_undone: bool| {
        move |story: &mut Story| {
            for broker in [B1, B2, B3] {
                story.writes(broker, 0, 3);
            }
            story.registers(|it| it.isr = nodes(&[1, 3]));
            story.loses_records(B2, 3);
            let next = story.next_offset();
            story.unfences(2);
            if is_undone {
                story.activates(C2, next.0 + 1);
            }
            let change = |it: &mut PartitionRegistration| it.isr = nodes(&[1, 2, 3]);
            story.registers_by(if is_undone { C2 } else { C1 }, change);
            story.commits(B1, 0, 4);
        }
    };
    check(&[], tale(true));
    check(&["R6", "R8"], tale(false));
}

#[test]
fn r9_some_disk_holds_what_was_committed() {
    let lose = |brokers: &'static [trial_sim::HostId]| {
        move |story: &mut Story| {
            for broker in brokers {
                story.loses_records(*broker, 2);
            }
        }
    };
    check(&["R9"], lose(&[B2, B3, B1]));
    check(&[], lose(&[B2, B3]));
}

#[test]
fn r10_the_high_watermark_lies_within_the_log() {
    check(&["R10"], |story| story.follows_to(B3, 0, 4));
    check(&["R10"], |story| story.serves(B1, 3, 5, bytes::Bytes::new()));
    check(&[], |story| story.serves(B1, 3, 3, bytes::Bytes::new()));
}

#[test]
fn r11_the_high_watermark_rests_under_min_insync() {
    let grow = |in_sync: u16| {
        move |story: &mut Story| {
            for broker in [B1, B2, B3] {
                story.writes(broker, 0, 3);
            }
            story.commits_with(B1, 0, 4, in_sync);
        }
    };
    check(&["R11"], grow(1));
    check(&[], grow(2));
}

#[test]
fn r12_acks_all_is_told_of_what_is_committed() {
    let all_write = |story: &mut Story| {
        for broker in [B1, B2, B3] {
            story.writes(broker, 0, 3);
        }
    };
    // By bytes: nobody's high watermark has passed it, and only one disk has it.
    check(&["R12"], |story| {
        all_write(story);
        story.acks(B1, 3, 3, -1);
    });
    check(&["R12", "R6", "R8"], |story| {
        story.writes(B1, 0, 3);
        story.commits(B1, 0, 4);
        story.acks(B1, 3, 3, -1);
    });
    check(&[], |story| {
        all_write(story);
        story.commits(B1, 0, 4);
        story.acks(B1, 3, 3, -1);
    });
    let completes = |high_watermark, maximal_isr| PartitionEvent::ProduceCompleted {
        required: Offset(3),
        high_watermark: Offset(high_watermark),
        maximal_isr,
        min_isr: 2,
        leader_epoch: LeaderEpoch(0),
        error: ErrorCode::None,
    };
    // A leader may count on what a member had before it lost its power, until that member is back (seed 1580 of
    // `old_records_go`): within the budget, the record has a copy.
    let joins = |is_back: bool| {
        move |story: &mut Story| {
            story.registers(|it| it.isr = nodes(&[1]));
            story.writes(B1, 0, 3);
            story.writes(B3, 0, 3);
            story.loses_records(B3, 3);
            if is_back {
                story.unfences(3);
            }
            story.registers(|it| it.isr = nodes(&[1, 3]));
            story.commits_with(B1, 0, 4, 2);
            story.acks(B1, 3, 3, -1);
        }
    };
    check(&[], joins(false));
    check(&["R12", "R6", "R8"], joins(true));
    check(&["R12"], |story| story.partition(B1, completes(2, 3)));
    check(&["R12"], |story| story.partition(B1, completes(3, 1)));
    check(&[], |story| story.partition(B1, completes(3, 2)));
}

#[test]
fn r15_nobody_cuts_below_its_high_watermark() {
    check(&[], |story| {
        story.writes(B1, 0, 3);
        story.writes(B2, 0, 3);
        story.cuts(B2, 3);
    });
    let noted = |to| PartitionEvent::Truncated {
        from: Offset(3),
        to: Offset(to),
        high_watermark: Offset(3),
        cause: TruncationCause::Divergence,
        asked_in: LeaderEpoch::NONE,
    };
    check(&["R15"], |story| story.partition(B2, noted(2)));
    check(&[], |story| story.partition(B2, noted(3)));
}

#[test]
fn r18_an_answer_of_an_earlier_epoch_cuts_nothing() {
    let follows = |story: &mut Story, epoch| {
        let event = PartitionEvent::BecameFollower {
            leader: trial_cluster::ids::BrokerId(1),
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: story.partition_epoch(),
            log_end_offset: Offset(5),
            high_watermark: Offset(0),
        };
        story.partition(B2, event);
    };
    let cuts_for = |story: &mut Story, epoch| {
        let event = PartitionEvent::Truncated {
            from: Offset(5),
            to: Offset(3),
            high_watermark: Offset(0),
            cause: TruncationCause::Divergence,
            asked_in: LeaderEpoch(epoch),
        };
        story.partition(B2, event);
    };
    check(&["R18"], |story| {
        follows(story, 2);
        cuts_for(story, 1);
    });
    check(&[], |story| {
        follows(story, 2);
        cuts_for(story, 2);
    });
    // Nobody was asked: it cuts by its own high watermark.
    check(&[], |story| {
        follows(story, 2);
        cuts_for(story, -1);
    });
}

#[test]
fn r24_nobody_waits_for_who_cannot_join() {
    // b3 is fenced, or has left the in-sync set for another reason and runs.
    let rests = |fenced: bool, moves: bool| {
        move |story: &mut Story| {
            for number in 3..5 {
                for broker in [B1, B2] {
                    story.writes(broker, 0, number);
                }
            }
            story.registers(|it| it.isr = nodes(&[1, 2]));
            if fenced {
                story.fences(3);
            }
            let (partition_epoch, isr) = (story.partition_epoch(), nodes(&[1, 2]));
            story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
            story.answers(B1, B2, (3, 0), batch(4, 0, 4));
            if moves {
                story.commits_with(B1, 0, 4, 2);
            }
            story.waits(Span::from_millis(1_500));
            story.answers(B1, B2, (3, 0), batch(4, 0, 4));
        }
    };
    check(&["R24"], rests(true, false));
    check(&[], rests(true, true));
    check(&[], rests(false, false));
    // It is dead, and nobody has said so yet.
    check(&[], |story| {
        story.dies(B3);
        rests(false, false)(story);
    });
    // It is back: the leader may be about to let it in. It may be dead again: no leader knows before it is fenced
    // (seed 35 of `standard_0`).
    for crashes in [false, true] {
        let comes_back = |story: &mut Story| {
            rests(true, true)(story);
            for broker in [B1, B2] {
                story.writes(broker, 0, 5);
            }
            story.unfences(3);
            if crashes {
                story.dies(B3);
            }
            for _ in 0..2 {
                story.answers(B1, B2, (4, 0), batch(5, 0, 5));
                story.waits(Span::from_millis(1_500));
            }
        };
        check(&[], comes_back);
        // Fenced once more, it may still be unfenced to the leader.
        check(&[], |story| {
            comes_back(story);
            story.fences(3);
            story.answers(B1, B2, (4, 0), batch(5, 0, 5));
            story.waits(Span::from_millis(1_500));
            story.answers(B1, B2, (4, 0), batch(5, 0, 5));
        });
    }
}

#[test]
fn nonmonotonic_end_who_asks_later_is_told_no_less() {
    let told = |first: (i64, i32), second: (i64, i32)| {
        move |story: &mut Story| {
            story.tells_end(B1, first);
            story.tells_end(B2, second);
        }
    };
    check(&["nonmonotonic-end"], told((3, 0), (2, 1)));
    check(&["nonmonotonic-end"], told((3, 1), (2, 1)));
    check(&[], told((3, 0), (3, 1)));
    // The second does not know yet that it leads no more.
    check(&[], told((3, 1), (2, 0)));
}

#[test]
fn r16_the_epochs_on_disk_are_the_logs() {
    check(&["R16", "R23"], |story| story.remembers(B2, "0\n1\n5 0\n"));
    check(&["R16"], |story| story.remembers(B2, "0\n3\n0 0\n4 5\n3 6\n"));
    // An epoch without records begins at the end.
    check(&[], |story| story.remembers(B2, "0\n2\n0 0\n1 3\n"));
}

#[test]
fn r19_consumers_get_what_is_committed() {
    check(&["R19"], |story| story.serves(B1, 3, 0, batch(2, 0, 99)));
    check(&["R19"], |story| story.serves(B1, 3, 0, batch(3, 0, 3)));
    check(&[], |story| story.serves(B1, 3, 0, batch(2, 0, 2)));
    // A follower may be asked too (KIP-392), and is held to what leaders have committed.
    check(&["R19"], |story| story.serves(B2, 2, 0, batch(2, 0, 2)));
    check(&["R19"], |story| story.serves(B2, 4, 0, batch(3, 0, 3)));
    check(&["R19"], |story| story.serves(B2, 3, 0, batch(1, 0, 99)));
    check(&[], |story| story.serves(B2, 2, 0, batch(1, 0, 1)));
}

#[test]
fn r22_who_joins_reaches_the_high_watermark_and_the_epochs_start() {
    let join = |story: &mut Story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.leads(B1, 0);
        let (leader_epoch, partition_epoch) = (Offset(0), story.partition_epoch());
        story.partition(
            B1,
            PartitionEvent::IsrExpandAsked {
                joining: trial_cluster::ids::BrokerId(3),
                follower_end: Offset(3),
                high_watermark: Offset(3),
                epoch_start_offset: leader_epoch,
                partition_epoch,
            },
        );
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    };
    check(&[], join);
    // It is there again before it has what it lost, which is R17's too.
    check(&["R17", "R22"], |story| {
        story.loses_records(B3, 1);
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.unfences(3);
        join(story);
    });
}

#[test]
fn r25_consumers_are_sent_to_others_who_are_in_sync() {
    let shrunk = |story: &mut Story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.leads(B1, 0);
    };
    check(&[], |story| story.sends_elsewhere(B1, 3));
    check(&["R25"], |story| story.sends_elsewhere(B1, 1));
    check(&["R25"], |story| story.sends_elsewhere(B1, 9));
    // A follower sends nobody anywhere.
    check(&["R25"], |story| story.sends_elsewhere(B2, 3));
    // An answer is on its way when the set shrinks; it does not take longer than a second.
    check(&[], |story| {
        shrunk(story);
        story.sends_elsewhere(B1, 3);
    });
    check(&["R25"], |story| {
        shrunk(story);
        story.waits(Span::from_secs(2));
        story.sends_elsewhere(B1, 3);
    });
}

#[test]
fn s1_bytes_are_whole_batches_with_their_checksums() {
    let mut bad = batch(2, 0, 2).to_vec();
    *bad.last_mut().unwrap() ^= 1;
    let served = bytes::Bytes::from(bad.clone());
    check(&["S1"], |story| story.serves(B1, 3, 0, served));
    let mut stored = batch(3, 0, 3).to_vec();
    *stored.last_mut().unwrap() ^= 1;
    check(&["S1"], |story| {
        story.append(B2, "orders-0/00000000000000000000.log", bytes::Bytes::from(stored));
    });
}

#[test]
fn c2_a_told_offset_holds_the_batch() {
    check(&["C2"], |story| {
        story.writes(B1, 0, 3);
        story.acks(B1, 3, 44, 1);
    });
    check(&["C2"], |story| story.acks(B1, 3, 3, 1));
    check(&[], |story| {
        story.writes(B1, 0, 3);
        story.acks(B1, 3, 3, 1);
    });
}
