//! From the record of a run to operations.
//!
//! Holds:      who is in the middle of what; which process of a client is idle.
//! Inputs:     clients' notes, crashes, faults, in order.
//! Invariants: HI-1 each `:ok`, `:fail` and `:info` of a client ends the one operation that its process had invoked.
//!             HI-2 times never fall. HI-3 a process that ended with `:info` does nothing more.
//! Left out:   when a poll was called: it is invoked at the moment at which the one before had returned. A poll that
//!             returned nothing, or had not returned when its process ended. What members of groups read, in the form
//!             of lists: they begin where their group had come to, and so read no beginning of a list.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::Note;
use trial_cluster::note::client::{ClientNote, RecordId};
use trial_sim::{HostId, Time};

use super::Form;
use super::form::{self, Polled, Prefix};
use super::op::{Op, Process, Type};
use super::value::Value;
use crate::explain::{Record, What};
use crate::facts::{Facts, Role};

/// A send of which nothing was told yet.
#[derive(Debug, Clone)]
struct Pending {
    host: HostId,
    process: u32,
    key: Value,
    value: Value,
}

/// A consumer.
#[derive(Debug, Clone)]
struct Reader {
    process: u32,
    /// Since when it could poll again.
    since: Time,
    prefixes: BTreeMap<i64, Prefix>,
    /// What its poll of this instant has returned so far.
    open: Option<(Time, Polled)>,
    /// The keys that its group has given it, or taken from it, since its last poll.
    rebalanced: BTreeSet<i64>,
}

struct Fold<'a> {
    facts: &'a Facts,
    form: Form,
    ops: Vec<Op>,
    keys: BTreeMap<TopicPartition, i64>,
    names: Vec<String>,
    values: BTreeMap<RecordId, i64>,
    pending: BTreeMap<RecordId, Pending>,
    idle: BTreeMap<HostId, BTreeSet<u32>>,
    processes: u32,
    readers: BTreeMap<HostId, Reader>,
}

/// The operations of a run, in order.
pub(super) fn operations(record: &Record, facts: &Facts, form: Form) -> Vec<Op> {
    let mut fold = Fold {
        facts,
        form,
        ops: Vec::new(),
        keys: BTreeMap::new(),
        names: Vec::new(),
        values: BTreeMap::new(),
        pending: BTreeMap::new(),
        idle: BTreeMap::new(),
        processes: 0,
        readers: BTreeMap::new(),
    };
    fold.name_keys();
    let mut end = Time::ZERO;
    for entry in record.entries() {
        if entry.at > end {
            fold.close_polls();
        }
        end = entry.at;
        fold.take(end, &entry.what);
    }
    fold.close_polls();
    fold.finish(end);
    // A poll is known only when it has returned: its invocation comes too late, and belongs before.
    fold.ops.sort_by_key(|op| op.at);
    fold.ops
}

impl Fold<'_> {
    /// Keys are the partitions of all topics, counted through in the order of their names.
    fn name_keys(&mut self) {
        for (topic, setup) in &self.facts.setup.topics {
            for index in 0..setup.partitions {
                let key = i64::try_from(self.names.len()).expect("few partitions");
                self.names.push(format!("{topic}/{index}"));
                if let Some(id) = self.facts.topic_id(topic) {
                    self.keys.insert(TopicPartition { topic: id, partition: index }, key);
                }
            }
        }
        if self.form == Form::Kafka {
            let entry = |(key, name): (usize, &String)| {
                (Value::Number(i64::try_from(key).expect("few")), Value::Text(name.clone()))
            };
            let names = Value::Map(self.names.iter().enumerate().map(entry).collect());
            self.nemesis(Time::ZERO, "keys", &names);
        }
    }

    fn take(&mut self, at: Time, what: &What) {
        match what {
            What::Noted { host, note: Note::Client(note) } => self.on_note(at, *host, note),
            What::Booted { host, .. } if self.reads(*host) => self.begin(at, *host),
            What::Crashed { host, .. } | What::Stopped { host, .. } => self.on_down(at, *host),
            What::Fault { fault, .. } if self.form == Form::Kafka => {
                let effect = fault.effect.to_string();
                let word = effect.split(' ').next().unwrap_or("fault");
                self.nemesis(at, word, &Value::Text(fault.to_string()));
            }
            _ => {}
        }
    }

    /// Whether what a host reads is written.
    fn reads(&self, host: HostId) -> bool {
        match self.facts.setup.role(host) {
            Some(Role::Consumer) => true,
            Some(Role::Member) => self.form == Form::Kafka,
            _ => false,
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: &ClientNote) {
        match note {
            ClientNote::GroupAssigned { added: partitions, .. }
            | ClientNote::GroupRevoked { partitions, .. }
            | ClientNote::GroupLost { partitions, .. }
                if self.reads(host) =>
            {
                let ids = partitions.iter().filter_map(|named| self.facts.id_of(named));
                let keys: Vec<i64> = ids.filter_map(|id| self.keys.get(&id).copied()).collect();
                self.reader(at, host).rebalanced.extend(keys);
            }
            ClientNote::Sent { id, partition } => {
                let key = self.key(*partition);
                self.invoke_send(at, host, *id, key);
            }
            ClientNote::Acked { id, offset, .. } => {
                let offset = offset.map(|offset| offset.0);
                self.end_send(at, *id, Type::Ok, offset, None);
            }
            ClientNote::Failed { id, partition, error, maybe_written } => {
                if partition.is_none() {
                    // It never joined a batch: nobody knows where it would have gone.
                    self.invoke_send(at, host, *id, Value::Nil);
                }
                let kind = if *maybe_written { Type::Info } else { Type::Fail };
                self.end_send(at, *id, kind, None, Some(format!("{error:?}")));
            }
            ClientNote::Polled { partition, records, .. } if self.reads(host) => {
                let Some(key) = self.keys.get(partition).copied() else { return };
                let mut read = Vec::new();
                for record in records {
                    let value = record.id.map_or(Value::Nil, |id| self.value(id));
                    read.push((record.offset.0, value));
                }
                if !read.is_empty() {
                    let (_, polled) = self.reader(at, host).open.get_or_insert((at, Polled::new()));
                    polled.entry(key).or_default().extend(read);
                }
            }
            _ => {}
        }
    }

    fn invoke_send(&mut self, at: Time, host: HostId, id: RecordId, key: Value) {
        let value = self.value(id);
        let idle = self.idle.entry(host).or_default().pop_first();
        let process = idle.unwrap_or_else(|| self.new_process());
        let argument = form::send(self.form, key.clone(), value.clone());
        self.push(at, Type::Invoke, process, form::functions(self.form).0, argument, host);
        self.pending.insert(id, Pending { host, process, key, value });
    }

    fn end_send(
        &mut self,
        at: Time,
        id: RecordId,
        kind: Type,
        offset: Option<i64>,
        error: Option<String>,
    ) {
        let Some(Pending { host, process, key, value }) = self.pending.remove(&id) else { return };
        let result = match kind {
            Type::Ok => form::sent(self.form, key, offset, value),
            _ => form::send(self.form, key, value),
        };
        self.push(at, kind, process, form::functions(self.form).0, result, host);
        self.ops.last_mut().expect("it was pushed just now").error = error;
        if kind != Type::Info {
            self.idle.entry(host).or_default().insert(process);
        }
    }

    /// The consumer of a host; one that nobody has seen boot begins now.
    fn reader(&mut self, at: Time, host: HostId) -> &mut Reader {
        if !self.readers.contains_key(&host) {
            self.begin(at, host);
        }
        self.readers.get_mut(&host).expect("it began just now")
    }

    /// A consumer begins: it takes every partition of its topic, or subscribes to topics.
    fn begin(&mut self, at: Time, host: HostId) {
        let process = self.new_process();
        if self.form == Form::Kafka {
            let setup = &self.facts.setup;
            let subscribes = setup.role(host) == Some(Role::Member);
            let f = if subscribes { "subscribe" } else { "assign" };
            let reads = |name: &str| {
                let topic = name.rsplit_once('/').map_or(name, |(topic, _)| topic);
                if subscribes { setup.subscribes(host, topic) } else { setup.reads(host, topic) }
            };
            let keys = self.names.iter().enumerate().filter(|(_, name)| reads(name));
            let key = |(key, _): (usize, &String)| Value::Number(i64::try_from(key).expect("few"));
            let keys = Value::Vector(keys.map(key).collect());
            self.push(at, Type::Invoke, process, f, keys.clone(), host);
            self.push(at, Type::Ok, process, f, keys, host);
        }
        let (prefixes, rebalanced) = (BTreeMap::new(), BTreeSet::new());
        self.readers.insert(host, Reader { process, since: at, prefixes, open: None, rebalanced });
    }

    /// What each poll of the instant that is over has returned.
    fn close_polls(&mut self) {
        for host in self.readers.keys().copied().collect::<Vec<_>>() {
            self.close_poll(host);
        }
    }

    fn close_poll(&mut self, host: HostId) {
        let Some(reader) = self.readers.get_mut(&host) else { return };
        let Some((at, polled)) = reader.open.take() else { return };
        let (since, process) = (reader.since, reader.process);
        reader.since = at;
        let Some(result) = form::polled(self.form, &polled, &mut reader.prefixes) else { return };
        let rebalanced = std::mem::take(&mut reader.rebalanced).into_iter().collect();
        let argument = form::poll(self.form, &polled);
        let f = form::functions(self.form).1;
        self.push(since, Type::Invoke, process, f, argument, host);
        self.push(at, Type::Ok, process, f, result, host);
        self.ops.last_mut().expect("it was pushed just now").rebalanced = rebalanced;
    }

    fn on_down(&mut self, at: Time, host: HostId) {
        let died = "the process of the client ended".to_owned();
        for id in self.sends_of(|pending| pending.host == host) {
            self.end_send(at, id, Type::Info, None, Some(died.clone()));
        }
        self.idle.remove(&host);
        self.close_poll(host);
        self.readers.remove(&host);
    }

    fn sends_of(&self, test: impl Fn(&Pending) -> bool) -> Vec<RecordId> {
        let mine = self.pending.iter().filter(|(_, pending)| test(pending));
        mine.map(|(id, _)| *id).collect()
    }

    fn finish(&mut self, at: Time) {
        for id in self.sends_of(|_| true) {
            self.end_send(at, id, Type::Info, None, Some("the run ended".to_owned()));
        }
    }

    fn nemesis(&mut self, at: Time, f: &str, value: &Value) {
        // In Jepsen a nemesis says twice what it does: when it begins and when it is done.
        for _ in 0..2 {
            self.ops.push(Op {
                at,
                kind: Type::Info,
                process: Process::Nemesis,
                f: f.to_owned(),
                value: value.clone(),
                client: None,
                error: None,
                rebalanced: Vec::new(),
            });
        }
    }

    fn push(&mut self, at: Time, kind: Type, process: u32, f: &str, value: Value, host: HostId) {
        self.ops.push(Op {
            at,
            kind,
            process: Process::Client(process),
            f: f.to_owned(),
            value,
            client: Some(self.facts.setup.name(host).to_owned()),
            error: None,
            rebalanced: Vec::new(),
        });
    }

    fn key(&self, partition: TopicPartition) -> Value {
        self.keys.get(&partition).map_or(Value::Nil, |key| Value::Number(*key))
    }

    /// Records are numbered in the order in which they are first seen.
    fn value(&mut self, id: RecordId) -> Value {
        let next = i64::try_from(self.values.len()).expect("few") + 1;
        Value::Number(*self.values.entry(id).or_insert(next))
    }

    fn new_process(&mut self) -> u32 {
        self.processes += 1;
        self.processes - 1
    }
}
