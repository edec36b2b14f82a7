//! Keeps what each event of a run was and did, so that two runs can be laid side by side.
//!
//! Holds:      an entry for every event since `World::record`, what went into the digest within it,
//!             and the names of whom it concerns; lines are made when somebody reads.
//! Invariants: RC-1 a record changes neither run nor digest; RC-2 whatever goes into the digest is
//!             told, by its words or by a hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::difference::Moment;
use crate::event::Event;
use crate::ids::{ConnId, HostId, LaneId, PoolId};
use crate::program::Note;
use crate::room::Room;
use crate::time::Time;
use crate::world::World;

/// One event that was handled.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Time,
    event: Event,
    /// After it, the first half.
    digest: u64,
    /// Where what it told ends.
    told: u32,
    /// Of the two events that have one.
    lane: LaneId,
}

/// What an event told the digest besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// A program noted the text that ends there.
    Note { host: HostId, end: u64 },
    /// A call from outside the run, by its place among the calls.
    Call(u32),
    /// A program received so many bytes of this hash.
    Received { count: u32, hash: u64 },
    /// A job of this token started.
    Job(u64),
    /// A job used a disk: all its calls up to now have this hash.
    Disk(u64),
    /// The host is paused: the event waits.
    Deferred,
}

/// A call from outside the run: a fault, its end, a write from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    call: u8,
    one: u64,
    other: u64,
}

/// Whom numbers stand for.
#[derive(Debug, Clone, Default)]
struct Names {
    hosts: Vec<Arc<str>>,
    pools: BTreeMap<(HostId, PoolId), &'static str>,
    connections: BTreeMap<ConnId, Arc<str>>,
}

/// What happened in a run since [`World::record`], event by event: some tens of bytes for each.
#[derive(Debug, Clone)]
pub struct Recording {
    first: u64,
    entries: Vec<Entry>,
    told: Vec<Told>,
    calls: Vec<Call>,
    text: String,
    names: Names,
    /// Of the event that is being handled.
    lane: LaneId,
    end: (Time, u64),
}

const NO_LANE: LaneId = LaneId { pool: PoolId(0), index: 0 };

impl Recording {
    fn new(first: u64) -> Self {
        Self {
            first,
            entries: Vec::new(),
            told: Vec::new(),
            calls: Vec::new(),
            text: String::new(),
            names: Names::default(),
            lane: NO_LANE,
            end: (Time::ZERO, 0),
        }
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of memory that it takes, in about.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Entry>() * self.entries.capacity()
            + size_of::<Told>() * self.told.capacity()
            + self.text.capacity()
    }

    /// The event at this place, counted from 0, in words; at the last place and beyond, the end.
    #[must_use]
    pub fn moment(&self, place: usize) -> Moment {
        let place = place.min(self.entries.len());
        let number = self.first + place as u64;
        let (at, event, digest) = match self.entries.get(place) {
            Some(entry) => (entry.at, self.line(entry), entry.digest),
            None => (self.end.0, "the end of the recording".to_owned(), self.end.1),
        };
        let told = self.told_range(place).map(|at| self.words(at)).collect();
        Moment { number, at, event, told, digest }
    }

    /// The first place at which the two are not the same; none if they are.
    pub(crate) fn first_place_apart(&self, other: &Self) -> Option<usize> {
        let last = self.len().max(other.len());
        (0..=last).find(|&place| self.first != other.first || !self.is_same(other, place))
    }

    fn is_same(&self, other: &Self, place: usize) -> bool {
        let same = match (self.entries.get(place), other.entries.get(place)) {
            (Some(one), Some(other)) => {
                one.at == other.at
                    && one.digest == other.digest
                    && one.event == other.event
                    && one.lane == other.lane
            }
            (None, None) => self.end == other.end,
            _ => false,
        };
        let (own, others) = (self.told_range(place), other.told_range(place));
        same && own.len() == others.len()
            && own.zip(others).all(|(own, theirs)| self.tells_the_same(own, other, theirs))
    }

    fn tells_the_same(&self, own: usize, other: &Self, theirs: usize) -> bool {
        match (self.told[own], other.told[theirs]) {
            (Told::Note { host, .. }, Told::Note { host: their_host, .. }) => {
                host == their_host && self.note_at(own) == other.note_at(theirs)
            }
            (Told::Call(own), Told::Call(theirs)) => {
                self.calls[own as usize] == other.calls[theirs as usize]
            }
            (own, theirs) => own == theirs,
        }
    }

    /// Which of `told` belong to the event at this place.
    fn told_range(&self, place: usize) -> std::ops::Range<usize> {
        let end_of = |place: usize| self.entries.get(place).map(|entry| entry.told as usize);
        let begin = place.checked_sub(1).map_or(0, |before| end_of(before).unwrap_or(0));
        begin..end_of(place).unwrap_or(self.told.len())
    }

    /// The text of a note, which begins where the one before it ends.
    fn note_at(&self, place: usize) -> &str {
        let end_of = |told: &Told| match told {
            Told::Note { end, .. } => usize::try_from(*end).ok(),
            _ => None,
        };
        let begin = self.told[..place].iter().rev().find_map(end_of).unwrap_or(0);
        &self.text[begin..end_of(&self.told[place]).unwrap_or(begin)]
    }

    // ---- words ----

    fn host(&self, host: HostId) -> &str {
        self.names.hosts.get(usize::from(host.0)).map_or("?", |name| name)
    }

    fn line(&self, entry: &Entry) -> String {
        let lane = |host: HostId| {
            let pool = self.names.pools.get(&(host, entry.lane.pool)).unwrap_or(&"?");
            format!("{} {pool}/{}", self.host(host), entry.lane.index)
        };
        let end = |end: ConnId| {
            let name = self.names.connections.get(&end.connection()).map_or("?", |name| name);
            format!(
                "{name} ({})",
                if end.is_listener() { "listener's end" } else { "opener's end" }
            )
        };
        match entry.event {
            Event::Boot { host, .. } => format!("{} boots", self.host(host)),
            Event::Stop { host, .. } => format!("{} is asked to stop", self.host(host)),
            Event::Order { host, .. } => format!("{} is given an order", self.host(host)),
            Event::Timer { host, .. } => format!("{} timer", self.host(host)),
            Event::LaneStart { host, .. } => format!("{} wakes up", lane(host)),
            Event::LaneFinish { host, .. } => format!("{} finishes its job", lane(host)),
            Event::LaneOverdue { host, .. } => {
                format!("{} lets lanes go on that were held up for too long", self.host(host))
            }
            Event::SubmitDue { host, slot, .. } => {
                format!("{} job for later is due, slot {slot}", self.host(host))
            }
            Event::Syn { end: conn } => format!("{} request", end(conn)),
            Event::Accepted { end: conn } => format!("{} accepted", end(conn)),
            Event::Connected { end: conn } => format!("{} connected", end(conn)),
            Event::Refused { end: conn } => format!("{} refused", end(conn)),
            Event::ConnectTimeout { end: conn } => format!("{} gives up", end(conn)),
            Event::SendDue { end: conn } => format!("{} sends what was for later", end(conn)),
            Event::Arrive { sender } => format!("{} has sent what arrives", end(sender)),
            Event::Readable { end: conn } => format!("{} readable", end(conn)),
            Event::WindowOpen { sender } => format!("{} window opens", end(sender)),
            Event::Writable { end: conn } => format!("{} writable", end(conn)),
            Event::Rst { end: conn, .. } => format!("{} reset", end(conn)),
        }
    }

    fn words(&self, place: usize) -> String {
        match self.told[place] {
            Told::Note { host, .. } => format!("{} notes {}", self.host(host), self.note_at(place)),
            Told::Call(at) => self.call(self.calls[at as usize]),
            Told::Received { count, hash } => format!("received {count} bytes, hash {hash:016x}"),
            Told::Job(token) => format!("starts job {token}"),
            Told::Disk(hash) => format!("calls of the disk, hash {hash:016x}"),
            Told::Deferred => "waits: the host is paused".to_owned(),
        }
    }

    fn call(&self, Call { call, one, other }: Call) -> String {
        let (word, of_host) = word_of(call);
        let host = u16::try_from(one).ok().filter(|_| of_host).map(HostId);
        let one = host.map_or_else(|| one.to_string(), |host| self.host(host).to_owned());
        match word {
            Some(word) => format!("from outside: {word} {one}, {other}"),
            None => format!("from outside: call {call} {one}, {other}"),
        }
    }
}

/// The word of a call, as `Room::mark` was told it, and whether its first number is a host.
const fn word_of(call: u8) -> (Option<&'static str>, bool) {
    match call {
        1 => (Some("connect"), false),
        2 => (Some("write"), false),
        3 => (Some("close"), false),
        4 => (Some("reset of connection"), false),
        5 => (Some("mute"), false),
        10 => (Some("crash"), true),
        11 => (Some("restart"), true),
        12 => (Some("stop"), true),
        13 => (Some("pause"), true),
        14 => (Some("slow"), true),
        15 => (Some("cut"), true),
        16 => (Some("stall"), true),
        17 => (Some("delay"), true),
        18 => (Some("throttle"), true),
        19 => (Some("reset"), true),
        20 => (Some("clock ahead"), true),
        21 => (Some("clock drift"), true),
        22 => (Some("clock step"), true),
        23 => (Some("heal"), false),
        24 => (Some("disk slow"), true),
        25 => (Some("disk fails"), true),
        28 => (Some("disk rots"), true),
        29 => (Some("wipe"), true),
        31 => (Some("disk throttle"), true),
        32 => (Some("disk hangs"), true),
        33 => (Some("disk misreads"), true),
        34 => (Some("disk misdirects"), true),
        35 => (Some("swap"), true),
        36 => (Some("one disk"), false),
        37 => (Some("one path"), false),
        40 => (Some("hold"), true),
        41 => (Some("refuse"), true),
        42 => (Some("hang"), true),
        43 => (Some("link"), true),
        44 => (Some("another program"), true),
        45 => (Some("order"), true),
        crate::streams::REKEY => (Some("re-key"), false),
        _ => (None, false),
    }
}

impl Recording {
    pub(crate) fn note(&mut self, host: HostId, note: &impl Note) {
        write!(self.text, "{note:?}").expect("a String takes any text");
        self.told.push(Told::Note { host, end: self.text.len() as u64 });
    }

    pub(crate) fn called(&mut self, call: u8, one: u64, other: u64) {
        let place = u32::try_from(self.calls.len()).expect("fewer than 2^32 calls");
        self.calls.push(Call { call, one, other });
        self.told.push(Told::Call(place));
    }

    pub(crate) fn received(&mut self, bytes: &[u8]) {
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.told.push(Told::Received { count, hash: xxh3_64(bytes) });
    }

    pub(crate) fn job(&mut self, token: u64) {
        self.told.push(Told::Job(token));
    }

    pub(crate) fn disk(&mut self, mark: u64) {
        self.told.push(Told::Disk(mark));
    }

    pub(crate) fn deferred(&mut self) {
        self.told.push(Told::Deferred);
    }
}

impl<N: Note> Room<N> {
    /// Before an event is handled: whom it concerns may be gone afterwards.
    #[cold]
    pub(crate) fn learn_names(&mut self, event: Event) {
        let Some(record) = self.record.as_deref_mut() else { return };
        record.lane = NO_LANE;
        if let Event::LaneStart { host, lane, .. } | Event::LaneFinish { host, lane, .. } = event {
            let owner = &self.hosts[usize::from(host.0)];
            let Some(lane) = owner.lanes.id_of(lane) else { return };
            record.lane = lane;
            let pool = owner.pools.iter().find(|(pool, _)| *pool == lane.pool);
            record.names.pools.entry((host, lane.pool)).or_insert(pool.map_or("?", |pool| pool.1));
        }
        if let Some(end) = event.end()
            && let Some(connection) = self.network.peek(end)
        {
            let names = &mut record.names.connections;
            names.entry(end.connection()).or_insert_with(|| Arc::clone(&connection.name));
        }
    }

    /// After an event was handled.
    #[cold]
    pub(crate) fn keep(&mut self, event: Event) {
        let Some(record) = self.record.as_deref_mut() else { return };
        let told = u32::try_from(record.told.len()).expect("fewer than 2^32 are told");
        let digest = self.hasher.digest().half();
        record.entries.push(Entry { at: self.now, event, digest, told, lane: record.lane });
    }
}

impl<N: Note> World<N> {
    /// Keeps a record from now on; one that was kept before is dropped. A clone goes on with a copy
    /// of it.
    pub fn record(&mut self) {
        self.room.record = Some(Box::new(Recording::new(self.room.events + 1)));
    }

    /// Ends the record and answers it; none if none was kept.
    pub fn take_recording(&mut self) -> Option<Recording> {
        let mut record = *self.room.record.take()?;
        record.names.hosts = self.room.hosts.iter().map(|host| Arc::clone(&host.name)).collect();
        record.end = (self.room.now, self.room.hasher.digest().half());
        Some(record)
    }
}
