//! What a client may do, where nobody forbids anything: every operation that a resource has.
//!
//! In Kafka: `AuthHelper.authorizedOperations` without an authorizer, `AclEntry.supportedOperations`; KIP-430.
//! Holds:    a bit for each operation, at the number of `AclOperation`.

/// Nobody asked.
pub(super) const NOT_ASKED: i32 = i32::MIN;
/// Read, Write, Create, Delete, Alter, Describe, `DescribeConfigs`, `AlterConfigs`.
pub(super) const ON_TOPICS: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);
/// Create, Alter, Describe, `ClusterAction`, `DescribeConfigs`, `AlterConfigs`, `IdempotentWrite`.
pub(super) const ON_THE_CLUSTER: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);

const fn bits(operations: &[u32]) -> i32 {
    let (mut all, mut place) = (0, 0);
    while place < operations.len() {
        all |= 1 << operations[place];
        place += 1;
    }
    all
}
