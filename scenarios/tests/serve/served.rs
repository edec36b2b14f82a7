//! A cluster that is served by a thread of the test, and what was told of it.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use trial_reports::Verdict;
use trial_scenarios::asked::Asked;
use trial_scenarios::run::Run;
use trial_scenarios::serve::{Remote, Server, Settings, Told};

/// What takes longer than this never comes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Three brokers whose sessions are short, so that a test does not wait for long.
const QUICK: &str = r#"title = "a cluster that a test is served"
time  = "1h"
[cluster]
brokers     = 3
controllers = 3
config      = { "default.replication.factor" = 3, "min.insync.replicas" = 2, "broker.session.timeout.ms" = 1000, "broker.heartbeat.interval.ms" = 200 }
"#;

/// Ports that were free a moment ago, three in a row; two tests are never given the same.
fn free_ports() -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().expect("no test panics while it holds this");
    if *next == 0 {
        // Test programs that run at once begin elsewhere.
        *next = 21_000 + u16::try_from(std::process::id() % 4_000).expect("small") * 8;
    }
    loop {
        *next = if *next > 60_000 { 21_000 } else { *next + 4 };
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (1..=3).all(|broker| is_free(*next + broker)) {
            return *next;
        }
    }
}

/// What is served.
pub fn quick() -> Asked {
    Asked::built("quick", QUICK.to_owned())
}

pub struct Served {
    pub base_port: u16,
    pub bootstrap: String,
    remote: Remote,
    told: Receiver<String>,
    /// Everything that was told so far.
    pub lines: Vec<String>,
    thread: JoinHandle<Run>,
}

impl Served {
    pub fn quick() -> Self {
        Self::start(&quick())
    }

    pub fn start(asked: &Asked) -> Self {
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let base_port = free_ports();
        let settings =
            Settings { host: "127.0.0.1".to_owned(), advertised: None, base_port, seed: 1 };
        let mut server = Server::open(&scenario, &settings).expect("the ports were free");
        server.keep_record();
        let (bootstrap, remote) = (server.bootstrap().to_owned(), server.remote());
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            server.serve(&mut |what| {
                let line = match what {
                    Told::Happened(_, line) | Told::Answer(line) => line,
                    Told::Refused(why) => format!("refused: {:?}", miette::Report::new(why)),
                };
                // The test may have ended.
                let _ = tell.send(line);
            });
            server.finish()
        });
        Self { base_port, bootstrap, remote, told, lines: Vec::new(), thread }
    }

    pub fn connect(&self, broker: u16) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.base_port + broker));
        let stream = stream.expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
        stream
    }

    pub fn type_line(&self, line: &str) {
        self.remote.type_line(line);
    }

    /// Waits until a line with this in it is told.
    #[track_caller]
    pub fn wait_for(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(line) => {
                    self.lines.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(_) => panic!("`{part}` was never told: {:#?}", self.lines),
            }
        }
    }

    /// Ends it; the run with all that the checkers found.
    pub fn quit(self) -> Run {
        self.remote.quit();
        self.thread.join().expect("Trial does not panic")
    }

    /// Ends it, and it holds.
    #[track_caller]
    pub fn holds(self) -> Run {
        let mut run = self.quit();
        let verdict = run.verdict();
        assert_eq!(verdict, Verdict::Holds, "{:#?}", run.document(0, String::new()));
        run
    }
}
