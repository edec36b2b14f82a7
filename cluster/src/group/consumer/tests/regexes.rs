//! Kafka's `GroupMetadataManagerTest` and `TopicRegexResolverTest` on subscriptions by regular expressions.

use super::fixture::{Beat, Story, beating, joining};
use crate::error_code::ErrorCode;
use crate::group::timer::TimerKey;
use crate::wire::ConsumerGroupHeartbeatRequest;

fn by_regex(member: &str, epoch: i32, regex: &str) -> ConsumerGroupHeartbeatRequest {
    let full =
        ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..joining(member, &[]) };
    let base = if epoch == 0 { full } else { beating(member, epoch) };
    ConsumerGroupHeartbeatRequest { subscribed_topic_regex: Some(regex.into()), ..base }
}

fn send(story: &mut Story, member: &str, epoch: i32, regex: &str) -> Beat {
    let request = by_regex(member, epoch, regex);
    story.beat(&request).unwrap_or_else(|error| panic!("{member}: {error:?}"))
}

/// What was looked for in the background comes back.
fn resolved(story: &mut Story) -> Vec<String> {
    let mut fired = story.pass(0);
    assert_eq!(fired.len(), 1, "{fired:?}");
    let (key, records) = fired.remove(0);
    assert_eq!(key, TimerKey::ConsumerRegex("g".into()));
    records
}

/// `testConsumerHeartbeatRegexValidation`.
#[test]
fn what_is_no_expression_is_refused() {
    let mut story = Story::new();
    let error = story.beat(&by_regex("a", 0, "foo.*[")).expect_err("it is refused");
    let why = "SubscribedTopicRegex `foo.*[` is not a valid regular expression: missing closing ].";
    assert_eq!(error.code, ErrorCode::InvalidRegularExpression);
    assert_eq!(error.message.as_deref(), Some(why));
    assert!(story.coordinator.state().groups.is_empty());
    // The empty one is none, and nothing has changed that would make another epoch.
    assert_eq!(send(&mut story, "a", 0, "").told(&story), "1 []");
}

/// `testConsumerGroupMemberJoinsWithNewRegex`, `testTopicRegexResolver` (3 tests of matching).
#[test]
fn a_new_expression_is_resolved_behind_the_answer() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("foobar", 1).topic("bar", 1);
    let beat = send(&mut story, "a", 0, "foo.*");
    assert_eq!(beat.told(&story), "1 []");
    assert_eq!(beat.records, ["member a [] /foo.*/", "current a 1<0 stable"]);
    assert_eq!(resolved(&mut story), ["regex foo.* foo foobar", "group 2"]);
    let beat = story.keep("a", 1, None);
    assert_eq!(beat.told(&story), "2 [foo:0,1 foobar:0]");
    assert!(story.pass(0).is_empty(), "RX-2");
}

/// `testConsumerGroupMemberPicksUpExistingResolvedRegularExpression`.
#[test]
fn a_known_expression_is_taken_at_once() {
    let mut story = Story::new();
    story.topic("foo", 2);
    send(&mut story, "a", 0, "foo.*");
    resolved(&mut story);
    story.keep("a", 1, None);
    let beat = send(&mut story, "b", 0, "foo.*");
    assert_eq!(beat.records[..2], ["member b [] /foo.*/", "group 3"]);
    assert!(story.pass(0).is_empty());
}

/// `testConsumerGroupMemberJoinsWithUpdatedRegex`, `testStaticConsumerGroupMemberJoinsWithUpdatedRegex` (the rules are
/// those of a dynamic one), `testConsumerGroupMemberClearsRegex`.
#[test]
fn another_expression_takes_the_place_of_the_first() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("bar", 1);
    send(&mut story, "a", 0, "foo.*");
    resolved(&mut story);
    story.keep("a", 1, None);
    story.pass(10_001);
    let beat = send(&mut story, "a", 2, "bar.*");
    // What it has is not what it subscribes to any more, whatever that is.
    let want =
        ["member a [] /bar.*/", "regex foo.* -", "current a 2<2 unrevoked revokes foo:0@2,1@2"];
    assert_eq!(beat.records, want);
    assert_eq!(resolved(&mut story), ["regex bar.* bar", "group 3"]);
    let beat = story.keep("a", 2, Some(""));
    assert_eq!(beat.told(&story), "3 [bar:0]");
    let beat = send(&mut story, "a", 3, "");
    assert_eq!(beat.records[..3], ["member a []", "regex bar.* -", "group 4"]);
    assert!(story.group().subscription().resolved.is_empty());
}

/// `testConsumerGroupMemberJoinsWithRegexAndUpdatesItBeforeResolutionCompleted`.
#[test]
fn what_nobody_has_any_more_is_not_kept() {
    let mut story = Story::new();
    story.topic("foo", 1).topic("bar", 1);
    send(&mut story, "a", 0, "foo.*");
    send(&mut story, "a", 1, "bar.*");
    assert!(resolved(&mut story).is_empty(), "nobody has `foo.*`, and `bar.*` was not looked for");
    story.keep("a", 1, None);
    assert_eq!(resolved(&mut story), ["regex bar.* bar", "group 2"]);
}

/// `testConsumerGroupMemberJoinRefreshesExpiredRegexes`.
#[test]
fn expressions_are_looked_at_again() {
    let mut story = Story::new();
    story.topic("foo", 1);
    send(&mut story, "a", 0, "foo.*");
    resolved(&mut story);
    story.keep("a", 1, None);
    story.topic("foo2", 1);
    story.keep("a", 2, None);
    assert!(story.pass(0).is_empty(), "RX-2: not within ten seconds");
    story.pass(10_001);
    story.keep("a", 2, None);
    assert_eq!(resolved(&mut story), ["regex foo.* foo foo2", "group 3"]);
    assert_eq!(story.keep("a", 2, None).told(&story), "3 [foo:0 foo2:0]");
    story.delete_topic("foo2");
    story.keep("a", 3, Some("foo:0"));
    for _ in 0..20 {
        story.pass(29_000);
        story.keep("a", 4, None);
    }
    assert!(
        story.group().subscription().topics.contains_key("foo2"),
        "a topic that goes is no reason"
    );
    story.pass(20_002);
    story.keep("a", 4, None);
    assert_eq!(resolved(&mut story)[0], "regex foo.* foo", "ten minutes are");
}

/// `testResolvedRegularExpressionsRemovedWhenMembersLeaveOrFenced`.
#[test]
fn an_expression_goes_with_its_last_member() {
    let mut story = Story::new();
    story.topic("foo", 1);
    for member in ["a", "b"] {
        send(&mut story, member, 0, "foo.*");
    }
    resolved(&mut story);
    let beat = story.beat(&beating("a", -1)).expect("it leaves");
    assert_eq!(beat.records, ["current a -", "target a -", "member a -", "group 3"]);
    let fired = story.pass(45_000);
    let want = ["current b -", "target b -", "member b -", "regex foo.* -", "group 4"];
    assert_eq!(fired[0].1, want);
}

/// A group that goes while its expressions are looked for.
#[test]
fn what_comes_back_too_late_is_for_nobody() {
    let mut story = Story::new();
    story.topic("foo", 1);
    send(&mut story, "a", 0, "foo.*");
    story.beat(&beating("a", -1)).expect("it leaves");
    assert!(resolved(&mut story).is_empty());
}
