//! A scenario's text without anything left to decide: every change folded in, every pick and every fault written out.
//!
//! Invariants: PN-1 what is pinned reads as the scenario that it was made of, and no seed picks anything in it.

use toml_edit::{Array, DocumentMut, Item, Value};

use super::error::ScenarioError;
use super::override_::{Override, applied};
use super::scenario::Scenario;

impl Scenario {
    /// Its text with the changes that were made, the values that its seed has picked, and these faults; `every_fault`
    /// says whether each of them must have an effect.
    ///
    /// # Errors
    /// If what was picked cannot be written into the text.
    pub fn pinned(&self, faults: &[String], every_fault: bool) -> Result<String, ScenarioError> {
        let picked = self.picked.iter().map(|text| text.parse::<Override>());
        let text = applied(&self.source.0, &picked.collect::<Result<Vec<_>, _>>()?)?;
        let mut document = text
            .parse::<DocumentMut>()
            .map_err(|error| ScenarioError::plain(error.message().to_owned(), None))?;
        document.remove("picks");
        if !every_fault {
            document.remove("require_effect");
        }
        write_lines(&mut document, faults);
        Ok(document.to_string())
    }
}

/// Writes `faults`, one on a line.
pub(crate) fn write_lines(document: &mut DocumentMut, faults: &[String]) {
    if faults.is_empty() {
        document.remove("faults");
        return;
    }
    let mut lines = Array::new();
    for fault in faults {
        let mut line = Value::from(fault.as_str());
        line.decor_mut().set_prefix("\n  ");
        lines.push_formatted(line);
    }
    lines.set_trailing("\n");
    lines.set_trailing_comma(true);
    document.insert("faults", Item::Value(Value::Array(lines)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::asked::Asked;
    use crate::scenario::Scenario;

    #[test]
    fn every_change_and_every_pick_stands_in_the_text() {
        let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
        asked.settings = vec!["time=20s".to_owned()];
        asked.switches = vec!["ack_before_replication".to_owned()];
        asked.profile = Some("4.3-no-elr".to_owned());
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        for seed in 0..8 {
            let scenario = scenario.for_seed(seed);
            let faults = ["at 1s crash b1 for 2s".to_owned()];
            let text = scenario.pinned(&faults, false).expect("it can be written");
            let back = Scenario::from_text("pinned", &text, None, &[]).expect("it can be played");
            assert!(back.picks.is_empty(), "PN-1: {text}");
            assert_eq!(back.cluster.brokers, scenario.cluster.brokers, "PN-1");
            assert_eq!(back.cluster.controllers, scenario.cluster.controllers, "PN-1");
            assert_eq!(back.cluster.settings, scenario.cluster.settings, "PN-1");
            assert_eq!(back.topics["orders"].partitions, scenario.topics["orders"].partitions);
            assert_eq!(back.lanes, scenario.lanes, "PN-1");
            assert_eq!(back.rules, scenario.rules, "PN-1");
            assert_eq!((back.time, back.faults.len()), (scenario.time, 1), "PN-1: {text}");
        }
    }
}
