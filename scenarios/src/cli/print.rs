//! Writes to the terminal: with colours only where somebody sees them, and errors with their place underlined.
//!
//! Holds:      whether something could not be written to the standard output.
//! Invariants: PR-1 a reader that goes away (`trial list | head`) is no error, and changes neither what is saved nor
//!             the exit status. PR-2 all else that cannot be written is an error, told once, and ends with status 2:
//!             also a page on the standard output.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use trial_reports::Palette;
use trial_scenarios::conform::ConversationError;
use trial_scenarios::failure::FailureError;
use trial_scenarios::play::{EXIT_OUR_FAULT, OurFault};
use trial_scenarios::scenario::ScenarioError;
use trial_scenarios::serve::ServeError;
use trial_scenarios::sweep::JournalError;

/// Columns of an error.
const WIDTH: usize = 100;
/// The exit status of bad usage and bad input.
const EXIT_BAD_INPUT: u8 = 2;

/// PR-2.
static NOT_SAID: AtomicBool = AtomicBool::new(false);

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

impl From<ConversationError> for Stop {
    fn from(error: ConversationError) -> Self {
        Self::BadInput(Box::new(error))
    }
}

impl From<ServeError> for Stop {
    fn from(error: ServeError) -> Self {
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

/// Writes to the standard output: PR-1, PR-2.
pub(crate) fn say(text: impl Display) {
    said(try_say(text));
}

fn said(done: io::Result<()>) {
    if let Err(why) = done
        && !NOT_SAID.swap(true, Ordering::Relaxed)
    {
        complain(format_args!("cannot write to the standard output: {why}"));
    }
}

/// The status that the process ends with: PR-2.
pub(crate) fn ended(status: u8) -> ExitCode {
    ExitCode::from(if NOT_SAID.load(Ordering::Relaxed) { EXIT_BAD_INPUT } else { status })
}

/// Says what the command line came to that was no command: help and version, or why it cannot be read.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let shown = error.print().and_then(|()| io::stdout().flush());
    if !error.use_stderr() {
        said(but_for_its_reader(shown));
    }
    ended(u8::try_from(error.exit_code()).unwrap_or(EXIT_BAD_INPUT))
}

fn try_say(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    but_for_its_reader(write!(out, "{text}").and_then(|()| out.flush()))
}

/// PR-1.
fn but_for_its_reader(done: io::Result<()>) -> io::Result<()> {
    match done {
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
            complain_of(error.as_ref());
            EXIT_BAD_INPUT
        }
        Stop::OurFault(fault, again) => {
            complain(fault);
            complain(format_args!("please report it with this line:   {again}"));
            EXIT_OUR_FAULT
        }
    }
}

/// Draws an error, with its place underlined.
pub(crate) fn complain_of(error: &dyn Diagnostic) {
    let theme = if colours(io::stderr().is_terminal()) {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
    let mut text = String::new();
    match handler.render_report(&mut text, error) {
        Ok(()) => complain(text.trim_end()),
        Err(_) => complain(error),
    }
}
