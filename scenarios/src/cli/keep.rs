//! `trial keep`: a failure as a file of a repository, to be played as a test.
//!
//! Invariants: KE-1 what a sweep has saved stays as it is: nothing is kept within its folder.

use std::path::{Path, PathBuf};

use trial_scenarios::asked::quoted;
use trial_scenarios::failure::{Again, Awaits, Failure, play_again};
use trial_scenarios::scenario::ScenarioError;
use trial_scenarios::sweep::owner;

use super::args::KeepArgs;
use super::print::{Stop, say};

/// Where failures are kept if nobody says where.
const FOLDER: &str = "failures";

/// Plays it once, and writes it where it is to stay.
pub(crate) fn keep(args: &KeepArgs) -> Result<u8, Stop> {
    let mut failure = Failure::load(&args.file)?;
    let path = target(args, &failure)?;
    let again = match play_again(&failure) {
        Ok((again, ..)) => again,
        Err(why) => {
            let message = format!("{} cannot be played: {why}", args.file.display());
            return Err(ScenarioError::plain(message, None).into());
        }
    };
    let gone = matches!(again, Again::Gone { .. });
    if gone != args.fixed {
        let message = format!("{}: {again}", args.file.display());
        let help = if args.fixed {
            "it still fails in this way: it is not fixed"
        } else {
            "it does not fail in this way any more: --fixed says that it was mended"
        };
        return Err(ScenarioError::plain(message, Some(help.to_owned())).into());
    }
    failure.awaits = if args.fixed { Awaits::Fixed } else { Awaits::Failure };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let path = failure.save_as(path.parent().unwrap_or(Path::new("")), &name)?;
    let awaits = match failure.awaits {
        Awaits::Failure => "that it fails in this way",
        Awaits::Fixed => "that it does not fail in this way any more",
    };
    say(format_args!(
        "kept:   {}\nawaits: {awaits} ({})\nnow:    {again}\ntest:   trial_scenarios::kept({:?}).run();\n",
        quoted(&path.display().to_string()),
        failure.fingerprint,
        path.parent().map_or_else(String::new, |folder| folder.display().to_string()),
    ));
    Ok(0)
}

/// Where it is to stay: KE-1.
fn target(args: &KeepArgs, failure: &Failure) -> Result<PathBuf, Stop> {
    let path = match &args.to {
        Some(folder) => folder.join(format!("{}.json", failure.id())),
        // A file that is kept already stays where it is.
        None if args.fixed => args.file.clone(),
        None => Path::new(FOLDER).join(format!("{}.json", failure.id())),
    };
    let Some(sweep) = owner(&path) else { return Ok(path) };
    let fixed = if args.fixed { " --fixed" } else { "" };
    let file = quoted(&args.file.display().to_string());
    let message = format!("{} lies in the folder of a sweep, {}", path.display(), sweep.display());
    let help = format!(
        "a sweep's failures are written anew by the sweep; keep it in a folder of your repository: trial keep \
         {file}{fixed} --in FOLDER"
    );
    Err(ScenarioError::plain(message, Some(help)).into())
}
