//! A node of the cluster: broker, controller or both, as one program on one host.
//!
//! Read first `node.rs` (the parts, and how inputs and jobs reach them), then `controller_server.rs` (the controller's
//! listener and event queue) and `spec.rs` (what a node is made from).

mod backlog;
mod controller_server;
#[expect(clippy::module_inception, reason = "the folder holds all of a node, the file the program")]
mod node;
pub(crate) mod served;
mod spec;

pub use node::Node;
pub use spec::{
    BROKER_PORT, CONTROLLER_PORT, ClusterSpec, EXTERNAL_LISTENER, EXTERNAL_PORT, NodeSpec, Roles,
};
