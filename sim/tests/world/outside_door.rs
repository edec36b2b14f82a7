//! The outside door, with the driver of twenty lines that a real one is modelled on.

use crate::support::{Acts, Line, boot, ms, world};
use bytes::Bytes;
use trial_sim::{Input, OutsideEvent, Time, World};

fn echo() -> Acts<()> {
    Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.listen(7),
        Input::Received { conn, bytes } => {
            cx.send(conn, bytes);
        }
        _ => {}
    })
}

/// The driver: sends each text when its time has come, answers what came back and when.
fn drive(world: &mut World<Line>, texts: &[(Time, &'static str)]) -> (Vec<u8>, Vec<Time>) {
    let conn = world.outside_connect("server", 7);
    let (mut answer, mut times) = (Vec::new(), Vec::new());
    let mut texts = texts.iter().peekable();
    loop {
        let input = texts.peek().map(|(at, _)| *at);
        let Some(next) = [world.next_time(), input].into_iter().flatten().min() else { break };
        world.run_until(next);
        while let Some((_, text)) = texts.next_if(|(at, _)| *at <= world.now()) {
            world.outside_write(conn, Bytes::from_static(text.as_bytes()));
        }
        for output in world.drain_outputs() {
            if let OutsideEvent::Bytes(_, bytes) = output {
                answer.extend_from_slice(&bytes);
                times.push(world.now());
            }
        }
    }
    (answer, times)
}

#[test]
fn bytes_from_outside_are_answered_in_order_and_in_their_time() {
    let mut world = world(1);
    boot(&mut world, "server", (), echo());
    let texts = [(ms(0), "one "), (ms(5), "two "), (ms(9), "three")];
    let (answer, times) = drive(&mut world, &texts);
    assert_eq!(answer, b"one two three", "an echo");
    assert!(times.first() > Some(&ms(0)) && times.last() > Some(&ms(9)), "{times:?}");
}

#[test]
fn what_comes_from_outside_goes_into_the_digest() {
    let digest = |text: &'static str| {
        let mut world = world(1);
        boot(&mut world, "server", (), echo());
        drive(&mut world, &[(ms(3), text)]);
        world.digest()
    };
    assert_eq!(digest("same"), digest("same"), "D-1");
    assert_ne!(digest("same"), digest("some"), "D-2");
}

#[test]
fn outside_learns_of_refusal_and_of_the_end() {
    let mut world = world(1);
    let closer = Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.listen(7),
        Input::Accepted { conn, .. } => cx.close(conn),
        _ => {}
    });
    boot(&mut world, "server", (), closer);
    world.run_until(ms(1));
    let closed = world.outside_connect("server", 7);
    let refused = world.outside_connect("server", 8);
    let unknown = world.outside_connect("nobody", 8);
    world.run_until(ms(100));
    let mut outputs = world.drain_outputs();
    outputs.sort_by_key(|output| format!("{output:?}"));
    let want = [
        OutsideEvent::Closed(closed),
        OutsideEvent::Connected(closed),
        OutsideEvent::Refused(refused),
        OutsideEvent::Refused(unknown),
    ];
    assert_eq!(outputs, want, "each is told");
}

/// All that came out within 100 ms, in order.
fn outputs(world: &mut World<Line>) -> Vec<OutsideEvent> {
    world.run_until(world.now() + trial_sim::Span::from_millis(100));
    world.drain_outputs()
}

fn received(outputs: &[OutsideEvent]) -> usize {
    let count = |output: &OutsideEvent| match output {
        OutsideEvent::Bytes(_, bytes) => bytes.len(),
        _ => 0,
    };
    outputs.iter().map(count).sum()
}

const MUCH: usize = 2 << 20;

#[test]
fn who_does_not_read_from_outside_holds_the_host_back() {
    let mut world = world(1);
    let talker = Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.listen(7),
        Input::Accepted { conn, .. } => {
            cx.send(conn, Bytes::from(vec![7; MUCH]));
        }
        _ => {}
    });
    boot(&mut world, "server", (), talker);
    world.run_until(ms(1));
    let conn = world.outside_connect("server", 7);
    world.outside_mute(conn, true);
    let muted = outputs(&mut world);
    assert_eq!(muted, [OutsideEvent::Connected(conn)], "OD-3: nothing else comes out");
    world.outside_mute(conn, false);
    assert_eq!(received(&outputs(&mut world)), MUCH, "nothing is lost");
}

#[test]
fn a_host_that_does_not_read_shows_outside() {
    let mut world = world(1);
    let deaf = Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.listen(7),
        Input::Accepted { conn, .. } => cx.mute(conn),
        _ => {}
    });
    boot(&mut world, "server", (), deaf);
    world.run_until(ms(1));
    let conn = world.outside_connect("server", 7);
    world.outside_write(conn, Bytes::from(vec![7; MUCH]));
    outputs(&mut world);
    let unsent = world.outside_unsent(conn);
    assert!(unsent > MUCH / 2 && unsent < MUCH, "OD-3: all but a window waits: {unsent}");
    world.outside_reset(conn);
    assert_eq!(world.outside_unsent(conn), 0, "it is gone");
}

#[test]
fn a_host_that_lost_power_resets_what_it_does_not_know_any_more() {
    let mut world = world(1);
    let server = boot(&mut world, "server", (), echo());
    world.run_until(ms(1));
    let conn = world.outside_connect("server", 7);
    outputs(&mut world);
    world.crash(server, trial_sim::CrashKind::PowerLoss);
    assert_eq!(outputs(&mut world), [], "half-open: nobody says anything");
    world.restart(server);
    assert_eq!(outputs(&mut world), [], "still nobody");
    world.outside_write(conn, Bytes::from_static(b"?"));
    assert_eq!(
        outputs(&mut world),
        [OutsideEvent::Reset(conn)],
        "the new process does not know it"
    );
}

#[test]
fn nothing_runs_outside() {
    let mut world = world(1);
    let outside = world.outside_host();
    assert_eq!(outside, world.outside_host(), "there is one");
    world.restart(outside);
    world.run_until(ms(1));
    assert!(!world.is_up(outside), "it has no program to boot");
}

#[test]
fn a_reset_wakes_a_muted_host_that_waits_for_room() {
    let mut world = world(1);
    let full = Acts::inputs(|(), input, cx| match input {
        Input::Boot => cx.listen(7),
        Input::Accepted { conn, .. } => {
            cx.mute(conn);
            assert!(!cx.send(conn, Bytes::from(vec![7; MUCH])), "nobody reads: it is full");
            assert!(cx.is_full(conn), "and can be asked");
        }
        Input::Writable { conn } => {
            assert!(!cx.is_full(conn), "there is room, if only because nothing is left");
            cx.unmute(conn);
        }
        Input::Closed { .. } => cx.exit(),
        _ => {}
    });
    let server = boot(&mut world, "server", (), full);
    world.run_until(ms(1));
    let conn = world.outside_connect("server", 7);
    world.outside_mute(conn, true);
    outputs(&mut world);
    world.outside_reset(conn);
    outputs(&mut world);
    assert!(!world.is_up(server), "it has heard of the end, and left");
}
