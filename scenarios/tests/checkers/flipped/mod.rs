//! Live runs in which one byte on a disk or a connection is changed behind everybody's back: the checkers that read
//! bytes notice, and find nothing when the same run is left alone.
//!
//! Left out:   C1, K8, R7, R11, R13, R14, unseen: notes alone decide; L1 to L5 too, and they only wait. C3: a
//!             consumer drops what lies before its position, whatever it is handed, before it notes what it polled.
//!             K9: a controller that is told to cut below its high watermark halts instead. `duplicate` is an excuse,
//!             since the producer is not idempotent here. A tap has read a write before it is changed on its way:
//!             what is noticed of that is what its receiver does.

mod clients;
mod live;
mod producers;
mod quorum;
mod records;
mod replicas;
