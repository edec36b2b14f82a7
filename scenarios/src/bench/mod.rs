//! Measures Trial: `kafka.rs` the whole of it (requests, the standard run, a fork), `room.rs` the simulator alone.
//!
//! `contest.rs` sets the same work to the simulator and, with the feature `peers`, to madsim and turmoil
//! (`peers/mod.rs` says why those figures can be trusted).

pub mod contest;
pub mod kafka;
#[cfg(feature = "peers")]
pub mod peers;
mod programs;
pub mod room;

use serde::Serialize;

use crate::scenario::ScenarioError;

/// Rounds of the contest, in turns; the best of each contender counts.
pub const ROUNDS: u32 = 5;

/// All that was measured; one flat object as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Trial as a whole.
    #[serde(flatten)]
    pub kafka: kafka::Figures,
    /// The simulator, beside its peers.
    #[serde(flatten)]
    pub contest: contest::Figures,
    /// The simulator by itself.
    #[serde(flatten)]
    pub room: room::Figures,
}

/// Measures everything; takes some seconds in a release build, and half a minute with the peers.
///
/// # Errors
/// If a scenario cannot be played: a fault of this build.
///
/// # Panics
/// If a contender has done other work than the rest.
pub fn measure() -> Result<Figures, ScenarioError> {
    let host_memory = room::host_memory_kib();
    let kafka = kafka::measure()?;
    Ok(Figures { kafka, contest: contest(ROUNDS), room: room::measure(host_memory) })
}

/// The contest with everybody who is in this build.
#[cfg(feature = "peers")]
fn contest(rounds: u32) -> contest::Figures {
    let watch = peers::Watch::start();
    let figures = contest::measure(&[&room::Trial, &peers::Madsim, &peers::Turmoil], rounds);
    watch.check();
    figures
}

/// The contest with everybody who is in this build.
#[cfg(not(feature = "peers"))]
fn contest(rounds: u32) -> contest::Figures {
    contest::measure(&[&room::Trial], rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_flat_and_has_every_key() {
        let kafka = kafka::Figures {
            requests_per_s: 1.0,
            mix_requests: 1,
            mix_records: 1,
            standard_ratio: 1.0,
            standard_requests: 1,
            standard_runs_per_s: 1.0,
            standard_memory_mib: None,
            fork_us: 1.0,
            fork_mb: 1,
            step_after_fork_ratio: 1.0,
        };
        let row = |task| contest::Row {
            task,
            rates: vec![("trial", Some(6.0)), ("madsim", Some(2.0)), ("turmoil", None)],
        };
        let contest = contest::Figures { rows: contest::Task::ALL.into_iter().map(row).collect() };
        let room = room::Figures {
            events_per_s_3: 1.0,
            events_per_s_30: 1.0,
            events_per_s_300: 1.0,
            host_memory_kib: None,
        };
        let json = serde_json::to_value(Figures { kafka, contest, room }).expect("plain JSON");
        for key in [
            "requests_per_s",
            "standard_ratio",
            "standard_requests",
            "standard_runs_per_s",
            "standard_memory_mib",
            "fork_us",
            "timers_per_s",
            "roundtrips_per_s",
            "stream_mb_per_s",
            "seeds_per_s",
            "timer_ratio_madsim",
            "roundtrip_ratio_madsim",
            "timer_ratio_turmoil",
            "events_per_s_3",
            "events_per_s_30",
            "events_per_s_300",
            "host_memory_kib",
        ] {
            assert!(json.get(key).is_some(), "no key {key} in {json}");
        }
        assert_eq!(json["timer_ratio_madsim"], 3.0, "Trial over the peer");
        assert!(json["timer_ratio_turmoil"].is_null(), "a peer that cannot");
    }
}
