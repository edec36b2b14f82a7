//! Processes boot, stop, halt and crash; nothing of an earlier life is left.

use bytes::Bytes;
use trial_sim::disk::{DiskCall, DiskScope};
use trial_sim::{ConnId, CrashKind, DiskId, Input, PoolId, Seen, Span};

use crate::support::{Acts, boot, ms, notes, say, world};

const POOL: PoolId = PoolId(0);

/// Leaves a trace of every kind: a timer, a job for later, a connection, bytes for later.
fn busy() -> Acts<()> {
    Acts {
        on: |(), input, cx| match input {
            Input::Boot => {
                say(cx, "boot");
                cx.pool(POOL, "one", 1);
                cx.set_timer(Some(cx.now() + Span::from_millis(100)));
                cx.submit_at(cx.now() + Span::from_millis(100), POOL, 1, None);
                cx.connect("peer", 9);
            }
            Input::Connected { conn } => {
                cx.send_at(cx.now() + Span::from_millis(100), conn, Bytes::from_static(b"late"));
            }
            Input::Timer => say(cx, "timer"),
            Input::Stop => cx.exit(),
            _ => {}
        },
        start: |(), _, cx| {
            let mut disk = cx.disk(DiskId(0));
            let file = disk.open("file", true).expect("a healthy disk");
            disk.append(file, Bytes::from_static(b"kept")).expect("a healthy disk");
            disk.sync(file).expect("a healthy disk");
            disk.sync_dir("").expect("a healthy disk");
            Span::from_micros(1)
        },
        finish: |(), _, cx| say(cx, "job"),
    }
}

fn peer() -> Acts<Vec<ConnId>> {
    Acts::inputs(|_, input, cx| match input {
        Input::Boot => cx.listen(9),
        Input::Received { bytes, .. } => say(cx, format!("got {}", bytes.len())),
        Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
        _ => {}
    })
}

#[test]
fn a_crash_leaves_no_timer_no_job_and_no_bytes_behind() {
    let mut world = world(1);
    boot(&mut world, "peer", Vec::new(), peer());
    let host = boot(&mut world, "b1", (), busy());
    world.run_until(ms(50));
    let report = world.crash(host, CrashKind::Process);
    assert_eq!((report.connections, report.bytes_unsent), (1, 4), "{report:?}");
    world.run_until(ms(500));
    assert_eq!(notes(&mut world), ["b1: boot", "peer: closed, reset false"], "H-1");
    assert!(!world.is_up(host), "until it is restarted");
    world.restart(host);
    world.restart(host);
    world.run_until(ms(1_000));
    let mut again = notes(&mut world);
    assert_eq!(again.remove(0), "b1: boot", "once");
    again.retain(|line| !line.starts_with("peer: got"));
    again.sort();
    assert_eq!(again, ["b1: job", "b1: timer"], "its own, and not those of before");
}

#[test]
fn a_stop_lets_the_program_end_itself_and_sends_what_it_had_scheduled() {
    let mut world = world(1);
    boot(&mut world, "peer", Vec::new(), peer());
    let host = boot(&mut world, "b1", (), busy());
    world.run_until(ms(50));
    world.stop(host);
    world.run_until(ms(60));
    let mut seen = Vec::new();
    world.clone().drain_seen(&mut seen);
    let stopped = seen.iter().find_map(|entry| match entry {
        Seen::Stopped { at, host, halt } => Some((*at, *host, *halt)),
        _ => None,
    });
    assert_eq!(stopped, Some((ms(50), host, None)), "in good order");
    let heard = notes(&mut world);
    assert_eq!(heard.last().map(String::as_str), Some("peer: closed, reset false"), "{heard:?}");
    assert!(heard.len() > 2, "the scheduled bytes went before the FIN: {heard:?}");
    assert!(!world.is_up(host), "it has ended");
}

#[test]
fn a_halt_ends_the_process_and_says_why() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                cx.submit(POOL, 1, None);
                cx.submit(POOL, 2, None);
            }
        },
        start: |(), _, _| Span::from_millis(1),
        finish: |(), job, cx| {
            say(cx, job.token.to_string());
            cx.halt("log directory failed");
        },
    };
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), acts);
    world.run_until(ms(9));
    let mut seen = Vec::new();
    world.clone().drain_seen(&mut seen);
    let why = seen.iter().find_map(|entry| match entry {
        Seen::Stopped { halt, .. } => *halt,
        _ => None,
    });
    assert_eq!(why, Some("log directory failed"), "why");
    assert_eq!(notes(&mut world), ["b1: 1"], "the second job was never run");
    assert!(world.program(host).is_none(), "it is gone");
}

#[test]
fn what_was_synced_is_there_after_a_power_loss_until_it_is_wiped() {
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), busy());
    world.run_until(ms(200));
    assert!(world.wipe(host, None).is_none(), "not while it runs");
    world.crash(host, CrashKind::PowerLoss);
    assert_eq!(world.disk(host, DiskId(0)).peek_len("file"), Some(4), "DK-1");
    assert!(world.wipe(host, None).is_some(), "it is down");
    assert_eq!(world.disk(host, DiskId(0)).peek_len("file"), None, "an empty disk");
}

#[test]
fn a_restarted_host_counts_its_incarnations() {
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), busy());
    for _ in 0..2 {
        let now = world.now();
        world.run_until(now + Span::from_millis(1));
        world.crash(host, CrashKind::Process);
        world.restart(host);
    }
    world.run_until(ms(10));
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let counts = seen.iter().filter_map(|entry| match entry {
        Seen::Booted { incarnation, .. } => Some(*incarnation),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 3], "from one");
}

#[test]
fn overlapping_disk_failures_end_one_by_one() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(POOL, "one", 1);
                for at in [10, 30, 50] {
                    cx.submit_at(ms(at), POOL, at, None);
                }
            }
        },
        start: |(), job, cx| {
            let mut disk = cx.disk(DiskId(0));
            let file = disk.open("file", true).expect("names still work");
            let result = disk.append(file, Bytes::from_static(b"x"));
            say(cx, format!("{} {:?}", job.token, result.is_ok()));
            Span::from_micros(1)
        },
        finish: |(), _, _| {},
    };
    let mut world = world(1);
    let host = boot(&mut world, "b1", (), acts);
    world.run_until(ms(5));
    let full = world.disk_full(host, None);
    let eio = world.disk_eio(host, &DiskScope::ALL, DiskCall::Any, false);
    world.run_until(ms(20));
    world.heal(eio);
    world.run_until(ms(40));
    world.heal(full);
    world.run_until(ms(60));
    assert_eq!(notes(&mut world), ["b1: 10 false", "b1: 30 false", "b1: 50 true"], "F-3");
    let errors = [full, eio].map(|fault| world.effect(fault).disk_errors);
    assert_eq!(errors, [1, 1], "each counts what it refused");
}
