//! A coordinator with topics around it, and words for what goes in and what comes out.
//!
//! Holds: the coordinator, the clock, the image, the log that was written. Everything is committed at once.

use std::sync::Arc;

use trial_sim::{Plan, Span, Stream, Time};

use crate::config::group::GroupSettings;
use crate::group::consumer::ConsumerGroup;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::request::{Asker, GroupQuestion, GroupRequest, GroupResponse};
use crate::group::state::GroupEntry;
use crate::group::step::{Decided, GroupEffect, GroupError, Step, Then};
use crate::group::timer::TimerKey;
use crate::ids::{Offset, TopicId, Uuid};
use crate::image::{MetadataDelta, MetadataImage};
use crate::wire::consumer_group_heartbeat_request::TopicPartition;
use crate::wire::{
    ConfigRecord, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, MetadataRecord,
    PartitionRecord, RemoveTopicRecord, TopicRecord,
};

pub(super) type Answer = Result<GroupResponse, GroupError>;

/// What a heartbeat led to.
#[derive(Debug)]
pub(super) struct Beat {
    pub response: ConsumerGroupHeartbeatResponse,
    pub records: Vec<String>,
}

impl Beat {
    /// The member's epoch and its assignment, if it was told one: `2 foo:0,1`.
    pub(super) fn told(&self, story: &Story) -> String {
        let epoch = self.response.member_epoch;
        let Some(assignment) = &self.response.assignment else { return format!("{epoch}") };
        let of = assignment.topic_partitions.iter();
        let topics: Vec<String> = of
            .map(|of| format!("{}:{}", story.name(of.topic_id), numbers(&of.partitions)))
            .collect();
        format!("{epoch} [{}]", topics.join(" "))
    }
}

pub(super) fn numbers(numbers: &[i32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// See the module.
pub(super) struct Story {
    pub coordinator: GroupCoordinator,
    pub now: Time,
    pub wall_ms: i64,
    pub image: MetadataImage,
    pub log: Vec<GroupRecord>,
    /// Where each batch of it ends.
    pub batches: Vec<usize>,
    pub settings: GroupSettings,
    /// Whether writes are lost: what was decided is taken back.
    pub loses_writes: bool,
    random: Stream,
    answers: Vec<(u32, Answer)>,
    tokens: u32,
    topics: u128,
}

impl Story {
    pub(super) fn new() -> Self {
        Self::with(GroupSettings { consumer_assignment_interval_ms: 0, ..GroupSettings::default() })
    }

    pub(super) fn with(settings: GroupSettings) -> Self {
        Self {
            coordinator: GroupCoordinator::new(Arc::new(settings.clone())),
            now: Time::ZERO + Span::from_secs(1),
            wall_ms: 1_000_000,
            image: MetadataImage::default(),
            log: Vec::new(),
            batches: vec![0],
            settings,
            loses_writes: false,
            random: Plan::new(7).run_stream("group", "story"),
            answers: Vec::new(),
            tokens: 0,
            topics: 0,
        }
    }

    fn apply(&mut self, record: impl Into<MetadataRecord>) -> MetadataDelta {
        let (record, mut delta) = (record.into(), MetadataDelta::default());
        let offset = Offset(self.image.highest_offset().0 + 1);
        self.image.apply(offset, &record, &mut delta);
        delta
    }

    /// A topic comes, or gets more partitions.
    pub(super) fn topic(&mut self, name: &str, partitions: i32) -> &mut Self {
        let mut all = MetadataDelta::default();
        let known = self.image.topics().topic_by_name(name).map(|topic| topic.id);
        let id = known.unwrap_or_else(|| {
            self.topics += 1;
            let topic_id = Uuid(self.topics << 64 | 7);
            all.merge(self.apply(TopicRecord { name: name.into(), topic_id }));
            topic_id
        });
        let there = self.image.topics().topic(id).map_or(0, |topic| topic.partitions.len());
        for partition in i32::try_from(there).expect("few")..partitions {
            let record = PartitionRecord {
                partition_id: partition,
                topic_id: id,
                replicas: vec![1],
                isr: vec![1],
                leader: 1,
                directories: vec![Uuid(100)],
                ..Default::default()
            };
            all.merge(self.apply(record));
        }
        self.step(|coordinator, step| coordinator.on_metadata_update(step, &all));
        self
    }

    /// A topic goes.
    pub(super) fn delete_topic(&mut self, name: &str) {
        let topic_id = self.id(name);
        let delta = self.apply(RemoveTopicRecord { topic_id });
        self.step(|coordinator, step| coordinator.on_metadata_update(step, &delta));
    }

    /// A group is told something.
    pub(super) fn configure(&mut self, name: &str, value: &str) {
        let record = ConfigRecord {
            resource_type: 32,
            resource_name: "g".into(),
            name: name.into(),
            value: Some(value.into()),
        };
        self.apply(record);
    }

    pub(super) fn id(&self, name: &str) -> TopicId {
        self.image.topics().topic_by_name(name).map(|topic| topic.id).expect("the topic is there")
    }

    pub(super) fn name(&self, id: TopicId) -> String {
        let topic = self.image.topics().topic(id);
        topic.map_or_else(|| "gone".into(), |topic| topic.name.to_string())
    }

    pub(super) fn step<R>(
        &mut self,
        event: impl FnOnce(&mut GroupCoordinator, &mut Step<'_>) -> R,
    ) -> R {
        let mut effects = Vec::new();
        let mut step = Step {
            now: self.now,
            wall_ms: self.wall_ms,
            random: &mut self.random,
            image: &self.image,
            effects: &mut effects,
        };
        let result = event(&mut self.coordinator, &mut step);
        for effect in effects {
            match effect {
                GroupEffect::Reply { token, answer } => self.answers.push((token, answer)),
                GroupEffect::Forget { .. } | GroupEffect::Reached(_) | GroupEffect::Note(_) => {}
            }
        }
        result
    }

    /// What was decided is written and committed, or lost.
    fn write(&mut self, token: Option<u32>, decided: Decided) -> Vec<GroupRecord> {
        let before = self.coordinator.state().clone();
        let decision = match decided {
            Ok(decision) => decision,
            Err(error) => {
                self.answers.push((token.expect("a timer is not refused"), Err(error)));
                return Vec::new();
            }
        };
        if decision.replays {
            for record in &decision.records {
                self.coordinator.replay(Offset(0), record);
            }
        }
        if self.loses_writes && !decision.records.is_empty() {
            self.coordinator.revert(before);
            let error = GroupError::from(crate::error_code::ErrorCode::NotCoordinator);
            self.step(|coordinator, step| coordinator.on_outcome(step, decision.then, Err(error)));
            return Vec::new();
        }
        self.log.extend(decision.records.iter().cloned());
        self.batches.push(self.log.len());
        if decision.then != Then::Nothing {
            self.step(|coordinator, step| coordinator.on_outcome(step, decision.then, Ok(())));
        }
        decision.records
    }

    /// Sends a request that is answered at once.
    pub(super) fn send(&mut self, version: i16, request: GroupRequest) -> (Answer, Vec<String>) {
        let (token, records) = self.post(version, request);
        let answer = self.take(token).expect("the request is answered at once");
        (answer, records)
    }

    /// The answer to a request, if it has come.
    pub(super) fn take(&mut self, token: u32) -> Option<Answer> {
        let at = self.answers.iter().position(|(of, _)| *of == token)?;
        Some(self.answers.remove(at).1)
    }

    /// Sends a request.
    pub(super) fn post(&mut self, version: i16, request: GroupRequest) -> (u32, Vec<String>) {
        self.tokens += 1;
        let token = self.tokens;
        let asker = Asker { client_id: "client".into(), client_host: "/127.0.0.1".into(), version };
        let decided =
            self.step(|coordinator, step| coordinator.decide(step, token, &asker, request));
        let records = self.write(Some(token), decided);
        (token, self.show_all(&records))
    }

    pub(super) fn ask(&mut self, question: GroupQuestion) -> Answer {
        let asker =
            Asker { client_id: "admin".into(), client_host: "/127.0.0.1".into(), version: 1 };
        let committed = self.coordinator.state().clone();
        self.step(|coordinator, step| coordinator.read(step, &committed, &asker, question))
    }

    pub(super) fn beat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Beat, GroupError> {
        let request = GroupRequest::ConsumerGroupHeartbeat(request.clone());
        match self.send(1, request) {
            (Ok(GroupResponse::ConsumerGroupHeartbeat(response)), records) => {
                Ok(Beat { response, records })
            }
            (Ok(other), _) => panic!("a heartbeat is answered with {other:?}"),
            (Err(error), _) => Err(error),
        }
    }

    /// A member joins by names.
    pub(super) fn join(&mut self, member: &str, topics: &[&str]) -> Beat {
        self.beat(&joining(member, topics)).unwrap_or_else(|error| panic!("{member}: {error:?}"))
    }

    /// A member says that it is there, and what it owns if that is not empty.
    pub(super) fn keep(&mut self, member: &str, epoch: i32, owned: Option<&str>) -> Beat {
        let topic_partitions = owned.map(|owned| self.owned(owned));
        let request = ConsumerGroupHeartbeatRequest { topic_partitions, ..beating(member, epoch) };
        self.beat(&request).unwrap_or_else(|error| panic!("{member}: {error:?}"))
    }

    /// `foo:0,1 bar:2`.
    pub(super) fn owned(&self, text: &str) -> Vec<TopicPartition> {
        let one = |word: &str| {
            let (topic, partitions) = word.split_once(':').expect("topic:partitions");
            let partitions = partitions.split(',').map(|p| p.parse().expect("a number")).collect();
            TopicPartition { topic_id: self.id(topic), partitions }
        };
        text.split_whitespace().map(one).collect()
    }

    /// So much time passes. Which timers ran out, and what they wrote.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<(TimerKey, Vec<String>)> {
        let until = self.now + Span::from_millis(ms);
        let mut fired = Vec::new();
        while let Some(due) = self.coordinator.timers().next_deadline().filter(|due| *due <= until)
        {
            self.move_to(due.max(self.now));
            let key = self.coordinator.timers_mut().take_due(self.now).expect("one is due");
            let decided = self.step(|coordinator, step| coordinator.on_timer(step, &key));
            let has_records = decided.as_ref().is_ok_and(|decision| !decision.records.is_empty());
            let records = self.write(None, decided);
            if self.loses_writes
                && has_records
                && let Some(backoff) = key.retry_backoff(&self.settings)
            {
                // As a shard does it (`CoordinatorTimerImpl`).
                self.coordinator.timers_mut().schedule(key.clone(), self.now + backoff);
            }
            fired.push((key, self.show_all(&records)));
        }
        self.move_to(until);
        fired
    }

    fn move_to(&mut self, at: Time) {
        self.wall_ms += i64::try_from(at.since(self.now).as_millis()).expect("tests are short");
        self.now = at;
    }

    /// Another coordinator reads the log.
    pub(super) fn reload(&mut self) {
        let records = self.log.clone();
        self.reload_from(&records);
    }

    pub(super) fn reload_from(&mut self, records: &[GroupRecord]) {
        self.coordinator = GroupCoordinator::new(Arc::new(self.settings.clone()));
        for record in records {
            self.coordinator.replay(Offset(0), record);
        }
        self.step(|coordinator, step| coordinator.on_loaded(step));
    }

    pub(super) fn group(&self) -> Arc<ConsumerGroup> {
        match self.coordinator.state().groups.get("g") {
            Some(GroupEntry::Consumer(group)) => group.clone(),
            other => panic!("there is no consumer group but {other:?}"),
        }
    }

    /// `Stable 3/3`: the state, the group epoch and that of the target.
    pub(super) fn state(&self) -> String {
        let group = self.group();
        let name = group.state().name();
        format!("{name} {}/{}", group.group_epoch(), group.assignment_epoch())
    }

    fn show_all(&self, records: &[GroupRecord]) -> Vec<String> {
        records.iter().map(|record| self.show(record)).collect()
    }

    fn topics(&self, of: impl Iterator<Item = (TopicId, String)>) -> String {
        of.map(|(id, text)| format!(" {}:{text}", self.name(id))).collect()
    }

    /// A record in one line.
    pub(super) fn show(&self, record: &GroupRecord) -> String {
        use GroupRecord as R;
        match record {
            R::ConsumerGroupMemberMetadata(key, Some(value)) => {
                let of = &value.subscribed_topic_names;
                let regex = value.subscribed_topic_regex.as_deref().unwrap_or_default();
                let regex = if regex.is_empty() { String::new() } else { format!(" /{regex}/") };
                let classic = if value.classic_member_metadata.is_some() { " classic" } else { "" };
                format!("member {} [{}]{regex}{classic}", key.member_id, of.join(" "))
            }
            R::ConsumerGroupMemberMetadata(key, None) => format!("member {} -", key.member_id),
            R::ConsumerGroupMetadata(_, Some(value)) => format!("group {}", value.epoch),
            R::ConsumerGroupMetadata(_, None) => "group -".into(),
            R::ConsumerGroupPartitionMetadata(_, value) => {
                format!("partitions {}", if value.is_some() { "+" } else { "-" })
            }
            R::ConsumerGroupTargetAssignmentMember(key, Some(value)) => {
                let of = value.topic_partitions.iter();
                let of = self.topics(of.map(|of| (of.topic_id, numbers(&of.partitions))));
                format!("target {}{of}", key.member_id)
            }
            R::ConsumerGroupTargetAssignmentMember(key, None) => {
                format!("target {} -", key.member_id)
            }
            R::ConsumerGroupTargetAssignmentMetadata(_, Some(value)) => {
                format!("targets {}", value.assignment_epoch)
            }
            R::ConsumerGroupTargetAssignmentMetadata(_, None) => "targets -".into(),
            R::ConsumerGroupCurrentMemberAssignment(key, value) => {
                self.show_current(&key.member_id, value.as_ref())
            }
            R::ConsumerGroupRegularExpression(key, value) => {
                let topics = value.as_ref().map_or("-".into(), |value| value.topics.join(" "));
                format!("regex {} {topics}", key.regular_expression)
            }
            R::GroupMetadata(_, Some(value)) => {
                let members: Vec<&str> = value.members.iter().map(|m| &*m.member_id).collect();
                format!("classic {} [{}]", value.generation, members.join(" "))
            }
            R::GroupMetadata(_, None) => "classic -".into(),
            other => format!("{other:?}"),
        }
    }

    fn show_current(
        &self,
        member: &str,
        value: Option<&crate::wire::ConsumerGroupCurrentMemberAssignmentValue>,
    ) -> String {
        let Some(value) = value else { return format!("current {member} -") };
        let of = |partitions: &[i32], epochs: &Option<Vec<i32>>| {
            let epochs = epochs.as_ref().expect("4.3 writes epochs");
            let of = partitions.iter().zip(epochs).map(|(p, epoch)| format!("{p}@{epoch}"));
            of.collect::<Vec<_>>().join(",")
        };
        let own = value.assigned_partitions.iter();
        let own = self.topics(own.map(|t| (t.topic_id, of(&t.partitions, &t.assignment_epochs))));
        let pending = value.partitions_pending_revocation.iter();
        let pending =
            self.topics(pending.map(|t| (t.topic_id, of(&t.partitions, &t.assignment_epochs))));
        let pending = if pending.is_empty() { pending } else { format!(" revokes{pending}") };
        let (epoch, before) = (value.member_epoch, value.previous_member_epoch);
        let state =
            ["stable", "unrevoked", "unreleased"][usize::try_from(value.state).expect("small")];
        format!("current {member} {epoch}<{before} {state}{own}{pending}")
    }
}

/// A full request that joins.
pub(super) fn joining(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 5_000,
        subscribed_topic_names: Some(topics.iter().map(ToString::to_string).collect()),
        topic_partitions: Some(Vec::new()),
        ..beating(member, 0)
    }
}

/// A request that says nothing but that it is there.
pub(super) fn beating(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        member_epoch: epoch,
        ..Default::default()
    }
}
