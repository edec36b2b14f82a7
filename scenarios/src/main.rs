//! The binary `trial`.
fn main() {}
