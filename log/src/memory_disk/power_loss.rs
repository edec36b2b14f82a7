//! What a power loss leaves of a disk in memory: of every page that was not synced the new bytes, the old ones, or some
//! sectors of each; of a length the new one, the old one, or up to the last page kept; of the changes of names in a
//! folder the first few.
//!
//! Holds:      a stream of its own, so that equal seeds lose the same.

/// How the power is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerLoss {
    /// Decides what is lost.
    pub seed: u64,
    /// What is kept or lost together, in bytes: 4096 on a disk, less for small files.
    pub page_bytes: usize,
    /// Of what a torn page is made, in bytes: 512 on a disk.
    pub sector_bytes: usize,
}

/// A stream of draws (SplitMix64).
#[derive(Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed % bound as u64) as usize
    }
}

/// What is left of a file that held `old` when it was synced and holds `new`.
pub(super) fn survives(old: &[u8], new: &[u8], how: PowerLoss, draws: &mut Draws) -> Vec<u8> {
    let longest = old.len().max(new.len());
    let byte = |of: &[u8], at: usize| of.get(at).copied().unwrap_or(0);
    let mut left = vec![0; longest];
    let mut kept_until = 0;
    for from in (0..longest).step_by(how.page_bytes) {
        let to = (from + how.page_bytes).min(longest);
        let sectors = (to - from).div_ceil(how.sector_bytes);
        // Where the new bytes end, in sectors, and whether they are those before or those after.
        let (cut, backwards) = match draws.below(10) {
            0..4 => (sectors, false),
            4..8 => (0, false),
            _ => (draws.below(sectors + 1), draws.below(4) == 0),
        };
        let cut = (from + cut * how.sector_bytes).min(to);
        for (at, into) in (from..to).zip(&mut left[from..to]) {
            let is_new = (at < cut) != backwards;
            *into = byte(if is_new { new } else { old }, at);
        }
        if cut > from || backwards {
            kept_until = to;
        }
    }
    let length = match draws.below(8) {
        0..4 => new.len(),
        4..7 if new.len() > old.len() => kept_until.clamp(old.len(), new.len()),
        _ => old.len(),
    };
    left.truncate(length);
    left
}
