//! Lets one lane of a host go on at a time: of those at work the one of highest priority.
//!
//! After:      Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with
//!             Probabilistic Guarantees of Finding Bugs", ASPLOS 2010 (PCT). A step of theirs is
//!             here the start or the finish of a job, a program is one life of a process.
//! Holds:      each lane's priority and what it is parked with; where lanes are still to fall.
//! Invariants: SC-1 a lane takes a step only if no higher lane is at work (waking or between the
//!             halves of a job; not idle, not blocked), or after `parked_max`, which is there
//!             because our programs do not end; SC-2 the highest lane at work is never parked;
//!             SC-3 a parked event counts, and goes into the digest, only once it is handled.
//! Left out:   lanes that are only paid (`Context::pay`): they have no steps.

use crate::event::Event;
use crate::ids::HostId;
use crate::lane::Lanes;
use crate::program::Note;
use crate::random::Plan;
use crate::room::Room;
use crate::settings::{LaneSettings, Scheduler};
use crate::time::{Span, Time};
use crate::world::World;

/// What the scheduler of a host has done so far, in all its lives; all zero under
/// `Scheduler::Keyed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScheduleEffect {
    /// Starts and finishes of jobs.
    pub steps: u64,
    /// How often a lane was held up because a higher one was at work.
    pub parked: u64,
    /// How often of these it was between the halves of a job.
    pub preempted: u64,
    /// How often a lane fell below the others.
    pub fallen: u64,
    /// Steps that were taken in spite of a higher lane, after `parked_max`.
    pub overdue: u64,
}

/// Drawn priorities have this bit, so that every fallen one is below them.
const NOT_FALLEN: u64 = 1 << 63;

#[derive(Debug, Clone)]
struct Turn {
    priority: u64,
    /// Since when its next step has been held up.
    waits: Option<Time>,
    /// The event of that step, while it is not in the queue.
    parked: Option<Event>,
}

/// Whose turn it is on one host.
#[derive(Debug, Clone)]
pub(crate) struct Pct {
    depth: u32,
    steps: u64,
    parked_max: Span,
    /// By the lane's number in the host.
    turns: Vec<Turn>,
    /// Steps at which a lane falls, each once; to which priority is its place here.
    falls: Vec<Option<u64>>,
    /// Steps of this life.
    taken: u64,
    /// Time of the earliest `LaneOverdue` in the queue.
    armed: Time,
    effect: ScheduleEffect,
}

impl Pct {
    /// None if lanes go on in parallel.
    pub(crate) fn new(settings: &LaneSettings) -> Option<Self> {
        let Scheduler::Pct { depth, steps } = settings.scheduler else { return None };
        assert!(
            depth > 0 && steps > 0,
            "PCT has a depth and steps from 1, not {depth} and {steps}"
        );
        assert!(settings.parked_max > Span::ZERO, "a lane is parked for no time at all");
        Some(Self {
            depth,
            steps,
            parked_max: settings.parked_max,
            turns: Vec::new(),
            falls: Vec::new(),
            taken: 0,
            armed: Time::MAX,
            effect: ScheduleEffect::default(),
        })
    }

    /// A process begins, named with its incarnation: where will lanes fall?
    pub(crate) fn begin_life(&mut self, plan: Plan, process: &str) {
        assert!(
            self.turns.is_empty(),
            "H-1: {process} boots with lanes of before: {:?}",
            self.turns
        );
        let draw = |nth| Some(1 + plan.below("fall", process, nth, self.steps));
        self.falls = (1..u64::from(self.depth)).map(draw).collect();
    }

    /// H-1: nothing of the process is left.
    pub(crate) fn end_life(&mut self) {
        self.turns.clear();
        self.falls.clear();
        self.taken = 0;
        self.armed = Time::MAX;
    }

    /// The host has lanes of these drawn priorities in addition.
    pub(crate) fn declare(&mut self, priorities: impl Iterator<Item = u64>) {
        let turn = |drawn| Turn { priority: drawn | NOT_FALLEN, waits: None, parked: None };
        self.turns.extend(priorities.map(turn));
    }

    pub(crate) const fn effect(&self) -> ScheduleEffect {
        self.effect
    }

    /// SC-1: whether the lane takes the step of this event now; otherwise the event is parked.
    fn takes_step(&mut self, lanes: &Lanes, lane: u16, event: Event, now: Time) -> bool {
        let highest = self.is_highest(lanes, lane);
        let goes_on = if highest {
            !self.falls_now(lane) || self.is_highest(lanes, lane)
        } else {
            self.is_overdue(lane, now)
        };
        let turn = &mut self.turns[usize::from(lane)];
        if goes_on {
            turn.waits = None;
            self.taken += 1;
            self.effect.steps += 1;
            self.effect.overdue += u64::from(!highest);
            return true;
        }
        turn.waits.get_or_insert(now);
        turn.parked = Some(event);
        self.effect.parked += 1;
        self.effect.preempted += u64::from(matches!(event, Event::LaneFinish { .. }));
        false
    }

    /// Whether no higher lane is at work.
    fn is_highest(&self, lanes: &Lanes, lane: u16) -> bool {
        let own = self.turns[usize::from(lane)].priority;
        !lanes.at_work().any(|other| self.turns[usize::from(other)].priority > own)
    }

    /// The lane falls if its next step is one of those drawn for that.
    fn falls_now(&mut self, lane: u16) -> bool {
        let next = self.taken + 1;
        let due = |fall: &Option<u64>| fall.is_some_and(|at| at <= next);
        let Some(nth) = self.falls.iter().position(due) else { return false };
        self.falls[nth] = None;
        self.effect.fallen += 1;
        let turn = &mut self.turns[usize::from(lane)];
        turn.priority = nth as u64;
        turn.waits = None;
        true
    }

    /// Whether the lane has been held up for too long.
    fn is_overdue(&self, lane: u16, now: Time) -> bool {
        self.turns[usize::from(lane)].waits.is_some_and(|since| since + self.parked_max <= now)
    }

    /// The highest lane at work, if it is parked, with its event.
    fn take_highest(&mut self, lanes: &Lanes) -> Option<(u16, Event)> {
        let priority = |lane: &u16| self.turns[usize::from(*lane)].priority;
        let highest = lanes.at_work().max_by_key(priority)?;
        Some((highest, self.turns[usize::from(highest)].parked.take()?))
    }

    /// A lane that has been parked for too long, with its event.
    fn take_overdue(&mut self, now: Time) -> Option<(u16, Event)> {
        let parked = |lane: &u16| self.turns[usize::from(*lane)].parked.is_some();
        let lanes = 0..u16::try_from(self.turns.len()).expect("a host has fewer than 65,536 lanes");
        let lane = lanes.filter(parked).find(|&lane| self.is_overdue(lane, now))?;
        Some((lane, self.turns[usize::from(lane)].parked.take()?))
    }

    /// Since when the longest parked lane has been held up.
    fn parked_since(&self) -> Option<Time> {
        let parked = self.turns.iter().filter(|turn| turn.parked.is_some());
        parked.filter_map(|turn| turn.waits).min()
    }
}

impl<N: Note> World<N> {
    /// What the scheduler of a host has done so far.
    #[must_use]
    pub fn schedule_effect(&self, host: HostId) -> ScheduleEffect {
        let schedule = self.room.hosts[usize::from(host.0)].schedule.as_ref();
        schedule.map_or_else(ScheduleEffect::default, Pct::effect)
    }

    /// Plays an event if no lane stands above it. False: it was stale, or is parked (SC-3).
    pub(crate) fn play_in_turn(&mut self, event: Event) -> bool {
        let turn = match event {
            Event::LaneStart { host, lane, .. } | Event::LaneFinish { host, lane, .. } => {
                Some((host, lane))
            }
            _ => None,
        };
        if let Some((host, lane)) = turn
            && !self.room.takes_step(host, lane, event)
        {
            return false;
        }
        let played = self.play(event);
        if let Some((host, _)) = turn {
            self.room.release_highest(host);
        }
        played
    }
}

impl<N: Note> Room<N> {
    /// SC-1: whether the lane goes on now; otherwise its event is parked.
    fn takes_step(&mut self, id: HostId, lane: u16, event: Event) -> bool {
        let now = self.now;
        let host = self.host(id);
        let schedule = host.schedule.as_mut().expect("every host has one");
        let goes_on = schedule.takes_step(&host.lanes, lane, event, now);
        if !goes_on {
            self.release_highest(id);
            self.arm_overdue(id);
        }
        goes_on
    }

    /// SC-2: what the highest lane at work is parked with is due now.
    fn release_highest(&mut self, id: HostId) {
        let host = self.host(id);
        let schedule = host.schedule.as_mut().expect("every host has one");
        if let Some((lane, event)) = schedule.take_highest(&host.lanes) {
            let tie = host.lanes.tie(lane);
            self.queue.push(self.now, tie, event);
        }
    }

    /// Somebody looks once a lane that is parked now would be overdue.
    fn arm_overdue(&mut self, id: HostId) {
        let host = self.host(id);
        let schedule = host.schedule.as_mut().expect("every host has one");
        let Some(since) = schedule.parked_since() else { return };
        let at = since + schedule.parked_max;
        if at < schedule.armed {
            schedule.armed = at;
            let event = Event::LaneOverdue { host: id, life: host.life };
            self.push_for_host(at, id, event);
        }
    }

    /// Lanes that have been parked for too long go on once. False: there are none (any more).
    pub(crate) fn on_lane_overdue(&mut self, id: HostId) -> bool {
        let now = self.now;
        let mut any = false;
        loop {
            let host = self.host(id);
            let schedule = host.schedule.as_mut().expect("nothing is overdue without a schedule");
            schedule.armed = Time::MAX;
            let Some((lane, event)) = schedule.take_overdue(now) else { break };
            let tie = host.lanes.tie(lane);
            self.queue.push(now, tie, event);
            any = true;
        }
        self.arm_overdue(id);
        any
    }
}
