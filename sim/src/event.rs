//! x
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {}
