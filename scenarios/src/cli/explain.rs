//! `trial explain`: a failure once more with everything recorded, and the story of it.

use std::path::Path;
use std::sync::Arc;

use trial_reports::Verdict;
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::explain::of;
use trial_scenarios::failure::Failure;
use trial_scenarios::play::{End, guarded};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::ScenarioError;

use super::args::ExplainArgs;
use super::asking::asked;
use super::print::{Stop, complain, say};

/// What is explained.
struct Wanted {
    asked: Asked,
    seed: u64,
    /// Of a saved failure: the digest of its run.
    digest: Option<String>,
    again: String,
}

/// Explains what the arguments name.
pub(crate) fn explain(args: &ExplainArgs) -> Result<u8, Stop> {
    let wanted = wanted(args)?;
    let scenario = Arc::new(wanted.asked.scenario()?);
    let told = guarded(&scenario, wanted.seed, || {
        let mut run = Run::new(&scenario, wanted.seed);
        run.keep_record();
        run.play();
        let explanation = of(&run, args.invariant.as_deref());
        (run, explanation)
    });
    let (run, explanation) = told.map_err(|fault| Stop::OurFault(fault, wanted.again.clone()))?;
    let digest = run.digest().to_string();
    let end = End::of(&run, scenario.expect);
    if let Some(id) = &args.invariant {
        is_violated(id, &run)?;
    }
    match explanation {
        Some(explanation) => say(format_args!("{explanation}\nagain:   {}\n", wanted.again)),
        None => say(format_args!(
            "nothing to explain: seed {} of {} came to `{}`, as its scenario expects\n",
            wanted.seed,
            scenario.name,
            end.verdict.word()
        )),
    }
    if let Some(saved) = wanted.digest.filter(|saved| *saved != digest) {
        complain(format_args!(
            "not the same run: the file was saved with digest {saved}, this run has {digest}"
        ));
        return Ok(Verdict::Differed.exit_status());
    }
    Ok(0)
}

fn wanted(args: &ExplainArgs) -> Result<Wanted, Stop> {
    let is_file = Path::new(&args.what).extension().is_some_and(|extension| extension == "json");
    if !is_file {
        let asked = asked(&args.what, &args.changes)?;
        let seed = args.seed.unwrap_or(1);
        let again = asked.replay_line(seed);
        return Ok(Wanted { asked, seed, digest: None, again });
    }
    let changes = &args.changes;
    let changed = changes.profile.is_some()
        || !changes.settings.is_empty()
        || !changes.switches.is_empty()
        || args.seed.is_some();
    if changed {
        let what = format!("{} is explained as it was saved", args.what);
        let help =
            "--seed, --set, --switch and --profile go with a scenario, not with a saved failure";
        return Err(ScenarioError::plain(what, Some(help.to_owned())).into());
    }
    let failure = Failure::load(Path::new(&args.what))?;
    let again = format!("trial replay {}", quoted(&args.what));
    let Failure { asked, seed, digest, .. } = failure;
    Ok(Wanted { asked, seed, digest: Some(digest), again })
}

/// Refuses an invariant that this run does not violate.
fn is_violated(id: &str, run: &Run) -> Result<(), Stop> {
    let mut violated: Vec<&str> =
        run.judge().violations().iter().map(|violation| violation.invariant).collect();
    if violated.contains(&id) {
        return Ok(());
    }
    violated.dedup();
    let help = match violated.is_empty() {
        true => "this run violates no invariant".to_owned(),
        false => format!("this run violates {}", violated.join(", ")),
    };
    Err(ScenarioError::plain(format!("{id} is not violated in this run"), Some(help)).into())
}
