//! Hosts stand in racks, zones and regions, and a link may be unlike all others.

use std::sync::Arc;

use trial_sim::{Distances, Distribution, HostId, Place, Span, Time, World, WorldSettings};

use crate::support::{Acts, Line, boot, ms, notes, say, spec, timed_notes};
use crate::talk::{client, received, sends, server};

fn place(region: &str, zone: &str, rack: &str) -> Place {
    let name = |text: &str| Some(Arc::from(text));
    Place { rack: name(rack), zone: name(zone), region: name(region) }
}

/// A World in which one millisecond lies between racks, ten between zones, a hundred between regions.
fn apart() -> World<Line> {
    let mut settings = WorldSettings::default();
    let always = |ms| Distribution::Constant(Span::from_millis(ms));
    settings.network.latency = Distribution::Constant(Span::from_micros(100));
    settings.network.distances =
        Distances { racks: Some(always(1)), zones: Some(always(10)), regions: Some(always(100)) };
    World::new(1, settings)
}

/// How long a connect takes from `place` to a server in region eu, zone a, rack r1: there and back.
fn round_trip(place_of_client: Place) -> u64 {
    let mut world = apart();
    let at_home = spec(Vec::new(), server()).with_place(place("eu", "a", "r1"));
    let home = world.add_host("server", at_home);
    world.boot(home);
    world.run_until(ms(1));
    let away = world.add_host("client", spec(sends(&[]), client()).with_place(place_of_client));
    world.boot(away);
    world.run_until(ms(1_000));
    let told = timed_notes(&mut world);
    let connected = told.iter().find(|(_, line)| line == "client: connected");
    connected.map_or(Time::MAX, |(at, _)| *at).since(ms(1)).as_micros()
}

#[test]
fn latency_grows_from_rack_to_zone_to_region() {
    for (region, zone, rack, want) in [
        ("eu", "a", "r1", 200),
        ("eu", "a", "r2", 2_000),
        ("eu", "b", "r1", 20_000),
        ("us", "a", "r1", 200_000),
    ] {
        assert_eq!(round_trip(place(region, zone, rack)), want, "{region} {zone} {rack}, in us");
    }
    assert_eq!(round_trip(Place::default()), 200, "PL-1: whoever stands nowhere stands beside all");
}

#[test]
fn one_direction_of_one_link_may_be_slow_and_narrow() {
    let arrived = |slow: Option<(HostId, HostId)>| {
        let mut settings = WorldSettings::default();
        settings.network.latency = Distribution::Constant(Span::from_micros(100));
        settings.network.chunking = trial_sim::Chunking::Whole;
        let mut world = World::new(1, settings);
        let server = boot(&mut world, "server", Vec::new(), server());
        boot(&mut world, "client", sends(&[(ms(500), 10_000)]), client());
        if let Some((from, to)) = slow {
            let latency = Some(Distribution::Constant(Span::from_millis(20)));
            world.set_link(from, to, latency, Some(1_000_000));
        }
        world.run_until(ms(1_000));
        assert_eq!(received(&world, server).len(), 10_000, "nothing is lost");
        let told = timed_notes(&mut world);
        told.last().expect("it arrived").0.since(ms(500)).as_micros()
    };
    assert_eq!(arrived(None), 110, "10 kB at 1 GB/s, and 100 us");
    assert_eq!(arrived(Some((HostId(1), HostId(0)))), 30_000, "10 kB at 1 MB/s, and 20 ms");
    assert_eq!(arrived(Some((HostId(0), HostId(1)))), 110, "the other direction");
}

#[test]
fn a_host_restarts_as_another_program_from_its_next_boot_on() {
    let greets = |word: &'static str| {
        let acts = Acts::inputs(|word: &mut &str, input, cx| {
            if input == trial_sim::Input::Boot {
                say(cx, *word);
            }
        });
        spec(word, acts)
    };
    let mut world = World::new(1, WorldSettings::default());
    let host = world.add_host("b1", greets("old"));
    let other = world.add_host("b2", greets("old"));
    world.boot(host);
    world.boot(other);
    world.run_until(ms(1));
    world.set_factory(host, greets("new").factory);
    world.run_until(ms(2));
    let mut told = notes(&mut world);
    told.sort();
    assert_eq!(told, ["b1: old", "b2: old"], "not while it runs");
    for host in [host, other] {
        world.crash(host, trial_sim::CrashKind::Process);
        world.restart(host);
    }
    world.run_until(ms(3));
    let mut told = notes(&mut world);
    told.sort();
    assert_eq!(told, ["b1: new", "b2: old"], "that host and no other");
}
