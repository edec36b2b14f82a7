//! Partition by partition over all topics: one member after the other, who does not want the topic is passed over.
//!
//! In Kafka:   `RoundRobinAssignor`.
//! Invariants: RR-1 members that want the same topics have numbers of partitions that differ by one at most.

use super::AssignorError;
use super::frame::{Frame, Partition};

/// The partitions of each member.
pub(super) fn assign(frame: &Frame<'_>) -> Result<Vec<Vec<Partition>>, AssignorError> {
    let sorted = frame.static_ones_first();
    if sorted.is_empty() {
        return Err(AssignorError::NoMembers);
    }
    let mut lists = vec![Vec::new(); sorted.len()];
    let mut next = 0;
    for (topic, all) in frame.topics.iter().enumerate() {
        let wanting: Vec<bool> = sorted.iter().map(|member| frame.wants(*member, topic)).collect();
        assert!(wanting.contains(&true), "a topic of the frame is wanted by somebody");
        for number in all.numbers() {
            while !wanting[next] {
                next = (next + 1) % sorted.len();
            }
            lists[sorted[next]].push(Partition { topic, number });
            next = (next + 1) % sorted.len();
        }
    }
    Ok(lists)
}
