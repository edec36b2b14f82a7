//! `trial judge`: a history of Jepsen's Kafka workload, checked as Jepsen does.
//!
//! Inputs:     a file of Trial's, of Jepsen's, or of whoever writes that form. Effects: a page, or JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use trial_scenarios::history::check::{Anomaly, Judgement, Notation, Options, Outcome, SubVia};
use trial_scenarios::history::check::{HistoryError, judge as judge_history};
use trial_scenarios::scenario::ScenarioError;

use super::machines::to_stdout;
use super::outputs;
use super::print::{Stop, say, write_to};

#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// A history, as `trial run --history` or Jepsen writes it; `-`: EDN from the standard input
    #[arg(value_name = "HISTORY.edn|HISTORY.json")]
    file: PathBuf,
    /// How consumers came to their partitions; without it: as the history says
    #[arg(long, value_name = "HOW")]
    sub_via: Option<Via>,
    /// Infer that a sender comes after that of the value before its own
    #[arg(long)]
    ww_deps: bool,
    /// Let this be no error; may be repeated
    #[arg(long = "allow", value_name = "ANOMALY", value_parser = anomalies())]
    allowed: Vec<String>,
    /// Write the verdict as JSON; `-`: to the standard output, instead of the page
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Via {
    /// They took them
    Assign,
    /// A group gave them
    Subscribe,
}

fn anomalies() -> PossibleValuesParser {
    PossibleValuesParser::new(Anomaly::ALL.iter().map(|anomaly| anomaly.name()))
}

/// Judges the history that the arguments name.
pub(crate) fn judge(args: &JudgeArgs) -> Result<u8, Stop> {
    outputs::check(&[("--json", args.json.as_deref())], &[&args.file], &[])?;
    let mut allowed = BTreeMap::new();
    for anomaly in args.allowed.iter().filter_map(|name| name.parse().ok()) {
        allowed.insert(anomaly, "--allow".to_owned());
    }
    let sub_via = args.sub_via.map(|via| match via {
        Via::Assign => SubVia::Assign,
        Via::Subscribe => SubVia::Subscribe,
    });
    let options = Options { sub_via, ww_deps: args.ww_deps, allowed };
    let judgement = read(&args.file, &options)?;
    if judgement.keys == 0 {
        let what = format!("{}: nobody sends or polls in it", args.file.display());
        let help =
            "what can be judged are operations of the functions send, poll and txn".to_owned();
        return Err(ScenarioError::plain(what, Some(help)).into());
    }
    let is_on_page = !to_stdout(args.json.as_deref());
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&judgement).expect("it has no map without texts");
        write_to(file, &format!("{text}\n"))?;
    }
    if is_on_page {
        say(&judgement);
    }
    Ok(match judgement.outcome {
        Outcome::Holds => 0,
        Outcome::Violated => 1,
        Outcome::Unknown => 5,
    })
}

fn read(file: &Path, options: &Options) -> Result<Judgement, Stop> {
    let judged = |reader: &mut dyn Read, notation| judge_history(reader, notation, options);
    let done = if file == Path::new("-") {
        judged(&mut io::stdin().lock(), Notation::Edn)
    } else {
        let notation = notation(file)?;
        File::open(file)
            .map_err(HistoryError::from)
            .and_then(|mut open| judged(&mut open, notation))
    };
    done.map_err(|why| {
        let help = match &why {
            HistoryError::Bad { .. } => Some(
                "a history has a map for each operation, as `trial run --history` writes it"
                    .to_owned(),
            ),
            _ => None,
        };
        ScenarioError::plain(format!("{}: {why}", file.display()), help).into()
    })
}

fn notation(file: &Path) -> Result<Notation, ScenarioError> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("edn") => Ok(Notation::Edn),
        Some("json") => Ok(Notation::Json),
        _ => {
            let what = format!("{}: how is it written?", file.display());
            let help = "the name must end in .edn (a map a line) or .json (an array)";
            Err(ScenarioError::plain(what, Some(help.to_owned())))
        }
    }
}
