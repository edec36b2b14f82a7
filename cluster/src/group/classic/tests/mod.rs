//! Stories of classic groups.
