//! One scenario under one seed, as a value.
//!
//! Holds:      the World, the faults with their cursor, the judge. A clone continues by itself.
//! Invariants: RU-1 a Run is `Clone + Send + 'static`; a clone plays on to the digest of its original.
//!             RU-2 two phases: faults; then none, until the cluster is live or the longest bound is over.

use trial_cluster::note::Note;
use trial_reports::FaultOutcome;
use trial_sim::disk::Disk;
use trial_sim::{Digest, DiskId, HostId, Plan as Draws, Seen, Span, Time, World, WorldSettings};

use super::assemble::{Played, assemble};
use super::operator;
use super::pauses::Pauses;
use super::plan::Plan;
use super::player::{Done, Player};
use super::waits::Waits;
use crate::check::Judge;
use crate::explain::{self, On, Record};
use crate::facts::Disks;
use crate::scenario::Scenario;

/// The longest that a cluster may take to become live again: a delivery timeout of two minutes, and the scan that
/// brings a replica back.
const LIVE_WITHIN: Span = Span::from_secs(180);
/// How often the second phase looks.
const LOOK: Span = Span::from_millis(100);
/// How long everybody has to settle once all is live: the last answers arrive.
const SETTLE: Span = Span::from_secs(1);
/// More events at one instant than any cluster needs: time stands still.
const EVENTS_AT_ONCE_MAX: u64 = 20_000_000;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Faults happen.
    Faults,
    /// No fault happens; the cluster has to become live.
    Healing {
        /// When the faults ended.
        since: Time,
    },
    /// It is over.
    Over {
        /// When the faults had ended.
        healed_at: Time,
        /// When the cluster was live; none if it never was.
        live_at: Option<Time>,
    },
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) scenario: std::sync::Arc<Scenario>,
    pub(super) seed: u64,
    played: Played,
    pub(super) world: World<Note>,
    pub(super) player: Player,
    pub(super) judge: Judge,
    pub(super) phase: Phase,
    pub(super) missing: Vec<String>,
    pub(super) waits: Waits,
    pub(super) pauses: Pauses,
    without_effect: Vec<String>,
    /// When the cluster was found to be live again; it only settles from then on.
    live_at: Option<Time>,
    seen: Vec<Seen<Note>>,
    /// What happened, for whoever explains it; none unless asked for.
    record: Option<Record>,
    /// When the record last heard of what faults had done.
    looked_at: Time,
}

impl Disks for World<Note> {
    fn disk(&self, host: HostId) -> &Disk {
        Self::disk(self, host, DiskId(0))
    }

    fn wall_ms(&self, host: HostId) -> i64 {
        Self::wall_ms(self, host)
    }
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(scenario: &std::sync::Arc<Scenario>, seed: u64) -> Self {
        Self::with_settings(scenario, seed, WorldSettings::default())
    }

    /// The same in another kind of World.
    #[must_use]
    pub fn with_settings(
        scenario: &std::sync::Arc<Scenario>,
        seed: u64,
        settings: WorldSettings,
    ) -> Self {
        Self::assembled(scenario, seed, settings, Played::ByPlan)
    }

    pub(super) fn assembled(
        scenario: &std::sync::Arc<Scenario>,
        seed: u64,
        settings: WorldSettings,
        played: Played,
    ) -> Self {
        let scenario = &scenario.for_seed(seed);
        let (world, setup, programs) = assemble(scenario, seed, settings, played);
        let mut player = Player::new(Plan::draw(scenario, seed), Draws::new(seed), programs);
        player.leave_down(setup.left_down.iter().copied());
        let judge = Judge::new(setup);
        Self {
            played,
            player,
            waits: Waits::new(judge.facts()),
            pauses: Pauses::default(),
            judge,
            scenario: std::sync::Arc::clone(scenario),
            seed,
            world,
            phase: Phase::Faults,
            missing: Vec::new(),
            without_effect: Vec::new(),
            live_at: None,
            seen: Vec::new(),
            record: None,
            looked_at: Time::ZERO,
        }
    }

    /// The digest of everything so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.world.digest()
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world.now()
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When something happens next; none: nothing does, unless somebody comes from outside.
    #[must_use]
    pub fn next_time(&self) -> Option<Time> {
        [self.world.next_time(), self.player.next_due()].into_iter().flatten().min()
    }

    /// The World, to look at.
    #[must_use]
    pub fn world(&self) -> &World<Note> {
        &self.world
    }

    /// The World, for whoever has bytes from outside, and for tests that tamper with it.
    pub fn world_mut(&mut self) -> &mut World<Note> {
        &mut self.world
    }

    /// Once it is over: faults of which the scenario demands an effect, and that had none.
    #[must_use]
    pub fn without_effect(&self) -> &[String] {
        &self.without_effect
    }

    /// The judge.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// From now on everything that happens is kept. It changes no step of the run.
    pub fn keep_record(&mut self) {
        self.record.get_or_insert_default();
    }

    /// What was kept; none if nobody asked.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// What the scenario expects.
    #[must_use]
    pub fn expected(&self) -> trial_reports::Verdict {
        self.scenario.expect
    }

    /// Once it is over: what was missing before the cluster was live, with each rule's id.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Plays to the end.
    pub fn play(&mut self) {
        while !matches!(self.phase, Phase::Over { .. }) {
            self.play_until(Time::MAX);
        }
    }

    /// Another future with the same past: every draw from now on is another one, the plan stays. Equal salts give
    /// equal futures.
    pub fn rekey(&mut self, salt: u64) {
        self.world.rekey(salt);
    }

    /// The same past, and no further fault: those that have begun go on to their end.
    pub fn spare_the_future(&mut self) {
        self.player.begin_nothing_more();
    }

    /// Plays until `limit` or the end, whatever comes first: every event and fault up to and including `limit` has
    /// happened then, and nothing later. In how many steps a time is reached changes nothing. A limit that is past
    /// handles nothing.
    pub fn play_until(&mut self, limit: Time) {
        loop {
            match self.phase {
                Phase::Faults if self.played == Played::ByHand => {
                    assert!(limit < Time::MAX, "faults that nobody ends never end");
                    self.advance(limit);
                    return;
                }
                Phase::Faults => {
                    let end = Time::ZERO + self.scenario.time;
                    self.advance(end.min(limit));
                    if limit < end {
                        return;
                    }
                    self.look_at_faults();
                    self.player.end_all(&mut self.world);
                    self.drain();
                    self.phase = Phase::Healing { since: self.world.now() };
                }
                Phase::Healing { since } => {
                    if self.world.now() >= limit {
                        return;
                    }
                    let next = self.next_look(since);
                    self.advance(next.min(limit));
                    if next <= limit {
                        self.look(since);
                    }
                }
                Phase::Over { .. } => return,
            }
        }
    }

    /// When the second phase looks next: at its own times, wherever somebody stops it in between.
    fn next_look(&self, since: Time) -> Time {
        if let Some(live_at) = self.live_at {
            return live_at + SETTLE;
        }
        let looks = self.world.now().since(since).as_nanos() / LOOK.as_nanos();
        since + LOOK * (looks + 1)
    }

    /// Whether the cluster is live; if so it settles and the run ends, as it does if it takes too long.
    fn look(&mut self, since: Time) {
        let now = self.world.now();
        if let Some(live_at) = self.live_at {
            self.end(Phase::Over { healed_at: since, live_at: Some(live_at) });
            return;
        }
        let missing = self.judge.is_live();
        if missing.is_empty() {
            self.live_at = Some(now);
        } else if now.since(since) >= LIVE_WITHIN + self.judge.facts().setup.rebalance_within() {
            self.missing = missing;
            self.end(Phase::Over { healed_at: since, live_at: None });
        } else {
            operator::kill_overtaken(self.judge.facts(), &mut self.world);
        }
    }

    fn end(&mut self, over: Phase) {
        self.judge.finish(self.world.now(), &self.world);
        let outcomes = self.player.outcomes(&mut self.world);
        let idle = outcomes.into_iter().filter(FaultOutcome::is_missing);
        self.without_effect = idle.map(|outcome| outcome.text).collect();
        self.phase = over;
    }

    /// Handles everything that happens up to `limit`, faults included.
    fn advance(&mut self, limit: Time) {
        let mut done = Vec::new();
        let (mut instant, mut since) = (self.world.now(), self.world.events());
        loop {
            if self.world.now() > instant {
                (instant, since) = (self.world.now(), self.world.events());
            }
            let at_once = self.world.events() - since;
            assert!(
                at_once < EVENTS_AT_ONCE_MAX,
                "{at_once} events at {instant}: time stands still"
            );
            let due = self.player.next_due().filter(|due| *due <= limit);
            let event = self.world.next_time().filter(|at| *at <= limit);
            match (due, event) {
                (Some(due), event) if event.is_none_or(|at| due <= at) => {
                    self.world.run_until(due);
                    self.look_at_faults();
                    self.player.play_due(&mut self.world, self.judge.facts(), &mut done);
                    self.tell(&mut done);
                }
                (_, Some(_)) => {
                    // Not beyond the next fault: what is first in the queue may be out of date.
                    let until = due.unwrap_or(limit);
                    if !self.world.step_until(until) {
                        continue;
                    }
                    self.drain();
                    if self.world.now().since(self.looked_at) >= explain::EVERY {
                        self.look_at_faults();
                    }
                    if self.player.has_triggers() {
                        self.player.play_triggered(&mut self.world, self.judge.facts(), &mut done);
                        self.tell(&mut done);
                    }
                }
                (_, None) => break,
            }
        }
        self.world.run_until(limit);
    }

    pub(super) fn tell(&mut self, done: &mut Vec<Done>) {
        if done.is_empty() {
            return;
        }
        for Done { index, fault, hosts } in done.drain(..) {
            let text = fault.to_string();
            tracing::info!("{} fault: {text}", self.world.now());
            self.judge.on_fault(self.world.now(), &text, &hosts);
            self.waits.on_fault(self.world.now(), &text);
            if let Some(record) = &mut self.record {
                record.on_fault(self.world.now(), index, fault, &hosts);
            }
        }
        self.drain();
    }

    /// Whoever keeps a record looks at what faults have done.
    fn look_at_faults(&mut self) {
        let Some(record) = &mut self.record else { return };
        let now = self.world.now();
        self.looked_at = now;
        for (index, part, host) in self.player.acting() {
            let link = self.world.link_of(part).map(|(from, to)| On::Link(from, to));
            let on = link.or(host.map(On::Host)).unwrap_or(On::Other);
            record.on_effect(now, index, (part, on), self.world.effect(part));
        }
    }

    /// The readable log: what happened, stamped with virtual time. Costs nothing while nobody listens.
    fn log(&self, seen: &Seen<Note>) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let name = |host: &HostId| self.world.host_name(*host);
        match seen {
            Seen::Note { at, host, note, .. } => {
                tracing::debug!("{at} {}: {note:?}", name(host));
            }
            Seen::Crashed { at, host, kind, .. } => {
                tracing::info!("{at} {} crashed: {kind:?}", name(host));
            }
            Seen::Booted { at, host, incarnation } => {
                tracing::info!("{at} {} booted (incarnation {incarnation})", name(host));
            }
            Seen::Stopped { at, host, halt: None } => {
                tracing::info!("{at} {} stopped", name(host));
            }
            Seen::Stopped { at, host, halt: Some(why) } => {
                tracing::info!("{at} {} halted: {why}", name(host));
            }
            Seen::Sent { .. }
            | Seen::Connected { .. }
            | Seen::Closed { .. }
            | Seen::Disk { .. } => {}
        }
    }

    /// Hands the judge what was seen.
    pub(super) fn drain(&mut self) {
        let mut seen = std::mem::take(&mut self.seen);
        self.world.drain_seen(&mut seen);
        for one in seen.drain(..) {
            self.log(&one);
            if let Seen::Crashed { .. } | Seen::Stopped { .. } = one {
                self.look_at_faults();
            }
            let known = self.judge.violations().len();
            if let Some(record) = &mut self.record {
                record.before(&one, self.judge.facts());
            }
            self.judge.on_seen(&one, &self.world);
            self.waits.on_seen(&one, self.judge.known(), self.judge.facts());
            self.pauses.on_seen(&one, self.judge.facts());
            if let Some(record) = &mut self.record {
                record.after(&one, self.judge.known(), self.judge.facts());
                record.violations(self.judge.violations().len());
            }
            for found in &self.judge.violations()[known..] {
                tracing::error!("{} {} is violated: {}", found.at, found.invariant, found.message);
            }
            if let Seen::Stopped { host, halt, .. } = one {
                self.player.on_down(host, halt, &mut self.world);
            }
        }
        self.seen = seen;
    }
}
