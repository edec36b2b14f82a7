//! What the client part notes.
