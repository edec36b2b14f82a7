//! `trial keep`: a failure as a file of a repository, to be played as a test.

use trial_scenarios::asked::quoted;
use trial_scenarios::failure::{Again, Awaits, Failure, play_again};
use trial_scenarios::scenario::ScenarioError;

use super::args::KeepArgs;
use super::print::{Stop, say};

/// Plays it once, and writes it where it is to stay.
pub(crate) fn keep(args: &KeepArgs) -> Result<u8, Stop> {
    let mut failure = Failure::load(&args.file)?;
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
    let path = match (&args.to, args.file.parent()) {
        (Some(folder), _) => failure.save(folder)?,
        // A file that is kept already stays where it is.
        (None, Some(folder)) if args.fixed => {
            let name = args.file.file_stem().unwrap_or_default().to_string_lossy();
            failure.save_as(folder, &name)?
        }
        (None, _) => failure.save("failures".as_ref())?,
    };
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
