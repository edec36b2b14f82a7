//! The simulators that Trial is measured against: madsim and turmoil, in the same process.
//!
//! Why the figures can be trusted: madsim, once linked, is this process's `clock_gettime`, `getrandom` and more. It
//! answers with simulated time only to code that runs inside its runtime (`block_on` sets a thread-local context),
//! and hands every other call on to libc. The watch of `contest.rs` is read outside, before and after. `Watch` checks
//! that: the kernel's own count of seconds, which no symbol of this process reaches, has to agree.
//! Each peer is given its cheapest honest way to do the work: tasks instead of hosts where only timers count, its
//! default network, no tracing subscriber.

#[cfg(not(madsim))]
compile_error!(
    "the feature `peers` needs madsim's simulator, which is chosen by `--cfg madsim`; without it madsim runs on the \
     real clock and the figures mean nothing. The workspace's .cargo/config.toml sets it: are you outside of the \
     workspace, or is RUSTFLAGS set, which replaces that? Then use RUSTFLAGS=\"--cfg madsim\""
);

mod madsim;
mod turmoil;

use std::time::{Duration, Instant};

pub use self::madsim::Madsim;
pub use self::turmoil::Turmoil;

/// Watches the watch.
pub struct Watch {
    start: Instant,
    kernel: Option<Duration>,
}

impl Watch {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), kernel: uptime() }
    }

    /// Compares the clock that measures with the kernel's count.
    ///
    /// # Panics
    /// If they differ by more than a hundredth and a twentieth of a second: the figures would be wrong.
    pub fn check(&self) {
        let (Some(before), Some(after)) = (self.kernel, uptime()) else { return };
        let (kernel, measured) = (after.saturating_sub(before), self.start.elapsed());
        let allowed = kernel / 100 + Duration::from_millis(50);
        assert!(
            kernel.abs_diff(measured) <= allowed,
            "the clock says {measured:?}, the kernel {kernel:?}: somebody has replaced the clock"
        );
    }
}

/// Since the machine was started, in hundredths of a second, as Linux tells it.
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let hundredths = seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?;
    Some(Duration::from_millis(hundredths * 10))
}

#[cfg(test)]
mod tests {
    use super::super::contest::{Contender, Task};
    use super::*;

    #[test]
    fn madsim_does_all_of_every_task() {
        check(&Madsim);
    }

    #[test]
    fn turmoil_does_all_of_every_task() {
        check(&Turmoil);
    }

    #[track_caller]
    fn check(contender: &dyn Contender) {
        for task in Task::ALL {
            let work = task.little();
            let done = contender.play(task, work);
            assert_eq!(done, Some(task.amount(work)), "{}: {task:?}", contender.name());
        }
    }

    #[test]
    fn the_clock_outside_of_madsim_is_the_real_one() {
        let watch = Watch::start();
        let inside = Madsim.play(Task::Seeds, Task::Seeds.little());
        assert_eq!(inside, Some(10), "ten simulated seconds pass inside");
        std::thread::sleep(Duration::from_millis(60));
        watch.check();
        assert!(watch.start.elapsed() >= Duration::from_millis(60), "at least what was slept");
    }

    #[test]
    #[should_panic(expected = "somebody has replaced the clock")]
    fn a_clock_that_is_not_real_is_found_out() {
        // Ten seconds that no kernel has counted.
        let start = Instant::now() - Duration::from_secs(10);
        Watch { start, kernel: uptime() }.check();
    }
}
