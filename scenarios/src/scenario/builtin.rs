//! The scenarios that come with Trial, and the records that they produce.
//!
//! Holds: the files of `scenarios/library`, `scenarios/bugs` and `scenarios/data`, compiled in: one binary is the whole
//! product.

/// What `trial run` plays when it is told nothing else.
pub const DEFAULT: &str = "departures";

macro_rules! library {
    ($($name:literal),* $(,)?) => {
        const LIBRARY: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../library/", $name, ".toml"))),)*];
    };
}

library! {
    "departures",
    "one_topic_many_logs",
    "two_fetches_to_commit",
    "kill_the_leader",
    "a_held_fetch",
    "a_slow_follower",
    "a_slow_disk_under_the_leader",
    "last_one_standing",
    "moving_house",
    "turned_back",
    "what_an_ack_buys",
    "what_an_ack_buys_all",
    "a_rack_goes_dark",
    "the_nearest_copy",
    "lose_the_controller_quorum",
    "a_controller_with_a_slow_disk",
    "a_clock_that_runs_ahead",
    "a_cleaner_is_interrupted",
    "four_ways_to_rebalance",
    "everything_at_once",
    "everything_moves",
    "old_records_go",
    "any_cluster",
    "groups_at_once",
    "standard_0",
}

macro_rules! bugs {
    ($($name:literal),* $(,)?) => {
        /// A scenario for each switch, under its name: it holds, and does not with the switch thrown.
        const BUGS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../bugs/", $name, ".toml"))),)*];
    };
}

bugs! {
    "ack_before_replication",
    "trunc_to_hw_loss",
    "trunc_to_hw_diverge",
    "fast_failover_diverge",
    "zombie_replica_unfenced_fetch",
    "fetch_without_leader_epoch",
    "fetch_session_drops_epoch",
    "stale_fetch_response_truncates_committed",
    "stale_metadata_epoch_livelock",
    "no_epoch_entry_on_elect",
    "epoch_cache_not_trimmed",
    "list_offsets_regress",
    "isr_shrink_waits_full_lag",
    "equal_partition_epoch_applied",
    "truncation_not_synced",
    "recovery_leaves_hole",
    "fenced_replica_joins_isr",
    "stale_broker_epoch_isr",
    "last_replica_standing",
    "unclean_detection_disabled",
    "alter_partition_zombie_controller",
    "dead_broker_never_fenced",
    "reassign_completes_early",
    "leader_reinit_same_epoch",
    "no_fsync",
    "truncate_below_hw_allowed",
    "no_check_quorum",
    "renounce_without_snapshot",
    "election_backoff_lockstep",
    "autocommit_past_delivered",
    "revoke_assign_same_round",
    "coop_double_ownership",
    "expire_while_rebalancing",
}

const DATA: &[(&str, &str)] = &[("departures.csv", include_str!("../../data/departures.csv"))];

/// The text of a scenario: one of the library, or the one of a switch.
#[must_use]
pub fn text_of(name: &str) -> Option<&'static str> {
    LIBRARY.iter().chain(BUGS).find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the scenarios of switches.
#[must_use]
pub fn bugs() -> Vec<&'static str> {
    BUGS.iter().map(|(name, _)| *name).collect()
}

/// The names of all, the default first.
#[must_use]
pub fn names() -> Vec<&'static str> {
    LIBRARY.iter().map(|(name, _)| *name).collect()
}

/// The text of a record file.
#[must_use]
pub fn data(name: &str) -> Option<&'static str> {
    DATA.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
