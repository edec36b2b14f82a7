//! What the environment asks of a test: which seeds, for how long, where to save.
//!
//! Holds:      `TRIAL_SEED=7`, one seed; `TRIAL_SEEDS=0..500`, these; `TRIAL_TIME=10m`, as many as that time allows;
//!             `TRIAL_SAVE=DIR`, where a failing scenario that was built in Rust is written.
//! Invariants: EN-1 one seed wins over all else: it is what a failure says to paste. EN-2 what cannot be read fails
//!             the test: a typo must not pass as a test that was run.

use std::path::PathBuf;
use std::time::Duration;

use trial_sim::fault::parse_span;

use crate::sweep::SeedRange;

/// What the environment asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Environment {
    /// These seeds, whatever the test says.
    pub(crate) seeds: Option<SeedRange>,
    /// From the first seed on, beyond the last if need be, until so much real time is over.
    pub(crate) time: Option<Duration>,
    /// Where to save.
    pub(crate) save: Option<PathBuf>,
}

impl Environment {
    /// As the process has it.
    ///
    /// # Panics
    /// EN-2.
    pub(crate) fn read() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let save = variable("TRIAL_SAVE").map(PathBuf::from);
        if let Some(text) = variable("TRIAL_SEED") {
            let seed: u64 =
                text.trim().parse().ok().filter(|seed| *seed < u64::MAX).unwrap_or_else(|| {
                    panic!("TRIAL_SEED={text} is no seed; the form is a whole number, as in 7")
                });
            let seeds = Some(SeedRange { first: seed, end: seed + 1 });
            return Self { seeds, time: None, save };
        }
        let seeds = variable("TRIAL_SEEDS")
            .map(|text| text.parse().unwrap_or_else(|why| panic!("TRIAL_SEEDS={text}: {why}")));
        let time = variable("TRIAL_TIME").map(|text| match parse_span(text.trim()) {
            Ok(span) if span.0 > 0 => Duration::from_nanos(span.0),
            _ => panic!("TRIAL_TIME={text} is no time; the form is 30s, 10m or 2h, above 0"),
        });
        if let Some(open) = seeds.filter(|seeds: &SeedRange| seeds.is_open() && time.is_none()) {
            panic!("TRIAL_SEEDS={open} has no end; TRIAL_TIME=10m gives it one");
        }
        Self { seeds, time, save }
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;
    use crate::sweep::SeedRange;
    use std::panic::catch_unwind;
    use std::time::Duration;

    fn of(given: &'static [(&str, &str)]) -> Environment {
        let find = |name: &str| given.iter().find(|(known, _)| *known == name);
        Environment::of(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_sets_seeds_and_time_and_one_seed_wins() {
        let seeds = |first, end| Some(SeedRange { first, end });
        assert_eq!(of(&[("TRIAL_SEED", "7")]).seeds, seeds(7, 8));
        assert_eq!(of(&[("TRIAL_SEEDS", "3..9")]).seeds, seeds(3, 9));
        assert_eq!(of(&[("OTHER", "3")]), Environment::default());
        let all = of(&[("TRIAL_TIME", "10m"), ("TRIAL_SEEDS", "3..9"), ("TRIAL_SAVE", "out")]);
        assert_eq!((all.seeds, all.time), (seeds(3, 9), Some(Duration::from_secs(600))));
        assert_eq!(all.save.as_deref(), Some("out".as_ref()));
        let one = of(&[("TRIAL_SEED", "7"), ("TRIAL_SEEDS", "3..9"), ("TRIAL_TIME", "10m")]);
        assert_eq!((one.seeds, one.time), (seeds(7, 8), None), "EN-1");
    }

    #[test]
    fn what_cannot_be_read_fails_the_test_and_says_what_is_allowed() {
        let bad: [(&'static [(&str, &str)], &str); 7] = [
            (&[("TRIAL_SEED", "seven")], "TRIAL_SEED=seven is no seed; the form is a whole number"),
            (&[("TRIAL_SEED", "-1")], "as in 7"),
            (&[("TRIAL_SEEDS", "9..3")], "the forms are A..B"),
            (&[("TRIAL_SEEDS", "9..")], "TRIAL_TIME"),
            (&[("TRIAL_TIME", "10")], "the form is 30s, 10m or 2h"),
            (&[("TRIAL_TIME", "0s")], "above 0"),
            (&[("TRIAL_TIME", "ten")], "TRIAL_TIME=ten is no time"),
        ];
        for (given, want) in bad {
            let panic = catch_unwind(|| of(given)).expect_err("EN-2");
            let text = panic.downcast_ref::<String>().expect("a message");
            assert!(text.contains(want), "{text} does not say {want}");
        }
    }
}
