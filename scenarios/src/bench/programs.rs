//! The programs that the simulator is measured with: sleepers, players of ping-pong, a writer and a reader.
//!
//! Holds:      counts of what each has done, which whoever measures looks at afterwards.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{ConnId, Context, HostSpec, Input, Job, Program, Span};

use super::contest::PORT;

/// What a program of this file does with an input, and what it has counted.
pub(super) trait Player: Clone + Send + Sync + 'static {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>);
    fn count(&self) -> u64;
}

/// Makes a `Program` of a `Player`: no jobs.
#[derive(Clone)]
struct Runs<P>(P);

impl<P: Player> Program<()> for Runs<P> {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        self.0.on(input, cx);
    }
    fn start(&mut self, job: Job, _: &mut Context<'_, ()>) -> Span {
        unreachable!("nobody has submitted {job:?}")
    }
    fn finish(&mut self, job: Job, _: &mut Context<'_, ()>) {
        unreachable!("nobody has submitted {job:?}")
    }
    fn clone_box(&self) -> Box<dyn Program<()>> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A host without disks that runs this player, the same at every boot.
pub(super) fn host<P: Player>(player: P) -> HostSpec<()> {
    HostSpec::new(Arc::new(move |_| Box::new(Runs(player.clone())))).with_disks(Vec::new())
}

/// What the player on this host has counted.
pub(super) fn count<P: Player>(program: &dyn Program<()>) -> u64 {
    program.as_any().downcast_ref::<Runs<P>>().map_or(0, |runs| runs.0.count())
}

/// Wakes up once a period, so many times. Counts wake-ups.
#[derive(Debug, Clone)]
pub(super) struct Sleeper {
    pub(super) first: Span,
    pub(super) period: Span,
    pub(super) times: u64,
    pub(super) woken: u64,
}

impl Player for Sleeper {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        let wait = match input {
            Input::Boot => self.first,
            Input::Timer => {
                self.woken += 1;
                self.period
            }
            _ => return,
        };
        if self.woken < self.times {
            cx.set_timer(Some(cx.now() + wait));
        }
    }
    fn count(&self) -> u64 {
        self.woken
    }
}

/// Puts whole messages together, connection by connection; one that comes whole is handed on as it is.
#[derive(Debug, Clone)]
struct Gathered {
    message: usize,
    /// What has come of a message that is not whole yet: of few connections at a time.
    begun: Vec<(ConnId, Vec<u8>)>,
}

impl Gathered {
    const fn new(message: usize) -> Self {
        Self { message, begun: Vec::new() }
    }

    /// Takes a chunk in; answers the messages that are whole now.
    fn take(&mut self, conn: ConnId, bytes: Bytes) -> Option<Bytes> {
        let known = self.begun.iter().position(|&(begun, _)| begun == conn);
        let Some(at) = known else {
            if bytes.len() == self.message {
                return Some(bytes);
            }
            self.begun.push((conn, Vec::with_capacity(self.message)));
            return self.add(self.begun.len() - 1, &bytes);
        };
        self.add(at, &bytes)
    }

    fn add(&mut self, at: usize, bytes: &[u8]) -> Option<Bytes> {
        let begun = &mut self.begun[at].1;
        begun.extend_from_slice(bytes);
        let whole = begun.len() / self.message * self.message;
        if whole == 0 {
            return None;
        }
        if whole == begun.len() {
            return Some(Bytes::from(self.begun.swap_remove(at).1));
        }
        Some(Bytes::from(begun.drain(..whole).collect::<Vec<u8>>()))
    }
}

/// Sends every message back. Counts messages.
#[derive(Debug, Clone)]
pub(super) struct Echo {
    gathered: Gathered,
    echoed: u64,
}

impl Echo {
    pub(super) const fn new(message: usize) -> Self {
        Self { gathered: Gathered::new(message), echoed: 0 }
    }
}

impl Player for Echo {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        match input {
            Input::Boot => cx.listen(PORT),
            Input::Received { conn, bytes } => {
                if let Some(messages) = self.gathered.take(conn, bytes) {
                    self.echoed += (messages.len() / self.gathered.message) as u64;
                    cx.send(conn, messages);
                }
            }
            _ => {}
        }
    }
    fn count(&self) -> u64 {
        self.echoed
    }
}

/// Sends a message to an `Echo`, and the next one when it is back. Counts round trips.
#[derive(Debug, Clone)]
pub(super) struct Pinger {
    server: Arc<str>,
    message: Bytes,
    gathered: Gathered,
    times: u64,
    back: u64,
}

impl Pinger {
    pub(super) fn new(server: &str, message: usize, times: u64) -> Self {
        let (server, gathered) = (Arc::from(server), Gathered::new(message));
        Self { server, message: Bytes::from(vec![7; message]), gathered, times, back: 0 }
    }
}

impl Player for Pinger {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        match input {
            Input::Boot => {
                cx.connect(&self.server, PORT);
            }
            Input::Connected { conn } => {
                cx.send(conn, self.message.clone());
            }
            Input::Received { conn, bytes } => {
                if self.gathered.take(conn, bytes).is_none() {
                    return;
                }
                self.back += 1;
                if self.back < self.times {
                    cx.send(conn, self.message.clone());
                }
            }
            _ => {}
        }
    }
    fn count(&self) -> u64 {
        self.back
    }
}

/// Both at once: a host in a ring of such hosts.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) echo: Echo,
    pub(super) pinger: Pinger,
    /// Its connection to its neighbour.
    pub(super) out: Option<ConnId>,
}

impl Player for Member {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        match input {
            Input::Boot => {
                self.echo.on(Input::Boot, cx);
                // The neighbour may boot later than this host.
                cx.set_timer(Some(cx.now() + Span::from_millis(1)));
            }
            Input::Timer => self.out = Some(cx.connect(&self.pinger.server, PORT)),
            Input::Connected { .. } => self.pinger.on(input, cx),
            Input::Received { conn, .. } if self.out == Some(conn) => self.pinger.on(input, cx),
            other => self.echo.on(other, cx),
        }
    }
    fn count(&self) -> u64 {
        self.pinger.count()
    }
}

/// Writes pieces, as long as the send buffer has room. Counts bytes.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    server: Arc<str>,
    piece: Bytes,
    pieces: u64,
    written: u64,
}

impl Writer {
    pub(super) fn new(server: &str, piece: usize, pieces: u64) -> Self {
        Self { server: Arc::from(server), piece: Bytes::from(vec![7; piece]), pieces, written: 0 }
    }
}

impl Player for Writer {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        let conn = match input {
            Input::Boot => {
                cx.connect(&self.server, PORT);
                return;
            }
            Input::Connected { conn } | Input::Writable { conn } => conn,
            _ => return,
        };
        while self.written < self.pieces {
            self.written += 1;
            if !cx.send(conn, self.piece.clone()) {
                break;
            }
        }
    }
    fn count(&self) -> u64 {
        self.written * self.piece.len() as u64
    }
}

/// Reads. Counts bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    read: u64,
}

impl Player for Reader {
    fn on(&mut self, input: Input, cx: &mut Context<'_, ()>) {
        match input {
            Input::Boot => cx.listen(PORT),
            Input::Received { bytes, .. } => self.read += bytes.len() as u64,
            _ => {}
        }
    }
    fn count(&self) -> u64 {
        self.read
    }
}
