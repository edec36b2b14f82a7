//! What the raft part notes.
