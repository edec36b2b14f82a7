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
