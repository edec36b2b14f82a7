//! Runs the jobs of one host on its lanes.
//!
//! In Kafka:   a lane is a thread (`KafkaRequestHandler`, `Processor`), a pool its thread pool with
//!             the queue before it (`RequestChannel`).
//! Holds:      every lane's state, every pool's queue, the host's locks.
//! Invariants: LN-1 a lane runs one job at a time; LN-2 a pool's jobs are handed out first come
//!             first served; LN-3 an idle lane takes a drawn time to run what it was given, so that
//!             lanes overtake one another as the seed decides, and one lane never overtakes itself;
//!             LN-4 a lane that its pool does without ends what it is at and takes nothing more.

use std::collections::VecDeque;

use crate::ids::{LaneId, LockId, PoolId};
use crate::lock::Locks;
use crate::random::{Stream, rekeyed, tie};
use crate::time::Time;

/// A job that waits for a lane, or has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueuedJob {
    pub(crate) token: u64,
    pub(crate) lock: Option<LockId>,
}

/// What a lane is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneState {
    Idle,
    /// Will start this job when it wakes up.
    Waking {
        job: QueuedJob,
        holds_lock: bool,
    },
    /// Waits for this job's lock.
    Blocked(QueuedJob),
    /// Has started this job; it finishes when it is paid.
    Running(QueuedJob),
}

#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) state: LaneState,
    /// What it goes on with before it looks at the pool's queue.
    chain: VecDeque<QueuedJob>,
    salt: u64,
    count: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// The numbers of its lanes within the host.
    lanes: Vec<u16>,
    /// How many of them take jobs.
    wanted: u16,
    /// One bit for each idle lane.
    idle: u64,
    queue: VecDeque<QueuedJob>,
    /// When each lane that is only paid (`Context::pay`) is free.
    free_at: Vec<Time>,
    pub(crate) wake: Stream,
}

/// The lanes of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lanes {
    pools: Vec<Option<Pool>>,
    lanes: Vec<Lane>,
    pub(crate) locks: Locks,
}

impl Lanes {
    /// Adds a pool; `salt` answers a lane's tie breaker by its number in the pool.
    pub(crate) fn declare(
        &mut self,
        id: PoolId,
        count: u16,
        wake: Stream,
        salt: impl Fn(u16) -> u64,
    ) {
        assert!((1..=64).contains(&count), "a pool has 1 to 64 lanes, not {count}");
        let index = usize::from(id.0);
        if index >= self.pools.len() {
            self.pools.resize_with(index + 1, || None);
        }
        assert!(self.pools[index].is_none(), "{id:?} is declared twice");
        self.pools[index] = Some(Pool {
            lanes: Vec::new(),
            wanted: 0,
            idle: 0,
            queue: VecDeque::new(),
            free_at: Vec::new(),
            wake,
        });
        let waiting = self.resize(id, count, salt);
        assert!(waiting.is_empty(), "nobody has given it a job yet");
    }

    /// A pool has so many lanes from now on (LN-4). Answers the jobs that waited, if there are more lanes than before:
    /// they are to be submitted again.
    pub(crate) fn resize(
        &mut self,
        id: PoolId,
        count: u16,
        salt: impl Fn(u16) -> u64,
    ) -> VecDeque<QueuedJob> {
        assert!((1..=64).contains(&count), "a pool has 1 to 64 lanes, not {count}");
        let Self { pools, lanes, .. } = self;
        let pool = pools[usize::from(id.0)].as_mut().expect("it was declared");
        for index in pool.lanes.len()..usize::from(count) {
            let index = u16::try_from(index).expect("a pool has at most 64 lanes");
            let number = u16::try_from(lanes.len()).expect("a host has fewer than 65,536 lanes");
            pool.lanes.push(number);
            pool.free_at.push(Time::ZERO);
            lanes.push(Lane {
                id: LaneId { pool: id, index },
                state: LaneState::Idle,
                chain: VecDeque::new(),
                salt: salt(index),
                count: 0,
            });
        }
        let grows = count > pool.wanted;
        pool.wanted = count;
        let wanted = pool.lanes.iter().take(usize::from(count)).enumerate();
        let idle = wanted.filter(|(_, lane)| lanes[usize::from(**lane)].state == LaneState::Idle);
        pool.idle = idle.fold(0, |idle, (index, _)| idle | 1 << index);
        if grows { std::mem::take(&mut pool.queue) } else { VecDeque::new() }
    }

    /// How many lanes a pool has ever had.
    pub(crate) fn lanes_of(&self, id: PoolId) -> u16 {
        let pool = self.pools.get(usize::from(id.0)).and_then(Option::as_ref);
        pool.map_or(0, |pool| u16::try_from(pool.lanes.len()).expect("at most 64"))
    }

    #[inline]
    pub(crate) fn pool(&mut self, id: PoolId) -> &mut Pool {
        match self.pools.get_mut(usize::from(id.0)) {
            Some(Some(pool)) => pool,
            _ => panic!("{id:?} was not declared at boot"),
        }
    }

    #[inline]
    pub(crate) fn lane(&mut self, lane: u16) -> &mut Lane {
        &mut self.lanes[usize::from(lane)]
    }

    /// The lanes that have something to do and are not blocked.
    pub(crate) fn at_work(&self) -> impl Iterator<Item = u16> {
        let at_work = |state| matches!(state, LaneState::Waking { .. } | LaneState::Running(_));
        (0..)
            .zip(&self.lanes)
            .filter(move |(_, lane)| at_work(lane.state))
            .map(|(number, _)| number)
    }

    /// The lane goes on with this job.
    pub(crate) fn chain(&mut self, id: LaneId, job: QueuedJob) {
        let lane = self.pool(id.pool).lanes[usize::from(id.index)];
        self.lane(lane).chain.push_back(job);
    }

    /// The pool of this lane.
    #[inline]
    pub(crate) fn pool_of(&mut self, lane: u16) -> &mut Pool {
        let id = self.lanes[usize::from(lane)].id.pool;
        self.pool(id)
    }

    /// The next tie breaker of this lane.
    #[inline]
    pub(crate) fn tie(&mut self, lane: u16) -> u32 {
        let lane = self.lane(lane);
        lane.count += 1;
        tie(lane.salt, lane.count)
    }

    /// Gives the job to an idle lane, or queues it. Answers the lane that has to wake up.
    #[inline]
    pub(crate) fn submit(&mut self, id: PoolId, job: QueuedJob) -> Option<u16> {
        let pool = self.pool(id);
        if pool.idle == 0 {
            pool.queue.push_back(job);
            return None;
        }
        let index = pool.idle.trailing_zeros();
        pool.idle &= pool.idle - 1;
        let lane = pool.lanes[index as usize];
        self.lane(lane).state = LaneState::Waking { job, holds_lock: false };
        Some(lane)
    }

    /// What a lane that has finished goes on with; none: it is idle from now on.
    #[inline]
    pub(crate) fn next(&mut self, lane: u16) -> Option<QueuedJob> {
        if let Some(job) = self.lane(lane).chain.pop_front() {
            return Some(job);
        }
        let index = self.lanes[usize::from(lane)].id.index;
        let pool = self.pool_of(lane);
        if index < pool.wanted {
            if let Some(job) = pool.queue.pop_front() {
                return Some(job);
            }
            pool.idle |= 1 << index;
        }
        self.lane(lane).state = LaneState::Idle;
        None
    }

    /// Takes the job's lock for the lane; if somebody holds it, the lane is blocked.
    #[inline]
    pub(crate) fn take_lock(&mut self, lane: u16, job: QueuedJob) -> bool {
        let Some(lock) = job.lock else { return true };
        let taken = self.locks.take(lock, lane);
        if !taken {
            self.lane(lane).state = LaneState::Blocked(job);
        }
        taken
    }

    /// Lets the job's lock go. Answers the lane that has it now and has to wake up.
    #[inline]
    pub(crate) fn release_lock(&mut self, lane: u16, job: QueuedJob) -> Option<u16> {
        let next = self.locks.release(job.lock?, lane)?;
        let waiter = self.lane(next);
        let LaneState::Blocked(job) = waiter.state else {
            panic!("LK-2: lane {next} waits for a lock, yet is {:?}", waiter.state);
        };
        waiter.state = LaneState::Waking { job, holds_lock: true };
        Some(next)
    }

    /// When a lane without events of its own is done with `cost` more.
    #[inline]
    pub(crate) fn pay(&mut self, id: PoolId, index: u16, now: Time, cost: crate::Span) -> Time {
        let free_at = &mut self.pool(id).free_at[usize::from(index)];
        *free_at = (*free_at).max(now) + cost;
        *free_at
    }

    /// ST-2.
    pub(crate) fn rekey(&mut self, salt: u64) {
        self.pools.iter_mut().flatten().for_each(|pool| pool.wake.rekey(salt));
        self.lanes.iter_mut().for_each(|lane| lane.salt = rekeyed(lane.salt, salt));
    }

    /// What each pool draws its wake-ups from.
    pub(crate) fn wakes(&self) -> impl Iterator<Item = (PoolId, &Stream)> {
        let pools = self.pools.iter().flatten();
        pools.map(|pool| (self.lanes[usize::from(pool.lanes[0])].id.pool, &pool.wake))
    }

    /// What each lane's tie breakers follow from, and how many it has handed out.
    pub(crate) fn ties(&self) -> impl Iterator<Item = (LaneId, (u64, u64))> {
        self.lanes.iter().map(|lane| (lane.id, (lane.salt, lane.count)))
    }

    /// The lane of this number within the host.
    pub(crate) fn id_of(&self, lane: u16) -> Option<LaneId> {
        self.lanes.get(usize::from(lane)).map(|lane| lane.id)
    }

    /// Jobs that have started and not finished, and jobs that have not started.
    pub(crate) fn unfinished(&self) -> (u32, u32) {
        let running =
            self.lanes.iter().filter(|lane| matches!(lane.state, LaneState::Running(_))).count();
        let given = self.lanes.iter().filter(|lane| lane.state != LaneState::Idle).count();
        let chained: usize = self.lanes.iter().map(|lane| lane.chain.len()).sum();
        let queued: usize = self.pools.iter().flatten().map(|pool| pool.queue.len()).sum();
        let queued = queued + chained;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (count(running), count(given - running + queued))
    }
}
