//! Opens a log: takes what the disk holds, and after an unclean shutdown only what is whole. Read `open.rs` first.
//!
//! In Kafka:   `LogLoader`, `LogSegment.recover`. Where ours differs, the place in the code says why.
//!
//! | found                                      | done                                               | test in       |
//! |--------------------------------------------|----------------------------------------------------|---------------|
//! | the marker of a clean shutdown             | nothing is scanned; the recovery point is the end  | `recovery.rs` |
//! | none                                       | scan on from the segment of the recovery point     | `recovery.rs` |
//! | a batch that is cut, or is none            | the segment is cut before it                       | `recovery.rs` |
//! | the same, with segments behind             | those go first, the last one first; then it is cut | `recovery.rs` |
//! | the same below the recovery point          | believed: a read will find it                      | `recovery.rs` |
//! | that, where the load itself has to read it | `CorruptSegment`: in Kafka the broker ends         | `recovery.rs` |
//! | a base offset that falls back              | a bad batch, though its checksum is good           | `recovery.rs` |
//! | a segment that ends early with a batch     | believed; where holes are refused, those behind go | `recovery.rs` |
//! | an index missing, cut, or beyond its file  | that segment is scanned, the offset index last     | `indexes.rs`  |
//! | an index without its segment               | removed                                            | `recovery.rs` |
//! | an offset 2^31 or more from its base       | the segment is split, and all are loaded anew      | `replace.rs`  |
//! | `.deleted`, `.cleaned`                     | removed                                            | `replace.rs`  |
//! | `.swap` at or above the lowest `.cleaned`  | removed first: not all had been renamed            | `replace.rs`  |
//! | any other `.swap`                          | what it stands for is removed, then it is renamed  | `replace.rs`  |
//! | the recovery point beyond the end          | lowered to the end, written before an append       | `recovery.rs` |
//! | the recovery point behind what is durable  | more is scanned, and found to be whole             | `recovery.rs` |
//! | the log start beyond the end               | all is dropped; the log begins anew at its start   | `recovery.rs` |
//! | the log start before the first segment     | the log starts with the segment                    | `recovery.rs` |
//! | epochs beyond the end, or before the start | trimmed; those that the scan met are entered again | `recovery.rs` |
//! | no segment                                 | an empty one at the log start; no epochs           | `recovery.rs` |
//! | no marker, whatever else                  | in the end it is synced: a cut before may not be   | `cuts.rs`     |
//! | what a crash left of a load, at any call   | the same as without that crash                     | `crash.rs`    |

mod ends;
mod open;
mod recover;
mod temporary;

pub use open::OpenLog;
