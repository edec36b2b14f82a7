//! A scenario: what is played. Read `file.rs` for the form that people write, `scenario.rs` for what becomes of it,
//! and `reading.rs` for the way from one to the other.

mod builder;
pub mod builtin;
mod configure;
mod error;
mod file;
mod forms;
mod names;
mod override_;
mod picks;
mod pinned;
mod reading;
mod reading_clients;
mod reading_cluster;
mod reading_end;
mod reading_lanes;
mod reading_members;
mod reading_network;
mod records;
#[expect(
    clippy::module_inception,
    reason = "the folder holds all of a scenario, the file its type"
)]
mod scenario;
mod source;

pub use self::scenario::{Client, Cluster, Guests, Lanes, Load, Network, Scenario, Topic};
pub use builder::{
    ClientBuilder, RackBuilder, ScenarioBuilder, Setting, TopicBuilder, consumer, member,
    member_matched_by_coordinator, member_matching, producer, rack, scenario, topic,
};
pub(crate) use error::allowed_are;
pub use error::{ScenarioError, did_you_mean};
pub use names::{ADMIN, CONDITIONS, HOST_FUNCTIONS, OUTSIDE, hosts_of, node_names, place_name};
pub use override_::Override;
pub use picks::Pick;
pub(crate) use pinned::write_lines;
pub use records::{Record, RecordFileError, read_records};
pub use source::Source;
