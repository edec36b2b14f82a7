//! madsim 0.2.34 at the contest's tasks.
//!
//! Left out:   what it has not: back-pressure (a writer's bytes all wait in memory), bandwidth, a digest.

use std::net::SocketAddr;
use std::time::Duration;

use madsim::net::{TcpListener, TcpStream};
use madsim::runtime::{Handle, Runtime};
use madsim::task::JoinHandle;
use madsim::{Config, task, time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::contest::{Contender, IDLE_MS, PERIOD_MS, PORT, Task, Work};

/// The peer.
pub struct Madsim;

impl Contender for Madsim {
    fn name(&self) -> &'static str {
        "madsim"
    }

    fn play(&self, task: Task, work: Work) -> Option<u64> {
        let play = |seed| Runtime::with_seed_and_config(seed, Config::default());
        Some(match task {
            Task::Timers => play(work.seed).block_on(timers(work)),
            Task::RoundTrips => play(work.seed).block_on(round_trips(work)),
            Task::Stream => play(work.seed).block_on(stream(work)),
            Task::Seeds => (0..work.each).map(|seed| play(seed).block_on(idle(work.parties))).sum(),
        })
    }
}

/// The server's address.
fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], PORT))
}

async fn sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("no task panics");
    }
    sum
}

/// Tasks of one node.
async fn timers(work: Work) -> u64 {
    let sleeper = |place: u64| async move {
        let mut woken = 0;
        let mut wait = Duration::from_millis(place + 1);
        while woken < work.each {
            time::sleep(wait).await;
            woken += 1;
            wait = Duration::from_millis(PERIOD_MS);
        }
        woken
    };
    sum((0..work.parties).map(|place| task::spawn(sleeper(place))).collect()).await
}

async fn round_trips(work: Work) -> u64 {
    let node = Handle::current().create_node().ip(server().ip()).build();
    node.spawn(async move {
        let listener = TcpListener::bind(server()).await.expect("the port is free");
        loop {
            let (stream, _) = listener.accept().await.expect("nobody closes the listener");
            task::spawn(echo(stream, work.bytes));
        }
    });
    time::sleep(Duration::from_millis(1)).await;
    let client = |place: u64| {
        let ip = [10, 0, 1, u8::try_from(place + 1).expect("at most 255 clients")];
        let node = Handle::current().create_node().ip(ip.into()).build();
        node.spawn(ping(work))
    };
    sum((0..work.parties).map(client).collect()).await
}

async fn echo(mut stream: TcpStream, bytes: usize) {
    let mut message = vec![0; bytes];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await.expect("the client is there");
        stream.flush().await.expect("the client is there");
    }
}

async fn ping(work: Work) -> u64 {
    let mut stream = TcpStream::connect(server()).await.expect("the server listens");
    let (message, mut back) = (vec![7; work.bytes], vec![0; work.bytes]);
    let mut trips = 0;
    while trips < work.each {
        stream.write_all(&message).await.expect("the server is there");
        stream.flush().await.expect("the server is there");
        stream.read_exact(&mut back).await.expect("the server answers");
        trips += 1;
    }
    trips
}

async fn stream(work: Work) -> u64 {
    let reader = Handle::current().create_node().ip(server().ip()).build();
    let read = reader.spawn(async move {
        let listener = TcpListener::bind(server()).await.expect("the port is free");
        let (mut stream, _) = listener.accept().await.expect("the writer connects");
        let (mut buffer, mut read) = (vec![0; work.bytes], 0);
        while read < Task::Stream.amount(work) {
            read += stream.read(&mut buffer).await.expect("the writer is there") as u64;
        }
        read
    });
    time::sleep(Duration::from_millis(1)).await;
    let writer = Handle::current().create_node().ip([10, 0, 1, 1].into()).build();
    let write = writer.spawn(async move {
        let mut stream = TcpStream::connect(server()).await.expect("the reader listens");
        let piece = vec![7; work.bytes];
        for _ in 0..work.each {
            stream.write_all(&piece).await.expect("the reader is there");
            stream.flush().await.expect("the reader is there");
            // Nothing makes a writer wait: without this all of it would lie in memory.
            task::yield_now().await;
        }
        stream
    });
    let read = read.await.expect("no task panics");
    drop(write.await);
    read
}

/// One simulation: every node sleeps once. Answers 1 if all have woken up.
async fn idle(nodes: u64) -> u64 {
    let node = |_| {
        let node = Handle::current().create_node().build();
        node.spawn(async {
            time::sleep(Duration::from_millis(IDLE_MS)).await;
            1
        })
    };
    u64::from(sum((0..nodes).map(node).collect()).await == nodes)
}
