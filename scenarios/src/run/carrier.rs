//! Carries one fault out: resolves whom it means, and sets off the primitives that it is made of.
//!
//! Holds:      the fault's outcome while it is filled in.

use std::sync::Arc;

use trial_cluster::client::admin_job::Configured as AdminConfigured;
use trial_cluster::client::{AdminJob, AdminOrder};
use trial_cluster::ids::BrokerId;
use trial_cluster::note::Note;
use trial_sim::disk::{DiskCall, DiskScope};
use trial_sim::fault::{
    ClockFault, Configured, DiskCalls, DiskFault, Effect, Group, HostExpr, Sides,
};
use trial_sim::{CrashKind, DiskId, FaultId, HostId, World};

use super::outcome::{ByBudget, Outcome};
use super::player::{Held, Situation};
use super::programs::Programs;
use crate::scenario::ADMIN;

/// Carries one fault out.
pub(super) struct Carrier<'a> {
    pub(super) world: &'a mut World<Note>,
    pub(super) situation: &'a dyn Situation,
    pub(super) outcome: &'a mut Outcome,
    pub(super) holds: &'a mut Vec<Held>,
    pub(super) programs: &'a mut Programs,
    /// What an admin's answer is found by.
    pub(super) ticket: u64,
    pub(super) restarts: Vec<HostId>,
    /// Hosts that start again, if they are down, once the fault is over.
    pub(super) revives: Vec<HostId>,
}

impl Carrier<'_> {
    fn hosts(&mut self, group: &Group) -> Vec<HostId> {
        let mut hosts: Vec<HostId> = Vec::new();
        for host in group.0.iter().flat_map(|host| self.situation.resolve(host)) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        for host in &hosts {
            if !self.outcome.hosts.contains(host) {
                self.outcome.hosts.push(*host);
            }
        }
        if hosts.is_empty() {
            self.outcome.remark = Some("found nobody".to_owned());
        }
        hosts
    }

    fn between(
        &mut self,
        from: &Group,
        to: &Group,
        mut set_off: impl FnMut(&mut World<Note>, HostId, HostId) -> FaultId,
    ) {
        let (from, to) = (self.hosts(from), self.hosts(to));
        for one in &from {
            for other in &to {
                if one != other {
                    let fault = set_off(self.world, *one, *other);
                    self.outcome.faults.push(fault);
                }
            }
        }
    }

    fn on_each(
        &mut self,
        group: &Group,
        mut set_off: impl FnMut(&mut World<Note>, HostId) -> FaultId,
    ) {
        for host in self.hosts(group) {
            let fault = set_off(self.world, host);
            self.outcome.faults.push(fault);
        }
    }

    pub(super) fn effect(&mut self, effect: &Effect, drawn: bool) {
        match effect {
            Effect::Cut { sides } => self.cut(sides),
            Effect::Isolate { hosts } => self.isolate(hosts),
            Effect::Bridge { over, one, other } => {
                self.hosts(&Group::from(over.clone()));
                self.between(one, other, |world, from, to| world.cut(from, to));
                self.between(other, one, |world, from, to| world.cut(from, to));
            }
            Effect::Ring { hosts } => self.ring(hosts),
            // The player isolates them one by one.
            Effect::Swizzle { hosts } => {
                self.hosts(hosts);
            }
            Effect::Delay { label, from, to, by, up_to } => {
                let range = *by..up_to.unwrap_or(*by);
                self.between(from, to, |world, from, to| {
                    world.delay_some(from, to, label.as_deref(), range.clone())
                });
            }
            Effect::Throttle { from, to, rate } => {
                self.between(from, to, |world, from, to| world.throttle(from, to, rate.0));
            }
            Effect::Stall { from, to } => {
                self.between(from, to, |world, from, to| world.stall(from, to))
            }
            Effect::Refuse { from, to } => {
                self.between(from, to, |world, from, to| world.refuse(from, to));
            }
            Effect::Hang { from, to } => {
                self.between(from, to, |world, from, to| world.hang(from, to))
            }
            Effect::Hold { label, from, to } => self.hold(label, from, to),
            Effect::Release { label, from, to } => self.release(label, from, to),
            Effect::Reset { one, other } => {
                self.between(one, other, |world, from, to| world.reset(from, to));
            }
            Effect::Pause { hosts } => self.on_each(hosts, |world, host| world.pause(host)),
            Effect::Slow { hosts, factor } => {
                self.on_each(hosts, |world, host| world.slow(host, factor.0));
            }
            Effect::Lag { hosts, by } => self.on_each(hosts, |world, host| world.lag(host, *by)),
            Effect::Crash { hosts, losing_unsynced } => self.crash(hosts, *losing_unsynced, drawn),
            Effect::Stop { hosts } => self.stop(hosts),
            Effect::Restart { hosts, profile, config } => {
                self.restart(hosts, profile.as_deref(), config);
            }
            Effect::Swap { one, other } => self.swap(one, other),
            Effect::Wipe { disk, hosts } => self.wipe(*disk, hosts),
            Effect::Disk { disk, hosts, fault } => self.disk(*disk, hosts, fault, drawn),
            Effect::Clock { hosts, fault } => self.clock(hosts, fault),
            Effect::Reassign { partition, to } => {
                // Who is to hold a replica is not hit by anything.
                let hosts = to.0.iter().flat_map(|host| self.situation.resolve(host));
                let replicas = hosts.filter_map(|host| self.situation.broker(host)).collect();
                let replicas = Some(replicas);
                self.ask(of_partition(partition, |topic, partition| AdminJob::Reassign {
                    topic,
                    partition,
                    replicas,
                }));
            }
            Effect::Cancel { partition } => {
                self.ask(of_partition(partition, |topic, partition| AdminJob::Reassign {
                    topic,
                    partition,
                    replicas: None,
                }))
            }
            Effect::Elect { partition } => self.ask(of_partition(partition, |topic, partition| {
                AdminJob::ElectPreferred { topic, partition }
            })),
            Effect::Grow { topic, partitions } => {
                let (topic, count) = (topic.clone(), i32::from(*partitions));
                self.ask(AdminJob::CreatePartitions { topic, count });
            }
            Effect::Configure { of, with, without } => self.configure(of, with, without),
            Effect::Swarm { .. } => unreachable!("drawn before the run: {effect:?}"),
        }
    }

    fn configure(&mut self, of: &Configured, with: &[(String, String)], without: &[String]) {
        let of = match of {
            Configured::Topic(topic) => AdminConfigured::Topic(topic.clone()),
            Configured::Brokers => AdminConfigured::Brokers,
            Configured::Group(group) => AdminConfigured::Group(group.clone()),
            Configured::Broker(host) => {
                let found = self.situation.resolve(host);
                let found = found.first().and_then(|host| self.situation.broker(*host));
                let Some(id) = found else {
                    self.outcome.remark = Some("there is no such broker now".to_owned());
                    return;
                };
                AdminConfigured::Broker(BrokerId(id))
            }
        };
        let set = with.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let changes = set.chain(without.iter().map(|key| (key.clone(), None))).collect();
        self.ask(AdminJob::Configure { of, changes });
    }

    /// The admin client asks, over the network like anybody; the answer is for later.
    fn ask(&mut self, job: AdminJob) {
        let admin = self.situation.resolve(&HostExpr::Name(ADMIN.to_owned()));
        let order = AdminOrder { ticket: self.ticket, job };
        match admin[..] {
            [admin] if self.world.order(admin, order.encode()) => {
                self.outcome.asked = Some((admin, self.ticket));
            }
            _ => self.outcome.remark = Some("no admin runs that could ask".to_owned()),
        }
    }

    fn cut(&mut self, sides: &Sides) {
        let (Sides::Both(a, b) | Sides::OneWay(a, b)) = sides;
        self.between(a, b, |world, from, to| world.cut(from, to));
        if let Sides::Both(..) = sides {
            self.between(b, a, |world, from, to| world.cut(from, to));
        }
    }

    fn isolate(&mut self, hosts: &Group) {
        let inside = self.hosts(hosts);
        for other in self.situation.all_hosts() {
            if inside.contains(&other) {
                continue;
            }
            for host in &inside {
                let cuts = [self.world.cut(*host, other), self.world.cut(other, *host)];
                self.outcome.faults.extend(cuts);
            }
        }
    }

    fn stop(&mut self, hosts: &Group) {
        for host in self.hosts(hosts) {
            self.outcome.did |= self.world.is_up(host);
            self.world.stop(host);
            self.restarts.push(host);
        }
        let remark = if self.outcome.did { "asked to stop in good order" } else { "down already" };
        self.outcome.remark.get_or_insert(remark.to_owned());
    }

    fn clock(&mut self, hosts: &Group, fault: &ClockFault) {
        match fault {
            ClockFault::Ahead(by) => {
                let by = i64::try_from(by.0).unwrap_or(i64::MAX);
                self.on_each(hosts, |world, host| world.clock_ahead(host, by));
            }
            ClockFault::Drift(ppm) => {
                self.on_each(hosts, |world, host| world.clock_drift(host, *ppm));
            }
            ClockFault::Step(by) => self.on_each(hosts, |world, host| world.clock_step(host, *by)),
        }
    }

    /// Each hears only itself and those after it, a majority.
    fn ring(&mut self, hosts: &Group) {
        let ring = self.hosts(hosts);
        let heard = ring.len() / 2 + 1;
        for (place, host) in ring.iter().enumerate() {
            for away in heard..ring.len() {
                let other = ring[(place + away) % ring.len()];
                self.outcome.faults.push(self.world.cut(other, *host));
            }
        }
    }

    fn hold(&mut self, label: &str, from: &Group, to: &Group) {
        let mut held = Vec::new();
        self.between(from, to, |world, from, to| {
            let fault = world.hold(from, to, label);
            held.push(Held { label: label.to_owned(), from, to, fault });
            fault
        });
        self.holds.extend(held);
    }

    /// Ends every hold of the label between these hosts.
    fn release(&mut self, label: &str, from: &Group, to: &Group) {
        let (from, to) = (self.hosts(from), self.hosts(to));
        let is_meant =
            |held: &Held| held.label == label && from.contains(&held.from) && to.contains(&held.to);
        let (over, rest): (Vec<_>, Vec<_>) = self.holds.drain(..).partition(is_meant);
        *self.holds = rest;
        over.iter().for_each(|held| self.world.heal(held.fault));
        self.outcome.did |= !over.is_empty();
        self.outcome.remark = Some(match over.len() {
            0 => "nothing was held".to_owned(),
            _ => "let go".to_owned(),
        });
    }

    fn restart(&mut self, hosts: &Group, profile: Option<&str>, config: &[(String, String)]) {
        let (mut started, mut ran) = (0, 0);
        let changes = profile.is_some() || !config.is_empty();
        for host in self.hosts(hosts) {
            if changes {
                let factory = self.programs.change(host, profile, config);
                self.world.set_factory(host, factory);
            }
            if self.world.is_up(host) {
                ran += 1;
            } else {
                started += 1;
                self.world.restart(host);
            }
        }
        self.outcome.did |= started > 0;
        let still = if changes { "changes at its next boot" } else { "ran already" };
        self.outcome.remark = match (started, ran) {
            (0, 0) => self.outcome.remark.take(),
            (_, 0) => Some("started".to_owned()),
            (0, 1) => Some(format!("it {still}")),
            (started, ran) => Some(format!("{started} started, {ran} {still}")),
        };
    }

    fn crash(&mut self, group: &Group, losing_unsynced: bool, drawn: bool) {
        let hosts = self.hosts(group);
        let mut kind = if losing_unsynced { CrashKind::PowerLoss } else { CrashKind::Process };
        if !self.situation.may_crash(&hosts, losing_unsynced) {
            if !drawn {
                self.outcome.over_budget = true;
            } else if losing_unsynced && self.situation.may_crash(&hosts, false) {
                // The process dies, the machine keeps its power.
                kind = CrashKind::Process;
                self.outcome.budget = ByBudget::KeptPower;
                self.outcome.remark = Some("kept its power, by the budget".to_owned());
            } else {
                self.spare();
                return;
            }
        }
        for host in hosts {
            let report = self.world.crash(host, kind);
            self.outcome.crashes.push((kind, report));
            self.restarts.push(host);
        }
    }

    fn disk(&mut self, disk: Option<u16>, hosts: &Group, fault: &DiskFault, drawn: bool) {
        let disk = disk.map(DiskId);
        let at = |path: &Option<String>| DiskScope { disk, path: path.as_deref().map(Arc::from) };
        match fault {
            DiskFault::Slow(factor) => {
                self.on_each(hosts, |world, host| world.disk_slow(host, disk, factor.0));
            }
            DiskFault::Throttle(rate) => {
                self.on_each(hosts, |world, host| world.disk_throttle(host, disk, rate.0));
            }
            DiskFault::Hangs => self.on_each(hosts, |world, host| world.disk_hang(host, disk)),
            DiskFault::Eio { once, calls, path } if self.may_fail(hosts, drawn) => {
                let calls = match calls {
                    None => DiskCall::Any,
                    Some(DiskCalls::Read) => DiskCall::Read,
                    Some(DiskCalls::Write) => DiskCall::Write,
                    Some(DiskCalls::Sync) => DiskCall::Sync,
                };
                let scope = at(path);
                self.on_each(hosts, |world, host| world.disk_eio(host, &scope, calls, *once));
            }
            DiskFault::Full if self.may_fail(hosts, drawn) => {
                self.on_each(hosts, |world, host| world.disk_full(host, disk));
            }
            DiskFault::Eio { .. } | DiskFault::Full => {}
            DiskFault::Rot { path } => {
                self.on_each(hosts, |world, host| world.disk_rot(host, &at(path)))
            }
            DiskFault::Misread { path } => {
                self.on_each(hosts, |world, host| world.disk_misread(host, &at(path)));
            }
            DiskFault::Misdirect { path } => {
                self.on_each(hosts, |world, host| world.disk_misdirect(host, &at(path)));
            }
            DiskFault::Dies => self.on_each(hosts, |world, host| world.disk_dies(host, disk)),
        }
    }

    /// A broker ends when its only log directory fails: what a swarm drew keeps to the budget of crashes.
    fn may_fail(&mut self, hosts: &Group, drawn: bool) -> bool {
        let hosts = self.hosts(hosts);
        let may = self.situation.may_crash(&hosts, false);
        match (drawn, may) {
            (false, _) => self.outcome.over_budget |= !may,
            (true, true) => self.revives.extend(hosts),
            (true, false) => self.spare(),
        }
        may || !drawn
    }

    fn spare(&mut self) {
        self.outcome.budget = ByBudget::Spared;
        self.outcome.remark = Some("spared, by the budget".to_owned());
    }

    /// The disks of machines that are down are replaced by empty ones.
    fn wipe(&mut self, disk: Option<u16>, hosts: &Group) {
        for host in self.hosts(hosts) {
            match self.world.wipe(host, disk.map(DiskId)) {
                Some(fault) => {
                    self.outcome.did = true;
                    self.outcome.faults.push(fault);
                }
                None => {
                    self.outcome.remark = Some("a running machine keeps its disks".to_owned());
                }
            }
        }
    }

    fn swap(&mut self, one: &HostExpr, other: &HostExpr) {
        let hosts = [one, other].map(|host| self.hosts(&Group::from(host.clone())));
        let [[one], [other]] = [&hosts[0][..], &hosts[1][..]] else { return };
        match self.world.swap_disks(*one, *other) {
            Some(fault) => self.outcome.faults.push(fault),
            None => self.outcome.remark = Some("running machines keep their disks".to_owned()),
        }
    }
}

/// `orders/0` as the admin names it; the scenario was checked.
fn of_partition(text: &str, job: impl FnOnce(String, i32) -> AdminJob) -> AdminJob {
    let (topic, partition) = text.rsplit_once('/').expect("the scenario was checked");
    job(topic.to_owned(), partition.parse().expect("the scenario was checked"))
}
