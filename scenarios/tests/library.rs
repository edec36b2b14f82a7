//! Every scenario that comes with Trial comes to what it expects, under a sample of seeds (`TRIAL_SEEDS` widens it).

use trial_scenarios::check;

/// Seeds of a sample: small, so that the whole of `cargo test` stays within minutes on two cores.
const SAMPLE: std::ops::Range<u64> = 0..6;

macro_rules! library {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(stringify!($name)).seeds(SAMPLE).run();
        })*

        #[test]
        fn no_scenario_is_left_out() {
            let here = [$(stringify!($name)),*];
            assert_eq!(trial_scenarios::scenario::builtin::names(), here);
        }
    };
}

library! {
    departures,
    kill_the_leader,
    what_an_ack_buys,
    what_an_ack_buys_all,
    lose_the_controller_quorum,
    a_held_fetch,
    a_rack_goes_dark,
    everything_at_once,
    standard_0,
}
