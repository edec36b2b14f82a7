//! Plays jobs: start, the time that they cost, finish, and whatever the lane goes on with.
//!
//! Invariants: J-1 a job that waits for its lock has not started; J-2 the lock is let go after
//!             `finish`; J-3 whoever dies between the halves never finishes.

use crate::context::Phase;
use crate::event::Event;
use crate::ids::HostId;
use crate::lane::{LaneState, QueuedJob};
use crate::program::{Job, Note};
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
        let told = Job { token: job.token, lane: id };
        let ((), after) =
            self.call(host, Some(id), Phase::Finish, |program, cx| program.finish(told, cx));
        if self.end_if_asked(host, after.ending) {
            return;
        }
        let lanes = &mut self.room.host(host).lanes;
        if let Some(waiter) = lanes.release_lock(lane, job) {
            self.room.wake(host, waiter);
        }
        let next = after.then.or_else(|| self.room.host(host).lanes.next(lane));
        if let Some(next) = next {
            self.enter(host, lane, next);
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
        let (cost, after) =
            self.call(host, Some(id), Phase::Start, |program, cx| program.start(told, cx));
        if self.end_if_asked(host, after.ending) {
            return;
        }
        let busy = self.room.slowed(host, cost).max(Span(1));
        let own = self.room.host(host);
        let (tie, life) = (own.lanes.tie(lane), own.life);
        self.room.queue.push(self.room.now + busy, tie, Event::LaneFinish { host, lane, life });
    }
}
