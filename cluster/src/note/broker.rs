//! What the broker part notes.
