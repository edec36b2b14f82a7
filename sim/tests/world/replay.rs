//! One seed decides everything: replay, fork, and what a single flipped bit changes.

use std::sync::Arc;

use bytes::Bytes;
use trial_sim::disk::DiskSettings;
use trial_sim::{
    ConnId, CrashKind, Digest, DiskId, HostId, Input, LockId, PoolId, Seen, Span, Time, World,
};

use crate::support::{Acts, Line, boot, ms, say, world};

const POOL: PoolId = PoolId(0);

/// Appends what it receives to its disk in jobs, reads it back, and answers.
#[derive(Clone, Default)]
struct Store {
    waiting: Vec<Option<(ConnId, Bytes)>>,
    answers: Vec<Option<Bytes>>,
}

fn store() -> Acts<Store> {
    Acts {
        on: |store, input, cx| match input {
            Input::Boot => {
                cx.pool(POOL, "handlers", 4);
                cx.listen(9);
            }
            Input::Received { conn, bytes } => {
                let token = store.waiting.len() as u64;
                store.waiting.push(Some((conn, bytes)));
                store.answers.push(None);
                cx.submit(POOL, token, Some(LockId(0)));
            }
            _ => {}
        },
        start: |store, job, cx| {
            let at = usize::try_from(job.token).expect("a small token");
            let (_, bytes) = store.waiting[at].clone().expect("it was just put there");
            let mut disk = cx.disk(DiskId(0));
            let file = disk.open("log", true).expect("a healthy disk");
            let offset = disk.append(file, bytes.clone()).expect("a healthy disk");
            disk.sync(file).expect("a healthy disk");
            store.answers[at] =
                Some(disk.read(file, 0, offset + bytes.len() as u64).expect("a healthy disk"));
            Span::from_micros(20)
        },
        finish: |store, job, cx| {
            let at = usize::try_from(job.token).expect("a small token");
            let (conn, _) = store.waiting[at].take().expect("it was just put there");
            let answer = store.answers[at].take().expect("it was just put there");
            say(cx, format!("stored {}", answer.len()));
            cx.send(conn, answer.slice(answer.len().min(8)..));
        },
    }
}

/// Sends something every ten to twenty milliseconds, as its stream decides.
fn writer() -> Acts<Option<ConnId>> {
    Acts::inputs(|conn, input, cx| match input {
        Input::Boot => {
            cx.connect("store", 9);
        }
        Input::Connected { conn: new } => {
            *conn = Some(new);
            cx.set_timer(Some(cx.now() + Span::from_millis(1)));
        }
        Input::Timer => {
            let length = cx.random("length").range(1, 300);
            let pause = cx.random("pause").range(10_000_000, 20_000_000);
            if let Some(conn) = *conn {
                cx.send(
                    conn,
                    Bytes::from(vec![b'x'; usize::try_from(length).expect("a short length")]),
                );
            }
            cx.set_timer(Some(cx.now() + Span(pause)));
        }
        Input::Closed { .. } | Input::ConnectFailed { .. } => {
            cx.connect("store", 9);
        }
        _ => {}
    })
}

pub fn cluster(seed: u64, writers: &[&str]) -> World<Line> {
    let mut world = world(seed);
    boot(&mut world, "store", Store::default(), store());
    for name in writers {
        boot(&mut world, name, None, writer());
    }
    world
}

/// A second of the cluster under a crash and a cut.
fn play(seed: u64) -> World<Line> {
    let mut world = cluster(seed, &["w1", "w2", "w3"]);
    let (store, w1) = (HostId(0), HostId(1));
    world.run_until(ms(200));
    let cut = world.cut(w1, store);
    world.run_until(ms(400));
    world.crash(store, CrashKind::PowerLoss);
    world.run_until(ms(600));
    world.restart(store);
    world.heal(cut);
    world.run_until(ms(1_000));
    world
}

#[test]
fn equal_seeds_give_equal_digests_and_others_differ() {
    let digests: Vec<Digest> = (0..10).map(|seed| play(seed).digest()).collect();
    for (seed, digest) in digests.iter().enumerate() {
        assert_eq!(play(seed as u64).digest(), *digest, "D-1: seed {seed}");
    }
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), 10, "every seed plays something else");
}

#[test]
fn a_clone_plays_on_to_the_digest_of_the_run_that_was_never_cloned() {
    for seed in 0..5 {
        let mut whole = cluster(seed, &["w1", "w2"]);
        whole.run_until(ms(1_000));
        let mut first = cluster(seed, &["w1", "w2"]);
        while first.now() < ms(456) {
            first.step();
        }
        let second = first.clone();
        let ends = [first, second].map(|mut half| {
            half.run_until(ms(1_000));
            (half.digest(), half.events())
        });
        assert_eq!(ends, [(whole.digest(), whole.events()); 2], "W-2: seed {seed}");
    }
}

#[test]
fn a_clone_can_be_sent_to_another_thread() {
    fn movable<T: Send + Clone + 'static>(_: &T) {}
    movable(&world(1));
}

/// Plays to 300 ms, does something behind the simulator's back, and on for a while.
fn digest_after(meddle: impl FnOnce(&mut World<Line>)) -> Digest {
    let mut world = cluster(4, &["w1"]);
    world.run_until(ms(300));
    meddle(&mut world);
    world.run_until(ms(400));
    world.digest()
}

#[test]
fn one_flipped_bit_shows_in_the_digest() {
    let usual = digest_after(|_| {});
    assert_eq!(usual, digest_after(|_| {}), "D-1");
    let page = |world: &mut World<Line>| assert!(world.flip_page(HostId(0), "log", 3, 2), "a byte");
    assert_ne!(usual, digest_after(page), "D-2: a page, by the time it is read");
    let timer = |world: &mut World<Line>| assert!(world.flip_timer(HostId(1), 10), "a timer");
    assert_ne!(usual, digest_after(timer), "a timer, by the time it is due");
    let in_flight = |world: &mut World<Line>| {
        while world.in_flight().is_empty() {
            world.step();
        }
        let sender = world.in_flight()[0];
        assert!(world.flip_in_flight(sender, 5), "a byte");
    };
    assert_ne!(usual, digest_after(in_flight), "D-2: a byte in flight, by the time it arrives");
}

/// What the observer of a World sees of one host's sends: times and lengths.
fn sends_of(world: &mut World<Line>, name: &str) -> Vec<(Time, usize)> {
    let host = world.host(name);
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    seen.iter()
        .filter_map(|entry| match entry {
            Seen::Sent { at, from, bytes, .. } if Some(*from) == host => Some((*at, bytes.len())),
            _ => None,
        })
        .collect()
}

#[test]
fn taking_a_host_away_moves_no_draw_of_the_others() {
    for seed in 0..5 {
        let all = ["w1", "w2", "w3", "w4"];
        let play = |writers: &[&str]| {
            let mut world = cluster(seed, writers);
            world.run_until(ms(800));
            world
        };
        let (mut with, mut without) = (play(&all), play(&["w1", "w2", "w4"]));
        let want = sends_of(&mut with.clone(), "w4");
        assert!(want.len() > 30, "it sends: {}", want.len());
        assert_eq!(sends_of(&mut without, "w4"), want, "R-1: seed {seed}");
        let (w1, w2) = (sends_of(&mut with.clone(), "w1"), sends_of(&mut with, "w2"));
        assert_ne!(w1, w2, "each has draws of its own");
    }
}

#[test]
fn a_power_loss_within_the_cost_of_an_append_takes_its_answer() {
    let mut world = cluster(9, &["w1"]);
    let mut stored = 0;
    loop {
        let before = world.clone();
        world.step();
        let now = say_count(&mut world);
        stored += now;
        if stored == 5 {
            let mut torn = before;
            say_count(&mut torn);
            torn.crash(HostId(0), CrashKind::PowerLoss);
            let at = torn.now();
            torn.run_until(at + Span::from_millis(5));
            assert_eq!(say_count(&mut torn), 0, "P-1: nothing is published");
            return;
        }
    }
}

fn say_count(world: &mut World<Line>) -> usize {
    crate::support::notes(world).len()
}

#[test]
fn a_slow_disk_slows_the_jobs_that_use_it_by_what_it_says() {
    let mut usual = cluster(3, &["w1"]);
    usual.run_until(ms(500));
    let mut slow = cluster(3, &["w1"]);
    let fault = slow.disk_slow(HostId(0), None, 50);
    slow.run_until(ms(500));
    assert!(say_count(&mut slow) < say_count(&mut usual), "fewer are stored");
    let effect = slow.effect(fault);
    assert!(effect.disk_wait_added > Span::from_millis(100), "{effect:?}");
}

#[test]
fn a_host_without_disks_and_one_with_two_may_stand_side_by_side() {
    let mut world = world(1);
    let none = crate::support::spec((), Acts::inputs(|(), _, _| {})).with_disks(Vec::new());
    let two = none.clone().with_disks(vec![DiskSettings::default(); 2]);
    let (none, two) = (world.add_host("none", none), world.add_host("two", two));
    world.boot(none);
    world.boot(two);
    world.run_until(ms(1));
    assert_eq!(world.disk(two, DiskId(1)).used_bytes(), 0, "empty");
    let report = Arc::new(world.crash(two, CrashKind::PowerLoss));
    assert_eq!(report.disks.len(), 2, "{report:?}");
    assert_eq!(world.crash(none, CrashKind::PowerLoss).disks.len(), 0, "none");
}
