//! Kafka's own tests of consumer groups, told again, and what the published specification asks of the protocol.

mod assignment;
mod classic_members;
mod commits;
mod fixture;
mod groups;
mod heartbeats;
mod migration;
mod properties;
mod regexes;
mod replays;
mod statics;
