//! A scenario: what is played. Read `file.rs` for the form that people write, `scenario.rs` for what becomes of it.

mod error;
mod override_;
mod records;

pub use error::ScenarioError;
pub use override_::Override;
pub use records::{Record, RecordFileError, read_records};
