//! What a cleaning may take of a compacted topic, and what a crash may leave of it: S6, S8. Who misses what is gone.
//!
//! Holds: seven records of four keys, in three segments; on all brokers, committed, told safe.

use bytes::{Bytes, BytesMut};
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::note::client::RECORD_ID_HEADER;
use trial_log::{BatchBuilder, Header, LogStartReason};
use trial_sim::{HostId, Seen};

use crate::ends;
use crate::story::{B1, B2, B3, DURABLE, Story, id, nodes};
use crate::talk::sets;

const BROKERS: [HostId; 3] = [B1, B2, B3];
const COMPACT: &[(&str, &str)] = &[("cleanup.policy", "compact"), ("delete.retention.ms", "5000")];
/// The clock when the first cleaning begins, and when the tombstones that it has met may go.
const CLEANED_MS: i64 = 2_000;
const HORIZON_MS: i64 = 7_000;

/// What is written: each record with its key, and whether it has a value. Segments begin at 0, 4 and 6.
const WRITTEN: [(&str, bool); 7] =
    [("a", true), ("b", true), ("a", true), ("b", false), ("c", true), ("a", true), ("d", true)];

/// A batch at `base` with records as they were written, given by their offsets.
fn made(base: i64, records: &[i64], horizon_ms: Option<i64>) -> Bytes {
    let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(0));
    if let Some(horizon_ms) = horizon_ms {
        builder = builder.delete_horizon_ms(horizon_ms);
    }
    for offset in records {
        let (key, has_value) = WRITTEN[usize::try_from(*offset).expect("small")];
        add(&mut builder, *offset, key, has_value);
    }
    builder.build().into_bytes()
}

fn add(builder: &mut BatchBuilder, offset: i64, key: &str, has_value: bool) {
    let number = u64::try_from(offset).expect("small");
    let id = id(number).0.to_be_bytes();
    let header = Header { key: RECORD_ID_HEADER, value: Some(&id) };
    let value = number.to_be_bytes();
    let value = has_value.then_some(&value[..]);
    builder.append_at(Offset(offset), 1_000, Some(key.as_bytes()), value, &[header]);
}

/// One more record of this key.
fn another(offset: i64, key: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(0));
    add(&mut builder, offset, key, true);
    builder.build().into_bytes()
}

/// One batch for each record.
fn each(records: &[i64]) -> Bytes {
    joined(&records.iter().map(|offset| made(*offset, &[*offset], None)).collect::<Vec<_>>())
}

fn joined(parts: &[Bytes]) -> Bytes {
    let mut whole = BytesMut::new();
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    whole.freeze()
}

/// What a first cleaning leaves of the segments at 0 and 4: the tombstone with its time, and the newest of c and a.
fn first_pass() -> Bytes {
    joined(&[made(3, &[3], Some(HORIZON_MS)), each(&[4, 5])])
}

/// A story in which everything was written, committed and told safe.
fn story(settings: &[(&str, &str)]) -> Story {
    let mut story = Story::keeping(DURABLE, settings);
    for broker in BROKERS {
        for offset in 0..7 {
            story.ends_at(broker, offset);
            if matches!(offset, 4 | 6) {
                story.rolls(broker);
            }
            story.writes_batch(broker, each(&[offset]));
            story.ends_at(broker, 7);
        }
        story.remembers(broker, "0\n1\n0 0\n");
    }
    story.commits(B1, 0, 7);
    for broker in [B2, B3] {
        story.follows_to(broker, 0, 7);
    }
    for offset in 0..7 {
        let number = u64::try_from(offset).expect("small");
        let (key, has_value) = WRITTEN[usize::try_from(offset).expect("small")];
        let mut builder = BatchBuilder::new(Offset(offset));
        add(&mut builder, offset, key, has_value);
        story.sends(number);
        story.acks_batch(B1, offset, builder.build().into_bytes(), -1);
        story.is_told(number, Some(offset));
    }
    story.clocks(CLEANED_MS);
    story
}

#[track_caller]
fn check(want: &[&str], play: impl FnOnce(&mut Story)) -> Story {
    let mut story = story(COMPACT);
    play(&mut story);
    ends(story, want)
}

/// A follower cleans its segments at 0 and 4 into these bytes; the rule that S6 names says `want`.
#[track_caller]
fn refused(new: Bytes, others: &[&str], want: &str) {
    let mut all = others.to_vec();
    all.push("S6");
    let story = check(&all, |story| story.cleans(B2, &[0, 4], &[(0, new)]));
    says(&story, "S6", want);
}

#[track_caller]
fn says(story: &Story, invariant: &str, want: &str) {
    let found = story.judge.violations().iter().find(|found| found.invariant == invariant);
    let message = &found.expect("it is violated").message;
    assert!(message.ends_with(want), "{message} does not end with {want}");
}

#[test]
fn a_cleaning_is_silent_and_nobody_misses_what_is_superseded() {
    let story = check(&[], |story| {
        for broker in BROKERS {
            story.cleans(broker, &[0, 4], &[(0, first_pass())]);
        }
        story.polls(&[(3, 3), (4, 4), (5, 5), (6, 6)]);
    });
    let counts = story.judge.facts().probes.by_name();
    assert_eq!(counts.get("acked_record_let_go"), Some(&3), "0, 1 and 2 are superseded");
}

#[test]
fn a_tombstone_goes_when_its_time_is_over() {
    check(&[], |story| {
        for broker in BROKERS {
            story.clocks(CLEANED_MS);
            story.cleans(broker, &[0, 4], &[(0, first_pass())]);
            story.clocks(HORIZON_MS);
            story.cleans(broker, &[0], &[(0, each(&[4, 5]))]);
        }
        story.polls(&[(4, 4), (5, 5), (6, 6)]);
    });
}

/// One broker has cleaned what another one has not: whoever leads, and whoever reads from whom, it is the same log.
#[test]
fn replicas_clean_each_by_itself() {
    check(&[], |story| {
        story.polls(&[(0, 0)]);
        story.cleans(B2, &[0, 4], &[(0, first_pass())]);
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
        story.leads(B2, 1);
        story.serves(B2, 7, 0, first_pass());
        story.polls(&[(3, 3), (4, 4), (5, 5), (6, 6)]);
    });
}

#[test]
fn s6_the_newest_record_of_a_key_stays() {
    let tombstone = made(3, &[3], Some(HORIZON_MS));
    let without = joined(&[each(&[2]), tombstone.clone(), each(&[4])]);
    let rule = "the record at offset 5 was the newest of its key and is gone";
    refused(without, &["R3", "R6"], rule);
    // What supersedes it has to be below the high watermark.
    let story = check(&["S6"], |story| {
        story.dies(B3);
        story.follows_to(B3, 0, 4);
        story.cleans(B3, &[0], &[(0, tombstone)]);
        story.follows_to(B3, 0, 7);
    });
    says(&story, "S6", "the record at offset 2 was the newest of its key and is gone");
    // On all disks it is lost.
    check(&["R3", "R4", "R6", "R9", "S6", "lost-write"], |story| {
        for broker in BROKERS {
            story.cleans(
                broker,
                &[0, 4],
                &[(0, joined(&[made(3, &[3], Some(HORIZON_MS)), each(&[5])]))],
            );
        }
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
        story.leads(B2, 1);
    });
}

#[test]
fn s6_a_tombstone_stays_until_its_time_is_over() {
    let rule = "the tombstone at offset 3 is gone, and no cleaning had said when it may go";
    refused(each(&[4, 5]), &["R3", "R6"], rule);
    let story = check(&["R3", "R6", "S6"], |story| {
        story.cleans(B2, &[0, 4], &[(0, first_pass())]);
        story.clocks(HORIZON_MS - 1_000);
        story.cleans(B2, &[0], &[(0, each(&[4, 5]))]);
    });
    says(&story, "S6", " ms too early");
    let early = made(3, &[3], Some(HORIZON_MS - 2_000));
    let story = check(&["S6"], |story| {
        story.cleans(B2, &[0, 4], &[(0, joined(&[early, each(&[4, 5])]))]);
    });
    says(&story, "S6", " ms before delete.retention.ms is over");
    let later = made(3, &[3], Some(HORIZON_MS + 1));
    let story = check(&["S6"], |story| {
        story.cleans(B2, &[0, 4], &[(0, first_pass())]);
        story.cleans(B2, &[0], &[(0, joined(&[later, each(&[4, 5])]))]);
    });
    says(&story, "S6", "the time at which the tombstone at offset 3 may go was changed");
}

#[test]
fn s6_what_stays_is_what_was_there_in_its_order() {
    let tombstone = made(3, &[3], Some(HORIZON_MS));
    let mut other = BatchBuilder::new(Offset(5)).leader_epoch(LeaderEpoch(0));
    other.append_at(Offset(5), 1_000, Some(b"a"), Some(b"other"), &[]);
    let changed = joined(&[tombstone.clone(), each(&[4]), other.build().into_bytes()]);
    refused(changed, &["R3", "R6"], "the record at offset 5 is another one");
    let turned = joined(&[tombstone.clone(), each(&[5, 4])]);
    refused(turned, &["R3", "R6"], "offsets go back at 4");
    let story = check(&["S6"], |story| {
        story.cleans(B2, &[0, 4], &[(0, first_pass())]);
        story.cleans(B2, &[0], &[(0, joined(&[each(&[1]), first_pass()]))]);
    });
    says(&story, "S6", "there was no record at offset 1");
}

#[test]
fn s6_what_is_not_closed_or_not_committed_is_left_alone() {
    let story = check(&["S6"], |story| story.cleans(B2, &[6], &[(6, each(&[6]))]));
    says(&story, "S6", "the segment at 6 was not closed");
    let story = check(&["S6"], |story| {
        story.dies(B3);
        story.follows_to(B3, 0, 5);
        story.cleans(B3, &[0, 4], &[(0, first_pass())]);
        story.follows_to(B3, 0, 7);
    });
    says(&story, "S6", "offset 5 is not below the high watermark");
}

#[test]
fn s6_what_is_too_young_is_left_alone() {
    let lag = |lag_ms: &str, want: &[&str]| {
        let mut story = story(&[COMPACT[0], COMPACT[1], ("min.compaction.lag.ms", lag_ms)]);
        story.cleans(B2, &[0, 4], &[(0, first_pass())]);
        ends(story, want)
    };
    lag("900", &[]);
    let story = lag("1500", &["S6"]);
    let found = &story.judge.violations()[0].message;
    assert!(found.contains("min.compaction.lag.ms is 1500"), "{found}");
}

/// Nobody may take records out of a topic that is not compacted.
#[test]
fn a_cleaning_of_a_topic_that_keeps_everything_is_a_loss() {
    let mut story = story(&[]);
    story.cleans(B2, &[0, 4], &[(0, first_pass())]);
    ends(story, &["R15", "R16", "R3", "R6"]);
}

#[test]
fn a_topic_may_become_compacted_while_it_runs() {
    let request = sets("cleanup.policy", "compact");
    let plays = |new: Bytes, want: &[&str]| {
        let mut story = story(&[("delete.retention.ms", "5000")]);
        story.asks(B1, 1, &request);
        story.cleans(B2, &[0, 4], &[(0, new)]);
        ends(story, want);
    };
    plays(first_pass(), &[]);
    plays(joined(&[made(3, &[3], Some(HORIZON_MS)), each(&[4])]), &["R3", "R6", "S6"]);
}

/// A follower that comes late copies what its leader has left.
#[test]
fn a_follower_copies_a_log_that_was_cleaned() {
    let copies = |bytes: Bytes, want: &[&str]| {
        check(want, |story| {
            story.cleans(B1, &[0, 4], &[(0, first_pass())]);
            story.cleans(B2, &[0, 4], &[(0, first_pass())]);
            story.registers(|it| it.isr = nodes(&[1, 2]));
            story.wipes(B3);
            story.append(B3, "orders-0/00000000000000000000.log", bytes);
            story.remembers(B3, "0\n1\n0 3\n");
            story.unfences(3);
            story.registers(|it| it.isr = nodes(&[1, 2, 3]));
            story.follows_to(B3, 0, 7);
        })
    };
    copies(joined(&[first_pass(), each(&[6])]), &[]);
    copies(joined(&[made(3, &[3], Some(HORIZON_MS)), each(&[5, 6])]), &["R3", "R6"]);
}

/// A tombstone that was gone when somebody read, and is superseded since (seed 1001 of `old_records_go`).
#[test]
fn poll_skip_what_had_expired_may_be_left_out() {
    let reads = |story: &mut Story| story.polls(&[(4, 4), (5, 5), (6, 6)]);
    let expires = |story: &mut Story| {
        for broker in BROKERS {
            story.clocks(CLEANED_MS);
            story.cleans(broker, &[0, 4], &[(0, first_pass())]);
            story.clocks(HORIZON_MS);
            story.cleans(broker, &[0], &[(0, each(&[4, 5]))]);
        }
    };
    let is_superseded = |story: &mut Story| {
        for broker in BROKERS {
            story.writes_batch(broker, another(7, "b"));
            story.ends_at(broker, 8);
        }
        story.commits(B1, 0, 8);
        for broker in [B2, B3] {
            story.follows_to(broker, 0, 8);
        }
    };
    check(&[], |story| {
        story.polls(&[(0, 0)]);
        expires(story);
        reads(story);
        is_superseded(story);
    });
    // It still stood.
    check(&["poll-skip"], |story| {
        story.polls(&[(0, 0)]);
        reads(story);
        expires(story);
        is_superseded(story);
    });
    check(&["poll-skip"], |story| {
        story.polls(&[(0, 0)]);
        reads(story);
        is_superseded(story);
    });
}

#[test]
fn poll_skip_what_is_not_superseded_is_not_left_out() {
    check(&["lost-write", "poll-skip"], |story| {
        story.polls(&[(0, 0)]);
        story.polls(&[(3, 3), (5, 5), (6, 6)]);
    });
}

#[test]
fn r19_a_consumer_gets_what_was_committed_in_whatever_batch() {
    check(&[], |story| story.serves(B1, 7, 0, made(3, &[4, 5], None)));
    let mut other = BatchBuilder::new(Offset(4)).leader_epoch(LeaderEpoch(0));
    other.append_at(Offset(4), 1_000, Some(b"c"), Some(b"other"), &[]);
    let other = other.build().into_bytes();
    check(&["R19"], |story| story.serves(B1, 7, 0, other));
}

#[test]
fn r9_the_newest_record_of_a_key_is_on_a_disk() {
    check(&["R15", "R4", "R6", "R9", "lost-write"], |story| {
        for broker in BROKERS {
            story.drops(broker, 6);
        }
    });
}

/// What a load makes of a folder: it drops what was to go and what is not whole, and finishes what is.
fn loads(story: &mut Story, host: HostId) {
    let base = |name: &str| name[..20].parse::<i64>().expect("a number");
    let names = story.files(host);
    let ending = |suffix: &'static str| {
        let wanted = names.iter().filter(move |name| name.ends_with(suffix));
        wanted.cloned().collect::<Vec<_>>()
    };
    let lowest = ending(".cleaned").iter().map(|name| base(name)).min();
    let is_whole = |name: &String| lowest.is_none_or(|lowest| base(name) < lowest);
    let (swaps, unfinished): (Vec<_>, Vec<_>) = ending(".swap").into_iter().partition(is_whole);
    for name in ending(".deleted").into_iter().chain(unfinished).chain(ending(".cleaned")) {
        story.removes(host, &format!("orders-0/{name}"));
    }
    let from = swaps.iter().map(|name| base(name)).min().unwrap_or(6);
    for name in ending(".log").iter().filter(|name| (from..6).contains(&base(name))) {
        story.removes(host, &format!("orders-0/{name}"));
    }
    for name in swaps {
        let to = name.strip_suffix(".swap").expect("it ends so");
        story.renames(host, &format!("orders-0/{name}"), &format!("orders-0/{to}"));
    }
}

/// The two new segments of a cleaning.
fn in_two() -> [(i64, Bytes); 2] {
    [(0, made(3, &[3], Some(HORIZON_MS))), (4, each(&[4, 5]))]
}

/// A job may have done less, or the end of the process takes back what it did last.
#[test]
fn a_crash_at_any_rename_leaves_the_old_segments_or_the_new_ones() {
    let steps = Story::swapping(&[0, 4], &[0, 4]);
    for done in 0..=steps.len() {
        for is_taken_back in [false, true] {
            check(&[], |story| {
                story.writes_cleaned(B2, &in_two());
                for (from, to) in &steps[..if is_taken_back { steps.len() } else { done }] {
                    story.renames(B2, from, to);
                }
                story.unseen(B2, |story| {
                    for (from, to) in steps[done..].iter().rev().filter(|_| is_taken_back) {
                        story.renames(B2, to, from);
                    }
                });
                story.dies(B2);
                loads(story, B2);
                story.boots(B2);
                story.follows_to(B2, 0, 7);
            });
        }
    }
}

#[test]
fn s8_a_mix_of_old_and_new_segments_is_noticed() {
    // The old ones go before the new ones are whole: for the load nothing is left of them.
    let story = check(&["R3", "S8"], |story| {
        story.writes_cleaned(B2, &in_two());
        story.unseen(B2, |story| story.drops(B2, 4));
        story.dies(B2);
        loads(story, B2);
        story.boots(B2);
        story.follows_to(B2, 0, 7);
    });
    says(&story, "S8", "offset 4 is neither in the old segments nor in the new ones");
    // The new one is there, and an old one that it stands for too.
    let story = check(&["S6", "S8"], |story| {
        story.cleans(B2, &[0], &[(0, first_pass())]);
        story.dies(B2);
    });
    says(&story, "S8", "offset 4 is in the old segments and in the new ones");
    // The load leaves what it should finish.
    let story = check(&["S8"], |story| {
        story.writes_cleaned(B2, &in_two());
        for (from, to) in &Story::swapping(&[0, 4], &[0, 4])[..3] {
            story.renames(B2, from, to);
        }
        story.dies(B2);
        story.boots(B2);
        story.follows_to(B2, 0, 7);
    });
    says(&story, "S8", "the load has left files that a cleaning was to replace");
    // It puts something else there.
    let story = check(&["S8"], |story| {
        story.cleans(B2, &[0, 4], &in_two());
        story.dies(B2);
        story.unseen(B2, |story| {
            story.removes(B2, "orders-0/00000000000000000004.log");
        });
        story.boots(B2);
    });
    says(&story, "S8", "is not as it was before");
}

/// The process that is to finish a replacement dies before it has: what was judged when the first one died is not
/// judged by what the second one knows, which is nothing yet (seed 2372 of `old_records_go`).
#[test]
fn s6_a_replacement_that_two_processes_leave_is_judged_once() {
    let half = |story: &mut Story| {
        story.writes_cleaned(B2, &in_two());
        for (from, to) in &Story::swapping(&[0, 4], &[0, 4])[..3] {
            story.renames(B2, from, to);
        }
        story.dies(B2);
    };
    check(&[], |story| {
        half(story);
        story.see(|at| Seen::Booted { at, host: B2, incarnation: 2 });
        story.dies(B2);
        loads(story, B2);
        story.boots(B2);
        story.follows_to(B2, 0, 7);
    });
    // The first of them had not committed what it cleaned.
    check(&["S6"], |story| {
        story.dies(B2);
        story.boots(B2);
        half(story);
    });
}

/// A power loss takes the sector with the first bytes of a batch's offset, which no checksum covers: for a recovery it
/// is no batch, and no mix either (seed 1214 of `old_records_go`).
#[test]
fn s8_a_torn_offset_is_no_mix() {
    let active = "orders-0/00000000000000000006.log";
    check(&[], |story| {
        let torn = |offset: i64| {
            let mut bytes = BytesMut::from(&another(7, "d")[..]);
            bytes[..8].copy_from_slice(&offset.to_be_bytes());
            joined(&[each(&[6]), bytes.freeze()])
        };
        for broker in [B1, B2] {
            story.writes_batch(broker, another(7, "d"));
        }
        story.is_left(B2, active, torn(1));
        story.boots(B2);
        // It falls back in its segment alone.
        story.is_left(B2, active, torn(6));
        story.boots(B2);
        story.follows_to(B2, 0, 7);
    });
    // In a log that is not torn it is a batch that is there twice.
    let story = check(&["S6", "S8"], |story| {
        story.cleans(B2, &[0], &[(0, first_pass())]);
        let left = joined(&[each(&[6])]);
        story.is_left(B2, active, left);
    });
    says(&story, "S8", "offset 4 is in the old segments and in the new ones");
}

/// What is left of an epoch lies before the start of the log, in its first segment; of the next one the first batch is
/// gone (seeds 1042 and 1846 of `old_records_go`).
#[test]
fn r16_what_lies_before_the_start_of_a_log_says_nothing_of_its_epochs() {
    let record = |offset: i64, epoch: i32, key: &str| {
        let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(epoch));
        add(&mut builder, offset, key, true);
        builder.build().into_bytes()
    };
    let first = [record(0, 0, "a"), record(1, 1, "b"), record(2, 1, "b")];
    let plays = |remembered: &str, want: &[&str]| {
        let mut story =
            Story::keeping(DURABLE, &[("cleanup.policy", "compact,delete"), COMPACT[1]]);
        for (offset, batch) in (0..).zip(&first) {
            for broker in BROKERS {
                story.writes_batch(broker, batch.clone());
                story.ends_at(broker, offset + 1);
            }
            if offset == 0 {
                story.elects(1, &[1, 2, 3], ElectedFrom::Isr);
                story.leads(B1, 1);
            }
        }
        for broker in BROKERS {
            story.rolls(broker);
            story.writes_batch(broker, record(3, 1, "c"));
            story.ends_at(broker, 4);
        }
        story.commits(B1, 1, 4);
        for broker in [B2, B3] {
            story.follows_to(broker, 1, 4);
        }
        story.asks_to_delete(B1, 1);
        story.starts(B1, 0, 1, LogStartReason::ClientRecordDeletion);
        story.cleans(B1, &[0], &[(0, joined(&[first[0].clone(), first[2].clone()]))]);
        story.remembers(B1, remembered);
        ends(story, want);
    };
    plays("0\n1\n1 1\n", &[]);
    plays("0\n2\n0 0\n1 1\n", &[]);
    plays("0\n1\n0 1\n", &["R16"]);
    plays("0\n2\n0 0\n1 3\n", &["R16"]);
}
