//! Members that subscribe by a regular expression: it is resolved in the background, for a whole group at once, and
//!                                                 what
//! it matches comes back as an event of its own.
//!
//! In Kafka:   `GroupMetadataManager.maybeUpdateRegularExpressions`, `handleRegularExpressionsResult`,
//!             `TopicRegexResolver`; KIP-848 (RE2/J).
//! Holds:      what was found, until the shard comes to it (`ConsumerSoft::resolving`).
//! Invariants: RX-1 what is found is of the image that there was when it was looked for; RX-2 all regular expressions
//!             of a group are resolved together, at most once in ten seconds.
//! Left out:   that a member may not describe a topic: nobody has authorizers here.

use std::collections::BTreeMap;

use trial_sim::Span;

use super::group::ConsumerGroup;
use super::member::ConsumerGroupMember;
use super::metadata_hash::metadata_hash;
use super::pattern::Pattern;
use super::records;
use super::soft::Resolution;
use super::subscription::{ResolvedRegex, count_matches};
use crate::error_code::ErrorCode;
use crate::group::assignor::java_order::hash_map_sized_order;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::state::GroupId;
use crate::group::step::{Decision, GroupError, Step};
use crate::group::timer::TimerKey;
use crate::image::MetadataImage;

/// How long there is between two resolutions of a group at least.
const BATCH_REFRESH_MIN_INTERVAL_MS: i64 = 10_000;

/// What has become of a member's regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegexUpdate {
    /// It is the same.
    None,
    /// It is another one, of which nobody knows yet what it matches.
    Updated,
    /// It is another one, and it is known what it matches; or it has gone.
    UpdatedAndResolved,
}

impl RegexUpdate {
    /// Whether it is another one.
    pub(crate) fn is_update(self) -> bool {
        self != Self::None
    }
}

fn check_valid(regex: &str) -> Result<(), GroupError> {
    Pattern::compile(regex).map(|_| ()).map_err(|why| {
        let why =
            format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {why}.");
        GroupError::because(ErrorCode::InvalidRegularExpression, why)
    })
}

/// What each regular expression matches as a whole.
fn resolve(
    regexes: impl Iterator<Item = String>,
    image: &MetadataImage,
    wall_ms: i64,
) -> BTreeMap<String, ResolvedRegex> {
    regexes
        .map(|regex| {
            let mut topics = std::collections::BTreeSet::new();
            if let Ok(pattern) = Pattern::compile(&regex) {
                let names = image.topics().by_name().map(|topic| &*topic.name);
                topics.extend(names.filter(|name| pattern.matches(name)).map(String::from));
            }
            let version = image.highest_offset().0;
            (regex, ResolvedRegex { topics, version, timestamp: wall_ms })
        })
        .collect()
}

impl GroupCoordinator {
    /// A member has another regular expression, or those of its group are due.
    pub(crate) fn update_regexes(
        &mut self,
        step: &Step<'_>,
        group: &ConsumerGroup,
        old: &ConsumerGroupMember,
        member: &ConsumerGroupMember,
        records: &mut Vec<GroupRecord>,
    ) -> Result<RegexUpdate, GroupError> {
        let subscription = &group.subscription;
        let (mut is_new, mut update) = (false, RegexUpdate::None);
        if old.subscribed_topic_regex != member.subscribed_topic_regex {
            update = RegexUpdate::Updated;
            if let Some(regex) = old.regex().filter(|regex| subscription.members_of(regex) == 1) {
                records.push(records::regex(&group.group_id, regex, None));
            }
            match member.regex() {
                Some(regex) if subscription.members_of(regex) == 0 => {
                    check_valid(regex)?;
                    is_new = true;
                }
                Some(regex) if subscription.resolved.contains_key(regex) => {
                    update = RegexUpdate::UpdatedAndResolved;
                }
                None if old.regex().is_some() => update = RegexUpdate::UpdatedAndResolved,
                Some(_) | None => {}
            }
        }
        self.resolve_if_due(step, group, (old, member), is_new);
        Ok(update)
    }

    fn resolve_if_due(
        &mut self,
        step: &Step<'_>,
        group: &ConsumerGroup,
        (old, member): (&ConsumerGroupMember, &ConsumerGroupMember),
        is_new: bool,
    ) {
        let subscription = &group.subscription;
        if !is_new && subscription.regexes.is_empty()
            || self.consumer.resolving.contains_key(&group.group_id)
        {
            return;
        }
        let last = subscription.first_resolved();
        if last.is_some_and(|last| step.wall_ms <= last.timestamp + BATCH_REFRESH_MIN_INTERVAL_MS) {
            return;
        }
        let regexes = subscription.regexes_with(old, member);
        let refresh_ms = i64::from(self.settings.consumer_regex_refresh_interval_ms);
        let version = last.map_or(0, |last| last.version);
        let is_due = is_new
            || regexes.len() != subscription.resolved.len()
            || version < self.consumer.image_with_new_topics.unwrap_or(-1)
            || last.is_none_or(|last| step.wall_ms > last.timestamp + refresh_ms);
        if is_due && !regexes.is_empty() {
            let found = resolve(regexes.into_keys(), step.image, step.wall_ms);
            let resolution = Resolution { member_id: member.member_id.clone(), found };
            self.consumer.resolving.insert(group.group_id.clone(), resolution);
            let key = TimerKey::ConsumerRegex(group.group_id.clone());
            self.timers.schedule(key, step.now + Span::ZERO);
        }
    }

    /// What was found has come to its turn.
    pub(crate) fn on_regexes_resolved(&mut self, step: &Step<'_>, id: &GroupId) -> Decision {
        let Some(resolution) = self.consumer.resolving.remove(id) else {
            return Decision::nothing();
        };
        let Some(group) = self.consumer_group(id).cloned() else { return Decision::nothing() };
        let (mut records, mut bumps) = (Vec::new(), false);
        let subscription = &group.subscription;
        let mut topics = subscription.topics.clone();
        let count = resolution.found.len();
        for regex in hash_map_sized_order(resolution.found.keys().collect(), count) {
            if subscription.members_of(regex) == 0 {
                continue;
            }
            let found = &resolution.found[regex];
            let nothing = std::collections::BTreeSet::new();
            let before = subscription.resolved.get(regex).map_or(&nothing, |old| &old.topics);
            if *before != found.topics {
                bumps = true;
                count_matches(&mut topics, before, false);
                count_matches(&mut topics, &found.topics, true);
            }
            records.push(records::regex(id, regex, Some(found)));
        }
        let hash = metadata_hash(&topics, step.image);
        if bumps || hash != group.metadata_hash {
            let epoch = group.group_epoch + 1;
            records.push(records::group_epoch(id, epoch, hash));
            self.set_refresh_deadline(step, id, epoch);
        }
        Decision::records(records)
    }
}
