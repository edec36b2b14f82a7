//! `trial cause`: from when on a failure was likely, and what made it so.

use std::path::{Path, PathBuf};

use trial_scenarios::cause::{Drawn, Effort, cause as find, page};

use super::args::CauseArgs;
use super::asking::failure;
use super::outputs;
use super::print::{Stop, say, write_to};
use super::shrink::{bar, not_there};

/// Forks the run and draws the curve.
pub(crate) fn cause(args: &CauseArgs) -> Result<u8, Stop> {
    let given = failure(&args.failure)?;
    let read = given.saved.iter().map(|(file, _)| file).chain(&given.asked.path);
    let read: Vec<&Path> = read.map(PathBuf::as_path).collect();
    outputs::check(&[("--json", args.json.as_deref())], &read, &[])?;
    let effort = Effort { moments: args.moments, futures: args.futures, jobs: given.jobs };
    let bar = bar();
    bar.set_message("forks");
    let wanted = given.saved.as_ref().map(|(_, failure)| &failure.fingerprint);
    let found = find(&given.asked, given.seed, wanted, effort, &|runs| bar.set_position(runs));
    bar.finish_and_clear();
    let found = match found {
        Ok(found) => found,
        Err(error) => return not_there(error, &given),
    };
    let to_stdout = args.json.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if !to_stdout {
        say(page(&found, if args.ascii { Drawn::Ascii } else { Drawn::Blocks }));
        say(format_args!("again:  {}\n", given.asked.replay_line(given.seed)));
    }
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&found).expect("a curve is plain JSON");
        text.push('\n');
        write_to(path, &text)?;
    }
    Ok(0)
}
