//! Who of a group subscribes to what: counts that tell which topics it reads and whether all its members read the same.
//!
//! In Kafka:   `SubscriptionCount`, `ModernGroup.subscribedTopicNames`, `ConsumerGroup.subscribedRegularExpressions`,
//!             `resolvedRegularExpressions`, `subscriptionType`, `ResolvedRegularExpression`.
//! Invariants: SU-1 no count is zero: what nobody subscribes to is not there.

use std::collections::{BTreeMap, BTreeSet};

use super::member::ConsumerGroupMember;
use crate::group::assignor::java_order::timeline_order;

/// How many subscribe to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionCount {
    /// Members that name it.
    pub by_name: usize,
    /// Regular expressions that match it.
    pub by_regex: usize,
}

/// Subscribers by topic.
pub type TopicCounts = BTreeMap<String, SubscriptionCount>;
/// How many have each.
pub type Counts = BTreeMap<String, usize>;

/// The topics that a regular expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// By name.
    pub topics: BTreeSet<String>,
    /// The image in which they were looked up.
    pub version: i64,
    /// When, in milliseconds of the wall clock.
    pub timestamp: i64,
}

/// One more, or one less.
pub(super) fn count(counts: &mut Counts, key: &str, more: bool) {
    if more {
        *counts.entry(key.into()).or_insert(0) += 1;
    } else if let Some(number) = counts.get_mut(key) {
        *number -= 1;
        if *number == 0 {
            counts.remove(key);
        }
    }
}

fn change(counts: &mut TopicCounts, topic: &str, change: impl FnOnce(&mut SubscriptionCount)) {
    let entry = counts.entry(topic.into()).or_default();
    change(entry);
    if *entry == SubscriptionCount::default() {
        counts.remove(topic);
    }
}

/// A member subscribes by name, or does not any more.
pub(super) fn count_names(counts: &mut TopicCounts, names: &BTreeSet<String>, more: bool) {
    for name in names {
        change(counts, name, |count| {
            if more {
                count.by_name += 1;
            } else {
                count.by_name = count.by_name.saturating_sub(1);
            }
        });
    }
}

/// A regular expression matches topics, or does not any more.
pub(super) fn count_matches(counts: &mut TopicCounts, topics: &BTreeSet<String>, more: bool) {
    for topic in topics {
        change(counts, topic, |count| {
            if more {
                count.by_regex += 1;
            } else {
                count.by_regex = count.by_regex.saturating_sub(1);
            }
        });
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Every topic to which somebody subscribes.
    pub topics: TopicCounts,
    /// How many members have each regular expression.
    pub regexes: Counts,
    /// What they match. One that is not here was not resolved yet.
    pub resolved: BTreeMap<String, ResolvedRegex>,
    /// Whether all members subscribe to the same topics, as it was when one last came, changed or went.
    pub is_homogeneous: bool,
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            topics: TopicCounts::new(),
            regexes: Counts::new(),
            resolved: BTreeMap::new(),
            is_homogeneous: true,
        }
    }
}

impl Subscription {
    /// A member comes, changes or goes; what it makes of the group's homogeneity is not told yet.
    pub(super) fn on_member(
        &mut self,
        old: Option<&ConsumerGroupMember>,
        new: Option<&ConsumerGroupMember>,
    ) {
        for (member, more) in [(old, false), (new, true)] {
            let Some(member) = member else { continue };
            count_names(&mut self.topics, &member.subscribed_topic_names, more);
            if let Some(regex) = member.regex() {
                count(&mut self.regexes, regex, more);
            }
        }
    }

    /// A regular expression was resolved, or nobody has it any more.
    pub(super) fn set_resolved(&mut self, regex: &str, resolved: Option<ResolvedRegex>) {
        if let Some(old) = self.resolved.remove(regex) {
            count_matches(&mut self.topics, &old.topics, false);
        }
        if let Some(resolved) = resolved {
            count_matches(&mut self.topics, &resolved.topics, true);
            self.resolved.insert(regex.into(), resolved);
        }
    }

    /// How many members have this one.
    #[must_use]
    pub fn members_of(&self, regex: &str) -> usize {
        self.regexes.get(regex).copied().unwrap_or(0)
    }

    /// The one that Kafka asks when they were last resolved: the first of its table.
    pub(super) fn first_resolved(&self) -> Option<&ResolvedRegex> {
        let first = timeline_order(self.resolved.keys().collect()).into_iter().next()?;
        self.resolved.get(first)
    }

    /// The regular expressions, were `old` to become `new`.
    #[must_use]
    pub fn regexes_with(&self, old: &ConsumerGroupMember, new: &ConsumerGroupMember) -> Counts {
        let mut regexes = self.regexes.clone();
        if old.regex() != new.regex() {
            for (member, more) in [(old, false), (new, true)] {
                if let Some(regex) = member.regex() {
                    count(&mut regexes, regex, more);
                }
            }
        }
        regexes
    }

    /// The topics, were `old` to become `new`. What a new regular expression matches is not known yet.
    #[must_use]
    pub fn topics_with(&self, old: &ConsumerGroupMember, new: &ConsumerGroupMember) -> TopicCounts {
        let mut topics = self.topics.clone();
        count_names(&mut topics, &old.subscribed_topic_names, false);
        count_names(&mut topics, &new.subscribed_topic_names, true);
        if let Some(regex) = old.regex()
            && new.regex() != Some(regex)
            && self.members_of(regex) == 1
            && let Some(resolved) = self.resolved.get(regex)
        {
            count_matches(&mut topics, &resolved.topics, false);
        }
        topics
    }

    /// The topics without these members and regular expressions.
    #[must_use]
    pub fn topics_without<'a>(
        &self,
        members: impl Iterator<Item = &'a ConsumerGroupMember>,
        regexes: &[String],
    ) -> TopicCounts {
        let mut topics = self.topics.clone();
        for member in members {
            count_names(&mut topics, &member.subscribed_topic_names, false);
        }
        for resolved in regexes.iter().filter_map(|regex| self.resolved.get(regex)) {
            count_matches(&mut topics, &resolved.topics, false);
        }
        topics
    }
}

/// Whether so many members all subscribe to the same topics (`ConsumerGroup.subscriptionType`).
#[must_use]
pub fn is_homogeneous(regexes: &Counts, topics: &TopicCounts, members: usize) -> bool {
    let Some((_, &with_first)) = regexes.first_key_value() else {
        return topics.values().all(|count| count.by_name == members);
    };
    // All have the same regular expression, and nobody names topics beside it.
    with_first == members && topics.values().all(|count| count.by_regex == 1 && count.by_name == 0)
}
