//! What a member subscribes to, and what its metadata is about.
//!
//! In Kafka:   the subscription part of `SubscriptionState`, `ConsumerMetadata`.
//! Holds:      the subscription, the topics that it comes to, and those that the whole group wants, while leading.
//! Left out:   a subscription that changes while the member lives, `unsubscribe`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pattern::Pattern;
use crate::client::{Metadata, NamedPartition};
use crate::ids::TopicId;

/// What a member wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// These topics (`subscribe(Collection)`).
    Topics(BTreeSet<Arc<str>>),
    /// All topics whose names match, as far as the member knows them (`subscribe(Pattern)`).
    Pattern(Pattern),
    /// All topics whose names match, as the coordinator sees it (`subscribe(SubscriptionPattern)`); only with
    /// `group.protocol=consumer`.
    ServerPattern(Arc<str>),
}

/// The subscription, and what it comes to.
#[derive(Debug, Clone)]
pub(super) struct SubscribedTopics {
    pub(super) subscription: Subscription,
    /// The topics that it is subscribed to by name.
    topics: BTreeSet<Arc<str>>,
    /// All topics of the group, while this member leads it.
    of_group: BTreeSet<Arc<str>>,
    /// Topics that the coordinator has assigned, if the member does not know its topics' names.
    assigned: BTreeSet<TopicId>,
    exclude_internal: bool,
}

impl SubscribedTopics {
    pub(super) fn new(subscription: Subscription, exclude_internal: bool) -> Self {
        let topics = match &subscription {
            Subscription::Topics(topics) => topics.clone(),
            Subscription::Pattern(_) | Subscription::ServerPattern(_) => BTreeSet::new(),
        };
        Self {
            subscription,
            topics,
            of_group: BTreeSet::new(),
            assigned: BTreeSet::new(),
            exclude_internal,
        }
    }

    /// The topics by name (`subscription()`).
    pub(super) const fn topics(&self) -> &BTreeSet<Arc<str>> {
        &self.topics
    }

    /// The topics that metadata is about (`metadataTopics`).
    pub(super) fn of_metadata(&self) -> BTreeSet<Arc<str>> {
        self.topics.union(&self.of_group).cloned().collect()
    }

    /// The pattern that the member evaluates itself.
    pub(super) const fn pattern(&self) -> Option<&Pattern> {
        match &self.subscription {
            Subscription::Pattern(pattern) => Some(pattern),
            Subscription::Topics(_) | Subscription::ServerPattern(_) => None,
        }
    }

    /// The pattern that the coordinator evaluates.
    pub(super) fn server_pattern(&self) -> Option<&str> {
        match &self.subscription {
            Subscription::ServerPattern(pattern) => Some(pattern),
            Subscription::Topics(_) | Subscription::Pattern(_) => None,
        }
    }

    /// Whether everything of an assignment is subscribed to (`checkAssignmentMatchedSubscription`).
    pub(super) fn matches(&self, assigned: &[NamedPartition]) -> bool {
        assigned.iter().all(|at| match &self.subscription {
            Subscription::Pattern(pattern) => pattern.is_match(&at.topic),
            Subscription::Topics(_) | Subscription::ServerPattern(_) => {
                self.topics.contains(&at.topic)
            }
        })
    }

    /// A pattern is looked at again. True if it comes to other topics than before.
    pub(super) fn update_pattern(&mut self, metadata: &Metadata) -> bool {
        let Subscription::Pattern(pattern) = &self.subscription else {
            return false;
        };
        let fits = |(name, is_internal): &(&Arc<str>, bool)| {
            !(*is_internal && self.exclude_internal) && pattern.is_match(name)
        };
        let topics = metadata.topics().filter(fits).map(|(name, _)| name.clone()).collect();
        let is_news = self.topics != topics;
        self.topics = topics;
        is_news
    }

    /// An assignment has topics that the pattern had not come to yet (`subscribeFromPattern`).
    pub(super) fn add_from_pattern(&mut self, topics: impl Iterator<Item = Arc<str>>) {
        assert!(self.pattern().is_some(), "topics come from a pattern");
        self.topics.extend(topics);
    }

    /// This member leads: it has to know these too (`groupSubscribe`).
    pub(super) fn lead(&mut self, of_group: BTreeSet<Arc<str>>) {
        self.of_group = of_group;
    }

    /// It does not lead any more (`resetGroupSubscription`).
    pub(super) fn stop_leading(&mut self) {
        self.of_group.clear();
    }

    /// The coordinator has assigned partitions of these topics (`setAssignedTopicIds`).
    pub(super) fn set_assigned(&mut self, topics: BTreeSet<TopicId>) {
        self.assigned = topics;
    }

    /// Has metadata ask about what is needed. True if it has to ask about something new.
    pub(super) fn tell_metadata(&self, metadata: &mut Metadata) -> bool {
        match &self.subscription {
            Subscription::Topics(_) => metadata.want_only(&self.of_metadata()),
            Subscription::Pattern(_) => {
                metadata.want_all();
                false
            }
            Subscription::ServerPattern(_) => {
                metadata.want_ids(&self.assigned);
                false
            }
        }
    }
}
