//! The whole trial as a value.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::digest::Digest;
use crate::effect::FaultEffect;
use crate::ids::{ConnId, FaultId, HostId, OutsideId};
use crate::outside::OutsideEvent;
use crate::program::{Note, Program};
use crate::seen::{CrashKind, CrashReport, Seen};
use crate::settings::{HostSpec, WorldSettings};
use crate::time::{Span, Time};

/// The whole trial as a value: a clone continues by itself.
#[derive(Clone)]
pub struct World<N: Note> {
    marker: PhantomData<N>,
}

const SOON: &str = "not landed yet";

#[expect(unused_variables, clippy::missing_const_for_fn, reason = "the shape only, for now")]
impl<N: Note> World<N> {
    /// An empty World.
    #[must_use]
    pub fn new(seed: u64, settings: WorldSettings) -> Self {
        panic!("{SOON}")
    }
    /// Adds a host, powered on, its process not started.
    pub fn add_host(&mut self, name: &str, spec: HostSpec<N>) -> HostId {
        panic!("{SOON}")
    }
    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        panic!("{SOON}")
    }
    /// The name of a host.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &str {
        panic!("{SOON}")
    }
    /// Starts a host's process now.
    pub fn boot(&mut self, host: HostId) {
        panic!("{SOON}")
    }
    /// Handles exactly one event; false when the queue is empty.
    pub fn step(&mut self) -> bool {
        panic!("{SOON}")
    }
    /// The time of the last event, or where `run_until` led.
    #[must_use]
    pub fn now(&self) -> Time {
        panic!("{SOON}")
    }
    /// When the next event is due.
    #[must_use]
    pub fn next_time(&self) -> Option<Time> {
        panic!("{SOON}")
    }
    /// Handles every event up to and including `time`.
    pub fn run_until(&mut self, time: Time) {
        panic!("{SOON}")
    }
    /// Moves what was seen since the last call into `into`, in order.
    pub fn drain_seen(&mut self, into: &mut Vec<Seen<N>>) {
        panic!("{SOON}")
    }
    /// The sum of all that happened.
    #[must_use]
    pub fn digest(&self) -> Digest {
        panic!("{SOON}")
    }
    /// Events handled so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        panic!("{SOON}")
    }
    /// A host's program, while it runs.
    #[must_use]
    pub fn program(&self, host: HostId) -> Option<&dyn Program<N>> {
        panic!("{SOON}")
    }
    /// Connects from outside.
    pub fn outside_connect(&mut self, to: &str, port: u16) -> OutsideId {
        panic!("{SOON}")
    }
    /// Sends from outside.
    pub fn outside_write(&mut self, conn: OutsideId, bytes: Bytes) {
        panic!("{SOON}")
    }
    /// Closes from outside.
    pub fn outside_close(&mut self, conn: OutsideId) {
        panic!("{SOON}")
    }
    /// What came out since the last call.
    pub fn drain_outputs(&mut self) -> Vec<OutsideEvent> {
        panic!("{SOON}")
    }
    /// A host goes down.
    pub fn crash(&mut self, host: HostId, kind: CrashKind) -> CrashReport {
        panic!("{SOON}")
    }
    /// A host that is down boots again, through its factory.
    pub fn restart(&mut self, host: HostId) {
        panic!("{SOON}")
    }
    /// Asks a program to stop: `Input::Stop`.
    pub fn stop(&mut self, host: HostId) {
        panic!("{SOON}")
    }
    /// A host stands still until healed.
    pub fn pause(&mut self, host: HostId) -> FaultId {
        panic!("{SOON}")
    }
    /// A host's lanes take `factor` times as long until healed.
    pub fn slow(&mut self, host: HostId, factor: u32) -> FaultId {
        panic!("{SOON}")
    }
    /// Erases a host's disks; it must be down.
    pub fn wipe(&mut self, host: HostId) {
        panic!("{SOON}")
    }
    /// Nothing gets through from `from` to `to` until healed; it is sent again then.
    pub fn cut(&mut self, from: HostId, to: HostId) -> FaultId {
        panic!("{SOON}")
    }
    /// Nothing arrives until healed; all of it at once then.
    pub fn stall(&mut self, from: HostId, to: HostId) -> FaultId {
        panic!("{SOON}")
    }
    /// Everything takes longer until healed.
    pub fn delay(&mut self, from: HostId, to: HostId, by: Span) -> FaultId {
        panic!("{SOON}")
    }
    /// The link carries fewer bytes a second until healed.
    pub fn throttle(&mut self, from: HostId, to: HostId, bytes_per_s: u64) -> FaultId {
        panic!("{SOON}")
    }
    /// Resets every connection between two hosts.
    pub fn reset(&mut self, one: HostId, other: HostId) -> FaultId {
        panic!("{SOON}")
    }
    /// A wall clock is ahead (or behind) until healed.
    pub fn clock_ahead(&mut self, host: HostId, by_ns: i64) -> FaultId {
        panic!("{SOON}")
    }
    /// Both clocks run faster (or slower) until healed.
    pub fn clock_drift(&mut self, host: HostId, ppm: i32) -> FaultId {
        panic!("{SOON}")
    }
    /// A wall clock jumps for good.
    pub fn clock_step(&mut self, host: HostId, by_ns: i64) -> FaultId {
        panic!("{SOON}")
    }
    /// Ends a lasting fault; nothing if it has ended.
    pub fn heal(&mut self, fault: FaultId) {
        panic!("{SOON}")
    }
    /// What a fault has done so far.
    #[must_use]
    pub fn effect(&self, fault: FaultId) -> FaultEffect {
        panic!("{SOON}")
    }
    /// Tests only: flips a bit of what is under way from this end. False when nothing is.
    pub fn flip_in_flight(&mut self, from: ConnId, bit: u64) -> bool {
        panic!("{SOON}")
    }
    /// Tests only: flips a bit of a host's timer. False when none is set.
    pub fn flip_timer(&mut self, host: HostId, bit: u32) -> bool {
        panic!("{SOON}")
    }
}
