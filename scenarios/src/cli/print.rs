//! Writes to the terminal: with colours only where somebody sees them, and errors with their place underlined.
//!
//! Invariants: PR-1 a reader that goes away (`trial list | head`) is no error, and changes neither what is saved nor
//!             the exit status. PR-2 a file that cannot be written is an error, on the standard output too.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use trial_reports::Palette;
use trial_scenarios::failure::FailureError;
use trial_scenarios::play::{EXIT_OUR_FAULT, OurFault};
use trial_scenarios::scenario::ScenarioError;
use trial_scenarios::sweep::JournalError;

/// Columns of an error.
const WIDTH: usize = 100;
/// The exit status of bad usage and bad input.
const EXIT_BAD_INPUT: u8 = 2;

/// Why a command came to no result.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What was asked for cannot be done.
    BadInput(Box<dyn Diagnostic + Send + Sync>),
    /// Trial itself failed; the line plays it again.
    OurFault(OurFault, String),
}

impl From<ScenarioError> for Stop {
    fn from(error: ScenarioError) -> Self {
        Self::BadInput(Box::new(error))
    }
}

impl From<FailureError> for Stop {
    fn from(error: FailureError) -> Self {
        Self::BadInput(Box::new(error))
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::BadInput(Box::new(error))
    }
}

/// Colours, if the standard output is a terminal and nobody minds.
pub(crate) fn palette() -> Palette {
    if colours(io::stdout().is_terminal()) { Palette::Colour } else { Palette::Plain }
}

fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes to the standard output: PR-1. What else goes wrong there is told, once for each text.
pub(crate) fn say(text: impl Display) {
    if let Err(why) = try_say(text) {
        complain(format_args!("cannot write to the standard output: {why}"));
    }
}

fn try_say(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Writes a line to the standard error; if nobody reads it, nothing can be done about it.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes `text` to `path`, or to the standard output if that is `-`.
pub(crate) fn write_to(path: &Path, text: &str) -> Result<(), Stop> {
    let (written, to) = if path == Path::new("-") {
        (try_say(text), "to the standard output".to_owned())
    } else {
        (std::fs::write(path, text), path.display().to_string())
    };
    written.map_err(|why| ScenarioError::plain(format!("cannot write {to}: {why}"), None).into())
}

/// Tells why a command stopped; answers the exit status.
pub(crate) fn stopped(stop: &Stop) -> u8 {
    match stop {
        Stop::BadInput(error) => {
            let theme = if colours(io::stderr().is_terminal()) {
                GraphicalTheme::unicode()
            } else {
                GraphicalTheme::unicode_nocolor()
            };
            let handler =
                GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
            let mut text = String::new();
            match handler.render_report(&mut text, error.as_ref()) {
                Ok(()) => complain(text.trim_end()),
                Err(_) => complain(error),
            }
            EXIT_BAD_INPUT
        }
        Stop::OurFault(fault, again) => {
            complain(fault);
            complain(format_args!("please report it with this line:   {again}"));
            EXIT_OUR_FAULT
        }
    }
}
