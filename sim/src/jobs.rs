//! Plays jobs: start, the time that they cost, finish, and whatever the lane goes on with.
//!
//! Invariants: J-1 a job that waits for its lock has not started; J-2 the lock is let go after
//!             `finish`; J-3 whoever dies between the halves never finishes; J-4 a job that needs a
//!             disk that hangs finishes no sooner than the disk has done what it needs; J-5 a
//!             lane's next job begins at once, in a step of its own where steps are scheduled
//!             (`schedule.rs`).

use crate::context::Phase;
use crate::disk::{DiskCrash, JobId, Owed};
use crate::event::Event;
use crate::ids::{DiskId, HostId, LaneId};
use crate::lane::{LaneState, QueuedJob};
use crate::program::{Job, Note};
use crate::room::Room;
use crate::seen::{CrashKind, Seen};
use crate::time::Span;
use crate::world::World;

impl<N: Note> World<N> {
    /// A lane wakes up with the job that it was given.
    pub(crate) fn on_lane_start(&mut self, host: HostId, lane: u16) {
        let state = self.room.host(host).lanes.lane(lane).state;
        let LaneState::Waking { job, holds_lock } = state else {
            panic!("LN-1: lane {lane} wakes up, yet is {state:?}");
        };
        if holds_lock {
            self.start_job(host, lane, job);
        } else {
            self.enter(host, lane, job);
        }
    }

    /// A lane's job is paid.
    pub(crate) fn on_lane_finish(&mut self, host: HostId, lane: u16) {
        let own = self.room.host(host).lanes.lane(lane);
        let LaneState::Running(job) = own.state else {
            panic!("LN-1: lane {lane} finishes, yet is {:?}", own.state);
        };
        let id = own.id;
        if self.room.is_held_by_disks(host, id, lane) {
            return;
        }
        let told = Job { token: job.token, lane: id };
        self.room.settle_disks(host, id);
        let ((), ending) =
            self.call(host, Some(id), Phase::Finish, |program, cx| program.finish(told, cx));
        if self.end_if_asked(host, ending) {
            return;
        }
        let lanes = &mut self.room.host(host).lanes;
        if let Some(waiter) = lanes.release_lock(lane, job) {
            self.room.wake(host, waiter);
        }
        let own = self.room.host(host);
        let Some(next) = own.lanes.next(lane) else { return };
        if own.schedule.is_none() {
            self.enter(host, lane, next);
        } else {
            self.room.go_on_with(host, lane, next);
        }
    }

    /// Takes the job's lock and starts it, or waits (J-1).
    fn enter(&mut self, host: HostId, lane: u16, job: QueuedJob) {
        if self.room.host(host).lanes.take_lock(lane, job) {
            self.start_job(host, lane, job);
        }
    }

    fn start_job(&mut self, host: HostId, lane: u16, job: QueuedJob) {
        let own = self.room.host(host).lanes.lane(lane);
        own.state = LaneState::Running(job);
        let id = own.id;
        let told = Job { token: job.token, lane: id };
        self.room.hasher.u64(job.token);
        if let Some(record) = &mut self.room.record {
            record.job(job.token);
        }
        let (cost, ending) =
            self.call(host, Some(id), Phase::Start, |program, cx| program.start(told, cx));
        let on_disks = self.room.after_disk_calls(host, id);
        if self.end_if_asked(host, ending) {
            return;
        }
        let busy = (self.room.slowed(host, cost) + on_disks).max(Span(1));
        self.room.finish_in(host, lane, busy);
    }
}

/// The job that a lane runs, as disks know it: a lane runs one at a time.
pub(crate) fn job_id(lane: LaneId) -> JobId {
    JobId(u64::from(lane.pool.0) << 16 | u64::from(lane.index))
}

/// The disks of a host follow its jobs.
impl<N: Note> Room<N> {
    /// J-5: another lane may go first.
    fn go_on_with(&mut self, id: HostId, lane: u16, job: QueuedJob) {
        let host = self.host(id);
        host.lanes.lane(lane).state = LaneState::Waking { job, holds_lock: false };
        let (tie, life) = (host.lanes.tie(lane), host.life);
        self.queue.push(self.now, tie, Event::LaneStart { host: id, lane, life });
    }

    /// A first half is over: what it has to pay for its calls. What they were goes into the digest.
    fn after_disk_calls(&mut self, host: HostId, lane: LaneId) -> Span {
        let mut cost = Span::ZERO;
        for place in 0..self.host(host).disks.len() {
            let disk = &self.host(host).disks[place];
            let (own, mark) = (disk.cost(job_id(lane)), disk.mark());
            if own > Span::ZERO {
                self.hasher.u64(mark);
                if let Some(record) = &mut self.record {
                    record.disk(mark);
                }
                cost += own;
            }
            self.see_disk(host, place);
        }
        cost
    }

    /// The lane's job will be paid after so long.
    fn finish_in(&mut self, host: HostId, lane: u16, busy: Span) {
        let own = self.host(host);
        let (tie, life) = (own.lanes.tie(lane), own.life);
        self.queue.push(self.now + busy, tie, Event::LaneFinish { host, lane, life });
    }

    /// J-4: whether the job has to wait on, for a disk that hangs or has hung meanwhile.
    fn is_held_by_disks(&mut self, host: HostId, id: LaneId, lane: u16) -> bool {
        let now = self.now;
        let mut longer = Span::ZERO;
        for disk in &self.host(host).disks {
            match disk.owed(now, job_id(id)) {
                Owed::Nothing => {}
                Owed::Wait(owed) => longer = longer.max(owed),
                Owed::Hangs => {
                    self.host(host).parked.push(lane);
                    return true;
                }
            }
        }
        if longer > Span::ZERO {
            self.finish_in(host, lane, longer);
        }
        longer > Span::ZERO
    }

    /// A disk of the host may hang no longer: lanes that waited for it are paid from now on.
    pub(crate) fn go_on(&mut self, host: HostId) {
        for lane in std::mem::take(&mut self.host(host).parked) {
            let id = self.host(host).lanes.lane(lane).id;
            if !self.is_held_by_disks(host, id, lane) {
                self.finish_in(host, lane, Span::ZERO);
            }
        }
    }

    /// A job's cost has elapsed: its syncs hold.
    fn settle_disks(&mut self, host: HostId, lane: LaneId) {
        let now = self.now;
        for place in 0..self.host(host).disks.len() {
            self.host(host).disks[place].settle(now, job_id(lane));
            self.see_disk(host, place);
        }
    }

    /// The host goes down.
    pub(crate) fn crash_disks(&mut self, host: HostId, kind: CrashKind) -> Vec<DiskCrash> {
        let now = self.now;
        let host = self.host(host);
        let draws = &mut host.crashes;
        host.disks.iter_mut().map(|disk| disk.crash(now, kind, draws)).collect()
    }

    /// Hands on what an observer of a disk sees.
    pub(crate) fn see_disk(&mut self, host: HostId, place: usize) {
        let at = self.now;
        let owner = &mut self.hosts[usize::from(host.0)];
        let disk = DiskId(u16::try_from(place).expect("a host has few disks"));
        let seen = owner.disks[place].drain_seen();
        self.seen.extend(seen.map(|what| Seen::Disk { at, host, disk, what }));
    }
}
