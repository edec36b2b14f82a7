//! Clocks are each host's own: they drift and step, and timers follow the monotonic one.

use trial_sim::{ClockSpec, FaultId, HostId, Input, Time, World};

use crate::support::{Acts, Line, boot, ms, notes, say, spec, timed_notes, world};

const EPOCH_MS: i64 = 1_767_225_600_000;

/// Sets its timer to 1 s of its own time; says what its clocks read when it is due.
fn sleeper() -> Acts<()> {
    Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.set_timer(Some(ms(1_000))),
        Input::Timer => {
            let (now, wall) = (cx.now(), cx.wall_ms() - EPOCH_MS);
            say(cx, format!("{now} {wall}"));
        }
        _ => {}
    })
}

/// When the timer of 1 s is due (in global time) and what its host reads then.
fn wake(trouble: fn(&mut World<Line>) -> Option<FaultId>) -> (Time, String) {
    let mut world = world(1);
    boot(&mut world, "b1", (), sleeper());
    world.run_until(ms(500));
    trouble(&mut world);
    world.run_until(ms(5_000));
    timed_notes(&mut world).remove(0)
}

#[test]
fn steps_do_not_move_timers_and_drift_does() {
    let b1 = HostId(0);
    assert_eq!(b1, HostId(0), "the only host");
    check(|_| None, ms(1_000), "1.000s 1000");
    check(|world| Some(world.clock_step(HostId(0), -2_000_000_000)), ms(1_000), "1.000s -1000");
    check(|world| Some(world.clock_ahead(HostId(0), 5_000_000_000)), ms(1_000), "1.000s 6000");
    check(|world| Some(world.clock_drift(HostId(0), 250_000)), ms(900), "1.000s 1000");
    check(|world| Some(world.clock_drift(HostId(0), -500_000)), ms(1_500), "1.000s 1000");

    #[track_caller]
    fn check(trouble: fn(&mut World<Line>) -> Option<FaultId>, at: Time, reads: &str) {
        assert_eq!(wake(trouble), (at, format!("b1: {reads}")), "CL-1");
    }
}

#[test]
fn a_skew_counts_who_read_it() {
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), sleeper());
    world.run_until(ms(500));
    let seen = world.clock_ahead(host, 5_000_000_000);
    world.run_until(ms(1_500));
    world.heal(seen);
    let unseen = world.clock_step(host, 7);
    world.run_until(ms(9_000));
    assert_eq!(world.effect(seen).clock_reads, 1, "the sleeper's");
    assert_eq!(world.effect(seen).skew_ns_max, 5_000_000_000, "five seconds");
    assert_eq!(world.effect(unseen).clock_reads, 0, "without effect");
    assert_eq!(world.wall_ms(host) - EPOCH_MS, 9_000, "healed, but for 7 ns");
}

#[test]
fn a_host_may_be_wrong_from_the_start() {
    let mut world = world(1);
    let clock = ClockSpec { ahead_ns: -3_000_000_000, drift_ppm: 1_000_000 };
    let host = world.add_host("b1", spec((), sleeper()).with_clock(clock));
    world.boot(host);
    world.run_until(ms(2_000));
    assert_eq!(notes(&mut world), ["b1: 1.000s -2000"], "twice as fast, three seconds behind");
    assert_eq!(world.wall_ms(host) - EPOCH_MS, 1_000, "4 s on its clock, less 3 s");
}

#[test]
fn a_timer_can_be_moved_and_taken_back() {
    let acts = Acts::inputs(|count: &mut u32, input, cx| match input {
        Input::Boot => {
            for at in [900, 300, 600] {
                cx.set_timer(Some(ms(at)));
            }
        }
        Input::Timer => {
            *count += 1;
            let now = cx.now();
            say(cx, now.to_string());
            cx.set_timer(Some(now + trial_sim::Span::from_millis(100)));
            if *count == 3 {
                cx.set_timer(None);
            }
        }
        _ => {}
    });
    let mut world = world(1);
    boot(&mut world, "b1", 0, acts);
    world.run_until(ms(5_000));
    assert_eq!(
        notes(&mut world),
        ["b1: 0.600s", "b1: 0.700s", "b1: 0.800s"],
        "the last call counts"
    );
}
