//! A record of a run changes nothing, and shows the first event in which two runs differ.

use trial_sim::{CrashKind, Difference, HostId, Input, Recording, Span, World};

use crate::replay::cluster;
use crate::support::{Acts, Line, boot, ms, say, world};

/// The tick at which a program does what it must not.
const PLANTED: u32 = 40;

struct Ticking<S> {
    ticks: u32,
    state: S,
    plant: fn(&mut S) -> String,
}

impl<S: Clone> Clone for Ticking<S> {
    fn clone(&self) -> Self {
        Self { ticks: self.ticks, state: self.state.clone(), plant: self.plant }
    }
}

/// Ticks every millisecond and says so; once it says what `plant` answers.
fn ticking<S: Clone + Send + Sync + 'static>(state: S, plant: fn(&mut S) -> String) -> World<Line> {
    let mut world = world(1);
    world.record();
    let acts = Acts::inputs(|own: &mut Ticking<S>, input, cx| match input {
        Input::Boot => cx.set_timer(Some(cx.now() + Span::from_millis(1))),
        Input::Timer => {
            own.ticks += 1;
            let planted = own.ticks == PLANTED;
            let said =
                if planted { (own.plant)(&mut own.state) } else { format!("tick {}", own.ticks) };
            say(cx, said);
            cx.set_timer(Some(cx.now() + Span::from_millis(1)));
        }
        _ => {}
    });
    boot(&mut world, "clock", Ticking { ticks: 0, state, plant }, acts);
    world.run_until(ms(100));
    world
}

/// Two runs of one seed that are not the same: the event, both sides and the twenty before are shown.
#[track_caller]
fn is_found<S: Clone + Send + Sync + Default + 'static>(plant: fn(&mut S) -> String) -> Difference {
    let (mut one, mut other) = (ticking(S::default(), plant), ticking(S::default(), plant));
    assert_ne!(one.digest(), other.digest(), "the digest has noticed");
    let records = [&mut one, &mut other].map(|world| world.take_recording().expect("it was kept"));
    let found = records[0].first_difference(&records[1]).expect("they differ");
    // The boot is the first event.
    let number = u64::from(PLANTED) + 1;
    assert_eq!((found.one.number, found.other.number), (number, number), "{found}");
    assert_eq!((found.one.at, found.other.at), (ms(40), ms(40)), "{found}");
    assert_ne!(found.one.told, found.other.told, "what both said: {found}");
    assert_ne!(found.one.digest, found.other.digest, "{found}");
    let before: Vec<String> = found.before.iter().map(|moment| moment.told.join("")).collect();
    let want: Vec<String> =
        (20..40).map(|tick| format!("clock notes Line(\"tick {tick}\")")).collect();
    assert_eq!(before, want, "the twenty events before");
    let text = found.to_string();
    assert!(text.contains("event 41 at 0.040s"), "{text}");
    assert!(text.contains("  40 at 0.039000000s: clock timer"), "{text}");
    for side in [&found.one, &found.other] {
        assert!(text.contains(&side.told[0]), "{text}");
        assert!(text.contains(&format!("digest {:016x}", side.digest)), "{text}");
    }
    found
}

#[test]
fn the_order_of_a_hash_map_is_found_and_shown() {
    #[expect(clippy::disallowed_types, reason = "planted: what the house forbids is to be found")]
    let found = is_found(|_: &mut ()| {
        let map: std::collections::HashMap<u32, ()> = (0..64).map(|key| (key, ())).collect();
        format!("keys {:?}", map.into_keys().collect::<Vec<_>>())
    });
    assert!(found.one.told[0].contains("keys ["), "{found}");
}

#[test]
fn a_read_of_the_wall_clock_is_found_and_shown() {
    #[expect(clippy::disallowed_types, reason = "planted: what the house forbids is to be found")]
    let found = is_found(|_: &mut ()| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        format!("it is {} ns", since.expect("after 1970").as_nanos())
    });
    assert!(found.one.told[0].contains("it is "), "{found}");
}

#[test]
fn the_use_of_an_address_is_found_and_shown() {
    // Both worlds live at the same time, so no two boxes lie at one place.
    let found = is_found(|kept: &mut Option<Box<u64>>| {
        let kept = kept.insert(Box::new(7));
        format!("it lies at {}", (&raw const **kept).addr())
    });
    assert!(found.one.told[0].contains("it lies at "), "{found}");
}

/// A part of a second of the cluster, with a cut and a crash.
fn play(seed: u64, recorded: bool) -> World<Line> {
    let mut world = cluster(seed, &["w1", "w2"]);
    if recorded {
        world.record();
    }
    world.run_until(ms(200));
    let cut = world.cut(HostId(1), HostId(0));
    world.run_until(ms(300));
    world.crash(HostId(0), CrashKind::PowerLoss);
    world.restart(HostId(0));
    world.heal(cut);
    world.run_until(ms(500));
    world
}

fn recorded(seed: u64) -> Recording {
    play(seed, true).take_recording().expect("it was kept")
}

#[test]
fn a_record_changes_neither_digest_nor_events() {
    for seed in 0..5 {
        let (mut with, mut without) = (play(seed, true), play(seed, false));
        let ends = [&with, &without].map(|world| (world.digest(), world.events()));
        assert_eq!(ends[0], ends[1], "RC-1: seed {seed}");
        let record = with.take_recording().expect("it was kept");
        assert_eq!(record.len() as u64, with.events(), "every event has an entry");
        assert!(without.take_recording().is_none(), "nobody asked for one");
        let last = record.moment(record.len() - 1);
        assert_eq!((last.number, last.digest), (with.events(), with.digest().half()), "{last}");
    }
}

#[test]
fn two_runs_of_one_seed_have_no_difference_and_two_seeds_have_one() {
    let (one, other) = (recorded(3), recorded(3));
    assert_eq!(one.first_difference(&other), None, "D-1");
    let found = one.first_difference(&recorded(4)).expect("another seed is another run");
    assert!(found.before.is_empty(), "they differ from the first event on: {found}");
}

#[test]
fn a_record_names_hosts_lanes_connections_and_faults() {
    let record = recorded(3);
    let text: String =
        (0..=record.len()).map(|place| format!("{}\n", record.moment(place))).collect();
    for want in [
        ": store boots\n",
        ": w1>store#1 (opener's end) request\n",
        ": store handlers/0 finishes its job\n",
        "\n      starts job 0\n",
        "\n      calls of the disk, hash ",
        "\n      received ",
        "\n      store notes Line(\"stored ",
        "\n      from outside: cut w1, 0\n",
        "\n      from outside: crash store, 1\n",
        ": the end of the recording",
    ] {
        assert!(text.contains(want), "no line has {want:?}");
    }
    assert!(record.size() / record.len() < 200, "{} for {}", record.size(), record.len());
}

#[test]
fn the_end_of_one_run_before_the_other_is_a_difference() {
    let until = |end| {
        let mut world = cluster(3, &["w1"]);
        world.record();
        world.run_until(ms(end));
        (world.events(), world.take_recording().expect("it was kept"))
    };
    let ((events, short), (_, long)) = (until(100), until(200));
    let found = short.first_difference(&long).expect("one is longer");
    assert_eq!(found.one.event, "the end of the recording", "{found}");
    assert_ne!(found.other.event, found.one.event, "{found}");
    assert_eq!((found.one.number, found.before.len()), (events + 1, 20), "{found}");
}

#[test]
fn a_fault_that_only_one_run_had_is_shown_with_the_event_after_it() {
    let run = |crashed: bool| {
        let mut world = cluster(3, &["w1"]);
        world.record();
        world.run_until(ms(100));
        if crashed {
            world.crash(HostId(1), CrashKind::Process);
        }
        world.run_until(ms(200));
        world.take_recording().expect("it was kept")
    };
    let found = run(true).first_difference(&run(false)).expect("one has a crash");
    assert!(found.one.told.contains(&"from outside: crash w1, 0".to_owned()), "{found}");
    assert!(!found.other.told.iter().any(|told| told.contains("outside")), "{found}");
}

#[test]
fn a_bit_that_flipped_on_the_way_is_shown_where_it_is_received() {
    let run = |flipped: bool| {
        let mut world = cluster(4, &["w1"]);
        world.record();
        world.run_until(ms(100));
        while world.in_flight().is_empty() {
            world.step();
        }
        let sender = world.in_flight()[0];
        assert!(!flipped || world.flip_in_flight(sender, 5), "a byte");
        world.run_until(ms(200));
        world.take_recording().expect("it was kept")
    };
    let found = run(false).first_difference(&run(true)).expect("a bit");
    assert_eq!(found.one.event, found.other.event, "the same event: {found}");
    let hash = |side: &[String]| side.iter().find(|told| told.starts_with("received")).cloned();
    let (one, other) = (hash(&found.one.told), hash(&found.other.told));
    assert!(one.is_some() && one != other, "with other bytes: {found}");
}
