//! Under `Scheduler::Pct` one lane of a host goes on at a time, and nobody waits for ever.

use crate::support::{
    Acts, Cx, Line, boot, ms, notes, pct_world, say, timed_notes, world, world_of_lanes,
};
use trial_sim::{
    CrashKind, HostId, Input, Job, LaneSettings, LockId, PoolId, ScheduleEffect, Scheduler, Seen,
    Span, Time, World,
};

const POOL: PoolId = PoolId(0);
const OTHER: PoolId = PoolId(1);
const LOCK: LockId = LockId(0);

/// More steps than any of these programs has, and less than chance would hit.
const FAR: u64 = 1_000_000_000;

/// Each lane of a pool gets one job at boot, and says its number when it starts.
fn order_of_starts(seed: u64, names: &[&str], lanes: u16) -> Vec<String> {
    let acts = Acts {
        on: |lanes: &mut u16, input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", *lanes);
                (0..*lanes).for_each(|_| cx.submit(POOL, 0, None));
            }
        },
        start: |_, job: Job, cx| {
            say(cx, job.lane.index.to_string());
            Span::from_micros(20)
        },
        finish: |_, _, _| {},
    };
    let mut world = pct_world(seed, 1, FAR);
    for name in names {
        boot(&mut world, name, lanes, acts);
    }
    world.run_until(ms(5));
    notes(&mut world)
}

#[test]
fn taking_a_lane_or_a_host_away_leaves_the_order_of_the_others() {
    for seed in 0..20 {
        let all = order_of_starts(seed, &["b1", "b2"], 8);
        let own: Vec<_> = all.into_iter().filter(|line| line.starts_with("b2")).collect();
        assert_eq!(order_of_starts(seed, &["b2"], 8), own, "seed {seed}");
        let five: Vec<_> = own.into_iter().filter(|line| line.as_str() < "b2: 5").collect();
        assert_eq!(order_of_starts(seed, &["b2"], 5), five, "R-1: seed {seed}");
    }
    let first: std::collections::BTreeSet<_> =
        (0..20).map(|seed| order_of_starts(seed, &["b1"], 8)).collect();
    assert!(first.len() > 15, "20 seeds have only {} orders", first.len());
}

/// Two pools of three lanes, 30 jobs, each of 50 us: they come faster than one lane works.
fn crowd() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 3);
                cx.pool(OTHER, "fetchers", 3);
                for token in 0..30 {
                    let pool = if token % 3 == 0 { OTHER } else { POOL };
                    cx.submit_at(Time(token * 30_000), pool, token, None);
                }
            }
        },
        start: |(), job: Job, cx| {
            say(cx, format!("start {}", job.token));
            Span::from_micros(50)
        },
        finish: |(), job, cx| say(cx, format!("finish {}", job.token)),
    }
}

/// Whether every job that began within another has ended within it too.
fn nested(lines: &[String]) -> bool {
    let mut open = Vec::new();
    lines.iter().all(|line| match line.trim_start_matches("b1: ").split_once(' ') {
        Some(("start", job)) => {
            open.push(job.to_owned());
            true
        }
        Some((_, job)) => open.pop().as_deref() == Some(job),
        None => false,
    })
}

fn play_crowd(mut world: World<Line>) -> (Vec<String>, ScheduleEffect) {
    let host = boot(&mut world, "b1", (), crowd());
    world.run_until(ms(900));
    let lines = notes(&mut world);
    assert_eq!(lines.len(), 60, "every job starts and finishes: {lines:?}");
    (lines, world.schedule_effect(host))
}

#[test]
fn at_most_one_lane_is_between_its_halves_without_being_preempted() {
    let mut preempted = 0;
    for seed in 0..50 {
        let (lines, effect) = play_crowd(pct_world(seed, 1, FAR));
        assert!(nested(&lines), "SC-1: seed {seed}: {lines:?}");
        assert_eq!((effect.steps, effect.fallen, effect.overdue), (60, 0, 0), "seed {seed}");
        preempted += effect.preempted;
        let (lines, effect) = play_crowd(world(seed));
        assert!(!nested(&lines), "keyed lanes overlap as they like: seed {seed}");
        assert_eq!(effect, ScheduleEffect::default(), "nobody schedules them: seed {seed}");
    }
    assert!(preempted > 100, "jobs are preempted between their halves, {preempted} times");
}

#[test]
fn a_lane_falls_as_often_as_the_depth_says_and_not_within_depth_one() {
    for depth in 1..6 {
        let (_, effect) = play_crowd(pct_world(7, depth, 60));
        assert_eq!(effect.fallen, u64::from(depth) - 1, "depth {depth}: {effect:?}");
    }
    let (_, effect) = play_crowd(pct_world(7, 5, FAR));
    assert_eq!(effect.fallen, 0, "the steps at which it would are never reached");
}

/// A lane that never ends, and one with a single job of 10 us that comes at 1 ms.
fn hog() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "hog", 1);
                cx.pool(OTHER, "modest", 1);
                cx.submit(POOL, 0, None);
                cx.submit_at(ms(1), OTHER, 1, None);
            }
        },
        start: |(), job: Job, cx| {
            if job.token == 1 {
                say(cx, "start");
            }
            Span::from_micros(10)
        },
        finish: |(), job, cx| {
            if job.token == 1 {
                say(cx, "finish");
            } else {
                cx.then(0, None);
            }
        },
    }
}

#[test]
fn a_lane_that_is_parked_for_too_long_takes_one_step_nevertheless() {
    let mut starved = 0;
    for seed in 0..20 {
        let scheduler = Scheduler::Pct { depth: 1, steps: FAR };
        let parked_max = Span::from_millis(7);
        let lanes = LaneSettings { scheduler, parked_max, ..LaneSettings::default() };
        let mut world = world_of_lanes(seed, lanes);
        let host = boot(&mut world, "b1", (), hog());
        world.run_until(ms(40));
        let [start, finish] = [0, 1].map(|nth| timed_notes(&mut world.clone())[nth].0);
        let effect = world.schedule_effect(host);
        match effect.overdue {
            0 => assert!(finish < ms(2), "seed {seed}: it stands above the hog: {finish}"),
            2 => {
                assert!((ms(8)..ms(9)).contains(&start), "seed {seed}: start at {start}");
                assert!((ms(15)..ms(16)).contains(&finish), "seed {seed}: finish at {finish}");
                starved += 1;
            }
            _ => panic!("seed {seed}: two steps, {effect:?}"),
        }
        assert!(effect.steps > 7_000, "seed {seed}: the hog goes on: {effect:?}");
    }
    assert!((4..=16).contains(&starved), "half of the seeds or so: {starved}");
}

/// From 0 ms on lane A holds the lock for 1 ms; from 0.9 ms on lane B has work of 0.5 ms that needs no
/// lock, and then some that does.
fn holder() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "a", 1);
                cx.pool(OTHER, "b", 1);
                cx.submit(POOL, 1, Some(LOCK));
                cx.submit_at(cx.now() + Span(900_000), OTHER, 2, None);
            }
        },
        start: |(), job: Job, _| {
            [Span::from_millis(1), Span::from_micros(500), Span::from_micros(10)]
                [usize::try_from(job.token - 1).expect("a small token")]
        },
        finish: |(), job, cx| {
            say(cx, job.token.to_string());
            if job.token == 2 {
                cx.then(3, Some(LOCK));
            }
        },
    }
}

#[test]
fn a_holder_of_a_lock_goes_on_while_a_higher_lane_waits_for_it() {
    let mut below = 0;
    for seed in 0..40 {
        let mut world = pct_world(seed, 1, FAR);
        let host = boot(&mut world, "b1", (), holder());
        world.run_until(ms(15));
        let lines = timed_notes(&mut world);
        let order: Vec<_> = lines.iter().map(|(_, line)| line.as_str()).collect();
        let effect = world.schedule_effect(host);
        if effect.preempted == 1 {
            assert_eq!(order, ["b1: 2", "b1: 1", "b1: 3"], "seed {seed}: B stands above A");
            assert_eq!(lines[0].0, lines[1].0, "seed {seed}: A goes on at once");
            below += 1;
        } else {
            assert_eq!(order, ["b1: 1", "b1: 2", "b1: 3"], "seed {seed}: A stands above B");
            assert_eq!(effect.preempted, 0, "seed {seed}: {effect:?}");
        }
        assert_eq!(effect.overdue, 0, "seed {seed}: nobody needs the bound");
    }
    assert!((10..=30).contains(&below), "half of the seeds or so: {below}");
}

/// The first seed in which lane A, which holds the lock, is preempted at 1.2 ms, with its World.
fn preempted_holder() -> (World<Line>, HostId) {
    let at_work = |seed| {
        let mut world = pct_world(seed, 1, FAR);
        let host = boot(&mut world, "b1", (), holder());
        world.run_until(Time(1_200_000));
        (world, host)
    };
    let mut worlds = (0..20).map(at_work);
    worlds.find(|(world, host)| world.schedule_effect(*host).preempted == 1).expect("half do")
}

#[test]
fn a_crash_takes_what_is_parked_along() {
    for kind in [CrashKind::Process, CrashKind::PowerLoss] {
        let (mut world, host) = preempted_holder();
        let report = world.crash(host, kind);
        assert_eq!(report.jobs_unfinished, 2, "one preempted, one at work: {report:?}");
        let before = world.events();
        world.run_until(ms(100));
        assert_eq!(notes(&mut world), [] as [String; 0], "H-1: {kind:?}");
        assert_eq!(world.events(), before, "SC-3: no event of it is handled: {kind:?}");
        world.restart(host);
        world.run_until(ms(200));
        let mut again = notes(&mut world);
        again.sort();
        assert_eq!(again, ["b1: 1", "b1: 2", "b1: 3"], "the lock is free, and nobody is parked");
    }
}

#[test]
fn a_pause_holds_parked_lanes_too_and_they_go_on_afterwards() {
    let (mut world, host) = preempted_holder();
    let pause = world.pause(host);
    world.run_until(ms(300));
    assert_eq!(notes(&mut world), [] as [String; 0], "it stands still, beyond the bound");
    world.heal(pause);
    world.run_until(ms(400));
    let lines = timed_notes(&mut world);
    assert_eq!(lines.len(), 3, "all goes on: {lines:?}");
    assert!(lines.iter().all(|(at, _)| (ms(300)..ms(301)).contains(at)), "at once: {lines:?}");
}

/// Handlers that share a lock, yield half-way, and are as slow as a stream says.
fn busy() -> Acts<u64> {
    fn cost(cx: &mut Cx<'_>) -> Span {
        Span(cx.random("cost").range(5_000, 200_000))
    }
    Acts {
        on: |count, input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 8);
                cx.pool(OTHER, "fetchers", 2);
            }
            if matches!(input, Input::Boot | Input::Timer) {
                *count += 1;
                cx.submit(POOL, *count, (*count % 3 == 0).then_some(LOCK));
                cx.submit(if *count % 4 == 0 { OTHER } else { POOL }, *count, None);
                let pause = Span(cx.random("pause").range(200_000, 600_000));
                cx.set_timer(Some(cx.now() + pause));
            }
        },
        start: |_, _, cx| cost(cx),
        finish: |_, job, cx| {
            say(cx, format!("{} on {}", job.token, job.lane));
            if job.token > 0 && cx.yields("half-way") {
                cx.then(0, Some(LOCK));
            }
        },
    }
}

fn busy_hosts(seed: u64) -> World<Line> {
    let mut world = pct_world(seed, 4, 500);
    boot(&mut world, "b1", 0, busy());
    boot(&mut world, "b2", 0, busy());
    world
}

/// A tenth of a second with a crash, a restart, a pause and a slow host.
fn trouble(world: &mut World<Line>) {
    let (b1, b2) = (HostId(0), HostId(1));
    world.run_until(ms(30));
    world.crash(b1, CrashKind::Process);
    let pause = world.pause(b2);
    world.run_until(ms(50));
    world.restart(b1);
    world.heal(pause);
    let slow = world.slow(b1, 3);
    world.run_until(ms(80));
    world.heal(slow);
    world.run_until(ms(100));
}

#[test]
fn equal_seeds_give_equal_digests_and_clones_play_on_to_the_same() {
    let mut digests = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let mut whole = busy_hosts(seed);
        trouble(&mut whole);
        let effect = whole.schedule_effect(HostId(1));
        assert_eq!(effect.fallen, 3, "seed {seed}: {effect:?}");
        assert!(effect.preempted > 10, "seed {seed}: {effect:?}");
        digests.insert(whole.digest());

        let mut first = busy_hosts(seed);
        (0..300 + seed * 37).for_each(|_| assert!(first.step(), "there is more to do"));
        for mut half in [first.clone(), first] {
            trouble(&mut half);
            let end = (half.digest(), half.events(), half.schedule_effect(HostId(1)));
            assert_eq!(end, (whole.digest(), whole.events(), effect), "D-1, W-2: seed {seed}");
        }
    }
    assert_eq!(digests.len(), 10, "every seed plays something else");
}

/// Where in two lives a lane fell, counted in steps of each.
fn falls_of_two_lives(seed: u64) -> [u64; 2] {
    let mut world = pct_world(seed, 2, 60);
    let host = boot(&mut world, "b1", (), crowd());
    [0, 1].map(|life| {
        let before = world.schedule_effect(host);
        while world.schedule_effect(host).fallen == life {
            assert!(world.step(), "seed {seed}: no lane falls in life {life}");
        }
        let steps = world.schedule_effect(host).steps - before.steps;
        let later = world.now() + Span::from_millis(100);
        world.run_until(later);
        world.crash(host, CrashKind::Process);
        world.restart(host);
        steps
    })
}

#[test]
fn every_life_of_a_process_has_falls_of_its_own() {
    let falls: Vec<_> = (0..20).map(falls_of_two_lives).collect();
    for life in [0, 1] {
        let distinct: std::collections::BTreeSet<_> = falls.iter().map(|own| own[life]).collect();
        assert!(distinct.len() > 10, "all over the life {life}: {falls:?}");
        assert!(distinct.iter().all(|&steps| steps <= 60), "within its steps: {falls:?}");
    }
    assert!(falls.iter().any(|[first, second]| first != second), "drawn anew: {falls:?}");
}

/// A log with two request handlers and a cleaner. The append and the cleaning need its lock.
fn broker() -> Acts<()> {
    const JOBS: [(&str, u64); 3] = [("append", 300), ("read", 200), ("clean", 100)];
    fn job_of(job: Job) -> (&'static str, u64) {
        JOBS[usize::try_from(job.token).expect("a small token")]
    }
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "handlers", 2);
                cx.pool(OTHER, "cleaner", 1);
                cx.submit(POOL, 0, Some(LOCK));
                cx.submit_at(Time(150_000), POOL, 1, None);
                cx.submit_at(Time(250_000), OTHER, 2, Some(LOCK));
            }
        },
        start: |(), job, cx| {
            let (name, cost_us) = job_of(job);
            say(cx, format!("{name} starts, for {cost_us} us"));
            Span::from_micros(cost_us)
        },
        finish: |(), job, cx| say(cx, format!("{} is done", job_of(job).0)),
    }
}

/// The notes with their time in microseconds, host and lane, line by line.
fn transcript(world: &mut World<Line>) -> String {
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let line = |entry: &Seen<Line>| match entry {
        Seen::Note { at, host, lane: Some(lane), note, .. } => {
            let pool = if lane.pool == POOL { "handler" } else { "cleaner" };
            let (at, name) = (Span(at.0).as_micros(), world.host_name(*host));
            Some(format!("{at:>4} us  {name}  {pool} {}  {}\n", lane.index, note.0))
        }
        _ => None,
    };
    seen.iter().filter_map(line).collect()
}

/// Both brokers are given the same. On b1 handler 0 stands above the cleaner, and that above handler
/// 1, whose read is parked until the two are done. On b2 handler 1 stands above handler 0: its read
/// preempts the append, which would have been paid at 305 us; the cleaner waits for the lock.
#[test]
fn a_read_preempts_an_append_on_one_broker_and_is_parked_on_the_other() {
    let mut world = pct_world(4, 1, FAR);
    let hosts = ["b1", "b2"].map(|name| boot(&mut world, name, (), broker()));
    world.run_until(ms(9));
    let want = "   3 us  b1  handler 0  append starts, for 300 us
   5 us  b2  handler 0  append starts, for 300 us
 151 us  b2  handler 1  read starts, for 200 us
 303 us  b1  handler 0  append is done
 306 us  b1  cleaner 0  clean starts, for 100 us
 351 us  b2  handler 1  read is done
 351 us  b2  handler 0  append is done
 355 us  b2  cleaner 0  clean starts, for 100 us
 406 us  b1  cleaner 0  clean is done
 406 us  b1  handler 1  read starts, for 200 us
 455 us  b2  cleaner 0  clean is done
 606 us  b1  handler 1  read is done
";
    assert_eq!(transcript(&mut world), want, "SC-1");
    let preempted = hosts.map(|host| world.schedule_effect(host).preempted);
    assert_eq!(preempted, [0, 1], "the append of b2");
}
