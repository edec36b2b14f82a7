//! Live runs in which one byte on a disk or a connection is changed behind everybody's back: the checkers that read
//! bytes notice.

mod clients;
mod live;
mod quorum;
mod records;
mod replicas;

use live::Live;

#[test]
fn nobody_flips_a_bit_and_nothing_is_noticed() {
    let mut live = Live::half_way();
    live.run.play();
    assert_eq!(live.ids(), [""; 0]);
}
