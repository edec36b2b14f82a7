//! A cluster for real clients: sockets on one side, the outside door of a World on the other.
//!
//! Read first `server.rs` (the loop that owns the Run and paces it to the wall clock), then `guest.rs` (a real client,
//! as that loop knows it), `sockets.rs` (tokio: listeners and connections), `pace.rs` (wall clock and virtual time),
//! `typed.rs` (faults at run time), `watch.rs` (what is worth a line) and `plain.rs` (what is served when nobody says).
//!
//! A served run is judged as any other: what clients from outside are told goes through the taps of the network. It
//! cannot be played again from its seed, since what they say is not in it.

mod guest;
mod pace;
mod plain;
mod server;
mod sockets;
mod typed;
mod watch;

pub use plain::plain;
pub use server::{Remote, ServeError, Server, Settings, Told};
