//! Many seeds: played on all cores, counted, kept as rows, in one piece or in shards. Read first `play.rs`.
//!
//! `seeds.rs` and `shard.rs` say which seeds; `result.rs` what one came to; `journal.rs` keeps the rows of a sweep in a
//! file, so that a worker that was killed can go on, `sealed.rs` with checksums; `neighbours.rs` and `recheck.rs`
//! refuse what is of another sweep or build; `merge.rs` joins what workers have played; `groups.rs` saves what failed.

mod groups;
mod journal;
mod merge;
mod neighbours;
mod play;
mod recheck;
mod result;
mod sealed;
mod seeds;
mod shard;

pub use groups::{GROUPS_FOLDER, SavedGroup, save_groups};
pub use journal::{Journal, JournalError, ROWS_FILE};
pub use merge::merge;
pub use neighbours::{is_file_of, owner, real_path};
pub use play::{play_each, sweep};
pub use recheck::Samples;
pub use result::{SeedResult, SweepReport, header, row};
pub use seeds::SeedRange;
pub use shard::{Shard, ShardArg};

/// One seed in so many is played twice.
pub const TWICE_EVERY: u64 = 50;
