//! The small scenario with its title and its story: what a reader has to know who does not know the run.

use std::fmt::Write as _;
use std::sync::Arc;

use trial_reports::{RunDocument, Violation};

use super::ShrinkError;
use super::search::Search;
use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::play::{guarded, play};
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
    let document = play(&small, about.seed)
        .and_then(|mut run| guarded(&small, about.seed, || run.document(0, String::new())))
        .ok();
    let name = &about.asked.scenario;
    let title = format!("{} in {name}, seed {}, shrunk", about.fingerprint.what, about.seed);
    let story = story(about, document.as_ref());
    let mut draft = search.best.with(&["title"], title).with(&["story"], story);
    draft.sort();
    Ok((draft.text(), document))
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
