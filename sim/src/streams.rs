//! Tells all run draws of a World by name, and gives it others.
//!
//! Invariants: ST-1 a name stands for one identity in every run of a seed, whatever else there is
//!             ST-2 after a re-key every draw is another, of streams that exist and of those
//!             that are made later; the past, plan draws and the original of a clone stay.

use crate::host::Host;
use crate::network::connection::Connection;
use crate::network::link::Link;
use crate::program::Note;
use crate::random::Stream;
use crate::world::World;

/// The call of a re-key, as the digest knows it.
pub(crate) const REKEY: u8 = 200;

/// One source of run draws.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamState {
    /// Domain and name: `host b1/raft`, `there b1>b2#3`, `tie lane b1/handlers@1/0`, `disk b1/0`.
    pub name: String,
    /// What its draws follow from: equal identities, equal draws.
    pub identity: u64,
    /// How often it was drawn from. For a disk: what was drawn in order, without what is keyed by
    /// page.
    pub draws: u64,
}

impl StreamState {
    fn of(name: String, stream: &Stream) -> Self {
        Self { name, identity: stream.identity(), draws: stream.draws() }
    }

    fn counted(name: String, (identity, draws): (u64, u64)) -> Self {
        Self { name, identity, draws }
    }
}

impl<N: Note> World<N> {
    /// Another future with the same past: from now on every run draw is another one, of every
    /// stream that exists or will. Plan draws stay as they are. The call goes into the digest.
    pub fn rekey(&mut self, salt: u64) {
        self.room.mark(REKEY, salt, 0);
        self.room.plan.rekey(salt);
        self.room.hosts.iter_mut().for_each(|host| host.rekey(salt));
        self.room.network.rekey(salt);
    }

    /// For tests, and to look for a fault of Trial: every source of run draws that exists, sorted
    /// by name.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamState> {
        let mut all = Vec::new();
        self.room.hosts.iter().for_each(|host| streams_of_host(host, &mut all));
        self.room.network.connections().for_each(|found| streams_of_connection(found, &mut all));
        for (name, stream) in self.room.network.links().flat_map(Link::jitters) {
            all.push(StreamState::of(format!("jitter {name}"), stream));
        }
        all.sort_unstable();
        all
    }
}

fn streams_of_host<N: Note>(host: &Host<N>, into: &mut Vec<StreamState>) {
    let name = &host.name;
    into.push(StreamState::of(format!("crash {name}"), &host.crashes));
    into.push(StreamState::counted(format!("tie host {name}"), host.ties()));
    for (place, disk) in host.disks.iter().enumerate() {
        into.push(StreamState::counted(format!("disk {name}/{place}"), disk.draws()));
    }
    for (stream, state) in &host.streams {
        into.push(StreamState::of(format!("host {name}/{stream}"), state));
    }
    for point in &host.yields {
        into.push(StreamState::of(format!("yield {name}/{}", point.name), &point.coin));
    }
    for (pool, wake) in host.lanes.wakes() {
        let name = host.pool_name(pool);
        into.push(StreamState::of(format!("lane {name}"), wake));
    }
    for (lane, ties) in host.lanes.ties() {
        let name = host.pool_name(lane.pool);
        into.push(StreamState::counted(format!("tie lane {name}/{}", lane.index), ties));
    }
}

fn streams_of_connection(connection: &Connection, into: &mut Vec<StreamState>) {
    for (domain, pipe) in ["there", "back"].into_iter().zip(&connection.pipes) {
        let name = format!("{domain} {}", connection.name);
        into.push(StreamState::counted(format!("tie {name}"), pipe.ties()));
        into.push(StreamState::of(name, &pipe.stream));
    }
}
