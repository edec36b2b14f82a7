//! Lanes are real: jobs take time, overlap, wait for locks, and overtake as the seed decides.

use std::collections::BTreeSet;

use crate::support::{Acts, Line, boot, ms, notes, say, timed_notes, world, world_of_lanes};
use trial_sim::{CrashKind, Input, Job, LaneSettings, LockId, PoolId, Span, Time, World, Yields};

const POOL: PoolId = PoolId(0);
const OTHER: PoolId = PoolId(1);

/// A log with a written and a published end; token 1 appends for 1 ms, token 2 reads.
#[derive(Clone, Default)]
struct Log {
    written: u64,
    published: u64,
}

fn log() -> Acts<Log> {
    Acts {
        on: |_, input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 4);
                cx.submit(POOL, 1, Some(LockId(0)));
                for at in [500_000, 900_000, 1_500_000] {
                    cx.submit_at(Time(at), POOL, 2, None);
                }
            }
        },
        start: |log, job, _| {
            if job.token == 1 {
                log.written += 1;
                return Span::from_millis(1);
            }
            Span::from_micros(1)
        },
        finish: |log, job, cx| {
            if job.token == 1 {
                log.published = log.written;
            } else {
                say(cx, format!("written {} published {}", log.written, log.published));
            }
        },
    }
}

#[test]
fn while_an_appends_cost_runs_others_see_the_old_end() {
    let mut world = world(3);
    boot(&mut world, "b1", Log::default(), log());
    world.run_until(ms(5));
    let want =
        ["b1: written 1 published 0", "b1: written 1 published 0", "b1: written 1 published 1"];
    assert_eq!(notes(&mut world), want, "P-1");
}

#[test]
fn a_crash_between_the_halves_loses_what_finish_would_have_done() {
    let mut world = world(3);
    let host = boot(&mut world, "b1", Log::default(), log());
    world.run_until(Time(600_000));
    let report = world.crash(host, CrashKind::Process);
    assert_eq!(report.jobs_unfinished, 1, "the append: {report:?}");
    world.run_until(ms(5));
    assert_eq!(notes(&mut world), ["b1: written 1 published 0"], "nothing after the crash");
    world.restart(host);
    world.run_until(ms(9));
    assert!(world.program(host).is_some(), "it runs again");
    let again = notes(&mut world);
    assert_eq!(again.len(), 3, "{again:?}");
    assert!(
        again.iter().all(|line| line.ends_with("published 0")),
        "P-2: a fresh value: {again:?}"
    );
}

/// `lanes` lanes get ten jobs at once; answers the order of their starts.
fn order_of_starts(seed: u64, lanes: u16) -> Vec<String> {
    let acts = Acts {
        on: |lanes: &mut u16, input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", *lanes);
                for token in 0..10 {
                    cx.submit(POOL, token, None);
                }
            }
        },
        start: |_, job: Job, cx| {
            say(cx, job.token.to_string());
            Span::from_micros(20)
        },
        finish: |_, _, _| {},
    };
    let mut world = world(seed);
    boot(&mut world, "b1", lanes, acts);
    world.run_until(ms(5));
    notes(&mut world)
}

#[test]
fn one_lane_keeps_the_order_and_eight_lanes_vary_it_by_seed() {
    let in_order: Vec<_> = (0..10).map(|token| format!("b1: {token}")).collect();
    for seed in 0..20 {
        assert_eq!(order_of_starts(seed, 1), in_order, "seed {seed}");
        assert_eq!(order_of_starts(seed, 8), order_of_starts(seed, 8), "seed {seed} twice");
    }
    let orders: BTreeSet<_> = (0..20).map(|seed| order_of_starts(seed, 8)).collect();
    assert!(orders.len() > 10, "20 seeds give only {} orders", orders.len());
}

#[test]
fn a_lock_serialises_and_is_handed_on_first_come_first_served() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 8);
                for token in 0..5 {
                    cx.submit_at(Time(token * 200_000 + 1), POOL, token, Some(LockId(0)));
                }
                cx.submit_at(Time(300_000), POOL, 9, Some(LockId(1)));
            }
        },
        start: |(), job: Job, cx| {
            say(cx, format!("start {}", job.token));
            Span::from_millis(1)
        },
        finish: |(), job, cx| say(cx, format!("finish {}", job.token)),
    };
    let mut world = world(11);
    boot(&mut world, "b1", (), acts);
    world.run_until(ms(9));
    let (free, locked): (Vec<_>, Vec<_>) =
        notes(&mut world).into_iter().partition(|line| line.ends_with('9'));
    let want: Vec<_> =
        (0..5).flat_map(|t| [format!("b1: start {t}"), format!("b1: finish {t}")]).collect();
    assert_eq!(locked, want, "LK-1, LK-2");
    assert_eq!(free, ["b1: start 9", "b1: finish 9"], "another lock holds nobody up");
}

#[test]
fn then_goes_before_the_queue_on_the_same_lane() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                cx.submit(POOL, 1, None);
                cx.submit(POOL, 2, None);
            }
        },
        start: |(), job: Job, cx| {
            say(cx, format!("{} on {}", job.token, job.lane));
            Span::from_micros(1)
        },
        finish: |(), job, cx| {
            if job.token == 1 {
                cx.then(7, Some(LockId(0)));
            }
        },
    };
    let mut world = world(1);
    boot(&mut world, "b1", (), acts);
    world.run_until(ms(1));
    assert_eq!(notes(&mut world), ["b1: 1 on 0.0", "b1: 7 on 0.0", "b1: 2 on 0.0"], "order");
}

#[test]
fn a_paid_lane_is_busy_one_after_the_other() {
    let acts = Acts::inputs(|(), input, cx| {
        if input == Input::Boot {
            cx.pool(OTHER, "network", 2);
            let cost = Span::from_micros(10);
            let times = [0, 0, 1, 0].map(|index| cx.pay(OTHER, index, cost).0);
            say(cx, format!("{times:?}"));
        }
    });
    let mut world = world(1);
    boot(&mut world, "b1", (), acts);
    world.run_until(ms(1));
    assert_eq!(notes(&mut world), ["b1: [10000, 20000, 10000, 30000]"], "free_at");
}

/// Runs one job of 1 ms under what `trouble` does before it starts; answers when it finishes.
fn finish_time(trouble: fn(&mut World<Line>)) -> Time {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                cx.submit_at(ms(1), POOL, 1, None);
            }
        },
        start: |(), _, _| Span::from_millis(1),
        finish: |(), _, cx| say(cx, "done"),
    };
    let mut world = world(1);
    boot(&mut world, "b1", (), acts);
    world.run_until(Time(500_000));
    trouble(&mut world);
    world.run_until(ms(100));
    timed_notes(&mut world)[0].0
}

#[test]
fn a_slow_host_takes_longer_and_a_paused_one_goes_on_afterwards() {
    let usual = finish_time(|_| {});
    assert!(usual < Time(2_500_000), "{usual}");
    let slow = finish_time(|world| {
        let host = world.host("b1").unwrap();
        let fault = world.slow(host, 10);
        world.run_until(ms(50));
        let added = world.effect(fault).busy_added;
        assert!(added >= Span::from_millis(9), "HO-2: {added}");
    });
    assert!(slow >= ms(11), "{slow}");
    let paused = finish_time(|world| {
        let host = world.host("b1").unwrap();
        let fault = world.pause(host);
        world.run_until(ms(40));
        world.heal(fault);
        assert_eq!(world.effect(fault).events_deferred, 1, "the submission");
    });
    assert!((ms(41)..ms(43)).contains(&paused), "{paused}");
}

#[test]
fn what_a_slow_host_claims_is_what_its_lanes_took_longer() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                (1..=5).for_each(|token| cx.submit_at(ms(10 * token), POOL, token, None));
            }
        },
        start: |(), job, _| Span::from_micros(100 * job.token),
        finish: |(), _, cx| say(cx, "done"),
    };
    let played = |factor: Option<u32>| {
        let mut world = world(1);
        let host = boot(&mut world, "b1", (), acts);
        world.run_until(ms(1));
        let fault = factor.map(|factor| world.slow(host, factor));
        world.run_until(ms(200));
        let done: Vec<Time> = timed_notes(&mut world).into_iter().map(|(at, _)| at).collect();
        (done, fault.map_or(Span::ZERO, |fault| world.effect(fault).busy_added))
    };
    let ((usual, none), (slow, claimed)) = (played(None), played(Some(7)));
    let longer =
        slow.iter().zip(&usual).fold(Span::ZERO, |sum, (slow, usual)| sum + (*slow - *usual));
    assert_eq!((usual.len(), none), (5, Span::ZERO), "nobody claims anything without the fault");
    assert_eq!(claimed, longer, "to the nanosecond");
}

#[test]
fn what_a_pause_deferred_happens_in_its_order() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                (1..=5).for_each(|token| cx.submit_at(ms(token), POOL, token, None));
            }
        },
        start: |(), _, _| Span::from_micros(1),
        finish: |(), job, cx| say(cx, job.token.to_string()),
    };
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), acts);
    world.run_until(Time(500_000));
    let pause = world.pause(host);
    world.run_until(ms(40));
    world.heal(pause);
    world.run_until(ms(50));
    assert_eq!(world.effect(pause).events_deferred, 5, "each of them");
    let want = ["b1: 1", "b1: 2", "b1: 3", "b1: 4", "b1: 5"];
    assert_eq!(notes(&mut world), want, "first come first served");
}

#[test]
fn a_yield_point_has_a_chance_of_its_own_for_each_seed() {
    let acts = Acts::inputs(|(), input, cx| {
        if input == Input::Boot {
            let count = (0..1_000).filter(|_| cx.yields("append")).count();
            say(cx, count.to_string());
        }
    });
    let counts: BTreeSet<_> = (0..30)
        .map(|seed| {
            let mut world = world(seed);
            boot(&mut world, "b1", (), acts);
            world.run_until(ms(1));
            notes(&mut world)
        })
        .collect();
    assert!(counts.contains(&vec!["b1: 0".to_owned()]), "some seeds never yield: {counts:?}");
    assert!(counts.len() > 5, "others do, more or less often: {counts:?}");
}

#[test]
fn chances_of_yield_points_can_be_set_and_seen() {
    let acts = Acts::inputs(|(), input, cx| {
        if input == Input::Boot {
            for point in ["read", "append", "read"] {
                cx.yields(point);
            }
        }
    });
    let points = |mut world: World<Line>| {
        assert_eq!(world.yield_points(), [], "none is met yet");
        boot(&mut world, "b1", (), acts);
        boot(&mut world, "b2", (), acts);
        world.run_until(ms(1));
        world.yield_points()
    };
    let lanes = LaneSettings { yields: Yields::Fixed(7), ..LaneSettings::default() };
    let fixed = points(world_of_lanes(1, lanes));
    assert_eq!(fixed, [("append", 7), ("read", 7)], "all alike, by name, once");
    let drawn: Vec<_> = (0..20).flat_map(|seed| points(world(seed))).collect();
    for ppm in [0, 10_000, 100_000, 500_000] {
        assert!(drawn.iter().any(|point| point.1 == ppm), "{ppm} is drawn: {drawn:?}");
    }
}

/// One lane has twelve jobs of a millisecond each; at 2.5 ms it gets two lanes more, at 4.2 ms it is alone again.
fn resized() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 1);
                cx.pool(OTHER, "changes", 1);
                for token in 0..12 {
                    cx.submit(POOL, token, None);
                }
                cx.submit_at(Time(2_500_000), OTHER, 3, None);
                cx.submit_at(Time(4_200_000), OTHER, 1, None);
            }
        },
        start: |(), job: Job, _| match job.lane.pool {
            POOL => Span::from_millis(1),
            _ => Span::ZERO,
        },
        finish: |(), job, cx| match job.lane.pool {
            POOL => say(cx, format!("{} done", job.token)),
            pool => {
                assert_eq!(pool, OTHER, "there are two");
                cx.resize_pool(POOL, u16::try_from(job.token).expect("few"));
            }
        },
    }
}

#[test]
fn a_pool_that_grows_hands_out_what_has_waited_and_one_that_shrinks_ends_what_it_is_at() {
    let mut world = world(3);
    boot(&mut world, "b1", (), resized());
    let mut done = Vec::new();
    for at in [2, 3, 4, 5, 6, 7] {
        world.run_until(Time(at * 1_000_000 + 200_000));
        done.push(notes(&mut world).len());
    }
    // One lane has done two and a half when there are two more, which end theirs half a millisecond after its own;
    // after 4.2 ms all three end what they are at, and one goes on.
    assert_eq!(done, [2, 1, 3, 3, 1, 1], "LN-4");
}
