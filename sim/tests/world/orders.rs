//! Orders: what whoever drives the World asks of a program arrives once, in order, and in the digest.

use crate::support::{Acts, Line, boot, ms, notes, say, timed_notes, world};
use bytes::Bytes;
use trial_sim::{CrashKind, HostId, Input, World};

/// Says every order that it is given.
fn listener() -> Acts<()> {
    Acts::inputs(|(), input, cx| {
        if let Input::Order { bytes } = input {
            say(cx, String::from_utf8_lossy(&bytes));
        }
    })
}

fn made() -> (World<Line>, HostId) {
    let mut world = world(1);
    let host = boot(&mut world, "shop", (), listener());
    world.run_until(ms(1));
    (world, host)
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn orders_are_taken_by_later_steps_in_the_order_in_which_they_were_given() {
    let (mut world, shop) = made();
    for order in ["one", "two", "three"] {
        assert!(world.order(shop, text(order)), "it runs");
    }
    assert!(notes(&mut world).is_empty(), "OR-1: by later steps");
    let events = world.events();
    world.run_until(ms(1));
    assert_eq!(world.events(), events + 3, "W-1: an event for each");
    let want = ["one", "two", "three"].map(|order| format!("shop: {order}"));
    assert_eq!(notes(&mut world), want, "OR-1");
}

#[test]
fn an_order_goes_into_the_digest_and_a_clone_takes_it_too() {
    let digest = |order: &'static str| {
        let (mut world, shop) = made();
        world.order(shop, text(order));
        let mut copy = world.clone();
        world.run_until(ms(2));
        copy.run_until(ms(2));
        assert_eq!(notes(&mut copy), [format!("shop: {order}")], "W-2");
        assert_eq!(world.digest(), copy.digest(), "W-2");
        world.digest()
    };
    assert_eq!(digest("same"), digest("same"), "D-1");
    assert_ne!(digest("same"), digest("some"), "D-2");
}

#[test]
fn a_host_that_is_down_takes_no_order_and_a_crash_takes_those_that_wait() {
    let (mut world, shop) = made();
    world.order(shop, text("lost"));
    world.crash(shop, CrashKind::Process);
    assert!(!world.order(shop, text("refused")), "it is down");
    world.restart(shop);
    world.run_until(ms(2));
    assert!(world.order(shop, text("taken")), "it runs again");
    world.run_until(ms(3));
    assert_eq!(notes(&mut world), ["shop: taken"], "OR-2");
}

#[test]
fn a_paused_host_takes_its_orders_when_it_goes_on() {
    let (mut world, shop) = made();
    let pause = world.pause(shop);
    world.order(shop, text("one"));
    world.order(shop, text("two"));
    world.run_until(ms(9));
    world.heal(pause);
    world.run_until(ms(10));
    let want = ["one", "two"].map(|order| (ms(9), format!("shop: {order}")));
    assert_eq!(timed_notes(&mut world), want, "OR-1");
}
