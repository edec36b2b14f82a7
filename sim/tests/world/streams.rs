//! Streams against a model: whatever happens to links and hosts, what is read is what was sent, in order, and
//! nobody is ahead of the window.

use bytes::Bytes;
use proptest::prelude::*;
use trial_sim::{ConnId, FaultId, HostId, Input, Span, World, WorldSettings};

use crate::support::{Acts, Line, boot, ms};

const WINDOW: u32 = 5_000;
const SEND_BUFFER: u32 = 3_000;

/// Keeps what it read.
fn reader() -> Acts<(Vec<u8>, Option<ConnId>)> {
    Acts::inputs(|(got, conn), input, cx| match input {
        Input::Boot => cx.listen(9),
        Input::Accepted { conn: new, .. } => *conn = Some(new),
        Input::Received { bytes, .. } => got.extend_from_slice(&bytes),
        Input::Timer => {
            let conn = conn.expect("somebody connected first");
            // Every other time it stops reading.
            if cx.now().as_millis() % 2 == 0 { cx.mute(conn) } else { cx.unmute(conn) }
        }
        _ => {}
    })
}

/// What the writer was told.
#[derive(Clone, Default)]
struct Wrote {
    conn: Option<ConnId>,
    sizes: Vec<usize>,
    sent: Vec<u8>,
    /// After each send: what waited, and whether it was told that there is room.
    told: Vec<(usize, bool)>,
    full: bool,
    writable: usize,
}

/// Sends the next piece every millisecond.
fn writer() -> Acts<Wrote> {
    Acts::inputs(|wrote, input, cx| match input {
        Input::Boot => {
            wrote.conn = Some(cx.connect("reader", 9));
            wrote.sizes.reverse();
        }
        Input::Connected { .. } => cx.set_timer(Some(ms(2))),
        Input::Writable { .. } => {
            wrote.full = false;
            wrote.writable += 1;
        }
        Input::Timer => {
            let Some(size) = wrote.sizes.pop() else { return };
            let conn = wrote.conn.expect("it connected");
            let from = wrote.sent.len();
            let bytes: Vec<u8> = (from..from + size).map(|i| (i % 251) as u8).collect();
            wrote.sent.extend_from_slice(&bytes);
            let room = cx.send(conn, Bytes::from(bytes));
            wrote.told.push((cx.unsent(conn), room));
            wrote.full |= !room;
            cx.set_timer(Some(cx.now() + Span::from_millis(1)));
        }
        _ => {}
    })
}

#[derive(Debug, Clone)]
enum Trouble {
    Cut,
    CutBack,
    Stall,
    Delay(u64),
    Throttle(u64),
    PauseReader,
    PauseWriter,
    Hold,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Cut),
        Just(Trouble::CutBack),
        Just(Trouble::Stall),
        (1..30_u64).prop_map(Trouble::Delay),
        (10_000..1_000_000_u64).prop_map(Trouble::Throttle),
        Just(Trouble::PauseReader),
        Just(Trouble::PauseWriter),
        Just(Trouble::Hold),
    ]
}

fn set_off(world: &mut World<Line>, trouble: &Trouble) -> FaultId {
    let (reader, writer) = (HostId(0), HostId(1));
    match trouble {
        Trouble::Cut => world.cut(writer, reader),
        Trouble::CutBack => world.cut(reader, writer),
        Trouble::Stall => world.stall(writer, reader),
        Trouble::Delay(ms) => world.delay(writer, reader, Span::from_millis(*ms)),
        Trouble::Throttle(rate) => world.throttle(writer, reader, *rate),
        Trouble::PauseReader => world.pause(reader),
        Trouble::PauseWriter => world.pause(writer),
        Trouble::Hold => world.hold(writer, reader, ""),
    }
}

fn state<S: 'static>(world: &World<Line>, host: u16) -> &S {
    let program = world.program(HostId(host)).expect("it runs");
    program.as_any().downcast_ref().expect("its state")
}

/// What was read is a prefix of what was sent, and what lies between is no more than the window and what waits.
fn check(world: &World<Line>) -> Result<(), TestCaseError> {
    let (got, _) = state::<(Vec<u8>, Option<ConnId>)>(world, 0);
    let wrote = state::<Wrote>(world, 1);
    prop_assert!(wrote.sent.starts_with(got), "what was read is what was sent, in order");
    for &(waits, room) in &wrote.told {
        prop_assert_eq!(room, waits <= SEND_BUFFER as usize, "told of back-pressure at {}", waits);
    }
    let under_way = wrote.conn.and_then(|conn| world.peek_in_flight(conn));
    let under_way = under_way.map_or(0, |(.., bytes)| bytes.len());
    prop_assert!(under_way <= WINDOW as usize, "PI-2: {} bytes under way", under_way);
    prop_assert!(got.len() + under_way <= wrote.sent.len(), "nothing comes from nowhere");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn a_stream_loses_and_reorders_nothing_and_pushes_back(
        seed in any::<u64>(),
        sizes in prop::collection::vec(1..4_000_usize, 1..40),
        troubles in prop::collection::vec((trouble(), 0..60_u64, 1..60_u64), 0..6),
        naps in prop::collection::vec(0..80_u64, 0..4),
    ) {
        let mut settings = WorldSettings::default();
        settings.network.receive_window = WINDOW;
        settings.network.send_buffer = SEND_BUFFER;
        settings.network.retransmit_max = Span::from_millis(50);
        let mut world = World::new(seed, settings);
        boot(&mut world, "reader", (Vec::new(), None), reader());
        boot(&mut world, "writer", Wrote { sizes, ..Wrote::default() }, writer());
        let mut active: Vec<(u64, FaultId)> = Vec::new();
        for now in 0..150_u64 {
            world.run_until(ms(now));
            for (trouble, at, lasting) in &troubles {
                if *at == now {
                    active.push((now + lasting, set_off(&mut world, trouble)));
                }
            }
            if naps.contains(&now) {
                // Half-way through its sleep a reader that is paused may read again.
                let nap = world.pause(HostId(0));
                active.push((now + 7, nap));
            }
            for (_, fault) in active.extract_if(.., |(ends, _)| *ends <= now) {
                world.heal(fault);
            }
            check(&world)?;
        }
        active.into_iter().for_each(|(_, fault)| world.heal(fault));
        world.run_until(ms(5_000));
        check(&world)?;
        let (got, _) = state::<(Vec<u8>, Option<ConnId>)>(&world, 0);
        let wrote = state::<Wrote>(&world, 1);
        prop_assert!(wrote.sizes.is_empty() && *got == wrote.sent, "all of it, once all is healed");
        prop_assert!(!wrote.full, "whoever was told that it is full is told that it is not any more");
    }
}
