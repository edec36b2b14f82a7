//! What the controller part notes.
