//! What a run promises: equal seeds, equal digests; a clone plays on to the same; nothing goes unnoticed.

use std::sync::Arc;

use trial_reports::Verdict;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::{Scenario, builtin};
use trial_sim::{Chunking, CrashKind, NetworkSettings, Span, Time, WorldSettings};

fn scenario(name: &str) -> Arc<Scenario> {
    Arc::new(Scenario::open(name, &[]).expect("it comes with Trial"))
}

/// Seeds for each scenario: `TRIAL_PROMISES=20` is what a release is held to.
fn seeds() -> u64 {
    std::env::var("TRIAL_PROMISES").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Span::from_secs(seconds)
}

#[test]
fn equal_seeds_play_to_equal_digests_in_every_scenario() {
    for name in builtin::names() {
        let scenario = scenario(name);
        let mut digests = Vec::new();
        for seed in 0..seeds() {
            let (mut one, mut other) = (Run::new(&scenario, seed), Run::new(&scenario, seed));
            one.play();
            other.play();
            assert_eq!(one.digest(), other.digest(), "{name}, seed {seed}");
            digests.push(one.digest());
        }
        digests.dedup();
        assert_eq!(digests.len() as u64, seeds(), "{name}: every seed is a run of its own");
    }
}

#[test]
fn a_clone_from_half_way_plays_to_the_digest_of_the_run_that_was_never_cloned() {
    for (name, half) in [("departures", 10), ("everything_at_once", 33)] {
        let scenario = scenario(name);
        let mut straight = Run::new(&scenario, 5);
        straight.play();
        let mut original = Run::new(&scenario, 5);
        original.play_until(at(half));
        let mut clone = original.clone();
        original.play();
        clone.play();
        let digests = [original.digest(), clone.digest()];
        assert_eq!(digests, [straight.digest(); 2], "{name}");
        assert_eq!(clone.judge().records(), straight.judge().records(), "{name}");
    }
}

#[test]
fn verdicts_stay_when_every_byte_is_a_chunk_of_its_own() {
    for name in ["departures", "kill_the_leader"] {
        let network =
            NetworkSettings { chunking: Chunking::ByteByByte, ..NetworkSettings::default() };
        let settings = WorldSettings { network, ..WorldSettings::default() };
        let scenario = scenario(name);
        let mut run = Run::with_settings(&scenario, 3, settings);
        run.play();
        assert_eq!(run.verdict(), Verdict::Holds, "{name}: {:?}", run.judge().violations());
    }
}

/// Plays to 3 s, tampers behind the simulator's back, plays on to `until`; wants another digest than without.
#[track_caller]
fn is_noticed(tamper: impl FnOnce(&mut Run) -> bool, until: Time) {
    let scenario = scenario("departures");
    let mut honest = Run::new(&scenario, 1);
    honest.play_until(at(3));
    let mut tampered = honest.clone();
    assert!(tamper(&mut tampered), "there was nothing to tamper with");
    let play = |run: &mut Run| {
        let played =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.play_until(until)));
        // An assertion of a node is noticing too.
        played.is_ok().then(|| run.digest())
    };
    let (honest, tampered) = (play(&mut honest), play(&mut tampered));
    assert_ne!(honest, tampered, "nobody noticed");
}

#[test]
fn a_bit_that_flips_in_flight_is_in_the_digest_once_it_has_arrived() {
    let tamper = |run: &mut Run| {
        for tick in 1..50_000 {
            run.play_until(at(3) + Span::from_micros(10 * tick));
            let world = run.world_mut();
            if let Some(end) = world.in_flight().first().copied() {
                return world.flip_in_flight(end, 3);
            }
        }
        false
    };
    is_noticed(tamper, at(4));
}

#[test]
fn a_bit_that_flips_in_a_page_is_in_the_digest_once_the_page_is_read() {
    let scenario = scenario("departures");
    let mut honest = Run::new(&scenario, 1);
    honest.play_until(at(3));
    let mut tampered = honest.clone();
    let b2 = honest.world().host("b2").expect("a broker");
    assert!(tampered.world_mut().flip_page(b2, "meta.properties", 3, 1), "it is there");
    for run in [&mut honest, &mut tampered] {
        run.world_mut().crash(b2, CrashKind::Process);
    }
    assert_eq!(honest.digest(), tampered.digest(), "nobody has read it yet");
    for run in [&mut honest, &mut tampered] {
        run.world_mut().restart(b2);
        run.play_until(at(4));
    }
    assert_ne!(honest.digest(), tampered.digest(), "it was read when the broker started");
}

#[test]
fn a_bit_that_flips_in_a_timer_is_in_the_digest_once_it_is_due() {
    let tamper = |run: &mut Run| {
        let world = run.world_mut();
        let c1 = world.host("c1").expect("a controller");
        world.flip_timer(c1, 20)
    };
    is_noticed(tamper, at(6));
}
