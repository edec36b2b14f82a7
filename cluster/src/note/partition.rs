//! What the partition part notes.
