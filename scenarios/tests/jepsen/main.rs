//! The checks of Jepsen's Kafka workload: every anomaly with a history that must be rejected and one that must not;
//! Jepsen's own tests told again; a checker that is slow and simple, and agrees; whatever bytes; long histories; and
//! the histories that our scenarios write.

mod agrees;
mod anomalies;
mod bytes;
mod long;
mod naive;
mod retold;
mod runs;
mod tell;
