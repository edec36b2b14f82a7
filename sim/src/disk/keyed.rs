//! Delays that need no stream: a number drawn from what it is for.

/// Mixes three numbers into one that looks random (SplitMix64's finisher): for keyed delays.
pub(super) fn keyed(key: u64, item: u64, time: u64) -> u64 {
    let mut x = key
        ^ item.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ time.wrapping_mul(0xd134_2543_de82_ef95).rotate_left(31);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
