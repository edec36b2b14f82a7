//! Why a run failed: the causal chain backwards from the contradiction, in sentences that stand on a record of the run.
//!
//! Read first `record.rs` and `deeds.rs` (what is kept, only when asked for: what happened, and what faults did), then
//! `chain.rs` (how a chain is put together), `behind.rs` (which fault may be blamed), the rules (`missing.rs`,
//! `hole.rs`, `answered.rs`, `diverged.rs`, `in_sync.rs`, `quorum.rs`, `slice.rs`, `stuck.rs`), `sentence.rs` (what an
//! entry of the record reads like), and `explanation.rs` (the page). `witness/` looks every sentence up in the record
//! again, before the page is shown. `story.rs` tells a whole record.

mod answered;
mod behind;
mod chain;
mod deeds;
mod diverged;
mod explanation;
mod groups;
mod hole;
mod in_sync;
mod missing;
mod quorum;
mod record;
mod sentence;
mod slice;
mod story;
mod stuck;
mod subject;
mod witness;

use std::sync::Arc;

pub use deeds::{Deed, Deeds, On};
pub use explanation::{EVENTS_MAX, Event, Explanation};
pub use record::{Entry, Record, What};
pub use witness::unsupported;

pub(crate) use deeds::EVERY;
pub(crate) use explanation::wrapped;
pub(crate) use story::{Told, story};

use crate::check::{Judge, Violation};
use crate::facts::Facts;
use crate::play::{End, OurFault, guarded};
use crate::run::Run;
use crate::scenario::Scenario;
use chain::Chain;
use subject::Subject;

/// Plays `scenario` under `seed` once more with a recorder, and explains what went wrong; none if nothing did.
///
/// `invariant` chooses among several violations; without it the first is explained.
///
/// # Errors
/// If Trial itself panics.
pub fn explain(
    scenario: &Arc<Scenario>,
    seed: u64,
    invariant: Option<&str>,
) -> Result<Option<Explanation>, OurFault> {
    guarded(scenario, seed, || {
        let mut run = Run::new(scenario, seed);
        run.keep_record();
        run.play();
        of(&run, invariant)
    })
}

/// Explains a run that was played with its record kept ([`Run::keep_record`]); none if nothing went wrong.
#[must_use]
pub fn of(run: &Run, invariant: Option<&str>) -> Option<Explanation> {
    let record = run.record()?;
    of_violation(record, run.judge(), invariant).or_else(|| {
        let page = stuck::explained(run, record, &End::of(run, run.expected()))?;
        Some(supported(page, record, run.judge().facts()))
    })
}

/// Explains the first violation that a judge has found, or the first of `invariant`; none if there is none.
#[must_use]
pub fn of_violation(
    record: &Record,
    judge: &Judge,
    invariant: Option<&str>,
) -> Option<Explanation> {
    let violations = judge.violations();
    let wanted = |found: &Violation| invariant.is_none_or(|it| it == found.invariant);
    let place = violations.iter().position(wanted)?;
    let violation = &violations[place];
    let facts = judge.facts();
    let subject = Subject::of(violation, facts);
    let chain = Chain::new(record, facts, record.until(place), subject);
    let mut explanation = told_by(rule_of(violation), &chain, violation, record);
    let others = violations.iter().enumerate().filter(|(other, _)| *other != place);
    explanation.others = others
        .map(|(_, other)| format!("{} at {} ms", other.invariant, other.at.as_millis()))
        .collect();
    Some(explanation)
}

/// Tells a story into a chain; `false` if it does not find what it needs.
type Rule = fn(&mut Chain<'_>, &Violation) -> bool;

/// The rule of the invariant's family.
fn rule_of(violation: &Violation) -> Rule {
    match violation.invariant {
        "R3" | "R4" | "R6" if violation.message.contains(" different ") => diverged::tell,
        "R16" | "R23" | "inconsistent-offsets" => diverged::tell,
        "R3" | "R4" | "R5" | "R6" | "R8" | "R9" | "R15" | "R22" | "lost-write" | "unseen" => {
            missing::tell
        }
        "R7" => in_sync::tell,
        "R12" => answered::tell,
        id if id.starts_with('K') => quorum::tell,
        _ if violation.message.starts_with("group ") => groups::tell,
        _ => slice::tell,
    }
}

/// What the rule tells, if it finds what it needs and the record shows every sentence of it; else the slice.
fn told_by(rule: Rule, chain: &Chain<'_>, violation: &Violation, record: &Record) -> Explanation {
    let mut told = chain.clone();
    if rule(&mut told, violation) {
        let page = told.finish(violation);
        if unsupported(&page, record, chain.facts).is_empty() {
            return page;
        }
    }
    let mut slice = chain.clone();
    slice::tell(&mut slice, violation);
    supported(slice.finish(violation), record, chain.facts)
}

/// The page without what the record does not show. Arguments go together, since they refer to events by their places.
fn supported(mut page: Explanation, record: &Record, facts: &Facts) -> Explanation {
    if unsupported(&page, record, facts).is_empty() {
        return page;
    }
    page.arguments.clear();
    page.is_generic = true;
    let bare = Explanation { names: Vec::new(), events: Vec::new(), guard: None, ..page.clone() };
    let stands = |part: Explanation| unsupported(&part, record, facts).is_empty();
    page.names.retain(|name| stands(Explanation { names: vec![name.clone()], ..bare.clone() }));
    page.events.retain(|event| stands(Explanation { events: vec![event.clone()], ..bare.clone() }));
    page.guard =
        page.guard.filter(|it| stands(Explanation { guard: Some(it.clone()), ..bare.clone() }));
    page
}

#[cfg(test)]
mod tests {
    use super::chain::{Weight, say, see};
    use super::*;
    use crate::asked::Asked;

    /// A run in which a follower cuts to its high watermark.
    fn run() -> Run {
        let mut asked = Asked::open("kill_the_leader").expect("it comes with Trial");
        asked.switches.push("trunc_to_hw_loss".to_owned());
        let mut run = Run::new(&Arc::new(asked.scenario().expect("it can be played")), 0);
        run.keep_record();
        run.play();
        run
    }

    fn told(run: &Run, rule: Rule) -> Explanation {
        let record = run.record().expect("it was kept");
        let (facts, violation) = (run.judge().facts(), &run.judge().violations()[0]);
        let subject = Subject::of(violation, facts);
        let chain = Chain::new(record, facts, record.until(0), subject);
        told_by(rule, &chain, violation, record)
    }

    /// A rule with a mistake: the story that it tells did not happen.
    fn untrue(chain: &mut Chain<'_>, violation: &Violation) -> bool {
        let told = missing::tell(chain, violation);
        let event = chain.event(0, Weight::Core);
        chain.argue(vec![say("b2 appended B as its leader"), see(&[event])]);
        told
    }

    #[test]
    fn what_the_record_does_not_show_is_not_told() {
        let run = run();
        let page = told(&run, missing::tell);
        assert!(
            !page.is_generic && page.to_string().contains("However, b3, which had B"),
            "{page}"
        );
        let page = told(&run, untrue);
        assert!(page.is_generic && !page.to_string().contains("b2 appended B as"), "{page}");
        assert!(!page.events.is_empty() && !page.arguments.is_empty(), "{page}");
    }

    #[test]
    fn a_page_keeps_what_the_record_shows() {
        let run = run();
        let (record, facts) = (run.record().expect("it was kept"), run.judge().facts());
        let whole = told(&run, missing::tell);
        assert_eq!(supported(whole.clone(), record, facts), whole);
        let mut page = whole.clone();
        page.events[0].text = page.events[0].text.replacen("b1", "b2", 1);
        page.names.push("C = the batch at offset 7".to_owned());
        page.guard = Some("this run has the switch no_such_switch".to_owned());
        let kept = supported(page, record, facts);
        assert_eq!(kept.events, whole.events[1..]);
        assert_eq!((kept.names, kept.guard, kept.is_generic), (whole.names, None, true));
        assert!(kept.arguments.is_empty());
    }
}
