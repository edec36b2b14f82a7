//! Real sockets: one listener for each broker, and a task for each connection.
//!
//! In Kafka:   nothing; the brokers' own socket servers are inside the World.
//! Holds:      a thread with a tokio runtime; it knows bytes and nothing of Kafka.
//! Effects:    events for whoever owns the World, in the order of each connection.
//! Invariants: SK-1 of a connection at most `INBOX` bytes are on their way to the World; then its socket is not read.
//!             SK-2 what the World has sent and the socket has not taken is counted, so that the World can wait.
//!             SK-3 a connection that ended on one side ends on the other, in the same way: in order, or by a reset.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Bytes that one read takes at most.
const CHUNK: usize = 32 * 1024;
/// SK-1.
const INBOX: usize = 32 * CHUNK;
/// Bytes that may wait for a socket; above, the World sends no more.
pub(super) const OUTBOX_HIGH: usize = 1 << 20;
/// Below, it sends again.
const OUTBOX_LOW: usize = OUTBOX_HIGH / 4;
/// Pause after a connection could not be accepted: there are no file descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SocketId(u64);

/// What happened outside.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody connected to a broker.
    Accepted(SocketId, u16, Line),
    /// Bytes came in.
    Bytes(SocketId, Bytes),
    /// The other side has ended the connection; by a reset, or it could not be written to.
    Ended(SocketId, bool),
    /// A socket has taken nearly all that waited for it.
    Drained(SocketId),
    /// Somebody typed a line.
    Typed(String),
    /// Somebody wants an end.
    Quit,
}

#[derive(Debug)]
enum Out {
    Bytes(Bytes),
    Close,
    Reset,
}

/// The way out to a connection. When it is dropped, the connection is closed after what was sent.
#[derive(Debug)]
pub(super) struct Line {
    to: mpsc::UnboundedSender<Out>,
    waiting: Arc<AtomicUsize>,
    room: Arc<Semaphore>,
}

impl Line {
    /// Sends; answers whether enough waits, so that no more should be sent until `Drained`.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let length = bytes.len();
        let waiting = self.waiting.fetch_add(length, Ordering::Relaxed) + length;
        // Who is gone has said so, or will.
        let _ = self.to.send(Out::Bytes(bytes));
        waiting > OUTBOX_HIGH
    }

    /// So many bytes that came in have found their place.
    pub(super) fn taken(&self, count: usize) {
        self.room.add_permits(count);
    }

    /// Ends the connection after what was sent.
    pub(super) fn close(&self) {
        let _ = self.to.send(Out::Close);
    }

    /// Ends it at once.
    pub(super) fn reset(&self) {
        let _ = self.to.send(Out::Reset);
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Sockets {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sockets {
    /// Listens: the first socket is that of broker 1.
    pub(super) fn open(listeners: Vec<StdListener>, events: &Sender<Event>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        let (end, ended) = oneshot::channel();
        let events = events.clone();
        let thread = std::thread::Builder::new().name("sockets".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let sockets = Arc::default();
                for (broker, listener) in (1..).zip(listeners) {
                    let listener = TcpListener::from_std(listener).expect("the runtime has I/O");
                    tokio::spawn(accept(broker, listener, events.clone(), Arc::clone(&sockets)));
                }
                // An error says that the other end is gone, too.
                let _ = ended.await;
            });
        })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Sockets {
    /// Closes everything.
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    broker: u16,
    listener: TcpListener,
    events: Sender<Event>,
    sockets: Arc<std::sync::atomic::AtomicU64>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            continue;
        };
        let id = SocketId(sockets.fetch_add(1, Ordering::Relaxed));
        tokio::spawn(connection(id, broker, stream, events.clone()));
    }
}

/// SK-3.
async fn connection(id: SocketId, broker: u16, stream: TcpStream, events: Sender<Event>) {
    // A segment that waits for others would change the times that a client sees.
    let _ = stream.set_nodelay(true);
    let (to, outs) = mpsc::unbounded_channel();
    let (waiting, room) = (Arc::default(), Arc::new(Semaphore::new(INBOX)));
    let line = Line { to, waiting: Arc::clone(&waiting), room: Arc::clone(&room) };
    if events.send(Event::Accepted(id, broker, line)).is_err() {
        return;
    }
    let (from, to) = stream.into_split();
    let reading = read(id, from, &room, &events);
    let writing = write(id, to, outs, &waiting, &events);
    tokio::pin!(reading, writing);
    tokio::select! {
        () = &mut writing => {}
        () = &mut reading => writing.await,
    }
}

/// SK-1.
async fn read(id: SocketId, mut from: OwnedReadHalf, room: &Semaphore, events: &Sender<Event>) {
    let mut chunk = vec![0; CHUNK];
    let whole = u32::try_from(CHUNK).expect("a chunk is small");
    loop {
        let Ok(permits) = room.acquire_many(whole).await else { return };
        permits.forget();
        let event = match from.read(&mut chunk).await {
            Ok(0) => Event::Ended(id, false),
            Ok(count) => {
                room.add_permits(CHUNK - count);
                Event::Bytes(id, Bytes::copy_from_slice(&chunk[..count]))
            }
            Err(_) => Event::Ended(id, true),
        };
        let is_over = matches!(event, Event::Ended(..));
        if events.send(event).is_err() || is_over {
            return;
        }
    }
}

/// SK-2.
async fn write(
    id: SocketId,
    mut to: OwnedWriteHalf,
    mut outs: mpsc::UnboundedReceiver<Out>,
    waiting: &AtomicUsize,
    events: &Sender<Event>,
) {
    while let Some(out) = outs.recv().await {
        match out {
            Out::Bytes(bytes) => {
                if to.write_all(&bytes).await.is_err() {
                    let _ = events.send(Event::Ended(id, true));
                    return;
                }
                let before = waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                if before > OUTBOX_LOW && before - bytes.len() <= OUTBOX_LOW {
                    let _ = events.send(Event::Drained(id));
                }
            }
            Out::Close => break,
            Out::Reset => {
                // If it cannot, it is gone.
                let _ = to.as_ref().set_zero_linger();
                // Dropped, it would say its end in good order first.
                to.forget();
                return;
            }
        }
    }
    let _ = to.shutdown().await;
}
