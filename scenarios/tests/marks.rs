//! Marks that the library's scenarios do not come to: each scenario of `rare/` demands some.

#[track_caller]
fn check(file: &str) {
    trial_scenarios::check(format!("tests/rare/{file}.toml")).seeds(0..2).run();
}

#[test]
fn an_unclean_leader_makes_others_cut_below_their_high_watermarks() {
    check("an_unclean_leader");
}

#[test]
fn sends_expire_under_way_and_in_the_queue() {
    check("sends_expire");
}

#[test]
fn small_segments_are_rolled_and_cut_across() {
    check("segments_roll");
}

#[test]
fn a_follower_refuses_bytes_that_its_leader_misread() {
    check("wrong_bytes");
}
