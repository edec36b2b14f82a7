//! `trial export`: the log directories of a run's brokers and controllers as files, for Kafka's own tools.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::export::{ExportedHost, View, export};
use trial_scenarios::failure::Failure;
use trial_scenarios::play::play_until;
use trial_scenarios::scenario::ScenarioError;
use trial_sim::Time;

use super::args::ExportArgs;
use super::asking::{asked, comes_to, moment};
use super::outputs;
use super::print::{Stop, say};

/// Plays what the arguments name, and writes its disks.
pub(crate) fn export_disks(args: &ExportArgs) -> Result<u8, Stop> {
    let (asked, seed) = wanted(args)?;
    let scenario = Arc::new(asked.scenario()?);
    let until = args.at.as_deref().map_or(Ok(Time::MAX), |at| moment("--at", at))?;
    is_free(&args.to)?;
    outputs::check_folder(&args.to)?;
    let run = play_until(&scenario, seed, until)
        .map_err(|fault| Stop::OurFault(fault, asked.replay_line(seed)))?;
    if let Some(at) = &args.at {
        comes_to("--at", at, until, &run)?;
    }
    let view = if args.after_power_loss { View::AfterPowerLoss } else { View::Process };
    let written = export(&run, view, &args.to).map_err(|why| {
        let what = format!("cannot write the disks to {}: {why}", args.to.display());
        Stop::from(ScenarioError::plain(what, Some("what is there now is a part".to_owned())))
    })?;
    tell(&written, &args.to, run.now());
    Ok(0)
}

fn tell(written: &[ExportedHost], to: &Path, at: Time) {
    let mut text = String::new();
    for host in written {
        let ExportedHost { name, files, bytes } = host;
        let place = to.join(name);
        text.push_str(&format!("{}: {files} files, {bytes} bytes\n", place.display()));
    }
    say(format_args!("{text}the disks at {} ms\n", at.as_millis()));
}

/// What is played, and under which seed.
fn wanted(args: &ExportArgs) -> Result<(Asked, u64), Stop> {
    let path = Path::new(&args.what);
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok((asked(&args.what, &args.changes)?, args.seed.unwrap_or(1)));
    }
    let changes = &args.changes;
    let changed = changes.profile.is_some()
        || !changes.settings.is_empty()
        || !changes.switches.is_empty()
        || args.seed.is_some();
    if changed {
        let what = format!("{} is played as it was saved", quoted(&args.what));
        let help =
            "--seed, --set, --switch and --profile go with a scenario, not with a saved failure";
        return Err(ScenarioError::plain(what, Some(help.to_owned())).into());
    }
    let failure = Failure::load(path)?;
    Ok((failure.asked, failure.seed))
}

/// The folder is not there, or nothing is in it.
fn is_free(folder: &Path) -> Result<(), Stop> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        // Whether it can be made, or why not, is looked at next.
        Err(_) => true,
    };
    if is_empty {
        return Ok(());
    }
    let what = format!("--to {}: there is something in it", folder.display());
    let help = "nothing was played: name a folder that is empty, or not there";
    Err(ScenarioError::plain(what, Some(help.to_owned())).into())
}
