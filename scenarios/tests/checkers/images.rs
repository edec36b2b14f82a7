//! What nodes show of the metadata: K14, and at the end L9.

use bytes::Bytes;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::image::Fingerprint;
use trial_cluster::note::Note;
use trial_cluster::note::image::ImageNote;
use trial_log::BatchBuilder;
use trial_sim::{HostId, Span};

use crate::check;
use crate::story::{B1, B2, B3, C1, C2, C3, METADATA, Story};

/// Record kinds that begin, end and abort a transaction, and one of a topic.
const BEGIN: u8 = 23;
const END: u8 = 24;
const ABORT: u8 = 25;
const TOPIC: u8 = 2;

fn publishes(story: &mut Story, host: HostId, offset: i64, image: u64) {
    let (offset, fingerprint) = (Offset(offset), Fingerprint(image));
    story.note(host, Note::Image(ImageNote::Published { offset, fingerprint }));
}

/// A node appends a batch of such records to its metadata log.
fn writes(story: &mut Story, host: HostId, base: i64, epoch: i32, kinds: &[u8]) {
    let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(epoch));
    for kind in kinds {
        builder.append(1_000, None, Some(&[1, *kind, 0, 0]), &[]);
    }
    let bytes: Bytes = builder.build().into_bytes();
    story.append(host, METADATA, bytes);
}

#[test]
fn k14_at_one_offset_all_nodes_have_the_same_image() {
    check(&[], |story| {
        for (offset, image) in [(4, 40), (5, 50)] {
            for host in [B1, C1, B2] {
                publishes(story, host, offset, image);
            }
        }
    });
    check(&["K14"], |story| {
        publishes(story, C1, 4, 40);
        publishes(story, C1, 5, 50);
        publishes(story, B1, 4, 41);
    });
}

#[test]
fn k14_the_next_process_reads_the_same() {
    let starts_again = |story: &mut Story, image| {
        publishes(story, B1, 4, 40);
        publishes(story, B1, 5, 50);
        story.dies(B1);
        publishes(story, B1, 4, image);
    };
    check(&[], |story| starts_again(story, 40));
    check(&["K14"], |story| starts_again(story, 50));
}

#[test]
fn k14_a_transaction_is_shown_whole_or_not_at_all() {
    let two_batches = |story: &mut Story, last: u8| {
        writes(story, C1, 0, 1, &[TOPIC, BEGIN, TOPIC]);
        publishes(story, C1, 0, 1);
        writes(story, C1, 3, 1, &[TOPIC, last, TOPIC]);
    };
    for last in [END, ABORT] {
        check(&[], |story| {
            two_batches(story, last);
            publishes(story, C1, 5, 2);
        });
    }
    check(&["K14"], |story| {
        two_batches(story, END);
        publishes(story, C1, 2, 2);
        publishes(story, C1, 5, 3);
    });
    check(&["K14"], |story| {
        two_batches(story, TOPIC);
        publishes(story, C1, 5, 2);
    });
    // Another leader has written over it.
    check(&[], |story| {
        writes(story, C2, 0, 1, &[TOPIC, BEGIN, TOPIC]);
        let path = METADATA.to_owned();
        story.job(C2, |mut disk| {
            let file = disk.open(&path, false).expect("it was written");
            disk.truncate(file, 0).expect("the disk works");
        });
        writes(story, C2, 0, 2, &[TOPIC, TOPIC, TOPIC, TOPIC]);
        publishes(story, C2, 3, 2);
    });
}

/// Who is behind, by L9.
fn behind(story: &Story) -> Vec<String> {
    story.judge.is_live().into_iter().filter(|missing| missing.starts_with("L9")).collect()
}

#[test]
fn l9_images_converge() {
    let mut story = Story::with_three(crate::DURABLE);
    for host in [B1, B2, B3, C1, C2, C3] {
        publishes(&mut story, host, 4, 40);
    }
    publishes(&mut story, C1, 5, 50);
    // One fetch timeout is left to everybody else.
    assert_eq!(behind(&story), [""; 0]);
    story.waits(Span::from_millis(2_000));
    publishes(&mut story, C1, 6, 60);
    for host in [B1, B3, C2, C3] {
        publishes(&mut story, host, 5, 50);
    }
    assert_eq!(behind(&story), ["L9: b2 has read metadata up to 4 of 5"]);
    publishes(&mut story, B2, 5, 50);
    assert_eq!(behind(&story), [""; 0]);
    // Who is down reads nothing; who comes up reads from the beginning.
    story.dies(B2);
    assert_eq!(behind(&story), [""; 0]);
    story.boots(B2);
    assert_eq!(behind(&story), ["L9: b2 has read metadata up to -1 of 5"]);
}
