//! The Lab itself: start, virtual time, the end.
//!
//! Holds:      a run that is played by hand, and how far its consumers have been polled.
//! Invariants: LB-1 equal scenario, seed and script give equal digests. LB-2 a step during which an invariant breaks
//!             panics, unless the scenario expects a violation. LB-3 a clone goes on by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use trial_reports::{RunDocument, Verdict, Violation};
use trial_sim::fault::parse_span;
use trial_sim::{Digest, HostId, Span, Time};

use crate::asked::Asked;
use crate::facts::{Facts, Role};
use crate::play::End;
use crate::run::{Phase, Run};
use crate::scenario::{Scenario, Source};
use crate::testing::checking::{opened, refused};
use crate::testing::{again, story};

/// How long something is waited for, unless told otherwise.
const PATIENCE: Span = Span::from_secs(60);
/// How long every send may take to be told at the end: a delivery timeout of two minutes, and what blocked before it.
const TOLD_WITHIN: Span = Span::from_secs(240);

/// A cluster that a test scripts by hand.
///
/// It stands still while the script thinks: virtual time passes in [`run_for`](Self::run_for),
/// [`wait_until`](Self::wait_until) and in calls that wait for an answer. Brokers are `b1`, `b2`, …, controllers `c1`,
/// `c2`, …, partitions `orders/0`. A clone is a second future of the same cluster.
///
/// Whenever an invariant breaks the step that is being taken panics, with the two facts that contradict each other.
/// [`finish`](Self::finish) ends the faults and asks what can be judged at the end only: a Lab that is dropped without
/// it was judged for safety alone.
///
/// ```
/// use trial_scenarios::{Lab, producer, scenario};
///
/// let orders = scenario("one order").topic("orders").client(producer("shop", "orders").by_hand());
/// let mut lab = Lab::start(orders, 7);
/// let stored = lab.produce("shop", "customer 1", "three apples").expect("nothing is broken");
/// assert_eq!(stored.offset, 0);
///
/// let old = lab.leader("orders/0");
/// lab.lose_power("leader(orders/0)");
/// lab.wait_until("another leader", |lab| {
///     lab.leader("orders/0").is_some_and(|leader| Some(leader) != old)
/// });
/// assert_eq!(lab.high_watermark("orders/0"), 1); // the order is still there
/// lab.finish();
/// ```
#[derive(Debug, Clone)]
pub struct Lab {
    pub(super) run: Run,
    pub(super) asked: Arc<Asked>,
    /// Orders that were given.
    pub(super) tickets: u64,
    /// Of each consumer: its life, and how many of its records the script has been handed.
    pub(super) polled: BTreeMap<HostId, (u32, usize)>,
    /// Violations that the script knows of.
    known: usize,
}

impl Lab {
    /// Starts a cluster and waits until it is ready: a controller is active, every broker runs, every partition has a
    /// leader and all its replicas in sync.
    ///
    /// # Panics
    /// If the scenario cannot be played, or the cluster does not become ready.
    #[must_use = "a Lab does nothing by itself"]
    #[track_caller]
    pub fn start(scenario: impl Into<Source>, seed: u64) -> Self {
        let mut lab = Self::cold(scenario, seed);
        lab.make_ready();
        lab
    }

    #[track_caller]
    pub(super) fn make_ready(&mut self) {
        self.wait_until("the cluster to be ready", Self::is_ready);
    }

    /// The same at time zero, before anything has booted.
    ///
    /// # Panics
    /// If the scenario cannot be played.
    #[must_use = "a Lab does nothing by itself"]
    #[track_caller]
    pub fn cold(scenario: impl Into<Source>, seed: u64) -> Self {
        let source = scenario.into();
        match opened(&source, &[], &[], None) {
            Ok((asked, scenario)) => Self::of(asked, &scenario, seed),
            Err(error) => refused(&source, error),
        }
    }

    pub(super) fn of(asked: Asked, scenario: &Arc<Scenario>, seed: u64) -> Self {
        let (run, asked) = (Run::by_hand(scenario, seed), Arc::new(asked));
        Self { run, asked, tickets: 0, polled: BTreeMap::new(), known: 0 }
    }

    // ---- time ----

    /// Virtual time since everything was switched on.
    #[must_use]
    pub fn now(&self) -> Time {
        self.run.now()
    }

    /// Lets so much virtual time pass: `"2s"`, `"500ms"`.
    ///
    /// # Panics
    /// If an invariant breaks meanwhile, or the text is no duration.
    #[track_caller]
    pub fn run_for(&mut self, length: &str) {
        let until = self.now() + span(length);
        self.run.play_until(until);
        self.look();
    }

    /// Lets time pass until a condition holds, for a minute at most; it is looked at after every event. `what` is what
    /// is waited for, in a word: the panic says it.
    ///
    /// # Panics
    /// If it does not come to hold, or an invariant breaks meanwhile.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, condition: impl FnMut(&Self) -> bool) {
        self.wait(PATIENCE, what, condition);
    }

    /// The same with another limit: `lab.wait_at_most("5s", "a leader", |lab| ..)`.
    ///
    /// # Panics
    /// As [`wait_until`](Self::wait_until).
    #[track_caller]
    pub fn wait_at_most(&mut self, length: &str, what: &str, condition: impl FnMut(&Self) -> bool) {
        self.wait(span(length), what, condition);
    }

    #[track_caller]
    fn wait(&mut self, limit: Span, what: &str, condition: impl FnMut(&Self) -> bool) {
        let since = self.now();
        assert!(
            self.waits(limit, condition),
            "waited {limit} for {what}, from {since} on, and it did not come\n\n{self}"
        );
    }

    /// Whether a condition came to hold within `limit`.
    #[track_caller]
    pub(super) fn waits(&mut self, limit: Span, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now() + limit;
        while !condition(self) {
            let Some(next) = self.run.world().next_time().filter(|next| *next <= end) else {
                self.run.play_until(end);
                self.look();
                return condition(self);
            };
            self.run.play_until(next);
            self.look();
        }
        true
    }

    /// LB-2.
    #[track_caller]
    pub(super) fn look(&mut self) {
        let found = self.run.judge().violations().len();
        let news = found > self.known && self.run.scenario().expect != Verdict::Violated;
        self.known = found;
        if news {
            panic!("an invariant is violated{}", self.found().join("\n"));
        }
    }

    fn found(&mut self) -> Vec<String> {
        let mut lines = vec![String::new()];
        lines.extend(story::violations(&self.violations()));
        lines.extend(story::faults(&self.run.fault_outcomes()));
        lines
    }

    // ---- the end ----

    /// Ends all faults, starts everybody, lets producers go on for the scenario's `calm`, and waits until every send
    /// was told and the cluster is live. Then all checkers judge the whole run.
    ///
    /// # Panics
    /// If the run came to another end than its scenario expects: with the invariant, its two facts, the faults as they
    /// were played, and how to see it again.
    #[track_caller]
    pub fn finish(self) -> RunDocument {
        self.try_finish()
            .unwrap_or_else(|story| panic!("{story}\n\nagain:   {}", again::test_line(None)))
    }

    /// The same without a panic.
    ///
    /// # Errors
    /// What `finish` would panic with, but for the lines to paste.
    pub fn try_finish(mut self) -> Result<RunDocument, String> {
        self.settle();
        self.run.end_faults();
        self.run.play();
        let scenario = Arc::clone(self.run.scenario());
        let end = End::of(&self.run, scenario.expect);
        let Some(why) = end.complaint() else {
            return Ok(self.run.document(0, String::new()));
        };
        let mut lines = vec![format!("{}: {why}", self.asked.scenario)];
        lines.extend(self.found());
        lines.extend(self.run.judge().unknown().iter().map(|open| format!("  {open}")));
        if let Phase::Over { live_at: None, .. } = self.run.phase() {
            lines.push(format!("\nnot live again\n{self}"));
        }
        Err(lines.join("\n"))
    }

    /// What is asked of clients before the end: to say nothing new, and to be told of everything.
    fn settle(&mut self) {
        self.run.heal();
        let calm = self.now() + self.run.scenario().calm;
        self.run.play_until(calm);
        let end = calm + TOLD_WITHIN;
        while self.now() < end && self.run.ask_for_the_end() {
            self.run.play_until(self.now() + Span::from_millis(20));
        }
    }

    // ---- the run itself ----

    /// Its seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.run.seed()
    }

    /// The digest of everything so far: equal scripts and seeds have equal ones.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.run.digest()
    }

    /// Gives the cluster another future than its original has: every draw of chance from now on is another one. A
    /// clone that is left alone goes the way of its original.
    pub fn rekey(&mut self, salt: u64) {
        self.run.rekey(salt);
    }

    /// Invariants that did not hold so far.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let one = |found: &crate::check::Violation| Violation {
            invariant: found.invariant.to_owned(),
            at_ms: found.at.as_millis(),
            message: found.message.clone(),
            facts: found.facts.to_vec(),
        };
        self.run.judge().violations().iter().map(one).collect()
    }

    /// The run that it plays, to look at.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    pub(super) fn facts(&self) -> &Facts {
        self.run.judge().facts()
    }

    fn is_ready(&self) -> bool {
        let facts = self.facts();
        let runs = facts.setup.hosts.iter().all(|host| match host.role {
            Role::Broker { id, .. } => facts.is_running(id),
            _ => true,
        });
        let expected: i32 = facts.setup.topics.values().map(|topic| topic.partitions).sum();
        let ready = |partition: &&crate::facts::PartitionFacts| {
            partition.registration.as_ref().is_some_and(|found| {
                found.leader.is_some() && found.isr.len() == found.replicas.len()
            }) && !partition.terms.is_empty()
        };
        let ready = facts.partitions().filter(ready).count();
        facts.active_controller.is_some() && runs && i32::try_from(ready) == Ok(expected)
    }
}

/// How things stand: time, partitions, who is down.
impl fmt::Display for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status())
    }
}

/// # Panics
/// If it is no duration.
#[track_caller]
pub(super) fn span(text: &str) -> Span {
    match parse_span(text) {
        Ok(span) => span,
        Err(error) => panic!("`{text}`: {}; the form is 500ms, 2s or 1m", error.what),
    }
}
