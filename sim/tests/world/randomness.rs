//! Every source of run draws has a name, keeps its draws whatever else there is, and can be re-keyed.

use std::collections::BTreeMap;

use trial_sim::disk::{Disk, DiskSettings, JobId};
use trial_sim::{CrashKind, Digest, HostId, Time, World};

use crate::replay::cluster;
use crate::support::{Line, ms};

/// A cluster at 300 ms; its store has crashed and come back.
fn at_300_ms(writers: &[&str]) -> World<Line> {
    let mut world = cluster(5, writers);
    world.run_until(ms(200));
    world.crash(HostId(0), CrashKind::Process);
    world.restart(HostId(0));
    world.run_until(ms(300));
    world
}

fn identities(world: &World<Line>) -> BTreeMap<String, u64> {
    world.streams().into_iter().map(|stream| (stream.name, stream.identity)).collect()
}

#[test]
fn every_stream_is_told_by_name_with_its_draws() {
    let world = at_300_ms(&["w1"]);
    let names: Vec<String> = world.streams().into_iter().map(|stream| stream.name).collect();
    let want = [
        "back w1>store#2",
        "crash store",
        "crash w1",
        "disk store/0",
        "disk w1/0",
        "host w1/length",
        "host w1/pause",
        "lane store/handlers@2",
        "there w1>store#2",
        "tie back w1>store#2",
        "tie host store",
        "tie host w1",
        "tie lane store/handlers@2/0",
        "tie lane store/handlers@2/1",
        "tie lane store/handlers@2/2",
        "tie lane store/handlers@2/3",
        "tie there w1>store#2",
    ];
    assert_eq!(names, want, "the first connection and the first life's lanes are gone");
    let draws = |world: &World<Line>| {
        let all = world.streams().into_iter();
        all.map(|stream| (stream.name, stream.draws)).collect::<BTreeMap<_, _>>()
    };
    let (before, mut later) = (draws(&world), world);
    later.run_until(ms(400));
    let after = draws(&later);
    let more = |name: &str| after[name] - before[name];
    assert!(
        (5..=10).contains(&more("host w1/length")),
        "one for each send: {}",
        more("host w1/length")
    );
    assert_eq!(more("host w1/length"), more("host w1/pause"), "one for each send");
    assert_eq!(more("crash w1"), 0, "nothing crashed");
}

#[test]
fn a_host_that_is_taken_away_leaves_every_other_stream_as_it_was() {
    let all = ["w1", "w2", "w3"];
    let with = identities(&at_300_ms(&all));
    for gone in all {
        let left: Vec<&str> = all.into_iter().filter(|name| *name != gone).collect();
        let without = identities(&at_300_ms(&left));
        for (name, identity) in &without {
            assert_eq!(with.get(name), Some(identity), "ST-1: {name} without {gone}");
        }
        let lost: Vec<&String> = with.keys().filter(|name| !without.contains_key(*name)).collect();
        assert!(lost.iter().all(|name| name.contains(gone)), "{gone} alone is gone: {lost:?}");
    }
}

#[test]
fn a_rekey_changes_every_stream_that_exists_and_every_later_one() {
    let world = at_300_ms(&["w1", "w2"]);
    let mut rekeyed = world.clone();
    rekeyed.rekey(9);
    let compare = |one: &World<Line>, other: &World<Line>| {
        let (one, other) = (identities(one), identities(other));
        let common: Vec<&String> = one.keys().filter(|name| other.contains_key(*name)).collect();
        let same: Vec<&&String> =
            common.iter().filter(|name| one[**name] == other[**name]).collect();
        assert!(same.is_empty(), "ST-2: the same in both: {same:?}");
        common.into_iter().cloned().collect::<Vec<String>>()
    };
    let existing = compare(&world, &rekeyed);
    assert_eq!(existing.len(), world.streams().len(), "every one of them");
    let later = [world, rekeyed].map(|mut world| {
        world.crash(HostId(0), CrashKind::PowerLoss);
        world.restart(HostId(0));
        world.run_until(ms(500));
        world
    });
    let common = compare(&later[0], &later[1]);
    for made_later in ["there w1>store#3", "back w2>store#3", "lane store/handlers@3"] {
        assert!(common.iter().any(|name| name == made_later), "{made_later} in {common:?}");
    }
}

#[test]
fn a_rekeyed_clone_has_the_same_past_and_another_future() {
    for seed in 0..5 {
        let mut whole = cluster(seed, &["w1", "w2"]);
        whole.run_until(ms(600));
        let mut original = cluster(seed, &["w1", "w2"]);
        original.run_until(ms(300));
        let future = |salt: Option<u64>| -> Digest {
            let mut clone = original.clone();
            assert_eq!(clone.digest(), original.digest(), "the same past");
            if let Some(salt) = salt {
                clone.rekey(salt);
                assert_ne!(clone.digest(), original.digest(), "the call goes into the digest");
            }
            clone.run_until(ms(600));
            clone.digest()
        };
        let (one, again, other) = (future(Some(0)), future(Some(0)), future(Some(1)));
        assert_eq!(one, again, "ST-2: equal salts, equal futures");
        assert_ne!(one, other, "two salts, two futures");
        assert_eq!(future(None), whole.digest(), "W-2");
        assert!(one != whole.digest() && other != whole.digest(), "another future: seed {seed}");
        original.run_until(ms(600));
        assert_eq!(original.digest(), whole.digest(), "whoever was not re-keyed is untouched");
    }
}

#[test]
fn what_happens_after_a_rekey_is_another_story_not_only_another_digest() {
    let lengths = |rekeyed: bool| {
        let mut world = at_300_ms(&["w1"]);
        crate::support::notes(&mut world);
        if rekeyed {
            world.rekey(1);
        }
        world.run_until(ms(500));
        crate::support::timed_notes(&mut world)
    };
    assert_ne!(lengths(false), lengths(true), "other sends at other times");
}

/// When the pages that are written to a file at 1 s are durable, to the millisecond.
fn durable_at(mut disk: Disk) -> Vec<u64> {
    let now = ms(1_000);
    let mut access = disk.access(now, JobId(2));
    let file = access.open("log", false).expect("it is there");
    let bytes = bytes::Bytes::from(vec![7; 40_960]);
    access.write(file, 0, bytes).expect("a healthy disk");
    disk.settle(now, JobId(2));
    (1_000..60_000).step_by(100).map(|at| disk.unsynced_pages(ms(at))).collect()
}

#[test]
fn a_rekey_changes_the_delays_of_files_that_exist() {
    let mut disk = Disk::new(7, DiskSettings::default());
    disk.access(Time::ZERO, JobId(1)).open("log", true).expect("a healthy disk");
    disk.settle(Time::ZERO, JobId(1));
    let [mut one, mut other] = [disk.clone(), disk.clone()];
    one.rekey(1);
    other.rekey(2);
    let usual = durable_at(disk.clone());
    assert_eq!(usual, durable_at(disk), "DK-2");
    let (one, other) = (durable_at(one), durable_at(other));
    assert!(
        usual != one && one != other && usual != other,
        "pages are written back at other times"
    );
    assert_eq!((usual[0], one[0]), (10, 10), "ten pages are dirty at first");
}

#[test]
fn a_thousand_other_seeds_in_the_same_process_change_nothing() {
    let play = |seed| {
        let mut world = cluster(seed, &["w1"]);
        world.run_until(ms(30));
        world.digest()
    };
    let before = play(7);
    let others: std::collections::BTreeSet<Digest> = (1_000..2_000).map(play).collect();
    assert_eq!(others.len(), 1_000, "each is a run of its own");
    assert_eq!(play(7), before, "D-1: nothing is left of them");
}
