//! Every scenario that comes with Trial comes to what it expects, under a sample of seeds (`TRIAL_SEEDS` widens it).

use trial_scenarios::check;

/// Seeds of the sample of another profile than a scenario's own.
const SAMPLE_OF_OTHERS: std::ops::Range<u64> = 0..3;
/// Seeds of a sample: small, so that the whole of `cargo test` stays within minutes on two cores.
const SAMPLE: std::ops::Range<u64> = 0..6;

macro_rules! library {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(stringify!($name)).seeds(SAMPLE).run();
        })*

        mod without_elr {
            $(#[test]
            fn $name() {
                super::check(stringify!($name))
                    .profile("4.3-no-elr")
                    .seeds(super::SAMPLE_OF_OTHERS)
                    .run();
            })*
        }

        #[test]
        fn no_scenario_is_left_out() {
            let here = [$(stringify!($name)),*];
            assert_eq!(trial_scenarios::scenario::builtin::names(), here);
        }
    };
}

library! {
    departures,
    one_topic_many_logs,
    two_fetches_to_commit,
    kill_the_leader,
    a_held_fetch,
    a_slow_follower,
    a_slow_disk_under_the_leader,
    last_one_standing,
    moving_house,
    turned_back,
    what_an_ack_buys,
    what_an_ack_buys_all,
    a_rack_goes_dark,
    the_nearest_copy,
    lose_the_controller_quorum,
    a_controller_with_a_slow_disk,
    a_clock_that_runs_ahead,
    a_cleaner_is_interrupted,
    four_ways_to_rebalance,
    everything_at_once,
    everything_moves,
    old_records_go,
    any_cluster,
    groups_at_once,
    standard_0,
}
