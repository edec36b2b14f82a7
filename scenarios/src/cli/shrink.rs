//! `trial shrink`: a failure made smaller, as a scenario to read, to play and to edit.

use std::io::{IsTerminal as _, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use trial_reports::Verdict;
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::failure::{Failure, play_again};
use trial_scenarios::play::EXIT_OUR_FAULT;
use trial_scenarios::scenario::ScenarioError;
use trial_scenarios::shrink::{Limits, ShrinkError, Shrunk, carried, page, shrink as search};
use trial_sim::fault::parse_span;

use super::args::ShrinkArgs;
use super::asking::{Given, failure};
use super::print::{Stop, complain, say, write_to};

/// Where the small scenario goes if the failure was not saved.
const FOLDER: &str = "trial-failures";

/// Searches, writes the small scenario and tells what is left.
pub(crate) fn shrink(args: &ShrinkArgs) -> Result<u8, Stop> {
    let given = failure(&args.failure)?;
    let wall = parse_span(&args.wall).map_err(|error| {
        let help = "a length of time such as 60s or 5m".to_owned();
        ScenarioError::plain(format!("--wall {}: {}", args.wall, error.what), Some(help))
    })?;
    let to = target(args.to.as_deref(), &given)?;
    let limits = Limits { wall: Duration::from_nanos(wall.as_nanos()), jobs: given.jobs };
    let bar = bar();
    let hears = |step: &str, runs: u64| {
        bar.set_message(step.to_owned());
        bar.set_position(runs);
    };
    let found = search(&given.asked, given.seed, None, limits, &hears);
    bar.finish_and_clear();
    let shrunk = match found {
        Ok(shrunk) => shrunk,
        Err(error) => return not_there(error, &given),
    };
    let small = save(&given.asked, &shrunk, &to)?;
    say(page(&shrunk));
    say(format_args!("\nsaved:  {}\n", to.display()));
    say(format_args!("again:  {}\n", small.replay_line(given.seed)));
    Ok(0)
}

/// What is told while it searches.
pub(crate) fn bar() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} runs, {elapsed}: {msg}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Beside the failure, or in the folder of failures.
fn target(to: Option<&Path>, given: &Given) -> Result<PathBuf, Stop> {
    if let Some(to) = to {
        if to.extension().is_none_or(|extension| extension != "toml") {
            let help = "a scenario file ends in .toml".to_owned();
            let message = format!("--to {} is no scenario file", to.display());
            return Err(ScenarioError::plain(message, Some(help)).into());
        }
        return Ok(to.to_owned());
    }
    Ok(match &given.saved {
        Some((file, _)) => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            file.with_file_name(format!("{stem}-shrunk.toml"))
        }
        None => {
            let name = format!("{}-{}-shrunk.toml", given.asked.scenario, given.seed);
            Path::new(FOLDER).join(name)
        }
    })
}

/// Writes the scenario, and beside it the failure that it shows.
fn save(asked: &Asked, shrunk: &Shrunk, to: &Path) -> Result<Asked, Stop> {
    let failed = |why| ScenarioError::plain(format!("cannot write {}: {why}", to.display()), None);
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let text = carried(asked, &shrunk.text, to).map_err(failed)?;
    write_to(to, &text)?;
    let stem = to.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let small = Asked {
        scenario: stem,
        path: Some(to.to_owned()),
        text,
        settings: Vec::new(),
        switches: Vec::new(),
        profile: None,
    };
    if let Ok(failure) = Failure::record(&small, shrunk.seed) {
        write_to(&to.with_extension("json"), &failure.to_text())?;
    }
    Ok(small)
}

/// A saved failure that is not there any more is another run than the one that was saved; a seed that never failed is
/// bad input.
pub(crate) fn not_there(error: ShrinkError, given: &Given) -> Result<u8, Stop> {
    let again = given.asked.replay_line(given.seed);
    match (error, &given.saved) {
        (ShrinkError::Scenario(error), _) => Err(error.into()),
        (ShrinkError::OurFault(fault), _) => Err(Stop::OurFault(fault, again)),
        (error @ ShrinkError::Another { .. }, _) => {
            complain(format_args!("{error}\nplease report it with this line:   {again}"));
            Ok(EXIT_OUR_FAULT)
        }
        (error @ ShrinkError::NotPinned { .. }, _) => {
            complain(error);
            Ok(Verdict::Unknown.exit_status())
        }
        (error, Some((file, failure))) => {
            let file = quoted(&file.display().to_string());
            let why =
                play_again(failure).map_or_else(|why| why.to_string(), |found| found.0.to_string());
            complain(format_args!("{error}\n{file}: {why}"));
            Ok(Verdict::Differed.exit_status())
        }
        (error, None) => {
            let help =
                "`trial sweep` finds seeds that fail, `trial list bugs` names guards to remove";
            Err(ScenarioError::plain(error.to_string(), Some(help.to_owned())).into())
        }
    }
}
