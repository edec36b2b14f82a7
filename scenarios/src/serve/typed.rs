//! What somebody types while a cluster is served: faults in the words of scenario files, and four words more.
//!
//! Inputs:     a line. Effects: on the run, at its present time; an answer.
//! Invariants: TY-1 a line that cannot be carried out changes nothing, and is told why. TY-2 of a line that is too long
//!             for a fault the begin is told, not all of it.

use trial_cluster::config::TopicConfig;
use trial_sim::fault::Fault;

use crate::facts::Facts;
use crate::run::Run;
use crate::scenario::{Scenario, ScenarioError, Topic};

/// Characters of a line at most.
const LINE_MAX: usize = 1_000;
/// Characters that are told of a longer one.
const BEGIN: usize = 60;

/// What can be typed.
pub(super) const HELP: &str = "\
a fault, which happens at once and lasts until `heal`, or as long as it says:
  crash b1                      crash leader(orders/0) losing unsynced for 5s      stop b2 for 10s
  cut b1 | b2 b3 for 8s         isolate b1 for 5s                                  pause b2 for 3s
  delay outside > b1 by 100ms   cut outside | b2 for 5s                            disk b3 slow by 50 for 10s
`trial list faults` shows every word; `outside` is you and your clients
status    who leads, who is in sync, who is down
heal      ends every fault and starts everybody
quit      ends all faults, waits until the cluster has recovered, and says what the checkers found";

/// A line, understood.
#[derive(Debug)]
pub(super) enum Typed {
    Nothing,
    Help,
    Status,
    Heal,
    Quit,
    Fault(Box<Fault>),
}

/// Reads a line.
pub(super) fn read(line: &str, run: &Run) -> Result<Typed, ScenarioError> {
    let line = line.trim();
    let length = line.chars().count();
    if length > LINE_MAX {
        let begin: String = line.chars().take(BEGIN).collect();
        let what = format!("a line of {length} characters is no fault: `{begin}…`");
        let allowed = format!("allowed: {LINE_MAX} characters; `help` says what can be typed");
        return Err(ScenarioError::plain(what, Some(allowed)));
    }
    match line {
        "" => return Ok(Typed::Nothing),
        "help" | "?" => return Ok(Typed::Help),
        "status" => return Ok(Typed::Status),
        "heal" => return Ok(Typed::Heal),
        "quit" | "exit" => return Ok(Typed::Quit),
        _ => {}
    }
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_planned = matches!(first, "at" | "during" | "every" | "when");
    let fault = if is_planned { line.to_owned() } else { format!("at {} {line}", run.now()) };
    let scenario = at_present(run.scenario(), run.judge().facts());
    let fault = scenario.fault(&fault)?;
    Ok(Typed::Fault(Box::new(fault)))
}

/// The scenario with the topics that clients have made.
fn at_present(scenario: &Scenario, facts: &Facts) -> Scenario {
    let mut scenario = scenario.clone();
    for partition in facts.partitions() {
        let made = Topic {
            partitions: 0,
            replicas: 0,
            assignment: None,
            config: TopicConfig::default(),
            settings: Vec::new(),
        };
        let topic = scenario.topics.entry(partition.topic.to_string()).or_insert(made);
        topic.partitions = topic.partitions.max(partition.id.partition + 1);
    }
    scenario
}

/// Sets a fault off; answers what it has done so far.
pub(super) fn carry_out(fault: &Fault, run: &mut Run) -> String {
    let begun = run.begin(fault);
    let outcomes = run.fault_outcomes();
    let told = begun.iter().filter_map(|index| outcomes.get(*index));
    let told: Vec<String> = told.map(|it| format!("{}: {}", it.text, it.effect.text)).collect();
    if told.is_empty() { "it draws nothing".to_owned() } else { told.join("\n") }
}
