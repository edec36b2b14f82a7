//! A scenario built in Rust: it writes the text of a scenario file, and one reader reads both.
//!
//! Read `builder.rs` first (the scenario), then `parts.rs` (its topics, clients and racks), `text.rs` (values and
//! layout).

#[expect(
    clippy::module_inception,
    reason = "the folder holds all of the builder, the file its type"
)]
mod builder;
mod parts;
mod text;

pub use builder::{ScenarioBuilder, scenario};
pub use parts::{
    ClientBuilder, RackBuilder, TopicBuilder, consumer, member, member_matched_by_coordinator,
    member_matching, producer, rack, topic,
};
pub use text::Setting;
