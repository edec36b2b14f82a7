//! Connections come through, are refused, hang or time out; those that exist go on.

use bytes::Bytes;
use trial_sim::{ConnId, CrashKind, FaultId, HostId, Input, PoolId, Span, World};

use crate::support::{Acts, Line, boot, ms, notes, say, spec, timed_notes, world};
use crate::talk::{client, pair, received, sends, server};

/// An old client that has its connection, and a new one that connects at 100 ms.
fn old_and_new(
    trouble: impl Fn(&mut World<Line>, HostId, HostId) -> FaultId,
) -> (World<Line>, HostId, FaultId) {
    let mut world = world(5);
    let server = boot(&mut world, "server", Vec::new(), server());
    boot(&mut world, "old", sends(&[(ms(200), 7)]), client());
    let new = world.add_host("new", spec(sends(&[]), client()));
    world.run_until(ms(50));
    let fault = trouble(&mut world, new, server);
    trouble(&mut world, HostId(1), server);
    world.run_until(ms(100));
    notes(&mut world);
    world.boot(new);
    world.run_until(ms(1_000));
    (world, server, fault)
}

#[test]
fn a_refused_connect_leaves_existing_connections_alone() {
    let (mut world, server, fault) = old_and_new(World::refuse);
    assert_eq!(notes(&mut world), ["new: failed, refused true", "server: has 7"], "and no other");
    assert_eq!(received(&world, server).len(), 7, "the old connection goes on");
    assert_eq!(world.effect(fault).connects_refused, 1, "it says so");
}

#[test]
fn a_connect_that_hangs_comes_through_once_it_is_healed_if_nobody_gave_up() {
    let (mut world, _, fault) = old_and_new(World::hang);
    assert_eq!(notes(&mut world), ["server: has 7"], "no answer; the old connection goes on");
    world.heal(fault);
    world.run_until(ms(4_000));
    assert_eq!(notes(&mut world), ["server: accepted on 9", "new: connected"], "sent again");
    assert_eq!(world.effect(fault).connects_held, 1, "it says so");
}

#[test]
fn a_connect_that_hangs_for_ever_times_out() {
    let (mut world, _, fault) = old_and_new(World::hang);
    notes(&mut world);
    world.run_until(ms(200_000));
    let told = timed_notes(&mut world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, "new: failed, refused false", "the network stack gave up");
    assert_eq!(told[0].0, ms(127_100), "after 127 s, as Linux does");
    assert_eq!(world.effect(fault).connects_held, 7, "the request and six retries");
}

#[test]
fn a_fault_on_connects_is_one_way() {
    for trouble in [World::refuse, World::hang] {
        let mut world = world(5);
        let server = boot(&mut world, "server", Vec::new(), server());
        let late = world.add_host("client", spec(sends(&[]), client()));
        world.run_until(ms(1));
        trouble(&mut world, server, late);
        world.boot(late);
        world.run_until(ms(50));
        assert_eq!(notes(&mut world).last().unwrap(), "client: connected", "the other direction");
    }
}

#[test]
fn a_fin_comes_after_all_bytes_and_a_reset_before_those_that_wait() {
    let ended = |with_reset: bool| {
        let (mut world, server, client) = pair(4, sends(&[(ms(10), 500_000)]));
        world.run_until(ms(10));
        // 500 kB do not fit into the window at once: some of it waits.
        match with_reset {
            true => drop(world.reset(client, server)),
            false => drop(world.crash(client, CrashKind::Process)),
        }
        world.run_until(ms(1_000));
        (received(&world, server).len(), notes(&mut world).last().unwrap().clone())
    };
    assert_eq!(ended(false), (500_000, "server: closed, reset false".to_owned()), "FIN");
    let (bytes, told) = ended(true);
    assert_eq!(told, "server: closed, reset true", "RST");
    assert!(bytes < 500_000, "what waited is lost: {bytes}");
}

/// Works 100 ms on what it is asked, then answers to whoever is still there.
fn slow_server() -> Acts<Option<ConnId>> {
    Acts {
        on: |asker, input, cx| match input {
            Input::Boot => {
                cx.listen(9);
                cx.pool(PoolId(0), "handlers", 1);
            }
            Input::Received { conn, .. } => {
                *asker = Some(conn);
                cx.submit(PoolId(0), 1, None);
            }
            Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
            _ => {}
        },
        start: |_, _, _| Span::from_millis(100),
        finish: |asker, _, cx| {
            say(cx, "processed");
            cx.send(asker.expect("somebody asked"), Bytes::from_static(b"done"));
        },
    }
}

#[test]
fn a_request_is_processed_although_its_connection_is_gone() {
    for kind in [CrashKind::Process, CrashKind::PowerLoss] {
        let mut world = world(7);
        boot(&mut world, "server", None, slow_server());
        let asker = boot(&mut world, "client", sends(&[(ms(10), 1)]), client());
        world.run_until(ms(50));
        world.crash(asker, kind);
        world.run_until(ms(500));
        let told = notes(&mut world);
        let processed = told.iter().filter(|line| *line == "server: processed").count();
        assert_eq!(processed, 1, "{kind:?}: the work goes on: {told:?}");
        let knew = told.iter().any(|line| line == "server: closed, reset false");
        assert_eq!(knew, kind == CrashKind::Process, "{kind:?}: without power nobody says goodbye");
    }
}
