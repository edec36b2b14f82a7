//! The small scenario with its title and its story: what a reader has to know who does not know the run.

use std::fmt::Write as _;
use std::sync::Arc;

use trial_reports::{RunDocument, Violation};

use super::ShrinkError;
use super::search::Search;
use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::play::{End, OurFault, guarded, play};
use crate::scenario::Scenario;

/// What was shrunk.
pub(super) struct About<'a> {
    pub(super) asked: &'a Asked,
    pub(super) seed: u64,
    pub(super) fingerprint: &'a Fingerprint,
}

/// The text of the smallest scenario, and its run to the end; none if that is a panic.
pub(super) fn finish(
    search: &Search<'_>,
    about: &About<'_>,
) -> Result<(String, Option<RunDocument>), ShrinkError> {
    let read = |text: &str| {
        let Asked { scenario, path, .. } = about.asked;
        Scenario::from_text(scenario, text, path.as_deref(), &[]).map(Arc::new)
    };
    let small = read(&search.best.text())?;
    let document = match whole(&small, about.seed) {
        Ok((all, document)) if all.contains(about.fingerprint) => Some(document),
        Err(fault) if Fingerprint::of_fault(&fault) == *about.fingerprint => None,
        _ => {
            // SH-1, by the whole run and not by whoever judged the steps.
            let (seed, wanted) = (about.seed, about.fingerprint.clone());
            return Err(ShrinkError::Another { seed, wanted });
        }
    };
    let name = &about.asked.scenario;
    let title = format!("{} in {name}, seed {}, shrunk", about.fingerprint.what, about.seed);
    let story = story(about, document.as_ref());
    let mut draft = search.best.with(&["title"], title).with(&["story"], story);
    draft.sort();
    Ok((draft.text(), document))
}

/// A run to its end, and everything that is wrong with it.
fn whole(scenario: &Arc<Scenario>, seed: u64) -> Result<(Vec<Fingerprint>, RunDocument), OurFault> {
    let mut run = play(scenario, seed)?;
    let end = End::of(&run, scenario.expect);
    let document = guarded(scenario, seed, || run.document(0, String::new()))?;
    Ok((Fingerprint::all(&document, &end), document))
}

/// The violation of a run that has this fingerprint.
pub(super) fn violation<'d>(
    document: &'d RunDocument,
    fingerprint: &Fingerprint,
) -> Option<&'d Violation> {
    let same =
        |found: &&Violation| Fingerprint::new(&found.invariant, &found.message) == *fingerprint;
    document.violations.iter().find(same)
}

fn story(about: &About<'_>, document: Option<&RunDocument>) -> String {
    let mut story = format!("Play it under seed {}. ", about.seed);
    let found = document.and_then(|document| violation(document, about.fingerprint));
    let Some(found) = found else {
        story.push_str(&about.fingerprint.to_string());
        story.push('\n');
        return story;
    };
    let seconds = found.at_ms as f64 / 1_000.0;
    line(&mut story, format_args!("{} at {seconds:.3}s: {}.", found.invariant, found.message));
    for fact in &found.facts {
        line(&mut story, format_args!("  {fact}"));
    }
    story
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes any text");
}
