//! The longest time that each producer waited for an acknowledgement, and what it was made of.
//!
//! Holds:      of each producer what has happened since its last acknowledgement, and of its longest wait so far.
//! Inputs:     notes and bytes as they are seen, what became known by them, the faults.
//! Invariants: WT-1 the parts of a wait add up to it: each lasts from the end of the one before. WT-2 nothing here
//!             changes a step of the run. WT-3 a producer that is through, or down, collects nothing.
//! Left out:   what an answer says: that metadata named the old leader still shows in who is sent to next.

use std::collections::BTreeMap;

use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent;
use trial_cluster::wire::ApiKey;
use trial_reports::{LongestWait, WaitPart};
use trial_sim::{ConnId, HostId, Seen, Span, Time};

use crate::facts::{Fact, Facts, Known, PartitionFacts, Role};

/// What neither ends nor begins a longer part of a wait than this is told with what follows, if it is no turn of the
/// story.
const SHORT_PERCENT: u64 = 1;
/// Steps of one wait that are kept.
const STEPS_MAX: usize = 1_000;

/// What happened while somebody waited.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A fault began.
    Fault(String),
    /// A controller became active.
    Activated(HostId),
    /// A broker may not lead or be in sync.
    Fenced(BrokerId),
    /// The controller made another broker lead.
    Elected { partition: String, leader: Option<BrokerId> },
    /// The controller agreed to another in-sync set.
    InSync { partition: String, left: Vec<BrokerId>, joined: Vec<BrokerId> },
    /// A broker found that it leads.
    Leads { partition: String, leader: HostId },
    /// A broker gave up waiting for replicas.
    TimedOut(HostId),
    /// A follower was refused by its leader, and leaves the partition alone for a while.
    Delayed { partition: String, host: HostId, error: ErrorCode },
    /// A batch of the producer was not taken, and is sent again.
    Retried,
    /// A connection of the producer ended, by this host.
    Closed { with: HostId, by: HostId },
    /// The producer was answered who leads.
    Told(HostId),
    /// The producer sent records to a broker that had just come to lead.
    SentTo(HostId),
    /// Records were acknowledged: the end of the wait.
    Acked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    at: Time,
    what: What,
}

/// A wait that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wait {
    from: Time,
    to: Time,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Default)]
struct Producer {
    topic: String,
    last_ack: Option<Time>,
    /// Who was made to lead a partition of its topic, and was not sent to since.
    new_leader: Option<HostId>,
    /// The question for metadata that is under way: its connection and correlation id.
    asked: Option<(ConnId, [u8; 4])>,
    steps: Vec<Step>,
    longest: Option<Wait>,
}

impl Producer {
    fn step(&mut self, at: Time, what: What) {
        // WT-3.
        if self.last_ack.is_some() && self.steps.len() < STEPS_MAX {
            self.steps.push(Step { at, what });
        }
    }

    fn on_ack(&mut self, at: Time) {
        if let Some(from) = self.last_ack {
            let longest = self.longest.as_ref().map_or(Span::ZERO, |wait| wait.to.since(wait.from));
            if at.since(from) > longest {
                self.step(at, What::Acked);
                self.longest = Some(Wait { from, to: at, steps: std::mem::take(&mut self.steps) });
            }
        }
        self.steps.clear();
        self.last_ack = Some(at);
    }

    fn end(&mut self) {
        (self.last_ack, self.new_leader, self.asked) = (None, None, None);
        self.steps.clear();
    }
}

/// What producers waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    producers: BTreeMap<HostId, Producer>,
    /// Open connections of producers: whose, and with whom.
    connections: BTreeMap<ConnId, (HostId, HostId)>,
}

impl Waits {
    /// Nobody has waited yet.
    pub(super) fn new(facts: &Facts) -> Self {
        let hosts = (0_u16..).map(HostId).zip(&facts.setup.hosts);
        let producers = hosts.filter(|(_, host)| matches!(host.role, Role::Producer { .. }));
        let producer = |(id, host): (HostId, &crate::facts::HostSetup)| {
            let topic = host.topic.clone().unwrap_or_default();
            (id, Producer { topic, ..Producer::default() })
        };
        Self { producers: producers.map(producer).collect(), connections: BTreeMap::new() }
    }

    /// A fault began.
    pub(super) fn on_fault(&mut self, at: Time, text: &str) {
        self.all(at, &What::Fault(text.to_owned()));
    }

    /// Takes one thing in, with what became known by it.
    pub(super) fn on_seen(&mut self, seen: &Seen<Note>, known: &[Known], facts: &Facts) {
        for one in known {
            self.on_known(one, facts);
        }
        match seen {
            Seen::Note { at, host, note, .. } => self.on_note(*at, *host, note, facts),
            Seen::Sent { at, conn, from, to, towards_listener, bytes, .. } => {
                if *towards_listener {
                    self.on_request(*at, *conn, (*from, *to), bytes);
                } else {
                    self.on_response(*at, *conn, (*from, *to), bytes);
                }
            }
            Seen::Connected { conn, from, to, .. } => {
                if self.producers.contains_key(from) {
                    self.connections.insert(*conn, (*from, *to));
                }
            }
            Seen::Closed { at, conn, by, .. } => {
                if let Some((whose, with)) = self.connections.remove(conn)
                    && let Some(producer) = self.producers.get_mut(&whose)
                {
                    producer.step(*at, What::Closed { with, by: *by });
                }
            }
            Seen::Crashed { host, .. } | Seen::Stopped { host, .. } => {
                if let Some(producer) = self.producers.get_mut(host) {
                    producer.end();
                }
            }
            Seen::Booted { .. } | Seen::Disk { .. } => {}
        }
    }

    /// The longest wait of a producer, in words; none if it never waited.
    pub(super) fn of(&self, producer: HostId, facts: &Facts) -> Option<LongestWait> {
        let wait = self.producers.get(&producer)?.longest.as_ref()?;
        Some(LongestWait {
            from_ms: wait.from.as_millis(),
            to_ms: wait.to.as_millis(),
            parts: parts(wait, producer, facts),
        })
    }

    fn all(&mut self, at: Time, what: &What) {
        self.producers.values_mut().for_each(|producer| producer.step(at, what.clone()));
    }

    fn of_partition(&mut self, at: Time, partition: &PartitionFacts, what: &What) {
        let concerned = self.producers.values_mut().filter(|it| *it.topic == *partition.topic);
        concerned.for_each(|producer| producer.step(at, what.clone()));
    }

    fn on_known(&mut self, known: &Known, facts: &Facts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Registered { old: Some(old), new, .. } => {
                if new.leader != old.leader {
                    let what = What::Elected { partition: partition.name(), leader: new.leader };
                    self.of_partition(known.at, partition, &what);
                    let leader = new.leader.and_then(|id| facts.setup.host_of(id));
                    let concerned = self.producers.values_mut();
                    let concerned = concerned.filter(|it| *it.topic == *partition.topic);
                    concerned.for_each(|producer| producer.new_leader = leader);
                } else if new.isr != old.isr {
                    let left = old.isr.iter().filter(|id| !new.isr.contains(id)).copied();
                    let joined = new.isr.iter().filter(|id| !old.isr.contains(id)).copied();
                    let (left, joined) = (left.collect(), joined.collect());
                    let what = What::InSync { partition: partition.name(), left, joined };
                    self.of_partition(known.at, partition, &what);
                }
            }
            Fact::Noted { host, event: PartitionEvent::FetchDelayed { error } } => {
                let (partition_name, host, error) = (partition.name(), *host, *error);
                let what = What::Delayed { partition: partition_name, host, error };
                self.of_partition(known.at, partition, &what);
            }
            Fact::Noted { host, event: PartitionEvent::BecameLeader { was_leader: false, .. } } => {
                let what = What::Leads { partition: partition.name(), leader: *host };
                self.of_partition(known.at, partition, &what);
            }
            _ => {}
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: &Note, facts: &Facts) {
        match note {
            Note::Client(ClientNote::Acked { .. }) => {
                if let Some(producer) = self.producers.get_mut(&host) {
                    producer.on_ack(at);
                }
            }
            Note::Client(ClientNote::WorkloadDone) => {
                if let Some(producer) = self.producers.get_mut(&host) {
                    producer.end();
                }
            }
            Note::Controller(ControllerNote::Activated { .. }) => {
                self.all(at, &What::Activated(host));
            }
            Note::Controller(ControllerNote::BrokerFenced { id, .. })
                if facts.active_controller == Some(host) =>
            {
                self.all(at, &What::Fenced(*id));
            }
            _ => match note.reached().map(|mark| mark.name) {
                Some("produce_times_out") => self.all(at, &What::TimedOut(host)),
                Some("produce_retried_at_new_leader" | "produce_retried_after_disconnect") => {
                    if let Some(producer) = self.producers.get_mut(&host) {
                        producer.step(at, What::Retried);
                    }
                }
                _ => {}
            },
        }
    }

    /// The bytes of a request: length, API, version, correlation id.
    fn on_request(&mut self, at: Time, conn: ConnId, ends: (HostId, HostId), bytes: &[u8]) {
        let (from, to) = ends;
        let Some(producer) = self.producers.get_mut(&from) else { return };
        let Some(&[_, _, _, _, high, low, _, _, one, two, three, four]) = bytes.first_chunk()
        else {
            return;
        };
        let api = i16::from_be_bytes([high, low]);
        if api == ApiKey::Metadata.key() {
            producer.asked = Some((conn, [one, two, three, four]));
        } else if api == ApiKey::Produce.key() && producer.new_leader == Some(to) {
            producer.new_leader = None;
            producer.step(at, What::SentTo(to));
        }
    }

    /// The bytes of a response: length, correlation id.
    fn on_response(&mut self, at: Time, conn: ConnId, ends: (HostId, HostId), bytes: &[u8]) {
        let (from, to) = ends;
        let Some(producer) = self.producers.get_mut(&to) else { return };
        let answers = |(asked_on, id): (ConnId, [u8; 4])| {
            asked_on == conn && bytes.get(4..8) == Some(id.as_slice())
        };
        if producer.asked.is_some_and(answers) {
            producer.asked = None;
            producer.step(at, What::Told(from));
        }
    }
}

/// WT-1: from each step that is told to the next.
fn parts(wait: &Wait, producer: HostId, facts: &Facts) -> Vec<WaitPart> {
    let short = Span(wait.to.since(wait.from).0 / 100 * SHORT_PERCENT);
    let mut told: Vec<WaitPart> = Vec::new();
    let mut since = wait.from;
    // The records of a fencing are written partitions first, and the fence is why.
    let mut steps: Vec<&Step> = wait.steps.iter().collect();
    steps.sort_by_key(|step| (step.at, !matches!(step.what, What::Fenced(_))));
    for (place, step) in steps.iter().enumerate() {
        let next = steps.get(place + 1);
        let is_long = |from: Time, to: Time| to.since(from) >= short;
        let tells = match &step.what {
            What::Acked | What::Fenced(_) | What::Elected { .. } | What::SentTo(_) => true,
            // Who asks again and again learns something once.
            What::Told(_) => {
                let learns = next.is_some_and(|next| matches!(next.what, What::SentTo(_)));
                learns && is_long(since, step.at)
            }
            _ => is_long(since, step.at) || next.is_some_and(|next| is_long(step.at, next.at)),
        };
        if tells {
            let took_ms = step.at.as_millis() - since.as_millis();
            let until = words(&step.what, producer, facts);
            match told.last_mut() {
                Some(WaitPart { took_ms: before, until: same }) if *same == until => {
                    *before += took_ms;
                }
                _ => told.push(WaitPart { took_ms, until }),
            }
            since = step.at;
        }
    }
    told
}

fn words(what: &What, producer: HostId, facts: &Facts) -> String {
    let setup = &facts.setup;
    let node = |id: &BrokerId| {
        let host = setup.host_of(*id);
        host.map_or_else(|| id.to_string(), |host| setup.name(host).to_owned())
    };
    let nodes = |ids: &[BrokerId]| ids.iter().map(node).collect::<Vec<_>>().join(" ");
    let whose = setup.name(producer);
    match what {
        What::Fault(text) => format!("the fault `{text}`"),
        What::Activated(host) => format!("{} was the active controller", setup.name(*host)),
        What::Fenced(id) => format!("the controller fenced {}", node(id)),
        What::Elected { partition, leader: Some(id) } => {
            format!("the controller had {} lead {partition}", node(id))
        }
        What::Elected { partition, leader: None } => format!("nobody led {partition}"),
        What::InSync { partition, left, joined } if joined.is_empty() => {
            format!("{} left the in-sync set of {partition}", nodes(left))
        }
        What::InSync { partition, joined, .. } => {
            format!("{} joined the in-sync set of {partition}", nodes(joined))
        }
        What::Leads { partition, leader } => {
            format!("{} knew that it leads {partition}", setup.name(*leader))
        }
        What::Delayed { partition, host, error } => {
            let host = setup.name(*host);
            format!(
                "{host} was refused with {error}, and waits before it fetches {partition} again"
            )
        }
        What::Retried => format!("{whose} was refused, and has to send again"),
        What::TimedOut(host) => format!("{} gave up waiting for its replicas", setup.name(*host)),
        What::Closed { with, by } if *by == producer => {
            format!("{whose} gave up its connection to {}", setup.name(*with))
        }
        What::Closed { with, .. } => {
            format!("{whose} lost its connection to {}", setup.name(*with))
        }
        What::Told(host) => format!("{} told {whose} who leads", setup.name(*host)),
        What::SentTo(host) => format!("{whose} sent to {}", setup.name(*host)),
        What::Acked => format!("{whose} had an acknowledgement"),
    }
}
