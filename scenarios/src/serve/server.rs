//! Serves a cluster to real clients: owns the Run, and lets it go on as the wall clock does.
//!
//! In Kafka:   what `kafka-server-start` is to a process, for three of them.
//! Holds:      the run, its guests, the pace; one thread, whose only input is a channel.
//! Inputs:     sockets, lines that somebody types, an end. Effects: bytes to sockets, lines to tell.
//! Invariants: SV-1 what comes in is handled at the virtual time that belongs to the wall clock, or later: never in the
//!             past. SV-2 between two looks at the channel at most `SLICE` of virtual time passes.

use std::net::{IpAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use miette::Diagnostic;
use thiserror::Error;
use trial_sim::{Span, Time};

use super::guest::Guests;
use super::pace::Pace;
use super::sockets::{Event, Sockets};
use super::typed::{self, Typed};
use super::watch::{self, Watch};
use crate::run::Run;
use crate::scenario::{self, Scenario, ScenarioError};

/// Virtual time that passes at once before anybody can connect: by then a cluster has booted.
const WARM_UP: Span = Span::from_millis(1_500);
/// And some more, until every broker has heard of the scenario's topics.
const SPREAD: Span = Span::from_millis(300);
/// A cluster that has not booted by then is served as it is.
const WARM_UP_MAX: Span = Span::from_secs(30);
/// SV-2.
const SLICE: Span = Span::from_millis(5);
/// How long the loop waits at most.
const IDLE: Duration = Duration::from_millis(100);
/// How often somebody looks for what is worth a line.
const LOOK: Duration = Duration::from_millis(20);
/// How long every send of the scenario's own producers may take to be told at the end.
const TOLD_WITHIN: Span = Span::from_secs(240);

/// Bytes of a host's name at most (RFC 1035).
const HOST_MAX: usize = 253;

/// How a cluster is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address on which brokers listen.
    pub host: String,
    /// What they tell clients to connect to; none: `host`.
    pub advertised: Option<String>,
    /// Broker `i` listens on this port plus `i`.
    pub base_port: u16,
    /// The seed.
    pub seed: u64,
}

/// Why a cluster cannot be served.
#[derive(Debug, Error, Diagnostic)]
pub enum ServeError {
    /// The ports end before the brokers do.
    #[error("broker {broker} would listen on port {port}, and the last port is 65535")]
    #[diagnostic(help("broker 1 listens on --port plus 1, broker 2 on --port plus 2, and so on"))]
    NoSuchPort {
        /// Which broker.
        broker: u16,
        /// Its port.
        port: u32,
    },
    /// Somebody else listens there, or nobody may.
    #[error("broker {broker} cannot listen on {host}:{port}: {why}")]
    #[diagnostic(help("broker i listens on --port plus i: choose other ports with --port N"))]
    Taken {
        /// Which broker.
        broker: u16,
        /// Where.
        host: String,
        /// On which port.
        port: u16,
        /// What the operating system says.
        why: std::io::Error,
    },
    /// The name of the host leads nowhere.
    #[error("there is no address `{host}`: {why}")]
    #[diagnostic(help("--host takes an address of this machine, as in 127.0.0.1"))]
    NoSuchHost {
        /// The name.
        host: String,
        /// What the resolver says.
        why: std::io::Error,
    },
    /// Clients cannot be told to connect to every address, or to none.
    #[error("brokers tell clients where to connect, and `{host}` is no such place")]
    #[diagnostic(help(
        "add --advertise HOST: the name or address by which clients reach this machine, without a port"
    ))]
    NotAdvertised {
        /// The address.
        host: String,
    },
    /// The machine gives no thread or no sockets.
    #[error("cannot serve: {0}")]
    Machine(#[from] std::io::Error),
}

/// What is told while a cluster is served.
#[derive(Debug)]
pub enum Told {
    /// Something happened, at this virtual time.
    Happened(Time, String),
    /// An answer to what was typed.
    Answer(String),
    /// What was typed cannot be carried out.
    Refused(ScenarioError),
}

/// Reaches a server from another thread.
#[derive(Debug, Clone)]
pub struct Remote(Sender<Event>);

impl Remote {
    /// A line, as if it was typed.
    pub fn type_line(&self, line: &str) {
        // A server that is gone needs no more words.
        let _ = self.0.send(Event::Typed(line.to_owned()));
    }

    /// It is enough.
    pub fn quit(&self) {
        let _ = self.0.send(Event::Quit);
    }
}

/// A cluster that is served.
#[derive(Debug)]
pub struct Server {
    run: Run,
    pace: Pace,
    guests: Guests,
    watch: Watch,
    looked: Instant,
    events: Receiver<Event>,
    remote: Remote,
    sockets: Option<Sockets>,
    bootstrap: String,
}

impl Server {
    /// Boots the cluster of a scenario and listens.
    ///
    /// # Errors
    /// If the ports cannot be had.
    pub fn open(scenario: &Arc<Scenario>, settings: &Settings) -> Result<Self, ServeError> {
        let brokers = scenario.for_seed(settings.seed).cluster.brokers;
        let advertised = settings.advertised()?;
        let listeners = listen(settings, brokers)?;
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let guests = scenario::Guests {
            host: advertised.clone(),
            base_port: settings.base_port,
            wall_ms: i64::try_from(wall_ms).unwrap_or(0) - millis(WARM_UP + SPREAD),
        };
        let scenario = scenario.for_guests(settings.seed, guests);
        let mut run = Run::by_hand(&scenario, settings.seed);
        run.play_until(Time::ZERO + WARM_UP);
        while run.now() < Time::ZERO + WARM_UP_MAX && !run.judge().facts().are_ready() {
            run.play_until(run.now() + SLICE);
        }
        run.play_until(run.now() + SPREAD);
        let mut watch = Watch::default();
        watch.look(run.judge());
        let (sender, events) = channel();
        let sockets = Some(Sockets::open(listeners, &sender)?);
        let ports = (1..=brokers).map(|broker| settings.base_port + broker);
        let bootstrap: Vec<String> = ports.map(|port| format!("{advertised}:{port}")).collect();
        Ok(Self {
            pace: Pace::from_now(run.now()),
            run,
            guests: Guests::default(),
            watch,
            looked: Instant::now(),
            events,
            remote: Remote(sender),
            sockets,
            bootstrap: bootstrap.join(","),
        })
    }

    /// `bootstrap.servers` for its clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// For other threads.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The run, to look at.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// From now on everything that happens is kept, so that the history of the cluster's own clients can be written.
    pub fn keep_record(&mut self) {
        self.run.keep_record();
    }

    /// How many connections there have been.
    #[must_use]
    pub fn welcomed(&self) -> u64 {
        self.guests.welcomed
    }

    /// Serves until somebody wants an end.
    pub fn serve(&mut self, tell: &mut dyn FnMut(Told)) {
        loop {
            let is_behind = self.go_on();
            self.look(tell);
            if !self.listen(is_behind, tell) {
                return;
            }
        }
    }

    /// Lets virtual time go on; whether it is still behind.
    fn go_on(&mut self) -> bool {
        let want = self.pace.now();
        self.run.play_until(want.min(self.run.now() + SLICE));
        self.guests.on_world(self.run.world_mut());
        self.pace.slip(self.run.now());
        self.run.now() < want
    }

    /// Waits for something to happen, and handles it; false: that was all.
    fn listen(&mut self, is_behind: bool, tell: &mut dyn FnMut(Told)) -> bool {
        let next = self.run.next_time().map_or(IDLE, |next| self.pace.until(next).min(IDLE));
        let first = if is_behind {
            self.events.try_recv().ok()
        } else {
            match self.events.recv_timeout(next) {
                Ok(event) => {
                    // SV-1.
                    self.go_on();
                    Some(event)
                }
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => unreachable!("it holds a sender itself"),
            }
        };
        let mut event = first;
        while let Some(one) = event {
            if !self.on(one, tell) {
                return false;
            }
            event = self.events.try_recv().ok();
        }
        true
    }

    fn on(&mut self, event: Event, tell: &mut dyn FnMut(Told)) -> bool {
        match event {
            Event::Quit => return false,
            Event::Typed(line) => match typed::read(&line, &self.run) {
                Ok(Typed::Quit) => return false,
                Ok(typed) => self.on_typed(typed, tell),
                Err(why) => tell(Told::Refused(why)),
            },
            event => self.guests.on_socket(event, self.run.world_mut()),
        }
        true
    }

    fn on_typed(&mut self, typed: Typed, tell: &mut dyn FnMut(Told)) {
        let answer = match typed {
            Typed::Nothing | Typed::Quit => return,
            Typed::Help => typed::HELP.to_owned(),
            Typed::Status => self.status(),
            Typed::Heal => {
                self.run.heal();
                "every fault is over, and everybody starts".to_owned()
            }
            Typed::Fault(fault) => typed::carry_out(&fault, &mut self.run),
        };
        tell(Told::Answer(answer));
        self.look_now(tell);
    }

    fn status(&self) -> String {
        let (now, guests) = (self.run.now(), self.guests.count());
        let behind = self.pace.behind(now).as_millis();
        let late = if behind < 100 { String::new() } else { format!(", {behind} ms behind") };
        let status = watch::status(self.run.judge().facts());
        format!("at {now}{late}: {guests} connections from outside; {status}")
    }

    fn look(&mut self, tell: &mut dyn FnMut(Told)) {
        if self.looked.elapsed() >= LOOK {
            self.look_now(tell);
        }
    }

    fn look_now(&mut self, tell: &mut dyn FnMut(Told)) {
        self.looked = Instant::now();
        let now = self.run.now();
        for line in self.watch.look(self.run.judge()) {
            tell(Told::Happened(now, line));
        }
    }

    /// Sends everybody away, ends the faults, and plays on, as fast as it can, until the cluster is live again or it
    /// has become clear that it will not be. What it came to is in the run.
    #[must_use]
    pub fn finish(mut self) -> Run {
        self.guests.send_away(self.run.world_mut());
        self.sockets = None;
        let mut run = self.run;
        run.heal();
        let calm = run.now() + run.scenario().calm;
        run.play_until(calm);
        let end = calm + TOLD_WITHIN;
        while run.now() < end && run.ask_for_the_end() {
            run.play_until(run.now() + Span::from_millis(20));
        }
        run.end_faults();
        run.play();
        run
    }
}

impl Settings {
    /// What clients are told to connect to.
    fn advertised(&self) -> Result<String, ServeError> {
        if let Some(told) = &self.advertised {
            if !is_a_place(told) {
                return Err(ServeError::NotAdvertised { host: told.clone() });
            }
            return Ok(told.clone());
        }
        let everywhere = self.host.parse().is_ok_and(|address: IpAddr| address.is_unspecified());
        if everywhere {
            return Err(ServeError::NotAdvertised { host: self.host.clone() });
        }
        Ok(self.host.clone())
    }
}

/// Whether somebody could connect to a host of this name: an address of one machine, or what may be a name.
fn is_a_place(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_unspecified(),
        Err(_) => {
            let of_a_name = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
            (1..=HOST_MAX).contains(&host.len()) && host.chars().all(of_a_name)
        }
    }
}

fn listen(settings: &Settings, brokers: u16) -> Result<Vec<TcpListener>, ServeError> {
    let host = &settings.host;
    let no_host = |why| ServeError::NoSuchHost { host: host.clone(), why };
    let mut addresses = (host.as_str(), 0).to_socket_addrs().map_err(no_host)?;
    let address = addresses.next().ok_or_else(|| no_host(std::io::ErrorKind::NotFound.into()))?;
    let bind = |broker: u16| {
        let port = u32::from(settings.base_port) + u32::from(broker);
        let port = u16::try_from(port).map_err(|_| ServeError::NoSuchPort { broker, port })?;
        let taken = |why| ServeError::Taken { broker, host: host.clone(), port, why };
        TcpListener::bind((address.ip(), port)).map_err(taken)
    };
    (1..=brokers).map(bind).collect()
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.as_millis()).expect("a short time")
}
