//! Trial.
