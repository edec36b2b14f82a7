//! Who did something when: what the checks of the quorum are lent with each thing that they judge.
//!
//! Holds: nothing; a breach names the host and its place in the quorum in the same way everywhere.

use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::Facts;

/// Who did something when.
pub(super) struct Step<'a> {
    pub(super) at: Time,
    pub(super) host: HostId,
    pub(super) facts: &'a Facts,
    pub(super) verdicts: &'a mut Verdicts,
}

impl Step<'_> {
    /// Something that always holds did not.
    pub(super) fn breach(&mut self, invariant: &'static str, what: &str, facts: [String; 2]) {
        let breach = self.found(invariant, what, facts);
        self.verdicts.always(self.facts.setup.name(self.host), breach);
    }

    /// The same, not judged yet.
    pub(super) fn found(
        &self,
        invariant: &'static str,
        what: &str,
        [before, now]: [String; 2],
    ) -> Breach {
        let name = self.facts.setup.name(self.host);
        let message = format!("quorum: {name} {what}");
        let now = format!("{}: {now}", words::who(self.facts, self.at, self.host));
        Breach { invariant, at: self.at, message, facts: [before, now] }
    }
}
