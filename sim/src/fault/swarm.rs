//! Draws faults from a seed: many kinds, at any time, against anybody.
//!
//! Holds:      nothing; a pure function of the seed and of what may be hit.
//! Invariants: SW-1 each fault is drawn with a key of its own (kind, host or pair, slot of time),
//!             so taking a host, a kind or a slot away leaves all others as they were; SW-2 every
//!             fault begins and ends within the window, and every crashed host starts again.
//! Left out:   the budget of lossy crashes: what counts is only known while the faults happen.

use std::collections::BTreeSet;

use super::clock_fault::ClockFault;
use super::disk_fault::{DiskCalls, DiskFault};
use super::effect::{Effect, Group, Sides};
use super::family::Family;
use super::line::Fault;
use super::quantity::{Factor, Rate};
use super::swarm_choice::{FamilyChoice, SwarmChoice};
use super::when::{HostExpr, When};
use crate::random::{Plan, Stream};
use crate::time::{Span, Time};

/// Somebody a swarm may hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmHost {
    /// Who; also the name that its faults are drawn with.
    pub target: HostExpr,
    /// What may happen to it.
    pub families: BTreeSet<Family>,
    /// Whether its crashes may lose what it has not synced.
    pub loses_unsynced: bool,
    /// With whom it has no connections: between the two nothing is drawn that would do nothing.
    pub never_with: BTreeSet<HostExpr>,
}

impl SwarmHost {
    fn may_speak_with(&self, other: &Self) -> bool {
        !self.never_with.contains(&other.target) && !other.never_with.contains(&self.target)
    }
}

/// How often things happen: chances in a million, per slot of time and per host or pair of hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmRates {
    /// Two hosts cut off from each other; per pair.
    pub cut: u32,
    /// One host cut off from another, one way; per pair.
    pub cut_one_way: u32,
    /// All hosts split in two groups; per slot.
    pub split: u32,
    /// One host cut off from all others.
    pub isolate: u32,
    /// Delayed bytes; per pair.
    pub delay: u32,
    /// Throttled bytes; per pair.
    pub throttle: u32,
    /// Stalled connections; per pair.
    pub stall: u32,
    /// Reset connections; per pair.
    pub reset: u32,
    /// Crashes of a process.
    pub crash: u32,
    /// Crashes that lose what was not synced.
    pub crash_losing: u32,
    /// Stops in good order.
    pub stop: u32,
    /// Each hears only a majority, no two the same; per slot.
    pub ring: u32,
    /// Two groups that reach each other only through one host; per slot.
    pub bridge: u32,
    /// All hosts isolated one after the other; per slot.
    pub swizzle: u32,
    /// Refused connects; per pair.
    pub refuse: u32,
    /// Connects that hang; per pair.
    pub hang: u32,
    /// Slow disks.
    pub disk_slow: u32,
    /// Throttled disks.
    pub disk_throttle: u32,
    /// Disks that hang.
    pub disk_hang: u32,
    /// Disks that are full.
    pub disk_full: u32,
    /// Disks that fail to write.
    pub disk_eio: u32,
    /// Clocks that are ahead.
    pub clock_ahead: u32,
    /// Clocks that drift.
    pub clock_drift: u32,
    /// Clocks that jump.
    pub clock_step: u32,
    /// Pauses.
    pub pause: u32,
    /// Slow processors.
    pub slow: u32,
    /// Metadata that takes effect late.
    pub lag: u32,
}

/// What a swarm is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmSettings {
    /// How long a slot of time is.
    pub slot: Span,
    /// Seeds in a million for which a family is switched off.
    pub family_off_ppm: u32,
    /// Seeds in a million for which one kind of a family is switched off.
    pub kind_off_ppm: u32,
    /// The shortest and the longest that a fault lasts; most are short.
    pub lasting: (Span, Span),
    /// How often things happen.
    pub rates: SwarmRates,
}

impl Default for SwarmSettings {
    fn default() -> Self {
        Self {
            slot: Span::from_secs(5),
            family_off_ppm: 300_000,
            kind_off_ppm: 250_000,
            lasting: (Span::from_millis(100), Span::from_secs(15)),
            rates: SwarmRates {
                cut: 5_000,
                cut_one_way: 5_000,
                split: 60_000,
                isolate: 12_000,
                delay: 5_000,
                throttle: 4_000,
                stall: 4_000,
                reset: 8_000,
                crash: 15_000,
                crash_losing: 20_000,
                stop: 10_000,
                ring: 25_000,
                bridge: 25_000,
                swizzle: 25_000,
                refuse: 5_000,
                hang: 5_000,
                disk_slow: 15_000,
                disk_throttle: 8_000,
                disk_hang: 8_000,
                disk_full: 4_000,
                disk_eio: 4_000,
                clock_ahead: 8_000,
                clock_drift: 8_000,
                clock_step: 8_000,
                pause: 12_000,
                slow: 10_000,
                lag: 10_000,
            },
        }
    }
}

/// The faults of this seed against these hosts, from `window.0` to `window.1`, in order of time.
#[must_use]
pub fn swarm(
    plan: Plan,
    families: &[Family],
    hosts: &[SwarmHost],
    window: (Time, Time),
    settings: &SwarmSettings,
) -> Vec<Fault> {
    let mut drawing = Drawing {
        plan,
        hosts,
        window,
        settings,
        factor: 0,
        family: Family::Network,
        without: Vec::new(),
        faults: Vec::new(),
    };
    for choice in &SwarmChoice::draw(plan, families, settings).families {
        drawing.family(choice);
    }
    drawing.faults.sort_by_cached_key(|(at, fault)| (*at, fault.to_string()));
    drawing.faults.into_iter().map(|(_, fault)| fault).collect()
}

struct Drawing<'a> {
    plan: Plan,
    hosts: &'a [SwarmHost],
    window: (Time, Time),
    settings: &'a SwarmSettings,
    /// By what this family's rates are multiplied for this seed, in halves.
    factor: u32,
    family: Family,
    /// Its kinds that do not exist for this seed.
    without: Vec<&'static str>,
    faults: Vec<(Time, Fault)>,
}

impl<'a> Drawing<'a> {
    fn family(&mut self, choice: &FamilyChoice) {
        let Some(halves) = choice.halves else { return };
        self.factor = halves;
        self.family = choice.family;
        self.without.clone_from(&choice.without);
        let rates = self.settings.rates;
        match choice.family {
            Family::Network => self.network(&rates),
            Family::Crash => self.crashes(&rates),
            Family::Disk => {
                self.per_host("disk-slow", rates.disk_slow, |hosts, draws| {
                    let factor = DiskFault::Slow(factor(draws, 2, 200));
                    Effect::Disk { disk: None, hosts, fault: factor }
                });
            }
            Family::Mesh => self.mesh(&rates),
            Family::Connect => {
                self.per_pair("refuse", rates.refuse, |from, to, _| Effect::Refuse { from, to });
                self.per_pair("hang", rates.hang, |from, to, _| Effect::Hang { from, to });
            }
            Family::Io => self.io(&rates),
            Family::Clock => self.clocks(&rates),
            Family::Pause => {
                self.per_host("pause", rates.pause, |hosts, _| Effect::Pause { hosts });
                self.per_host("slow", rates.slow, |hosts, draws| Effect::Slow {
                    hosts,
                    factor: factor(draws, 2, 50),
                });
                self.per_host("lag", rates.lag, |hosts, draws| {
                    let by = Span::from_millis(skewed(draws, 5, 5_000));
                    Effect::Lag { hosts, by: (draws.below(2) == 0).then_some(by) }
                });
            }
        }
    }

    fn network(&mut self, rates: &SwarmRates) {
        self.per_pair("cut", rates.cut, |one, other, _| Effect::Cut {
            sides: Sides::Both(one, other),
        });
        self.per_pair("cut-one-way", rates.cut_one_way, |from, to, _| Effect::Cut {
            sides: Sides::OneWay(from, to),
        });
        self.splits(rates.split);
        self.per_host("isolate", rates.isolate, |hosts, _| Effect::Isolate { hosts });
        self.per_pair("delay", rates.delay, |from, to, draws| {
            let by = Span::from_millis(skewed(draws, 5, 2_000));
            Effect::Delay { label: None, from, to, by, up_to: None }
        });
        self.per_pair("throttle", rates.throttle, |from, to, draws| {
            let rate = Rate(skewed(draws, 10, 1_000) * 1_000);
            Effect::Throttle { from, to, rate }
        });
        self.per_pair("stall", rates.stall, |from, to, _| Effect::Stall { from, to });
        self.per_pair("reset", rates.reset, |one, other, _| Effect::Reset { one, other });
    }

    fn crashes(&mut self, rates: &SwarmRates) {
        self.per_host("crash", rates.crash, |hosts, _| Effect::Crash {
            hosts,
            losing_unsynced: false,
        });
        let lossy = |host: &SwarmHost| host.loses_unsynced;
        self.per_host_if("crash-losing", rates.crash_losing, lossy, |hosts, _| Effect::Crash {
            hosts,
            losing_unsynced: true,
        });
        self.per_host("stop", rates.stop, |hosts, _| Effect::Stop { hosts });
    }

    fn mesh(&mut self, rates: &SwarmRates) {
        let targets = self.targets();
        let plan = self.plan;
        // An order of its own for each host's name, so that another host less changes no other's place.
        let ordered = |which: u64| {
            let mut hosts = targets.clone();
            hosts.sort_by_cached_key(|host| plan.u64("swarm-order", &host.to_string(), which));
            hosts
        };
        self.item("ring", "all", rates.ring, |draws| {
            let hosts = ordered(draws.u64());
            (hosts.len() > 2).then_some(Effect::Ring { hosts: Group(hosts) })
        });
        self.item("bridge", "all", rates.bridge, |draws| {
            let which = draws.u64();
            let mut hosts = ordered(which);
            let over = hosts.pop()?;
            let side = |host: &HostExpr| plan.below("swarm-side", &host.to_string(), which, 2) == 0;
            let (one, other): (Vec<_>, Vec<_>) = hosts.into_iter().partition(side);
            let whole = !one.is_empty() && !other.is_empty();
            whole.then_some(Effect::Bridge { over, one: Group(one), other: Group(other) })
        });
        self.item("swizzle", "all", rates.swizzle, |draws| {
            let hosts = ordered(draws.u64());
            (!hosts.is_empty()).then_some(Effect::Swizzle { hosts: Group(hosts) })
        });
    }

    fn io(&mut self, rates: &SwarmRates) {
        let on = |hosts, fault| Effect::Disk { disk: None, hosts, fault };
        self.per_host("disk-throttle", rates.disk_throttle, |hosts, draws| {
            on(hosts, DiskFault::Throttle(Rate(skewed(draws, 20, 2_000) * 1_000)))
        });
        self.per_host("disk-hang", rates.disk_hang, |hosts, _| on(hosts, DiskFault::Hangs));
        self.per_host("disk-full", rates.disk_full, |hosts, _| on(hosts, DiskFault::Full));
        self.per_host("disk-eio", rates.disk_eio, |hosts, draws| {
            let calls = if draws.below(2) == 0 { DiskCalls::Read } else { DiskCalls::Write };
            on(hosts, DiskFault::Eio { once: false, calls: Some(calls), path: None })
        });
    }

    fn clocks(&mut self, rates: &SwarmRates) {
        self.per_host("clock-ahead", rates.clock_ahead, |hosts, draws| {
            let ahead = Span::from_millis(skewed(draws, 10, 60_000));
            Effect::Clock { hosts, fault: ClockFault::Ahead(ahead) }
        });
        self.per_host("clock-drift", rates.clock_drift, |hosts, draws| {
            let ppm = i32::try_from(skewed(draws, 10, 1_000)).expect("a thousand at most");
            let fault = ClockFault::Drift(if draws.below(2) == 0 { ppm } else { -ppm });
            Effect::Clock { hosts, fault }
        });
        self.per_host("clock-step", rates.clock_step, |hosts, draws| {
            let millis = i64::try_from(skewed(draws, 1, 5_000)).expect("five seconds at most");
            let nanos = if draws.below(2) == 0 { millis } else { -millis } * 1_000_000;
            Effect::Clock { hosts, fault: ClockFault::Step(nanos) }
        });
    }

    /// All hosts fall apart into two groups that do not reach each other.
    fn splits(&mut self, ppm: u32) {
        let targets = self.targets();
        let plan = self.plan;
        self.item("split", "all", ppm, |draws| {
            // Which side a host is on is its own draw, so that another host less changes nothing.
            let which = draws.u64();
            let side =
                |host: &&HostExpr| plan.below("swarm-side", &host.to_string(), which, 2) == 0;
            let (one, other): (Vec<_>, Vec<_>) = targets.iter().partition(side);
            let group = |hosts: Vec<&HostExpr>| Group(hosts.into_iter().cloned().collect());
            let empty = one.is_empty() || other.is_empty();
            (!empty).then(|| Effect::Cut { sides: Sides::Both(group(one), group(other)) })
        });
    }

    fn per_host(&mut self, kind: &str, ppm: u32, effect: impl Fn(Group, &mut Stream) -> Effect) {
        self.per_host_if(kind, ppm, |_| true, effect);
    }

    fn per_host_if(
        &mut self,
        kind: &str,
        ppm: u32,
        may: impl Fn(&SwarmHost) -> bool,
        effect: impl Fn(Group, &mut Stream) -> Effect,
    ) {
        let family = self.family;
        for host in self.hosts.iter().filter(|host| host.families.contains(&family) && may(host)) {
            let name = host.target.to_string();
            let group = || Group::from(host.target.clone());
            self.item(kind, &name, ppm, |draws| Some(effect(group(), draws)));
        }
    }

    fn per_pair(
        &mut self,
        kind: &str,
        ppm: u32,
        effect: impl Fn(Group, Group, &mut Stream) -> Effect,
    ) {
        let hit = self.hit();
        for (i, one) in hit.iter().enumerate() {
            for other in hit[i + 1..].iter().filter(|other| one.may_speak_with(other)) {
                let (one, other) = (&one.target, &other.target);
                self.item(kind, &format!("{one}|{other}"), ppm, |draws| {
                    let swapped = draws.below(2) == 1;
                    let (from, to) = if swapped { (other, one) } else { (one, other) };
                    Some(effect(from.clone().into(), to.clone().into(), draws))
                });
            }
        }
    }

    /// Whom this family may hit, in the order of names.
    fn hit(&self) -> Vec<&'a SwarmHost> {
        let may = |host: &&SwarmHost| host.families.contains(&self.family);
        let mut hit: Vec<&SwarmHost> = self.hosts.iter().filter(may).collect();
        hit.sort_unstable_by_key(|host| &host.target);
        hit
    }

    fn targets(&self) -> Vec<HostExpr> {
        self.hit().into_iter().map(|host| host.target.clone()).collect()
    }

    /// One thing that may happen once per slot of time.
    fn item(
        &mut self,
        kind: &str,
        name: &str,
        ppm: u32,
        effect: impl Fn(&mut Stream) -> Option<Effect>,
    ) {
        let settings = self.settings;
        let domain = format!("swarm-{kind}");
        assert!(self.family.kinds().contains(&kind), "SC-1: {kind} is a kind of its family");
        if self.without.contains(&kind) {
            return;
        }
        let chance = u32::try_from(u64::from(ppm) * u64::from(self.factor) / 2).unwrap_or(u32::MAX);
        let (start, end) = self.window;
        for slot in start.0 / settings.slot.0..end.0.div_ceil(settings.slot.0) {
            let mut draws = self.plan.stream_of(&domain, name, slot);
            if !draws.chance(chance.min(1_000_000)) {
                continue;
            }
            let at = millis(slot * settings.slot.0 + draws.below(settings.slot.0));
            let lasting = self.lasting(&mut draws);
            let Some(effect) = effect(&mut draws) else { continue };
            if at < start || at >= end {
                continue;
            }
            let lasting = lasting.min(millis(end.0 - at.0).0);
            let lasting = effect.can_last().then_some(Span(lasting));
            if lasting != Some(Span::ZERO) {
                self.faults.push((at, Fault { when: When::At(at), effect, lasting }));
            }
        }
    }

    fn lasting(&self, draws: &mut Stream) -> u64 {
        let (min, max) = self.settings.lasting;
        skewed(draws, min.as_millis().max(1), max.as_millis()) * 1_000_000
    }
}

/// Whole milliseconds, for the sake of short lines.
fn millis(nanos: u64) -> Time {
    Time(nanos / 1_000_000 * 1_000_000)
}

/// A number from `low` to `high`, each doubling as likely as the next.
fn skewed(draws: &mut Stream, low: u64, high: u64) -> u64 {
    let levels = u64::from((high / low).ilog2()) + 1;
    let base = low << draws.below(levels);
    (base + draws.below(base)).min(high)
}

fn factor(draws: &mut Stream, low: u64, high: u64) -> Factor {
    Factor(u32::try_from(skewed(draws, low, high)).expect("a small number"))
}
