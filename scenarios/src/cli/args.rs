//! What can be typed.
//!
//! Invariants: AR-1 what is no such form is refused here, with what is allowed, by exit status 2.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use trial_cluster::rules::{Profile, Switch};
use trial_scenarios::history::Form;
use trial_scenarios::scenario::builtin;
use trial_scenarios::sweep::{SeedRange, ShardArg};

use super::examples::{
    CONFORM_EXAMPLES, EXPORT_EXAMPLES, HUNT_EXAMPLES, JUDGE_EXAMPLES, KEEP_EXAMPLES,
    MERGE_EXAMPLES, SERVE_EXAMPLES, SWEEP_EXAMPLES,
};
use super::judge::JudgeArgs;

/// Somebody must have slandered Kafka. Trial plays a whole cluster under faults, from one seed.
#[derive(Debug, Parser)]
#[command(name = "trial", version, max_term_width = 100)]
#[command(after_help = "Without a command: `trial run`.\n\n\
    Exit status: 0 as the scenario expects; 1 an invariant is violated; 2 bad usage or input; 3 stuck;\n\
    4 two runs of one seed differed; 5 unknown, or what had to happen did not; 70 a fault of Trial itself.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play one scenario under one seed
    Run(RunArgs),
    /// Play a saved failure again, byte for byte
    Replay(ReplayArgs),
    /// Tell why a run fails: the causal chain backwards from the contradiction
    Explain(ExplainArgs),
    /// Write the disks of a run's brokers and controllers as files, for Kafka's own tools
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Show what there is: scenarios, faults, invariants, probes, bugs
    List(ListArgs),
    /// Play scenarios under many seeds and count what came of it
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Join the shards of a sweep to what one worker would have written
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Keep a failure as a file that is played as a test
    #[command(after_help = KEEP_EXAMPLES)]
    Keep(KeepArgs),
    /// Make a failure smaller, as long as the same violation shows
    Shrink(ShrinkArgs),
    /// Fork a failure at many moments: from when on was it likely, and what made it so
    Cause(CauseArgs),
    /// Measure how fast Trial is
    Bench(BenchArgs),
    /// Ask our brokers what Apache Kafka was asked, and compare the answers
    #[command(after_help = CONFORM_EXAMPLES)]
    Conform(ConformArgs),
    /// Judge a history of Jepsen's Kafka workload, of Trial or of any other cluster
    #[command(after_help = JUDGE_EXAMPLES)]
    Judge(JudgeArgs),
    /// Remove Kafka's guards one at a time, and see how soon Trial notices
    #[command(after_help = HUNT_EXAMPLES)]
    Hunt(HuntArgs),
    /// Serve a cluster to real clients, over sockets, with faults at run time
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
}

/// What stands for every bug.
pub(crate) const EVERY_BUG: &str = "all";

/// What is changed of a scenario.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChangeArgs {
    /// Which Kafka
    #[arg(long, value_name = "P", value_parser = profiles())]
    pub(crate) profile: Option<String>,
    /// Replace one value of the scenario, as in cluster.brokers=5; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Remove one of Kafka's guards, to re-create a real fault (`trial list bugs`); may be repeated
    #[arg(long = "switch", value_name = "BUG", value_parser = switches())]
    pub(crate) switches: Vec<String>,
}

/// Reports that other programs read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReportArgs {
    /// Write what came of it as JUnit XML; `-`: to the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Say what failed in lines that a CI service shows beside the commit
    #[arg(long, value_name = "SERVICE")]
    pub(crate) annotations: Option<Annotations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Annotations {
    /// Workflow commands of GitHub Actions
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct ConformArgs {
    /// A folder of conversations, with the folders in it, or one of them
    #[arg(value_name = "DIR|FILE.json")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A name of `trial list scenarios`, or the path of a scenario file
    #[arg(value_name = "SCENARIO|FILE.toml", default_value = builtin::DEFAULT)]
    pub(crate) scenario: String,
    /// The seed that decides everything
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Play it twice and compare the digests
    #[arg(long)]
    pub(crate) twice: bool,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
    /// Write the run as JSON; `-`: to the standard output, instead of the report
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// If the run fails, save it in this folder for `trial replay`
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    #[command(flatten)]
    pub(crate) reports: ReportArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What clients did, for other checkers.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct HistoryArgs {
    /// Write what clients did as a Jepsen history
    #[arg(id = "history", long = "history", value_name = "FILE.edn|FILE.json")]
    pub(crate) file: Option<PathBuf>,
    /// In which form: kafka (as jepsen.tests.kafka has it; the default) or list-append (as Elle's)
    #[arg(long = "history-form", value_name = "FORM", requires = "history")]
    #[arg(value_parser = forms())]
    pub(crate) form: Option<String>,
}

/// The readable log.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LogArgs {
    /// Tell what happens on the standard error, stamped with virtual time
    #[arg(long = "log", value_name = "LEVEL")]
    pub(crate) level: Option<LogLevel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Hosts that boot, stop and crash
    Info,
    /// What nodes and clients note about themselves, too
    Debug,
}

impl Default for RunArgs {
    fn default() -> Self {
        Self {
            scenario: builtin::DEFAULT.to_owned(),
            seed: 1,
            twice: false,
            changes: ChangeArgs::default(),
            json: None,
            out: None,
            history: HistoryArgs::default(),
            reports: ReportArgs::default(),
            log: LogArgs::default(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A file that `trial sweep` or `trial run --out` has written
    #[arg(value_name = "FAILURE.json")]
    pub(crate) file: PathBuf,
    /// Stop there, as in 12.5s, and show how things stand
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A file that `trial sweep` or `trial run --out` has written, or a scenario
    #[arg(value_name = "FAILURE.json|SCENARIO|FILE.toml")]
    pub(crate) what: String,
    /// Of a scenario: the seed (default: 1)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Which violation, by the id of its invariant; without it: the first
    #[arg(long, value_name = "ID")]
    pub(crate) invariant: Option<String>,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A name of `trial list scenarios`, the path of a scenario file, or a saved failure
    #[arg(value_name = "SCENARIO|FILE.toml|FAILURE.json")]
    pub(crate) what: String,
    /// Of a scenario: the seed (default: 1)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Where the folders of the hosts go: a folder that is empty or not there yet
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
    /// How the disks stand at this time, as in 12.5s; without it: when the run is over
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// What would be left if every host lost its power then, instead of what its processes see
    #[arg(long)]
    pub(crate) after_power_loss: bool,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to show
    #[arg(value_enum, default_value_t = Listed::Scenarios)]
    pub(crate) what: Listed,
    /// Only this one, and all that is known about it: a scenario's lesson, a fault's word, an invariant's id, ...
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// What can be played
    Scenarios,
    /// The words of the fault text
    Faults,
    /// What is judged
    Invariants,
    /// States that a scenario can demand
    Probes,
    /// Guards of Kafka that `--switch` removes
    Bugs,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Names of `trial list scenarios`, or paths of scenario files; without any: all that come with Trial
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// Which seeds: A..B (without B), A.. (until --for or --failures), or COMMIT:N (the N seeds of a commit)
    #[arg(long, value_name = "A..B|A..|COMMIT:N")]
    pub(crate) seeds: SeedRange,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
    /// Threads; without it: one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Play one part of the seeds: I/N, counted from 1; `auto`: as Slurm, Kubernetes, GNU parallel or a CI service says
    /// (`auto/N` where it does not say N). Needs --out, and goes with neither --for nor --failures
    #[arg(long, value_name = "I/N|auto|auto/N", requires = "out")]
    pub(crate) shard: Option<ShardArg>,
    /// Stop when this much real time is over, as in 10m
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) time: Option<String>,
    /// Stop when so many seeds have failed; 1: at the first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) failures: Option<u64>,
    /// Keep a line for each seed and a folder for each kind of failure here; the same command goes on where it was.
    /// Without it failures alone are saved, in trial-failures
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Name every probe that no seed reached, however many they are
    #[arg(long)]
    pub(crate) probes: bool,
    #[command(flatten)]
    pub(crate) reports: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Folders of `trial sweep --out`, or the folder above them
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Where the whole is written; without it: the folder above the shards
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Name every probe that no seed reached, however many they are
    #[arg(long)]
    pub(crate) probes: bool,
    #[command(flatten)]
    pub(crate) reports: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// A file that `trial sweep` or `trial run --out` has written
    #[arg(value_name = "FAILURE.json")]
    pub(crate) file: PathBuf,
    /// The folder in which it stays; without it: failures, or with --fixed where the file is
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// What it shows was mended: it is not there any more, and must not come back
    #[arg(long)]
    pub(crate) fixed: bool,
}

/// A failure: a saved one, or a scenario with its seed.
#[derive(Debug, Args)]
pub(crate) struct FailureArgs {
    /// A saved failure; or a scenario's name or file, with --seed
    #[arg(value_name = "FAILURE.json|SCENARIO")]
    pub(crate) what: String,
    /// The seed under which the scenario fails
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
    /// Threads; without it: one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ShrinkArgs {
    #[command(flatten)]
    pub(crate) failure: FailureArgs,
    /// Where the small scenario goes, with a failure file beside it; without it: beside the failure
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) to: Option<PathBuf>,
    /// How long to search at most, in real time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "60s")]
    pub(crate) wall: String,
}

#[derive(Debug, Args)]
pub(crate) struct CauseArgs {
    #[command(flatten)]
    pub(crate) failure: FailureArgs,
    /// Moments to fork at, evenly; more are added where the probability jumps
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub(crate) moments: u32,
    /// Futures of each moment
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) futures: u32,
    /// Draw without block characters
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Write the curve as JSON; `-`: to the standard output, instead of the drawing
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Write the figures as JSON too; `-`: to the standard output, instead of the text
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HuntArgs {
    /// A bug of `trial list bugs`
    #[arg(value_name = "BUG|all", default_value = EVERY_BUG, value_parser = bugs())]
    pub(crate) bug: String,
    /// Hunts for each bug, each from another seed on; the medians are told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) hunts: u64,
    /// Seeds of the swarm for each bug at most; 0: it is not asked
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) swarm: u64,
    /// Threads; without it: one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Write what was found as JSON; `-`: to the standard output, instead of the tables
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub(crate) table: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A name of `trial list scenarios`, or the path of a scenario file; without it: a plain cluster of three brokers
    #[arg(value_name = "SCENARIO|FILE.toml")]
    pub(crate) scenario: Option<String>,
    /// The address of this machine on which brokers listen
    #[arg(long, value_name = "H", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Broker i listens on port N+i
    #[arg(long, value_name = "N", default_value_t = 9091)]
    pub(crate) port: u16,
    /// What brokers tell clients to connect to; without it: --host
    #[arg(long, value_name = "HOST")]
    pub(crate) advertise: Option<String>,
    /// The seed of all chance in the cluster
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) changes: ChangeArgs,
}

fn profiles() -> PossibleValuesParser {
    PossibleValuesParser::new(Profile::ALL.iter().map(|profile| profile.name()))
}

fn switches() -> PossibleValuesParser {
    PossibleValuesParser::new(Switch::ALL.iter().map(|switch| switch.name()))
}

fn bugs() -> PossibleValuesParser {
    let names = Switch::ALL.iter().map(|switch| switch.name());
    PossibleValuesParser::new(std::iter::once(EVERY_BUG).chain(names))
}

fn forms() -> PossibleValuesParser {
    PossibleValuesParser::new(Form::ALL.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
