//! The program of a client's host: one producer, consumer or admin, and what makes it work.
//!
//! Holds:      the machine, and the workload of a producer.
//! Inputs:     the host's inputs. Effects: through the machine, and `Note::Client`.
//! Invariants: PR-1 everything that a machine reports is noted, in its order.
//! Left out:   lanes: a client's own computing takes no time.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{BootInfo, Context, Factory, Input, Job, Program, Span, Time};

use super::NamedPartition;
use super::admin::{Admin, NewTopic};
use super::admin_job::AdminOrder;
use super::consumer::KafkaConsumer;
use super::member::{Application, Consumption, Heard as Written};
use super::notes;
use super::order::{Heard, Order};
use super::producer::KafkaProducer;
use super::purger::Purger;
use super::workload::{RunningWorkload, Workload};
use crate::config::{ClientSettings, ConsumerConfig, ProducerConfig};
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::net::Wires;
use crate::note::Note;
use crate::note::client::ClientNote;

/// What runs on a client's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSpec {
    /// Which client of the run: part of its records' ids.
    pub number: u16,
    /// Where it asks first: host and port.
    pub bootstrap: Vec<(String, u16)>,
    /// What it does.
    pub kind: ClientKind,
}

/// What a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKind {
    /// Sends records to a topic.
    Producer {
        /// The topic.
        topic: Arc<str>,
        /// Its settings.
        config: Box<ProducerConfig>,
        /// What it sends.
        workload: Workload,
    },
    /// Reads all partitions of a topic, from now on for ever.
    Consumer {
        /// The topic.
        topic: Arc<str>,
        /// Its settings.
        config: Box<ConsumerConfig>,
        /// How often it deletes what it has read; none: never.
        purge_interval: Option<Span>,
    },
    /// Reads what its group gives it.
    Member {
        /// Its settings, with the group.
        config: Box<ConsumerConfig>,
        /// What it reads, and how.
        consumption: Consumption,
    },
    /// Creates topics.
    Admin {
        /// The topics.
        topics: Vec<NewTopic>,
        /// Its settings.
        config: Box<ClientSettings>,
    },
}

impl ClientSpec {
    /// What makes the program at every start of the host.
    #[must_use]
    pub fn factory(self) -> Factory<Note> {
        Arc::new(move |boot: &BootInfo| Box::new(ClientProgram::new(&self, boot)))
    }

    /// The same for a client that takes orders: its program keeps what it hears ([`ClientProgram::heard`]).
    #[must_use]
    pub fn factory_for_orders(self) -> Factory<Note> {
        Arc::new(move |boot: &BootInfo| {
            let heard = Some(Box::default());
            Box::new(ClientProgram { heard, ..ClientProgram::new(&self, boot) })
        })
    }
}

#[derive(Debug, Clone)]
enum Machine {
    Producer {
        producer: Box<KafkaProducer>,
        topic: Arc<str>,
        workload: Workload,
        running: Option<RunningWorkload>,
    },
    Consumer {
        consumer: Box<KafkaConsumer>,
        topic: Arc<str>,
        purger: Option<Box<Purger>>,
    },
    Member(Box<Application>),
    Admin(Box<Admin>),
}

/// A client on a host.
#[derive(Debug, Clone)]
pub struct ClientProgram {
    number: u16,
    incarnation: u32,
    machine: Machine,
    stopping: bool,
    done_noted: bool,
    /// Kept only for whoever gives orders.
    heard: Option<Box<Heard>>,
}

impl ClientProgram {
    /// The program that `spec` describes.
    #[must_use]
    pub fn new(spec: &ClientSpec, boot: &BootInfo) -> Self {
        let (id, bootstrap) = (&*boot.host_name, &spec.bootstrap[..]);
        let machine = match &spec.kind {
            ClientKind::Producer { topic, config, workload } => Machine::Producer {
                producer: Box::new(KafkaProducer::new((**config).clone(), id, bootstrap)),
                topic: topic.clone(),
                workload: workload.clone(),
                running: None,
            },
            ClientKind::Consumer { topic, config, purge_interval } => Machine::Consumer {
                consumer: Box::new(KafkaConsumer::new((**config).clone(), id, bootstrap)),
                topic: topic.clone(),
                purger: purge_interval.map(|every| {
                    Box::new(Purger::new(&config.client, id, bootstrap, topic.clone(), every))
                }),
            },
            ClientKind::Member { config, consumption } => {
                let (config, how) = ((**config).clone(), consumption.clone());
                Machine::Member(Box::new(Application::new(config, how, id, bootstrap)))
            }
            ClientKind::Admin { topics, config } => {
                Machine::Admin(Box::new(Admin::new(config, id, bootstrap, topics.clone())))
            }
        };
        let (number, incarnation) = (spec.number, boot.incarnation);
        Self { number, incarnation, machine, stopping: false, done_noted: false, heard: None }
    }

    /// Whether a producer has sent all and been told all, or an admin has its topics. A consumer never has enough.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.machine {
            Machine::Producer { producer, running, .. } => {
                running.as_ref().is_some_and(|it| it.next_due().is_none()) && producer.is_idle()
            }
            Machine::Consumer { .. } | Machine::Member(_) => false,
            Machine::Admin(admin) => admin.is_done(),
        }
    }

    /// Where a consumer stands in each partition that has a position.
    #[must_use]
    pub fn positions(&self) -> Vec<(i32, Offset)> {
        let Machine::Consumer { consumer, .. } = &self.machine else {
            return Vec::new();
        };
        positions_of(consumer)
    }

    /// Which life of its host this is; 1 for the first.
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// What this process has heard, if it takes orders.
    #[must_use]
    pub fn heard(&self) -> Option<&Heard> {
        self.heard.as_deref()
    }

    /// What an admin was told about the order with this ticket.
    #[must_use]
    pub fn told(&self, ticket: u64) -> Option<ErrorCode> {
        match &self.machine {
            Machine::Admin(admin) => admin.told(ticket),
            Machine::Producer { .. } | Machine::Consumer { .. } | Machine::Member(_) => None,
        }
    }

    /// Whether this is a producer.
    #[must_use]
    pub const fn produces(&self) -> bool {
        matches!(self.machine, Machine::Producer { .. })
    }

    fn on_order(&mut self, bytes: Bytes, wires: &mut dyn Wires) {
        if let Machine::Admin(admin) = &mut self.machine {
            let order = AdminOrder::decode(&bytes);
            admin.on_order(order.expect("whoever gives orders encodes them"), wires);
            return;
        }
        let order = Order::decode(bytes).expect("whoever gives orders encodes them");
        let Machine::Producer { producer, running: Some(running), .. } = &mut self.machine else {
            unreachable!("orders are for producers, but {order:?} came");
        };
        match order {
            Order::Send { ticket, topic, partition, key, value } => {
                let record = running.record(topic, partition, key, value);
                let heard = self.heard.get_or_insert_default();
                heard.on_order(ticket, record.id, &record.topic);
                producer.send(record, wires);
            }
            Order::EndWorkload => {
                running.stop();
                producer.flush(wires);
            }
        }
    }

    fn begin(&mut self, wires: &mut dyn Wires) {
        match &mut self.machine {
            Machine::Producer { producer, topic, workload, running } => {
                producer.prepare(topic, wires);
                let (number, incarnation) = (self.number, self.incarnation);
                let workload = workload.clone();
                let begun =
                    RunningWorkload::begin(workload, topic.clone(), number, incarnation, wires);
                *running = Some(begun);
            }
            Machine::Consumer { consumer, topic, purger } => {
                consumer.assign_topic(topic, wires);
                if let Some(purger) = purger {
                    purger.begin(wires);
                }
            }
            Machine::Member(_) => {} // its first poll comes with its first work
            Machine::Admin(admin) => admin.on_timer(wires),
        }
    }

    /// A graceful end: a producer flushes first, a member leaves its group.
    fn stop(&mut self, wires: &mut dyn Wires) {
        self.stopping = true;
        match &mut self.machine {
            Machine::Producer { producer, running, .. } => {
                if let Some(running) = running {
                    running.stop();
                }
                producer.flush(wires);
            }
            Machine::Member(application) => application.stop(),
            Machine::Consumer { .. } | Machine::Admin(_) => {}
        }
    }

    fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) {
        match &mut self.machine {
            Machine::Producer { producer, .. } => producer.on_input(input, wires),
            Machine::Consumer { consumer, purger, .. } => {
                let mut purger = purger.as_mut();
                purger.as_mut().is_some_and(|purger| purger.on_input(input, wires))
                    || consumer.on_input(input, wires)
            }
            Machine::Member(application) => application.on_input(input, wires),
            Machine::Admin(admin) => admin.on_input(input, wires),
        };
    }

    fn on_timer(&mut self, wires: &mut dyn Wires) {
        match &mut self.machine {
            Machine::Producer { producer, .. } => producer.on_timer(wires),
            Machine::Consumer { consumer, purger, .. } => {
                consumer.on_timer(wires);
                if let Some(purger) = purger {
                    purger.on_timer(&positions_of(consumer), wires);
                }
            }
            Machine::Member(application) => application.on_timer(wires),
            Machine::Admin(admin) => admin.on_timer(wires),
        }
    }

    /// The application around the machine: it sends what is due, polls what came, and writes down what it hears.
    fn work(&mut self, wires: &mut dyn Wires, notes: &mut Vec<ClientNote>) {
        match &mut self.machine {
            Machine::Producer { producer, running: Some(running), .. } => {
                while !producer.is_blocked() {
                    let Some(record) = running.take_due(wires) else {
                        break;
                    };
                    producer.send(record, wires);
                }
                // Who only sends what is ordered lingers as he was told.
                if running.next_due().is_none() && !running.is_empty() && !producer.is_idle() {
                    producer.flush(wires);
                }
                while let Some(event) = producer.next_event() {
                    if let Some(heard) = &mut self.heard {
                        heard.on_event(&event);
                    }
                    notes.push(notes::of_producer(event, producer.metadata()));
                }
                if running.next_due().is_none() && producer.is_idle() && !self.done_noted {
                    self.done_noted = true;
                    notes.push(ClientNote::WorkloadDone);
                }
            }
            Machine::Producer { running: None, .. } => {}
            Machine::Consumer { consumer, purger, .. } => {
                loop {
                    let polled = consumer.poll(wires);
                    let over = polled.is_empty();
                    if let Some(heard) = &mut self.heard {
                        polled.iter().for_each(|it| heard.on_polled(it));
                    }
                    let metadata = consumer.metadata();
                    notes.extend(polled.into_iter().map(|it| notes::of_poll(it, metadata)));
                    while let Some(event) = consumer.next_event() {
                        notes.push(notes::of_consumer(event, consumer.metadata()));
                    }
                    if over {
                        break;
                    }
                }
                while let Some(event) = purger.as_mut().and_then(|purger| purger.next_event()) {
                    notes.push(notes::of_purge(&event, consumer.metadata()));
                }
            }
            Machine::Member(application) => {
                let mut written = Vec::new();
                application.work(wires, &mut written);
                for it in &written {
                    if let (Some(heard), Written::Polled(polled)) = (&mut self.heard, it) {
                        heard.on_polled(polled);
                    }
                }
                let metadata = application.metadata();
                notes.extend(written.into_iter().map(|it| notes::of_member(it, metadata)));
            }
            Machine::Admin(admin) => {
                while let Some(event) = admin.next_event() {
                    notes.push(notes::of_admin(event));
                }
            }
        }
    }

    fn next_deadline(&mut self, now: Time) -> Option<Time> {
        match &mut self.machine {
            Machine::Producer { producer, running, .. } => {
                let due = running.as_ref().and_then(RunningWorkload::next_due);
                let due = due.filter(|_| !producer.is_blocked());
                producer.next_deadline(now).into_iter().chain(due).min()
            }
            Machine::Consumer { consumer, purger, .. } => {
                let purge = purger.as_mut().and_then(|purger| purger.next_deadline(now));
                consumer.next_deadline(now).into_iter().chain(purge).min()
            }
            Machine::Member(application) => application.next_deadline(now),
            Machine::Admin(admin) => admin.next_deadline(now),
        }
    }
}

impl Program<Note> for ClientProgram {
    fn on(&mut self, input: Input, cx: &mut Context<'_, Note>) {
        match &input {
            Input::Order { bytes } => self.on_order(bytes.clone(), cx),
            Input::Boot => self.begin(cx),
            Input::Stop => self.stop(cx),
            Input::Timer => self.on_timer(cx),
            _ => self.on_input(&input, cx),
        }
        let mut notes = Vec::new();
        self.work(cx, &mut notes);
        for note in notes {
            cx.note(Note::Client(note));
        }
        let may_end = match &self.machine {
            Machine::Producer { producer, .. } => producer.is_idle(),
            Machine::Member(application) => application.has_ended(),
            Machine::Consumer { .. } | Machine::Admin(_) => true,
        };
        if self.stopping && may_end {
            cx.exit();
            return;
        }
        // Kafka's clients count in milliseconds: what is overdue is looked at in the next one, not again and again.
        let now = cx.now();
        let overdue = now + Span::from_millis(1);
        let at = self.next_deadline(now).map(|at| if at <= now { overdue } else { at });
        cx.set_timer(at);
    }

    fn start(&mut self, job: Job, _cx: &mut Context<'_, Note>) -> Span {
        unreachable!("a client submits no jobs, but {job:?} came")
    }

    fn finish(&mut self, job: Job, _cx: &mut Context<'_, Note>) {
        unreachable!("a client submits no jobs, but {job:?} came")
    }

    fn clone_box(&self) -> Box<dyn Program<Note>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn positions_of(consumer: &KafkaConsumer) -> Vec<(i32, Offset)> {
    let known = |at: &NamedPartition| Some((at.partition, consumer.position(at)?));
    consumer.assignment().filter_map(known).collect()
}
