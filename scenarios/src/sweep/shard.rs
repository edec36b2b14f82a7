//! A part of a sweep for one worker: which seeds are its own, and how it learns its number from whoever started it.
//!
//! In others:  Slurm's array tasks, Kubernetes' indexed jobs, GNU parallel, AWS Batch, and the nodes of CI services.
//! Invariants: SH-1 the shards 1 to N of one sweep hold every seed once. SH-2 a number is never guessed: two sources,
//!             an index without a count, or two different counts, are refused.

use std::fmt;
use std::str::FromStr;

use super::SeedRange;

/// Shard `index` of `of`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

/// What was asked for: a shard by number, or the one that the environment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardArg {
    /// `I/N`.
    Is(Shard),
    /// `auto`, or `auto/N` where the environment knows the index alone.
    Auto(Option<u32>),
}

/// Where a worker's number stands.
struct Source {
    who: &'static str,
    index: &'static str,
    /// The number of the first worker; a variable that holds it, if it is free.
    first: First,
    count: Option<&'static str>,
}

enum First {
    Is(u32),
    In(&'static str, u32),
}

/// In the order in which they are told.
const SOURCES: &[Source] = &[
    Source {
        who: "a Slurm array",
        index: "SLURM_ARRAY_TASK_ID",
        first: First::In("SLURM_ARRAY_TASK_MIN", 0),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Source {
        who: "a Kubernetes indexed job",
        index: "JOB_COMPLETION_INDEX",
        first: First::Is(0),
        count: None,
    },
    Source { who: "GNU parallel", index: "PARALLEL_SEQ", first: First::Is(1), count: None },
    Source {
        who: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: First::Is(0),
        count: Some("AWS_BATCH_JOB_ARRAY_SIZE"),
    },
    Source {
        who: "GitLab CI",
        index: "CI_NODE_INDEX",
        first: First::Is(1),
        count: Some("CI_NODE_TOTAL"),
    },
    Source {
        who: "CircleCI",
        index: "CIRCLE_NODE_INDEX",
        first: First::Is(0),
        count: Some("CIRCLE_NODE_TOTAL"),
    },
    Source {
        who: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        first: First::Is(0),
        count: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
    },
];

/// Where a person may say the number of workers.
const SHARDS: &str = "TRIAL_SHARDS";

impl Shard {
    /// A sweep in one piece.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// Whether a seed of `seeds` is this shard's.
    #[must_use]
    pub const fn holds(self, seeds: SeedRange, seed: u64) -> bool {
        (seed - seeds.first) % (self.of as u64) == (self.index - 1) as u64
    }

    /// The seeds of this shard, in order.
    pub fn seeds(self, seeds: SeedRange) -> impl Iterator<Item = u64> {
        let first = seeds.first.checked_add(u64::from(self.index - 1)).unwrap_or(seeds.end);
        (first..seeds.end).step_by(self.of as usize)
    }

    /// How many they are.
    #[must_use]
    pub fn count(self, seeds: SeedRange) -> u64 {
        seeds.count().saturating_sub(u64::from(self.index - 1)).div_ceil(u64::from(self.of))
    }

    /// The shard that the environment names; `count` where it does not know how many there are.
    ///
    /// # Errors
    /// If no variable names one, several do, one holds no number, or nobody says how many there are.
    pub fn from_environment(
        count: Option<u32>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let found: Vec<&Source> =
            SOURCES.iter().filter(|source| variable(source.index).is_some()).collect();
        let source = match found[..] {
            [source] => source,
            [] => {
                let known: Vec<String> = SOURCES
                    .iter()
                    .map(|source| format!("{} ({})", source.index, source.who))
                    .collect();
                return Err(format!("no variable names a shard; known are {}", known.join(", ")));
            }
            [one, other, ..] => {
                return Err(format!(
                    "{} ({}) and {} ({}) both name a shard; say which with I/N",
                    one.index, one.who, other.index, other.who
                ));
            }
        };
        let number = |name: &str| -> Result<Option<u32>, String> {
            let Some(text) = variable(name) else { return Ok(None) };
            let parsed = text.trim().parse();
            parsed.map(Some).map_err(|_| format!("{name}={text} is no whole number"))
        };
        let index = number(source.index)?.expect("it is there");
        let first = match source.first {
            First::Is(first) => first,
            First::In(name, otherwise) => number(name)?.unwrap_or(otherwise),
        };
        let told = match source.count {
            Some(name) => number(name)?,
            None => None,
        };
        let asked = match count {
            Some(count) => Some(count),
            None => number(SHARDS)?,
        };
        // One task of an array that is submitted again alone would be shard 1 of 1, and not the one that is missing.
        if let (Some(asked), Some(told), Some(name)) = (asked, told, source.count)
            && asked != told
        {
            return Err(format!(
                "{asked} shards are asked for, and {} has {told} ({name}); start all of them, or say which with I/N",
                source.who
            ));
        }
        // A Slurm array with steps or gaps: its numbers do not count its tasks.
        if let (Some(told), Some(last)) = (told, number("SLURM_ARRAY_TASK_MAX")?)
            && source.index == "SLURM_ARRAY_TASK_ID"
            && last.saturating_sub(first).saturating_add(1) != told
        {
            return Err(format!(
                "the array's {told} tasks are not numbered one after the other, from {first} to {last}; use --array=1-N"
            ));
        }
        let Some(of) = asked.or(told) else {
            return Err(format!(
                "{} says {index}, and nobody says how many shards there are: use auto/N, or set {SHARDS}=N",
                source.index
            ));
        };
        let Some(index) = index.checked_sub(first).and_then(|place| place.checked_add(1)) else {
            return Err(format!(
                "{}={index} is below {first}, where {} begins",
                source.index, source.who
            ));
        };
        Self::new(index, of)
    }

    fn new(index: u32, of: u32) -> Result<Self, String> {
        if index == 0 || index > of {
            return Err(format!("there is no shard {index} of {of}; they count from 1 to {of}"));
        }
        Ok(Self { index, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "the forms are I/N, as in 2/3, auto, and auto/N";
        let number = |text: &str| {
            let parsed = text.parse::<u32>().ok().filter(|number| *number > 0);
            parsed.ok_or_else(|| format!("`{text}` is no number of a shard; {FORM}"))
        };
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto(None)),
            Some(("auto", of)) => Ok(Self::Auto(Some(number(of)?))),
            Some((index, of)) => {
                let shard = Shard::new(number(index)?, number(of)?);
                shard.map(Self::Is).map_err(|why| format!("{why}; {FORM}"))
            }
            None => Err(format!("`{text}` names no shard; {FORM}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SOURCES, Shard, ShardArg};
    use crate::sweep::SeedRange;

    /// An environment: names and values.
    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn from(count: Option<u32>, variables: Variables<'_>) -> Result<Shard, String> {
        Shard::from_environment(count, |asked| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_seed_is_in_one_shard() {
        for (first, end) in [(0, 10), (5, 6), (100, 202)] {
            let seeds = SeedRange { first, end };
            for of in 1..=12 {
                let shards = (1..=of).map(|index| Shard { index, of });
                let mut all: Vec<u64> =
                    shards.clone().flat_map(|shard| shard.seeds(seeds)).collect();
                all.sort_unstable();
                assert_eq!(all, (first..end).collect::<Vec<_>>(), "SH-1: {seeds} in {of}");
                for shard in shards {
                    let own: Vec<u64> = shard.seeds(seeds).collect();
                    assert_eq!(own.len() as u64, shard.count(seeds), "{seeds} {shard}");
                    let held = (first..end).filter(|seed| shard.holds(seeds, *seed));
                    assert_eq!(own, held.collect::<Vec<_>>(), "{seeds} {shard}");
                }
            }
        }
    }

    #[test]
    fn a_shard_is_a_number_of_so_many() {
        assert_eq!("2/3".parse(), Ok(ShardArg::Is(Shard { index: 2, of: 3 })));
        assert_eq!("auto".parse(), Ok(ShardArg::Auto(None)));
        assert_eq!("auto/8".parse(), Ok(ShardArg::Auto(Some(8))));
        for bad in ["", "2", "0/3", "4/3", "2/0", "a/3", "auto/0", "auto/x", "1/2/3"] {
            let why = bad.parse::<ShardArg>().expect_err("no shard");
            assert!(why.contains("I/N"), "{bad}: {why}");
        }
    }

    #[test]
    fn whoever_starts_workers_is_understood() {
        let cases: &[(Variables<'_>, u32, u32)] = &[
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "7"),
                    ("SLURM_ARRAY_TASK_MIN", "5"),
                    ("SLURM_ARRAY_TASK_COUNT", "4"),
                ],
                3,
                4,
            ),
            (&[("JOB_COMPLETION_INDEX", "0"), ("TRIAL_SHARDS", "3")], 1, 3),
            (&[("PARALLEL_SEQ", "3"), ("TRIAL_SHARDS", "3")], 3, 3),
            (&[("AWS_BATCH_JOB_ARRAY_INDEX", "1"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")], 2, 2),
            (&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "2")], 1, 2),
            (&[("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "2")], 2, 2),
            (&[("BUILDKITE_PARALLEL_JOB", "0"), ("BUILDKITE_PARALLEL_JOB_COUNT", "2")], 1, 2),
        ];
        assert_eq!(cases.len(), SOURCES.len(), "each has a case");
        for (variables, index, of) in cases {
            assert_eq!(
                from(None, variables),
                Ok(Shard { index: *index, of: *of }),
                "{variables:?}"
            );
        }
        assert_eq!(from(Some(9), &[("PARALLEL_SEQ", "3")]), Ok(Shard { index: 3, of: 9 }));
        let node = [("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "2")];
        assert_eq!(from(Some(2), &node), Ok(Shard { index: 1, of: 2 }), "two that agree");
        assert!(from(Some(3), &node).is_err(), "SH-2");
    }

    #[test]
    fn a_shard_is_never_guessed() {
        let cases: &[(Variables<'_>, &str)] = &[
            (&[], "no variable names a shard"),
            (&[("PARALLEL_SEQ", "1")], "TRIAL_SHARDS=N"),
            (&[("PARALLEL_SEQ", "1"), ("CI_NODE_INDEX", "1")], "both name a shard"),
            (&[("PARALLEL_SEQ", "x"), ("TRIAL_SHARDS", "3")], "no whole number"),
            (&[("PARALLEL_SEQ", "4"), ("TRIAL_SHARDS", "3")], "no shard 4 of 3"),
            (&[("PARALLEL_SEQ", "0"), ("TRIAL_SHARDS", "3")], "below 1"),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "3"),
                    ("SLURM_ARRAY_TASK_MIN", "1"),
                    ("SLURM_ARRAY_TASK_MAX", "9"),
                    ("SLURM_ARRAY_TASK_COUNT", "5"),
                ],
                "one after the other",
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "2"),
                    ("SLURM_ARRAY_TASK_MIN", "2"),
                    ("SLURM_ARRAY_TASK_COUNT", "1"),
                    ("TRIAL_SHARDS", "3"),
                ],
                "3 shards are asked for, and a Slurm array has 1",
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "9"),
                    ("SLURM_ARRAY_TASK_MIN", "0"),
                    ("SLURM_ARRAY_TASK_COUNT", "3"),
                ],
                "no shard 10 of 3",
            ),
        ];
        for (variables, want) in cases {
            let why = from(None, variables).expect_err("SH-2");
            assert!(why.contains(want), "{variables:?}: {why}");
        }
    }
}
