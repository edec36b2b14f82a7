//! Whatever a story breaks is explained, by sentences that stand on the record; and stories of one rule each.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{BrokerId, Offset};
use trial_cluster::note::partition::PartitionEvent;
use trial_scenarios::explain::{Explanation, of_violation, unsupported};

use crate::story::{B1, B2, B3, DURABLE, Story, nodes};

/// Explains a violation of a story, and looks every sentence up.
#[track_caller]
pub fn stands_on_the_record(story: &Story, invariant: &str) -> Explanation {
    let explanation = of_violation(&story.record, &story.judge, Some(invariant));
    let explanation = explanation.unwrap_or_else(|| panic!("{invariant} is violated"));
    let wrong = unsupported(&explanation, &story.record, story.judge.facts());
    assert_eq!(wrong, Vec::<String>::new(), "{explanation}");
    explanation
}

/// What the switch `equal_partition_epoch_applied` is about: a leader forgets that it has asked for a member, and does
/// not wait for it.
#[test]
fn a_leader_that_forgets_whom_it_has_to_wait_for() {
    let mut story = Story::with_three(DURABLE);
    story.registers(|it| it.isr = nodes(&[1, 2]));
    let partition_epoch = story.partition_epoch();
    story.partition(
        B1,
        PartitionEvent::IsrExpandAsked {
            joining: BrokerId(3),
            follower_end: Offset(3),
            high_watermark: Offset(3),
            epoch_start_offset: Offset(0),
            partition_epoch,
        },
    );
    let isr = nodes(&[1, 2]);
    story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
    for broker in [B1, B2] {
        story.writes(broker, 0, 3);
    }
    story.commits(B1, 0, 4);
    story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    story.elects(3, &[3], ElectedFrom::Isr);
    story.leads(B3, 1);
    story.end();
    insta::assert_snapshot!(stands_on_the_record(&story, "R5"));
}

/// Nobody has a copy any more.
#[test]
fn three_power_losses_take_every_copy() {
    let mut story = Story::with_three(DURABLE);
    for (broker, text) in [
        (B2, "at 1s crash b2 losing unsynced"),
        (B3, "at 2s crash b3 losing unsynced"),
        (B1, "at 3s crash b1 losing unsynced"),
    ] {
        story.fault(text, &[broker]);
        story.loses_records(broker, 2);
    }
    story.end();
    insta::assert_snapshot!(stands_on_the_record(&story, "R9"));
}

/// The page says so when it has no rule.
#[test]
fn what_has_no_rule_says_that_it_is_a_selection() {
    let mut story = Story::with_three(DURABLE);
    story.leads(B2, 0);
    story.end();
    let page = stands_on_the_record(&story, "R1");
    assert!(page.is_generic && page.to_string().contains("No rule tells this story yet"), "{page}");
}
