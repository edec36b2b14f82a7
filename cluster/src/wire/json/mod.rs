//! Any of Kafka's messages as JSON, by its shape instead of by generated code: [`to_json`] and [`from_json`].
//!
//! In Kafka: the generated `*JsonConverter` classes; the form is theirs (Kafka's field names, bytes in base64, uuids in
//! Kafka's own text), but records are written as base64 too, where Kafka writes only their size, and a field that is
//! missing in JSON has its default. Read [`value`] first, then `decode` and `encode`.

mod decode;
mod encode;
mod parse;
mod shapes;
pub mod value;

pub use decode::{base64, to_json};
pub use encode::{from_base64, from_json};
pub use shapes::{find, shapes};
pub use value::{Json, JsonError};
