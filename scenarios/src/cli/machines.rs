//! What other programs read of a run or a sweep: JUnit XML, and lines that a CI service shows beside a commit.
//!
//! Invariants: MA-1 one thing at most is written to the standard output as a file (`-`), and then nothing else is.

use std::fmt::Display;
use std::path::Path;

use trial_reports::{Finding, RunDocument, ScenarioPlace, SweepHeader, Tally, github_annotation};
use trial_scenarios::asked::Asked;
use trial_scenarios::play::OurFault;
use trial_scenarios::scenario::ScenarioError;

use super::args::{Annotations, ReportArgs};
use super::junit;
use super::print::{Stop, complain, say, write_to};

/// Whether a file goes to the standard output, instead of the page.
pub(crate) fn to_stdout(file: Option<&Path>) -> bool {
    file == Some(Path::new("-"))
}

/// MA-1, before anything is played.
pub(crate) fn check(reports: &ReportArgs, json: Option<&Path>) -> Result<(), Stop> {
    if to_stdout(json) && to_stdout(reports.junit.as_deref()) {
        let message = "--json - and --junit - cannot both be the standard output".to_owned();
        return Err(
            ScenarioError::plain(message, Some("give one of them a file".to_owned())).into()
        );
    }
    Ok(())
}

/// Says a part of the page: on the standard error, if the standard output is the file.
pub(crate) fn page(reports: &ReportArgs, text: impl Display) {
    if to_stdout(reports.junit.as_deref()) {
        complain(text.to_string().trim_end());
    } else {
        say(text);
    }
}

/// What a run came to.
pub(crate) fn tell_run(
    reports: &ReportArgs,
    asked: &Asked,
    document: &RunDocument,
) -> Result<(), Stop> {
    let finding = Finding::of_run(document);
    tell_one(reports, asked, document.seed, finding.as_ref())
}

/// That Trial itself failed; what cannot be written for it is not worth another error.
pub(crate) fn tell_fault(reports: &ReportArgs, asked: &Asked, fault: &OurFault, again: &str) {
    let finding = Finding::of_trial(&asked.scenario, fault.seed, &fault.what, again);
    let _ = tell_one(reports, asked, fault.seed, Some(&finding));
}

fn tell_one(
    reports: &ReportArgs,
    asked: &Asked,
    seed: u64,
    finding: Option<&Finding>,
) -> Result<(), Stop> {
    if let (Some(Annotations::Github), Some(finding)) = (reports.annotations, finding) {
        let file = asked.path.as_ref().map(|path| path.display().to_string());
        let place = ScenarioPlace { file: file.as_deref(), text: &asked.text };
        // GitHub reads both outputs; the standard error is never a file here.
        complain(github_annotation(finding, place).trim_end());
    }
    match &reports.junit {
        Some(path) => write_to(path, &junit::of_run(&asked.scenario, seed, finding)),
        None => Ok(()),
    }
}

/// What a sweep came to, or several shards of one.
pub(crate) fn tell_sweep(
    reports: &ReportArgs,
    header: &SweepHeader,
    tally: &Tally,
) -> Result<(), Stop> {
    let findings = Finding::of_sweep(header, tally);
    if reports.annotations == Some(Annotations::Github) {
        for finding in &findings {
            let asked = header.scenarios.iter().find(|known| known.name == finding.scenario);
            let word = |key: &str| asked.and_then(|known| known.asked.get(key)?.as_str());
            let place = ScenarioPlace { file: word("path"), text: word("text").unwrap_or("") };
            complain(github_annotation(finding, place).trim_end());
        }
    }
    match &reports.junit {
        Some(path) => write_to(path, &junit::of_sweep(header, tally, &findings)),
        None => Ok(()),
    }
}
