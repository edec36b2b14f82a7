//! Does Trial find faults? Guards of Kafka are removed one at a time, and seeds are played until somebody notices.
//!
//! Read first `chase.rs` (seeds until one is caught), then `report.rs` (what the hunts for one bug came to, and the
//! two tables). Each switch has a scenario of its own, `scenarios/bugs/NAME.toml`, in which an invariant must break
//! first, and nothing at all may break with the guard in place. What a swarm finds of the same bugs, without
//! being told where to look, is a second table.

mod chase;
mod report;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trial_cluster::rules::Switch;

use crate::asked::Asked;
use crate::play::OurFault;
use crate::scenario::{Scenario, ScenarioError};

pub use chase::{Chase, Found};
pub use report::{Hunt, Swarmed, markdown};

/// Seeds that a bug may take in the scenario that is made for it.
pub const SEEDS_MAX: u64 = 500;
/// The swarm in which nobody says where the bug is: one with consumer groups for what groups alone can show.
#[must_use]
pub fn swarm_of(bug: Switch) -> &'static str {
    match bug.breaks().iter().all(|invariant| invariant.starts_with('G')) {
        true => "groups_at_once",
        false => "everything_moves",
    }
}

/// How hard to hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Hunts for each bug, each from another seed on.
    pub hunts: u64,
    /// Seeds of the swarm for each bug; 0: the swarm is not asked.
    pub swarm_seeds: u64,
    /// Threads.
    pub jobs: usize,
}

/// The scenario of a bug: with its guard removed, and with it in place.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The switch is thrown.
    pub with: Arc<Scenario>,
    /// It is not.
    pub without: Arc<Scenario>,
}

impl Pair {
    /// Reads `scenario` for `bug`.
    ///
    /// # Errors
    /// If there is no such scenario, or it cannot be played.
    pub fn of(scenario: &str, bug: Switch) -> Result<Self, ScenarioError> {
        let mut asked = Asked::open(scenario)?;
        let without = Arc::new(asked.scenario()?);
        asked.switches = vec![bug.name().to_owned()];
        Ok(Self { with: Arc::new(asked.scenario()?), without })
    }
}

/// What is hunted, and where.
#[derive(Debug, Clone)]
pub struct Quarry {
    /// The bug.
    pub bug: Switch,
    /// The scenario that is made for it.
    pub own: Pair,
    /// The swarm.
    pub swarm: Pair,
}

impl Quarry {
    /// Reads the scenarios for `bug`.
    ///
    /// # Errors
    /// If one is not there or cannot be played.
    pub fn of(bug: Switch) -> Result<Self, ScenarioError> {
        Ok(Self { bug, own: Pair::of(bug.name(), bug)?, swarm: Pair::of(swarm_of(bug), bug)? })
    }
}

/// One piece of work for a thread: which quarry, and which of its hunts; none: the swarm.
type Unit = (usize, Option<u64>);

/// Hunts for each. `on_done` hears of every chase that has ended.
///
/// # Errors
/// If Trial itself panics: with the bug for which it did.
pub fn hunt(
    quarries: &[Quarry],
    effort: Effort,
    on_done: &(dyn Fn(Switch) + Sync),
) -> Result<Vec<Hunt>, (Switch, OurFault)> {
    let asks_swarm = effort.swarm_seeds > 0;
    let own = (0..quarries.len())
        .flat_map(|quarry| (0..effort.hunts).map(move |hunt| (quarry, Some(hunt))));
    let swarm = (0..quarries.len()).filter(|_| asks_swarm).map(|quarry| (quarry, None));
    let units: Mutex<VecDeque<Unit>> = Mutex::new(own.chain(swarm).collect());
    let hunts = quarries.iter().map(|quarry| Hunt::new(quarry.bug)).collect();
    let found: Mutex<Result<Vec<Hunt>, (Switch, OurFault)>> = Mutex::new(Ok(hunts));
    let work = || {
        loop {
            let next = locked(&units).pop_front();
            let Some((place, hunt)) = next else { return };
            let quarry = &quarries[place];
            let done = one(quarry, hunt, effort);
            let mut found = locked(&found);
            match (&mut *found, done) {
                (Ok(hunts), Ok(chase)) if hunt.is_some() => hunts[place].add(chase),
                (Ok(hunts), Ok(chase)) => hunts[place].swarm = Some(Swarmed(chase)),
                (Ok(_), Err(fault)) => {
                    *found = Err((quarry.bug, fault));
                    return;
                }
                (Err(_), _) => return,
            }
            on_done(quarry.bug);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..effort.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let mut hunts = found.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    hunts.iter_mut().for_each(Hunt::sort);
    Ok(hunts)
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one(quarry: &Quarry, hunt: Option<u64>, effort: Effort) -> Result<Chase, OurFault> {
    let breaks = quarry.bug.breaks();
    let Some(hunt) = hunt else {
        return Chase::play(&quarry.swarm.with, 0, effort.swarm_seeds, breaks);
    };
    let mut chase = Chase::play(&quarry.own.with, hunt * SEEDS_MAX, SEEDS_MAX, breaks)?;
    chase.play_without(&quarry.own.without)?;
    Ok(chase)
}
