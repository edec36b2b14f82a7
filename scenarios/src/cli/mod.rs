//! The command line. Read first `args.rs` (what can be typed; `examples.rs` is the end of each help), then one file per
//! command.
//!
//! `print.rs` decides about colours and draws errors; `asking.rs` turns arguments into a scenario; `outputs.rs` looks
//! whether files can be written; `machines.rs` writes what other programs read, with `junit.rs`; `lines.rs` reads
//! what is typed.

mod args;
mod asking;
mod bench;
mod cause;
mod conform;
mod examples;
mod explain;
mod export;
mod history;
mod hunt;
mod judge;
mod junit;
mod keep;
mod lines;
mod list;
mod log;
mod machines;
mod merge;
mod outputs;
mod print;
mod replay;
mod run;
mod serve;
mod shrink;
mod sweep;

use std::process::ExitCode;

use clap::Parser as _;
use trial_scenarios::play::keep_panics_quiet;

use args::{Cli, Command, RunArgs};

/// Plays what the arguments say; answers with the status that tells what happened.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print::usage(&error),
    };
    keep_panics_quiet();
    let done = match cli.command {
        None => run::run_default(&RunArgs::default()),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Explain(args)) => explain::explain(&args),
        Some(Command::Export(args)) => export::export_disks(&args),
        Some(Command::List(args)) => list::list(&args),
        Some(Command::Sweep(args)) => sweep::sweep_all(&args),
        Some(Command::Merge(args)) => merge::merge_all(&args),
        Some(Command::Keep(args)) => keep::keep(&args),
        Some(Command::Shrink(args)) => shrink::shrink(&args),
        Some(Command::Cause(args)) => cause::cause(&args),
        Some(Command::Bench(args)) => bench::bench(&args),
        Some(Command::Conform(args)) => conform::conform(&args),
        Some(Command::Judge(args)) => judge::judge(&args),
        Some(Command::Hunt(args)) => hunt::hunt(&args),
        Some(Command::Serve(args)) => serve::serve(&args),
    };
    match done {
        Ok(status) => print::ended(status),
        Err(stop) => print::ended(print::stopped(&stop)),
    }
}
