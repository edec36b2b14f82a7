//! A broker: the request path of the real one, its replicas and its standing with the controller.

pub mod alter_partition;
pub mod lifecycle;
