//! What faults of disks do to the jobs of hosts.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_sim::disk::{DiskCall, DiskHarm, DiskScope, DiskSettings};
use trial_sim::{
    CrashKind, DiskId, FaultId, HostId, Input, LockId, PoolId, Seen, Span, Time, World,
};

use crate::support::{Acts, Line, boot, ms, notes, say, spec, timed_notes, world};

const LANES: u16 = 3;

/// Three pools of one lane. At 10 ms, 60 ms, .. each lane writes a little and syncs, all of them at once; each says
/// when it begins and when it is paid.
fn writers() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                for lane in 0..LANES {
                    cx.pool(PoolId(lane), "writer", 1);
                    for round in 0..20 {
                        cx.submit_at(ms(10 + round * 50), PoolId(lane), round, None);
                    }
                }
            }
        },
        start: |(), job, cx| {
            say(cx, format!("{} begins", job.lane));
            let mut disk = cx.disk(DiskId(0));
            let file = disk.open(&format!("f{}", job.lane), true).expect("healthy");
            disk.append(file, Bytes::from(vec![7; 50_000])).expect("healthy");
            disk.sync(file).expect("healthy");
            Span::from_micros(3)
        },
        finish: |(), job, cx| say(cx, format!("{} is paid", job.lane)),
    }
}

/// How long each lane of each host was busy.
fn busy(world: &mut World<Line>) -> BTreeMap<String, Span> {
    let mut begun: BTreeMap<String, Time> = BTreeMap::new();
    let mut sums: BTreeMap<String, Span> = BTreeMap::new();
    for (at, text) in timed_notes(world) {
        if let Some(lane) = text.strip_suffix(" begins") {
            begun.insert(lane.to_owned(), at);
        } else if let Some(lane) = text.strip_suffix(" is paid") {
            let since = begun.remove(lane).expect("it has begun");
            *sums.entry(lane.to_owned()).or_insert(Span::ZERO) += at.since(since);
        }
    }
    assert!(begun.is_empty(), "every job has finished: {begun:?}");
    sums
}

/// Two hosts of writers for two seconds, with a fault of the first one's disks.
fn play(fault: impl Fn(&mut World<Line>, HostId) -> FaultId) -> (BTreeMap<String, Span>, Span) {
    let mut world = world(4);
    let host = boot(&mut world, "b1", (), writers());
    boot(&mut world, "b2", (), writers());
    world.run_until(ms(5));
    let fault = fault(&mut world, host);
    world.run_until(ms(2_000));
    let added = world.effect(fault).disk_wait_added;
    (busy(&mut world), added)
}

/// Lane by lane: what the first host's lanes were busy longer is what the fault says, to the nanosecond.
#[track_caller]
fn check_added(fault: impl Fn(&mut World<Line>, HostId) -> FaultId) {
    let (usual, none) = play(|world, host| world.disk_slow(host, None, 1));
    let (slow, told) = play(fault);
    assert_eq!(none, Span::ZERO, "a factor of one adds nothing");
    let mut felt = Span::ZERO;
    for (lane, usual) in &usual {
        let longer = slow[lane] - *usual;
        assert_eq!(longer > Span::ZERO, lane.starts_with("b1"), "{lane} took {longer} longer");
        felt += longer;
    }
    assert_eq!(felt, told, "what the lanes felt, and what the fault says");
    assert!(told > Span::from_millis(20), "{told}: enough to speak of");
}

#[test]
fn a_slow_disk_claims_exactly_what_its_lanes_were_busy_longer() {
    check_added(|world, host| world.disk_slow(host, None, 4));
}

#[test]
fn a_throttled_disk_claims_exactly_what_its_lanes_were_busy_longer() {
    check_added(|world, host| world.disk_throttle(host, None, 20_000_000));
}

/// Two lanes share a lock: the first one's job syncs at 10 ms; the second one's wants the lock at 11 ms. A third,
/// without lock, writes to the cache at 12 ms.
fn locked() -> Acts<()> {
    Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(PoolId(0), "any", 3);
                cx.submit_at(ms(10), PoolId(0), 1, Some(LockId(0)));
                cx.submit_at(ms(11), PoolId(0), 2, Some(LockId(0)));
                cx.submit_at(ms(12), PoolId(0), 3, None);
            }
        },
        start: |(), job, cx| {
            let mut disk = cx.disk(DiskId(0));
            if let Ok(file) = disk.open("file", false) {
                disk.append(file, Bytes::from_static(b"x")).expect("healthy");
                if job.token == 1 {
                    disk.sync(file).expect("healthy");
                }
            }
            Span::from_micros(1)
        },
        finish: |(), job, cx| say(cx, job.token.to_string()),
    }
}

/// A host with a file, about to run the jobs of `locked`.
fn locked_world() -> (World<Line>, HostId) {
    let mut world = world(2);
    let host = boot(
        &mut world,
        "b1",
        (),
        Acts {
            on: |(), input, cx| {
                if input == Input::Boot {
                    cx.pool(PoolId(9), "maker", 1);
                    cx.submit(PoolId(9), 9, None);
                }
                (locked().on)(&mut (), input, cx);
            },
            start: |(), job, cx| match job.token {
                9 => {
                    cx.disk(DiskId(0)).open("file", true).expect("healthy");
                    Span::from_micros(1)
                }
                _ => (locked().start)(&mut (), job, cx),
            },
            finish: |(), job, cx| {
                if job.token != 9 {
                    say(cx, job.token.to_string());
                }
            },
        },
    );
    world.run_until(ms(5));
    (world, host)
}

#[test]
fn a_hanging_disk_keeps_the_lane_and_its_lock_until_it_is_healed() {
    let (mut usual, _) = locked_world();
    let (mut world, host) = locked_world();
    let fault = world.disk_hang(host, None);
    usual.run_until(ms(1_000));
    world.run_until(ms(1_000));
    assert_eq!(notes(&mut usual), ["b1: 1", "b1: 2", "b1: 3"], "without a fault");
    assert_eq!(notes(&mut world), ["b1: 3"], "who needs neither the device nor the lock");
    let effect = world.effect(fault);
    assert_eq!(effect.calls_hung, 1, "the sync; the second job has not started");
    assert_eq!(effect.hung.as_millis(), 989, "since 10 ms and its wake-up");
    world.heal(fault);
    world.run_until(ms(1_100));
    let rest = timed_notes(&mut world);
    let order: Vec<&str> = rest.iter().map(|(_, text)| &**text).collect();
    assert_eq!(order, ["b1: 1", "b1: 2"], "the lock is handed on");
    let sync = DiskSettings::default().sync_latency;
    assert!(rest[0].0 >= ms(1_000) + sync, "it is paid from the healing on: {rest:?}");
    assert!(rest[0].0 < ms(1_002), "and no more than that: {rest:?}");
    assert_eq!(world.effect(fault).hung.as_millis(), 989, "it is over");
}

#[test]
fn a_disk_that_is_never_healed_never_answers() {
    let (mut world, host) = locked_world();
    world.disk_hang(host, None);
    world.run_until(ms(1_000_000));
    assert_eq!(notes(&mut world), ["b1: 3"], "still");
}

#[test]
fn a_crash_takes_the_jobs_that_hang() {
    let (mut world, host) = locked_world();
    let fault = world.disk_hang(host, None);
    world.run_until(ms(100));
    let report = world.crash(host, CrashKind::PowerLoss);
    assert_eq!((report.jobs_unfinished, report.disks[0].syncs_dropped), (1, 1), "{report:?}");
    world.heal(fault);
    world.run_until(ms(200));
    assert_eq!(notes(&mut world), ["b1: 3"], "J-3: nothing of the old life finishes");
    assert_eq!(world.effect(fault).hung.as_millis(), 89, "until the crash");
}

#[test]
fn a_hang_of_one_disk_leaves_the_other_disk_and_the_other_host_alone() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(PoolId(0), "one", 2);
                cx.submit_at(ms(10), PoolId(0), 0, None);
                cx.submit_at(ms(10), PoolId(0), 1, None);
            }
        },
        start: |(), job, cx| {
            let disk = DiskId(u16::try_from(job.token).expect("small"));
            cx.disk(disk).create_dir("d").expect("healthy");
            Span::from_micros(1)
        },
        finish: |(), job, cx| say(cx, job.token.to_string()),
    };
    let mut world = world(1);
    let two = spec((), acts).with_disks(vec![DiskSettings::default(); 2]);
    let hosts = ["b1", "b2"].map(|name| world.add_host(name, two.clone()));
    hosts.iter().for_each(|host| world.boot(*host));
    world.run_until(ms(5));
    let fault = world.disk_hang(hosts[0], Some(DiskId(0)));
    world.run_until(ms(50));
    let mut said = notes(&mut world);
    said.sort();
    assert_eq!(said, ["b1: 1", "b2: 0", "b2: 1"], "only the first host's first disk");
    world.heal(fault);
    world.run_until(ms(60));
    assert_eq!(notes(&mut world), ["b1: 0"], "in the end");
}

#[test]
fn a_fault_that_acts_once_acts_on_one_disk_of_the_host() {
    let acts = Acts {
        on: |(), input, cx| {
            if input == Input::Boot {
                cx.pool(PoolId(0), "one", 1);
                cx.submit_at(ms(10), PoolId(0), 0, None);
            }
        },
        start: |(), _, cx| {
            let answers = [0, 1, 0].map(|disk| cx.disk(DiskId(disk)).sync_dir("").is_ok());
            say(cx, format!("{answers:?}"));
            Span::from_micros(1)
        },
        finish: |(), _, _| {},
    };
    let mut world = world(1);
    let two = spec((), acts).with_disks(vec![DiskSettings::default(); 2]);
    let host = world.add_host("b1", two);
    world.boot(host);
    let fault = world.disk_eio(host, &DiskScope::ALL, DiskCall::Any, true);
    world.run_until(ms(50));
    assert_eq!(notes(&mut world), ["b1: [false, true, true]"], "F-5");
    assert_eq!(world.effect(fault).disk_errors, 1, "one");
}

fn files(world: &World<Line>, host: HostId) -> Vec<String> {
    world.disk(host, DiskId(0)).files().map(|(path, len)| format!("{path} {len}")).collect()
}

/// `b1` has written files and is down, `b2` is down and empty.
fn two_down() -> (World<Line>, [HostId; 2]) {
    let mut world = world(3);
    let hosts = [
        boot(&mut world, "b1", (), writers()),
        boot(&mut world, "b2", (), Acts::inputs(|(), _, _| {})),
    ];
    world.run_until(ms(100));
    hosts.iter().for_each(|host| drop(world.crash(*host, CrashKind::Process)));
    (world, hosts)
}

#[test]
fn swapped_disks_take_their_files_and_their_faults_along() {
    let (mut world, [one, other]) = two_down();
    let (full, empty) = (files(&world, one), files(&world, other));
    assert_eq!((full.len(), empty.len()), (3, 0), "three writers");
    world.boot(other);
    assert_eq!(world.swap_disks(one, other), None, "one of them starts");
    world.run_until(ms(110));
    world.crash(other, CrashKind::Process);
    assert_eq!(world.swap_disks(one, one), None, "with itself");
    let dead = world.disk_dies(one, None);
    world.drain_seen(&mut Vec::new());
    let swap = world.swap_disks(one, other).expect("both are down");
    assert_eq!((files(&world, one), files(&world, other)), (empty, full), "exchanged");
    assert_eq!(world.effect(swap).disks_swapped, 2, "one each");
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let told = |host| {
        let own = |entry: &&Seen<Line>| matches!(entry, Seen::Disk { host: of, .. } if *of == host);
        seen.iter().filter(own).count()
    };
    assert_eq!((told(one), told(other)), (1, 7), "an observer can follow: wiped; then two a file");
    world.boot(one);
    world.run_until(ms(1_500));
    assert_eq!(world.effect(dead).disk_errors, 0, "F-4: the dead disk is in the other host");
}

#[test]
fn a_wipe_of_one_disk_leaves_the_others() {
    let (mut world, [one, other]) = two_down();
    let none = world.wipe(one, Some(DiskId(1))).expect("it is down");
    assert_eq!((files(&world, one).len(), world.effect(none).bytes_wiped), (3, 0), "no such disk");
    let wipe = world.wipe(one, Some(DiskId(0))).expect("it is down");
    assert_eq!(files(&world, one).len(), 0, "empty");
    assert_eq!(world.effect(wipe).bytes_wiped, 2 * 3 * 50_000, "two rounds of three");
    let rot = world.disk_rot(other, &DiskScope::ALL);
    assert_eq!(world.effect(rot).bits_rotted, 0, "nothing to rot");
}

#[test]
fn rot_tells_which_bit() {
    let (mut world, [one, _]) = two_down();
    let before = world.disk(one, DiskId(0)).clone();
    let rot = world.disk_rot(one, &DiskScope::at("f1.0"));
    let harms = world.disk_harms(rot);
    let [DiskHarm::Rotted(flip)] = &harms[..] else { panic!("{harms:?}") };
    assert_eq!((&*flip.path, world.effect(rot).bits_rotted), ("f1.0", 1), "in scope");
    let byte = |disk: &trial_sim::disk::Disk| disk.peek("f1.0", flip.offset, 1).expect("there")[0];
    assert_eq!(byte(world.disk(one, DiskId(0))), byte(&before) ^ 1 << flip.bit, "that bit");
    for path in ["f0.0", "f2.0"] {
        let all = |disk: &trial_sim::disk::Disk| disk.peek(path, 0, u64::MAX);
        assert_eq!(all(world.disk(one, DiskId(0))), all(&before), "{path} is untouched");
    }
}

#[test]
fn a_world_with_a_hang_can_be_cloned_and_goes_on_alike() {
    let (mut world, host) = locked_world();
    let fault = world.disk_hang(host, None);
    world.run_until(ms(100));
    let mut clone = world.clone();
    for world in [&mut world, &mut clone] {
        world.heal(fault);
        world.run_until(ms(200));
    }
    assert_eq!(world.digest(), clone.digest(), "W-2");
}
