//! Kafka's bytes: requests, responses and internal records, all made from `shapes-4.3.0.txt`.
//!
//! A message is one struct for all its versions, `wire::FetchRequest`, with Kafka's field names in snake case and
//! Kafka's defaults in `Default`; the structs inside it stand in its module and are named for their field:
//! `fetch_request::{Topic, Partition}` are the elements of `topics` and of `partitions`.
//!
//! ```
//! use trial_cluster::wire::{FindCoordinatorRequest, Message};
//! let request = FindCoordinatorRequest { coordinator_keys: vec!["g".to_owned()], ..Default::default() };
//! let bytes = request.to_bytes(6);
//! assert_eq!(FindCoordinatorRequest::from_bytes(6, &bytes), Ok(request));
//! ```
//! A whole request on a connection is `header::put_request` and `header::take_request`, a response `put_response` and
//! `take_response` (the four bytes of the frame's length are `net`'s). A value of the metadata log is a
//! [`MetadataRecord`], one of a control batch a [`ControlRecord`]; [`json`] reads and writes any message, typed or not.

mod api_key;
mod control_record;
pub mod header;
pub mod json;
mod message;
mod metadata_record;
mod reader;
pub mod shape;
mod writer;

pub use api_key::ApiKey;
pub use control_record::ControlRecord;
pub use message::*;
pub use metadata_record::MetadataRecord;
pub use reader::{Fault, Reader, WireError};
