//! Filters hold back or delay frames of a kind by their label, and never break the order of a connection.

use bytes::Bytes;
use trial_sim::{ConnId, CrashKind, HostId, Input, Span, Time, World};

use crate::support::{Acts, Line, boot, ms, notes, say, timed_notes, world};

/// Says each letter that comes in, and on which connection (counted from 1) it came.
fn server() -> Acts<Vec<ConnId>> {
    Acts::inputs(|conns, input, cx| match input {
        Input::Boot => cx.listen(9),
        Input::Accepted { conn, .. } => conns.push(conn),
        Input::Received { conn, bytes } => {
            let place = conns.iter().position(|known| *known == conn).expect("it was accepted");
            for letter in bytes {
                say(cx, format!("{}{}", char::from(letter), place + 1));
            }
        }
        Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
        _ => {}
    })
}

/// What a client sends: on which of its two connections, when, the label, the letter.
type Frames = Vec<(usize, u64, &'static str, &'static str)>;

#[derive(Clone)]
struct Plan {
    frames: Frames,
    conns: Vec<ConnId>,
    open: usize,
}

/// Opens two connections, one after the other, and sends by its plan.
fn client() -> Acts<Plan> {
    Acts::inputs(|plan, input, cx| match input {
        Input::Boot => plan.conns.push(cx.connect("server", 9)),
        Input::Connected { .. } => {
            plan.open += 1;
            if plan.open == 1 {
                plan.conns.push(cx.connect("server", 9));
                return;
            }
            for &(place, at, label, letter) in &plan.frames {
                cx.send_frame_at(
                    ms(at),
                    plan.conns[place],
                    label,
                    Bytes::from_static(letter.as_bytes()),
                );
            }
        }
        Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
        _ => {}
    })
}

fn played(frames: Frames) -> (World<Line>, HostId, HostId) {
    let mut world = world(3);
    let server = boot(&mut world, "server", Vec::new(), server());
    let plan = Plan { frames, conns: Vec::new(), open: 0 };
    let client = boot(&mut world, "client", plan, client());
    (world, server, client)
}

fn letters() -> Frames {
    vec![
        (0, 10, "Metadata", "a"),
        (0, 20, "Fetch", "b"),
        (0, 30, "Metadata", "c"),
        (1, 20, "Metadata", "d"),
        (0, 40, "Fetch", "e"),
    ]
}

#[test]
fn a_held_frame_waits_with_all_that_follows_it_on_its_connection_and_no_other() {
    let (mut world, server, client) = played(letters());
    let hold = world.hold(client, server, "Fetch");
    world.run_until(ms(100));
    let before = notes(&mut world);
    assert_eq!(
        before,
        ["server: a1", "server: d2"],
        "what stands before it, and the other connection"
    );
    world.heal(hold);
    world.run_until(ms(200));
    assert_eq!(notes(&mut world), ["server: b1", "server: c1", "server: e1"], "TR-1: in order");
    let effect = world.effect(hold);
    assert_eq!(
        (effect.frames_held, effect.bytes_held),
        (1, 1),
        "the second was never at the front"
    );
}

#[test]
fn a_filter_knows_its_label_and_its_direction() {
    for (label, towards_server) in [("Produce", true), ("Fetch", false), ("fetch", true)] {
        let (mut world, server, client) = played(letters());
        let (from, to) = if towards_server { (client, server) } else { (server, client) };
        let hold = world.hold(from, to, label);
        world.run_until(ms(100));
        assert_eq!(notes(&mut world).len(), 5, "{label}, towards the server {towards_server}");
        assert_eq!(world.effect(hold).frames_held, 0, "{label}: it did nothing, and says so");
    }
}

#[test]
fn of_two_filters_each_holds_what_is_its_own_and_both_count_what_both_hold() {
    let (mut world, server, client) = played(letters());
    let first = world.hold(client, server, "Fetch");
    let second = world.hold(client, server, "Fetch");
    let other = world.hold(client, server, "Metadata");
    world.run_until(ms(100));
    assert_eq!(notes(&mut world).len(), 0, "everything");
    world.heal(other);
    world.heal(first);
    world.run_until(ms(200));
    let mut told = notes(&mut world);
    told.sort();
    assert_eq!(told, ["server: a1", "server: d2"], "the second still holds");
    world.heal(second);
    world.run_until(ms(300));
    assert_eq!(notes(&mut world).len(), 3, "the rest");
    let held = [first, second, other].map(|fault| world.effect(fault).frames_held);
    assert_eq!(held, [1, 1, 2], "one Fetch; a1 and d2 stood at the front of their connections");
}

#[test]
fn what_has_left_before_the_filter_came_arrives() {
    let (mut world, server, client) = played(vec![(0, 10, "Fetch", "a"), (0, 20, "Fetch", "b")]);
    world.run_until(ms(10) + Span(1));
    world.hold(client, server, "Fetch");
    world.run_until(ms(100));
    assert_eq!(notes(&mut world), ["server: a1"], "it was under way");
}

#[test]
fn a_held_frame_dies_with_its_process_and_a_close_waits_behind_it() {
    let (mut world, server, client) = played(letters());
    let hold = world.hold(client, server, "Fetch");
    world.run_until(ms(100));
    notes(&mut world);
    // The kernel of a process that died goes on sending what it was given, the FIN last.
    world.crash(client, CrashKind::Process);
    world.run_until(ms(200));
    assert_eq!(notes(&mut world), ["server: closed, reset false"], "the other connection only");
    world.heal(hold);
    world.run_until(ms(300));
    let rest = ["server: b1", "server: c1", "server: e1", "server: closed, reset false"];
    assert_eq!(notes(&mut world), rest, "CZ-1");

    let (mut world, server, client) = played(letters());
    let hold = world.hold(client, server, "Fetch");
    world.run_until(ms(100));
    notes(&mut world);
    let report = world.crash(client, CrashKind::PowerLoss);
    assert_eq!(report.bytes_unsent, 3, "b, c and e");
    world.heal(hold);
    world.run_until(ms(300));
    assert_eq!(notes(&mut world).len(), 0, "nobody is told, nothing is sent");
}

#[test]
fn a_delay_with_a_label_delays_that_kind_and_keeps_the_order() {
    let (mut world, server, client) = played(letters());
    let delay = world.delay_some(client, server, Some("Fetch"), Span::from_millis(50)..Span(0));
    world.run_until(ms(300));
    let arrived = timed_notes(&mut world);
    let at = |letter: &str| {
        let found = arrived.iter().find(|(_, line)| line.ends_with(letter));
        found.map_or(Time::MAX, |(at, _)| *at).as_millis()
    };
    assert_eq!((at("a1"), at("d2")), (10, 20), "other kinds are as fast as ever");
    assert!((70..80).contains(&at("b1")), "50 ms later: {}", at("b1"));
    assert!(at("c1") >= at("b1") && at("e1") >= 90, "c waits behind b; e is delayed: {arrived:?}");
    let effect = world.effect(delay);
    assert_eq!((effect.chunks_delayed, effect.delayed), (2, Span::from_millis(100)), "two frames");
}

#[test]
fn jitter_is_drawn_for_each_frame_within_its_range_and_by_the_seed() {
    let delays = |seed: u64| {
        let mut world = crate::support::world(seed);
        let server = boot(&mut world, "server", Vec::new(), server());
        let frames = (0..40).map(|i| (0, 100 + 50 * i, "", "x")).collect();
        let plan = Plan { frames, conns: Vec::new(), open: 0 };
        let client = boot(&mut world, "client", plan, client());
        world.run_until(ms(50));
        let range = Span::from_millis(5)..Span::from_millis(25);
        let fault = world.delay_some(client, server, None, range);
        world.run_until(ms(5_000));
        let arrived = timed_notes(&mut world);
        let late: Vec<u64> = (0..)
            .zip(&arrived)
            .map(|(i, (at, _))| at.since(ms(100 + 50 * i)).as_micros())
            .collect();
        (late, world.effect(fault).chunks_delayed, world.effect(fault).delayed)
    };
    let (late, count, sum) = delays(1);
    assert_eq!((late.len(), count), (40, 40), "each frame");
    assert!(late.iter().all(|late| (5_000..30_000).contains(late)), "within the range: {late:?}");
    let (least, most) = (late.iter().min().unwrap(), late.iter().max().unwrap());
    assert!(most - least > 8_000, "it varies: {late:?}");
    let told = sum.as_micros();
    let seen: u64 = late.iter().sum();
    assert!(
        told <= seen && seen - told < 60_000,
        "what it claims is what was seen: {told}, {seen}"
    );
    assert_eq!(delays(1).0, late, "equal seeds");
    assert_ne!(delays(2).0, late, "another seed");
}

#[test]
fn two_jitters_that_are_alike_draw_for_themselves_and_a_re_key_gives_both_another_future() {
    let delays = |rekey: bool| {
        let mut world = crate::support::world(1);
        let server = boot(&mut world, "server", Vec::new(), server());
        let frames = (0..20).map(|i| (0, 100 + 50 * i, "", "x")).collect();
        let plan = Plan { frames, conns: Vec::new(), open: 0 };
        let client = boot(&mut world, "client", plan, client());
        world.run_until(ms(50));
        let range = Span::from_millis(1)..Span::from_millis(20);
        let faults = [0, 1].map(|_| world.delay_some(client, server, None, range.clone()));
        let named = world.streams().into_iter().filter(|stream| stream.name.starts_with("jitter"));
        assert_eq!(named.count(), 2, "each has a name of its own");
        if rekey {
            world.rekey(7);
        }
        world.run_until(ms(5_000));
        faults.map(|fault| world.effect(fault).delayed)
    };
    let [one, other] = delays(false);
    assert_ne!(one, other, "R-1: a name stands for one stream");
    let [later, _] = delays(true);
    assert_ne!(one, later, "ST-2: the jitter of a delay that acts already is re-keyed too");
}
