//! `group.max.size`.

use super::*;

fn at_most_ten() -> Story {
    Story::with(GroupSettings { max_size: 10, initial_rebalance_delay_ms: 50, ..settings() })
}

/// Ten of these were taken, the rest not.
#[track_caller]
fn check_ten(story: &Story, tokens: &[Token]) {
    let codes: Vec<_> = tokens.iter().map(|token| story.code(*token)).collect();
    let taken = codes.iter().filter(|code| code.is_ok()).count();
    let full = codes.iter().filter(|code| **code == ErrorCode::GroupMaxSizeReached).count();
    assert_eq!((taken, full), (10, tokens.len() - 10));
}

fn pass_delays(story: &mut Story) {
    story.pass(50);
    story.pass(50);
}

/// `testJoinGroupShouldReceiveErrorIfGroupOverMaxSize`,
/// `testDynamicMembersJoinGroupWithMaxSizeAndNotRequiredKnownMember`
#[test]
fn the_eleventh_is_turned_away() {
    let mut story = at_most_ten();
    let tokens: Vec<_> = (0..11).map(|_| story.join(&join())).collect();
    assert_eq!(story.code(tokens[10]), ErrorCode::GroupMaxSizeReached);
    assert_eq!(story.group().awaiting_join_count(), 10);
    pass_delays(&mut story);
    check_ten(&story, &tokens);
    let again: Vec<_> = tokens
        .iter()
        .map(|token| story.answer(*token).member_id)
        .collect::<Vec<_>>()
        .iter()
        .map(|id| story.join(&join().by(id)))
        .collect();
    check_ten(&story, &again);
    story.check(ClassicState::CompletingRebalance, 1, 10);
}

/// `testDynamicMembersJoinGroupWithMaxSizeAndRequiredKnownMember`,
/// `testDynamicMembersCanRejoinGroupWithMaxSizeWhileRebalancing`
#[test]
fn ids_are_given_to_more_than_can_join() {
    let mut story = at_most_ten();
    let rounds: Vec<_> = (0..11).map(|_| story.join(&join().version(4))).collect();
    let ids: Vec<_> = rounds.iter().map(|token| story.answer(*token).member_id).collect();
    assert_eq!((story.group().member_count(), story.group().pending_join_count()), (0, 11));
    let joined: Vec<_> = ids.iter().map(|id| story.join(&join().by(id).version(4))).collect();
    assert_eq!((story.group().member_count(), story.group().pending_join_count()), (10, 0));
    // While all wait, whoever waits may ask again.
    let again: Vec<_> = ids.iter().map(|id| story.join(&join().by(id).version(4))).collect();
    assert_eq!(story.driven.forgotten, joined[..10]);
    pass_delays(&mut story);
    check_ten(&story, &again);
    let third: Vec<_> = ids.iter().map(|id| story.join(&join().by(id).version(4))).collect();
    check_ten(&story, &third);
}

/// `testStaticMembersJoinGroupWithMaxSize`
#[test]
fn static_members_count_as_others_do() {
    let mut story = at_most_ten();
    let names: Vec<_> = (0..11).map(|at| format!("i{at}")).collect();
    let tokens: Vec<_> = names.iter().map(|name| story.join(&join().instance(name))).collect();
    pass_delays(&mut story);
    check_ten(&story, &tokens);
    let ids: Vec<_> = tokens.iter().map(|token| story.answer(*token).member_id).collect();
    let both = ids.iter().zip(&names);
    let again: Vec<_> = both.map(|(id, name)| story.join(&join().by(id).instance(name))).collect();
    check_ten(&story, &again);
    story.check(ClassicState::CompletingRebalance, 1, 10);
}

/// `testLastJoiningMembersAreKickedOutWhenRejoiningGroupWithMaxSize`
#[test]
fn if_the_limit_was_lowered_the_last_ones_to_join_again_are_out() {
    let mut story = Story::new();
    let tokens: Vec<_> = (0..12).map(|_| story.join(&join().session(60_000))).collect();
    for _ in 0..4 {
        story.pass(INITIAL_DELAY_MS);
    }
    let ids: Vec<_> = tokens.iter().map(|token| story.joined(*token).member_id).collect();
    let leader = story.group().leader().expect("somebody").to_string();
    let token = story.sync(&leader, 1, &[]);
    story.synced(token);

    story.driven.reload(GroupSettings { max_size: 10, ..settings() });
    story.check(ClassicState::PreparingRebalance, 1, 12);
    let again: Vec<_> = ids.iter().map(|id| story.join(&join().by(id))).collect();
    story.pass(10_000);
    check_ten(&story, &again);
    story.check(ClassicState::CompletingRebalance, 2, 10);
    assert!(ids[..10].iter().all(|id| story.group().member(id).is_some()));
}
