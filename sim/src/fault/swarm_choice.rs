//! What a seed makes of a swarm: which families and kinds exist, and how often they strike.
//!
//! Invariants: SC-1 each decision is keyed by its own name; SC-2 a seed that switches every family
//!             off would test nothing: then the first one that was asked for stays.

use std::fmt;

use super::family::Family;
use super::swarm::SwarmSettings;
use crate::random::Plan;

/// How often a family strikes, in halves of the settings' rates.
const LEVELS: [u32; 5] = [1, 2, 2, 4, 8];

impl Family {
    /// The kinds of faults that a swarm draws for it.
    #[must_use]
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Network => {
                &["cut", "cut-one-way", "split", "isolate", "delay", "throttle", "stall", "reset"]
            }
            Self::Crash => &["crash", "crash-losing", "stop"],
            Self::Mesh => &["ring", "bridge", "swizzle"],
            Self::Connect => &["refuse", "hang"],
            Self::Disk => &["disk-slow"],
            Self::Io => &["disk-throttle", "disk-hang", "disk-full", "disk-eio"],
            Self::Clock => &["clock-ahead", "clock-drift", "clock-step"],
            Self::Pause => &["pause", "slow", "lag"],
        }
    }
}

/// What one seed makes of a swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmChoice {
    /// Every family that was asked for.
    pub families: Vec<FamilyChoice>,
}

/// What one seed makes of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyChoice {
    /// Which.
    pub family: Family,
    /// By what its rates are multiplied, in halves; none: it does not exist for this seed.
    pub halves: Option<u32>,
    /// Kinds of it that do not exist for this seed.
    pub without: Vec<&'static str>,
}

impl SwarmChoice {
    /// The choice of this seed.
    #[must_use]
    pub fn draw(plan: Plan, families: &[Family], settings: &SwarmSettings) -> Self {
        let is_on = |family: &Family| {
            !plan.chance("swarm-off", &family.to_string(), 0, settings.family_off_ppm)
        };
        let nobody = !families.iter().any(is_on);
        let choose = |(place, family): (usize, &Family)| {
            let exists = is_on(family) || nobody && place == 0;
            let level = plan.below("swarm-level", &family.to_string(), 0, LEVELS.len() as u64);
            let halves = LEVELS[usize::try_from(level).expect("below five")];
            let is_off = |kind: &&&str| plan.chance("swarm-off", kind, 1, settings.kind_off_ppm);
            FamilyChoice {
                family: *family,
                halves: exists.then_some(halves),
                without: family.kinds().iter().filter(is_off).copied().collect(),
            }
        };
        Self { families: families.iter().enumerate().map(choose).collect() }
    }
}

impl fmt::Display for SwarmChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, choice) in self.families.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let Some(halves) = choice.halves else {
                write!(f, "{comma}no {}", choice.family)?;
                continue;
            };
            match halves {
                1 => write!(f, "{comma}{} x0.5", choice.family)?,
                _ => write!(f, "{comma}{} x{}", choice.family, halves / 2)?,
            }
            if !choice.without.is_empty() {
                write!(f, " (without {})", choice.without.join(" "))?;
            }
        }
        Ok(())
    }
}
