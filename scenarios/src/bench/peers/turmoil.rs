//! turmoil 0.7 at the contest's tasks.
//!
//! Its time goes in ticks of a millisecond, and every host is looked at in each: what it costs depends on simulated
//! time, not only on events. A message's latency is at most one tick here, which suits it best.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

use super::super::contest::{Contender, IDLE_MS, PERIOD_MS, PORT, Task, Work};

const SERVER: &str = "server";
const TICK: Duration = Duration::from_millis(1);

/// The peer.
pub struct Turmoil;

/// What programs count in; they are all on one thread.
type Count = Rc<Cell<u64>>;

impl Contender for Turmoil {
    fn name(&self) -> &'static str {
        "turmoil"
    }

    fn play(&self, task: Task, work: Work) -> Option<u64> {
        Some(match task {
            Task::Timers => timers(work),
            Task::RoundTrips => round_trips(work),
            Task::Stream => stream(work),
            Task::Seeds => (0..work.each).map(|seed| idle(seed, work.parties)).sum(),
        })
    }
}

fn sim(seed: u64) -> Sim<'static> {
    Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .max_message_latency(TICK)
        .simulation_duration(Duration::from_secs(1_000_000))
        .build()
}

fn add(count: &Count, more: u64) {
    count.set(count.get() + more);
}

/// Plays until every client has returned; answers the count.
fn play(mut sim: Sim<'_>, count: &Count) -> u64 {
    sim.run().expect("no program fails");
    count.get()
}

/// Tasks of one host.
fn timers(work: Work) -> u64 {
    let (mut sim, count) = (sim(work.seed), Count::default());
    let counted = Rc::clone(&count);
    sim.client("sleepers", async move {
        let sleeper = |place: u64| {
            let count = Rc::clone(&counted);
            async move {
                let mut wait = Duration::from_millis(place + 1);
                for _ in 0..work.each {
                    time::sleep(wait).await;
                    add(&count, 1);
                    wait = Duration::from_millis(PERIOD_MS);
                }
            }
        };
        let tasks: Vec<_> =
            (0..work.parties).map(|place| tokio::task::spawn_local(sleeper(place))).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
    play(sim, &count)
}

fn round_trips(work: Work) -> u64 {
    let (mut sim, count) = (sim(work.seed), Count::default());
    sim.host(SERVER, move || async move {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(echo(stream, work.bytes));
        }
    });
    for place in 0..work.parties {
        let count = Rc::clone(&count);
        sim.client(format!("p{place}"), async move {
            let mut stream = TcpStream::connect((SERVER, PORT)).await?;
            let (message, mut back) = (vec![7; work.bytes], vec![0; work.bytes]);
            for _ in 0..work.each {
                stream.write_all(&message).await?;
                stream.read_exact(&mut back).await?;
                add(&count, 1);
            }
            Ok(())
        });
    }
    play(sim, &count)
}

async fn echo(mut stream: TcpStream, bytes: usize) {
    let mut message = vec![0; bytes];
    while stream.read_exact(&mut message).await.is_ok() {
        if stream.write_all(&message).await.is_err() {
            return;
        }
    }
}

fn stream(work: Work) -> u64 {
    let (mut sim, count) = (sim(work.seed), Count::default());
    let counted = Rc::clone(&count);
    sim.client(SERVER, async move {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = vec![0; work.bytes];
        while counted.get() < Task::Stream.amount(work) {
            add(&counted, stream.read(&mut buffer).await? as u64);
        }
        Ok(())
    });
    sim.client("writer", async move {
        let mut stream = TcpStream::connect((SERVER, PORT)).await?;
        let piece = vec![7; work.bytes];
        for _ in 0..work.each {
            stream.write_all(&piece).await?;
        }
        Ok(())
    });
    play(sim, &count)
}

/// One simulation: every host sleeps once. Answers 1 if all have woken up.
fn idle(seed: u64, hosts: u64) -> u64 {
    let (mut sim, count) = (sim(seed), Count::default());
    for place in 0..hosts {
        let count = Rc::clone(&count);
        sim.client(format!("h{place}"), async move {
            time::sleep(Duration::from_millis(IDLE_MS)).await;
            add(&count, 1);
            Ok(())
        });
    }
    u64::from(play(sim, &count) == hosts)
}
