//! Streams are real: chunks, windows, cuts, half-open connections, refusals and silence.

use bytes::Bytes;
use trial_sim::{
    Chunking, ConnId, CrashKind, HostId, Input, Seen, Span, Time, World, WorldSettings,
};

use crate::support::{Acts, Line, boot, ms, notes, say, timed_notes, world};
use crate::talk::{client, pair, received, sends, server};

#[test]
fn a_stream_arrives_whole_and_in_order_however_it_is_cut() {
    for chunking in [Chunking::Natural, Chunking::Whole, Chunking::ByteByByte] {
        for seed in 0..10 {
            let mut settings = WorldSettings::default();
            settings.network.chunking = chunking;
            let mut world = World::new(seed, settings);
            let server = boot(&mut world, "server", Vec::new(), server());
            let times: Vec<_> =
                (0..40).map(|i| (ms(1) + Span(i * 10_000), 1 + 37 * i as usize)).collect();
            let want: Vec<u8> =
                times.iter().flat_map(|&(_, count)| (0..count).map(|i| (i % 251) as u8)).collect();
            boot(&mut world, "client", sends(&times), client());
            world.run_until(Time(2_000_000_000));
            assert!(received(&world, server) == &want, "PI-1: {chunking:?}, seed {seed}");
        }
    }
}

#[test]
fn natural_chunks_are_split_and_joined() {
    let mut sizes = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let times: Vec<_> = (0..50).map(|i| (ms(1) + Span(i * 5_000), 100)).collect();
        let (mut world, ..) = pair(seed, sends(&times));
        world.run_until(ms(500));
        let totals: Vec<usize> = notes(&mut world)
            .iter()
            .filter_map(|line| line.strip_prefix("server: has ")?.parse().ok())
            .collect();
        sizes.extend(totals.windows(2).map(|pair| pair[1] - pair[0]));
    }
    assert!(sizes.iter().any(|size| *size < 100), "split: {sizes:?}");
    assert!(sizes.iter().any(|size| *size > 100), "joined: {sizes:?}");
}

#[test]
fn a_port_without_listener_refuses_and_a_host_without_power_is_silent() {
    let powers = |kind| move |world: &mut World<Line>| drop(world.crash(HostId(0), kind));
    let cuts = |from, to| {
        move |world: &mut World<Line>| {
            world.cut(HostId(from), HostId(to));
        }
    };
    check(|_| {}, &["server: accepted on 9", "client: connected"]);
    check(powers(CrashKind::Process), &["client: failed, refused true"]);
    let silent = ["client: failed, refused false"];
    check(powers(CrashKind::PowerLoss), &silent);
    check(cuts(0, 1), &silent);
    check(cuts(1, 0), &silent);

    /// A client boots after `trouble` and connects; wants these notes within 200 seconds.
    #[track_caller]
    fn check(trouble: impl Fn(&mut World<Line>), want: &[&str]) {
        let mut world = world(5);
        boot(&mut world, "server", Vec::new(), server());
        let late = world.add_host("client", crate::support::spec(sends(&[]), client()));
        world.run_until(ms(1));
        trouble(&mut world);
        world.boot(late);
        world.run_until(ms(200_000));
        assert_eq!(notes(&mut world), want, "OP-1");
    }
}

#[test]
fn a_connect_that_a_cut_swallowed_comes_through_after_it_has_healed() {
    let mut world = world(5);
    boot(&mut world, "server", Vec::new(), server());
    let late = world.add_host("client", crate::support::spec(sends(&[]), client()));
    let cut = world.cut(late, HostId(0));
    world.boot(late);
    world.run_until(ms(2_500));
    assert_eq!(notes(&mut world), [""; 0], "cut");
    world.heal(cut);
    world.run_until(ms(6_000));
    assert_eq!(notes(&mut world), ["server: accepted on 9", "client: connected"], "sent again");
    assert_eq!(world.effect(cut).connects_held, 2, "at once and after one second");
}

#[test]
fn a_cut_holds_bytes_back_and_loses_none() {
    for seed in 0..20 {
        let plan = sends(&[(ms(10), 700), (ms(20), 300), (ms(40), 5)]);
        let (mut world, server, client) = pair(seed, plan);
        world.run_until(ms(5));
        let cut = world.cut(client, server);
        world.run_until(ms(30));
        assert_eq!(received(&world, server).len(), 0, "seed {seed}: cut");
        let effect = world.effect(cut);
        assert_eq!(effect.bytes_held, 1_000, "HO-2, seed {seed}: {effect:?}");
        world.heal(cut);
        world.run_until(ms(100));
        assert_eq!(received(&world, server).len(), 1_005, "HO-1, seed {seed}");
    }
}

#[test]
fn a_cut_is_one_way() {
    let (mut world, server, client) = pair(1, sends(&[(ms(10), 700)]));
    world.run_until(ms(5));
    let cut = world.cut(server, client);
    world.run_until(ms(30));
    assert_eq!(received(&world, server).len(), 700, "the other way is open");
    assert_eq!(world.effect(cut).bytes_held, 0, "and the cut did nothing");
}

#[test]
fn delay_and_throttle_make_later_and_say_by_how_much() {
    let arrival = |trouble: fn(&mut World<Line>, HostId, HostId) -> trial_sim::FaultId| {
        let (mut world, server, client) = pair(3, sends(&[(ms(10), 50_000)]));
        world.run_until(ms(5));
        let fault = trouble(&mut world, client, server);
        world.run_until(ms(2_000));
        let last = timed_notes(&mut world).last().unwrap().0;
        (last, world.effect(fault))
    };
    let (usual, _) = arrival(|world, _, server| world.delay(server, server, Span::ZERO));
    let (delayed, effect) = arrival(|world, from, to| world.delay(from, to, Span::from_millis(50)));
    assert_eq!(effect.delayed, Span::from_millis(50), "one send: {effect:?}");
    assert_eq!(delayed - usual, Span::from_millis(50), "DI-1: the same draws otherwise");
    let (throttled, effect) = arrival(|world, from, to| world.throttle(from, to, 100_000));
    let slower = throttled - usual;
    assert_eq!(effect.delayed, slower, "500 ms instead of 50 us");
    assert!(slower > Span::from_millis(499), "{slower}");
}

#[test]
fn a_stall_delivers_everything_at_once_when_it_ends() {
    let (mut world, server, client) = pair(1, sends(&[(ms(10), 10), (ms(20), 10)]));
    world.run_until(ms(5));
    let stall = world.stall(client, server);
    world.run_until(ms(50));
    assert_eq!(received(&world, server).len(), 0, "stalled");
    world.heal(stall);
    world.run_until(ms(51));
    assert_eq!(received(&world, server).len(), 20, "at once");
}

#[test]
fn a_peer_of_a_host_that_lost_power_learns_it_only_by_writing() {
    let quiet = |writes: bool| {
        let times = if writes { vec![(ms(100), 1)] } else { Vec::new() };
        let (mut world, server, _) = pair(2, sends(&times));
        world.run_until(ms(10));
        world.crash(server, CrashKind::PowerLoss);
        world.run_until(ms(200));
        let while_off = notes(&mut world).len();
        world.restart(server);
        world.run_until(ms(5_000));
        (while_off, notes(&mut world))
    };
    let nothing: Vec<String> = Vec::new();
    assert_eq!(quiet(false), (2, nothing), "CZ-3: half-open for ever");
    assert_eq!(quiet(true), (2, vec!["client: closed, reset true".into()]), "CZ-3: RST");
}

#[test]
fn a_process_that_dies_closes_its_connections() {
    let (mut world, server, _) = pair(2, sends(&[]));
    world.run_until(ms(10));
    let report = world.crash(server, CrashKind::Process);
    assert_eq!(report.connections, 1, "{report:?}");
    world.run_until(ms(20));
    assert_eq!(notes(&mut world).last().unwrap(), "client: closed, reset false", "FIN");
}

#[test]
fn a_cut_swallows_a_reset_and_leaves_the_other_end_half_open() {
    let (mut world, server, client) = pair(2, sends(&[(ms(100), 1)]));
    world.run_until(ms(10));
    let cut = world.cut(server, client);
    world.crash(server, CrashKind::PowerLoss);
    world.restart(server);
    world.run_until(ms(500));
    assert_eq!(world.effect(cut).resets_lost, 1, "CZ-3: the answer to the write");
    assert_eq!(notes(&mut world).len(), 2, "the client believes that it is connected");
}

#[test]
fn closing_sends_what_was_scheduled_first() {
    let mut plan = sends(&[(ms(10), 700), (ms(20), 300)]);
    plan.close = true;
    let (mut world, server, _) = pair(4, plan);
    world.run_until(ms(15));
    assert_eq!(received(&world, server).len(), 700, "not before its time");
    world.run_until(ms(30));
    assert_eq!(received(&world, server).len(), 1_000, "CZ-1");
    assert_eq!(notes(&mut world).last().unwrap(), "server: closed, reset false", "the FIN is last");
}

#[test]
fn a_reset_between_two_hosts_ends_every_connection_at_both_ends() {
    let (mut world, server, client) = pair(4, sends(&[]));
    world.run_until(ms(10));
    let fault = world.reset(client, server);
    world.run_until(ms(11));
    let mut ended = notes(&mut world).split_off(2);
    ended.sort();
    assert_eq!(ended, ["client: closed, reset true", "server: closed, reset true"], "both");
    assert_eq!(world.effect(fault).connections_reset, 1, "one connection");
}

/// Reads nothing until told by its timer; a client floods it.
fn muted_server() -> Acts<(usize, Option<ConnId>)> {
    Acts::inputs(|(got, conn), input, cx| match input {
        Input::Boot => cx.listen(9),
        Input::Accepted { conn: new, .. } => {
            cx.mute(new);
            *conn = Some(new);
            cx.set_timer(Some(ms(500)));
        }
        Input::Timer => cx.unmute(conn.expect("it was accepted")),
        Input::Received { bytes, .. } => *got += bytes.len(),
        _ => {}
    })
}

/// Sends a megabyte; says what `send`, `unsent` and `Writable` tell.
fn flooder() -> Acts<Option<ConnId>> {
    Acts::inputs(|conn, input, cx| match input {
        Input::Boot => *conn = Some(cx.connect("server", 9)),
        Input::Connected { conn } => {
            let room = cx.send(conn, Bytes::from(vec![7; 1_000_000]));
            say(cx, format!("room {room}"));
            cx.set_timer(Some(ms(400)));
        }
        Input::Timer => {
            let unsent = cx.unsent(conn.expect("it connected"));
            say(cx, format!("unsent {unsent}"));
        }
        Input::Writable { .. } => say(cx, "writable"),
        _ => {}
    })
}

#[test]
fn a_muted_receiver_holds_the_sender_back_by_its_window() {
    let mut world = world(8);
    let server = boot(&mut world, "server", (0, None), muted_server());
    boot(&mut world, "client", None, flooder());
    world.run_until(ms(499));
    let window = WorldSettings::default().network.receive_window as usize;
    let unsent = format!("client: unsent {}", 1_000_000 - window);
    assert_eq!(notes(&mut world), ["client: room false".to_owned(), unsent], "PI-2");
    world.run_until(ms(2_000));
    let state = world.program(server).unwrap().as_any();
    let (got, _) = state.downcast_ref::<(usize, Option<ConnId>)>().unwrap();
    assert_eq!(*got, 1_000_000, "PI-1: all of it once it reads");
    assert_eq!(notes(&mut world), ["client: writable"], "told once");
}

#[test]
fn a_paused_host_buffers_and_reads_in_order_afterwards() {
    let (mut world, server, _) = pair(6, sends(&[(ms(10), 10), (ms(20), 20)]));
    world.run_until(ms(5));
    let pause = world.pause(server);
    world.run_until(ms(100));
    assert_eq!(received(&world, server).len(), 0, "TR-2");
    world.heal(pause);
    world.run_until(ms(101));
    assert_eq!(received(&world, server).len(), 30, "TR-2: nothing is lost");
}

#[test]
fn a_host_connects_to_itself_and_both_ends_differ() {
    let acts = Acts::inputs(|(), input, cx| match input {
        Input::Boot => {
            cx.listen(9);
            cx.connect("both", 9);
        }
        Input::Connected { conn } => {
            cx.send(conn, Bytes::from_static(b"ping"));
        }
        Input::Received { conn, bytes } => {
            say(cx, format!("{} at listener {}", bytes.len(), conn.is_listener()));
            if conn.is_listener() {
                cx.send(conn, Bytes::from_static(b"pong!"));
            }
        }
        _ => {}
    });
    let mut settings = WorldSettings::default();
    settings.network.chunking = Chunking::Whole;
    let mut world = World::new(1, settings);
    boot(&mut world, "both", (), acts);
    world.run_until(ms(10));
    let want = ["both: 4 at listener true", "both: 5 at listener false"];
    assert_eq!(notes(&mut world), want, "loopback");
}

#[test]
fn an_observer_sees_bytes_whole_when_they_are_sent() {
    let mut settings = WorldSettings::default();
    settings.network.chunking = Chunking::ByteByByte;
    let mut world = World::new(1, settings);
    boot(&mut world, "server", Vec::new(), server());
    boot(&mut world, "client", sends(&[(ms(10), 40)]), client());
    world.run_until(ms(50));
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let sent: Vec<_> = seen
        .iter()
        .filter_map(|entry| match entry {
            Seen::Sent { at, port, towards_listener, bytes, .. } => {
                Some((*at, *port, *towards_listener, bytes.len()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(sent, [(ms(10), 9, true, 40)], "SN-2");
}

#[test]
fn what_a_cut_held_is_sent_again_after_a_back_off_and_what_a_stall_held_at_once() {
    let late = |seed: u64, cut: bool| {
        let (mut world, server, client) = pair(seed, sends(&[(ms(100), 10)]));
        world.run_until(ms(50));
        let fault = if cut { world.cut(client, server) } else { world.stall(client, server) };
        world.run_until(ms(600));
        world.heal(fault);
        notes(&mut world);
        world.run_until(ms(5_000));
        timed_notes(&mut world).first().map_or(Span::ZERO, |(at, _)| at.since(ms(600)))
    };
    let after_cuts: Vec<Span> = (0..20).map(|seed| late(seed, true)).collect();
    assert!(
        after_cuts.iter().all(|late| *late < Span::from_millis(501)),
        "at most as long as it lasted"
    );
    let long = after_cuts.iter().filter(|late| **late > Span::from_millis(50)).count();
    assert!(long > 10, "HO-1: mostly a while: {after_cuts:?}");
    assert!((0..20).all(|seed| late(seed, false) < Span::from_millis(1)), "a stall lost nothing");
}

#[test]
fn a_paused_listener_is_told_of_a_connection_when_it_goes_on() {
    let mut world = world(3);
    let server = boot(&mut world, "server", Vec::new(), server());
    let late = world.add_host("client", crate::support::spec(sends(&[]), client()));
    world.run_until(ms(1));
    let pause = world.pause(server);
    world.boot(late);
    world.run_until(ms(50));
    assert_eq!(notes(&mut world), ["client: connected"], "the kernel answers, the program sleeps");
    world.heal(pause);
    world.run_until(ms(51));
    assert_eq!(notes(&mut world), ["server: accepted on 9"], "OP-2");
}
