//! A server that says what comes in, and a client that sends by a plan.

use bytes::Bytes;
use trial_sim::{ConnId, HostId, Input, Time, World};

use crate::support::{Acts, Line, boot, say, world};

/// Listens on port 9; says what comes in.
pub fn server() -> Acts<Vec<u8>> {
    Acts::inputs(|got, input, cx| match input {
        Input::Boot => cx.listen(9),
        Input::Accepted { port, .. } => say(cx, format!("accepted on {port}")),
        Input::Received { bytes, .. } => {
            got.extend_from_slice(&bytes);
            say(cx, format!("has {}", got.len()));
        }
        Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
        _ => {}
    })
}

/// A client's plan: what to send, at which times.
#[derive(Clone)]
pub struct Sends {
    pub conn: Option<ConnId>,
    pub times: Vec<(Time, usize)>,
    pub close: bool,
}

pub fn sends(times: &[(Time, usize)]) -> Sends {
    Sends { conn: None, times: times.to_vec(), close: false }
}

/// Connects to the server at boot, sends by its plan, says what happens.
pub fn client() -> Acts<Sends> {
    Acts::inputs(|sends, input, cx| match input {
        Input::Boot => sends.conn = Some(cx.connect("server", 9)),
        Input::Connected { conn } => {
            say(cx, "connected");
            for &(at, count) in &sends.times {
                let bytes: Vec<u8> = (0..count).map(|i| (i % 251) as u8).collect();
                cx.send_at(at, conn, Bytes::from(bytes));
            }
            if sends.close {
                cx.close(conn);
            }
        }
        Input::ConnectFailed { refused, .. } => say(cx, format!("failed, refused {refused}")),
        Input::Closed { reset, .. } => say(cx, format!("closed, reset {reset}")),
        _ => {}
    })
}

pub fn pair(seed: u64, plan: Sends) -> (World<Line>, HostId, HostId) {
    let mut world = world(seed);
    let server = boot(&mut world, "server", Vec::new(), server());
    let client = boot(&mut world, "client", plan, client());
    (world, server, client)
}

pub fn received(world: &World<Line>, server: HostId) -> &Vec<u8> {
    let program = world.program(server).expect("it runs");
    program.as_any().downcast_ref().expect("the server's state")
}
