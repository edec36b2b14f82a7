//! Nobody comes to a place in the code that is marked as unreachable.
//!
//! Inputs:     notes with a mark, of whoever wrote them.
//! Invariants: unreachable: such a mark says why nobody can come there. A run that does has found that reason wrong, or
//!             a fault that no other checker has noticed yet.

use trial_cluster::mark::{Mark, MarkKind};
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::Facts;

/// A mark was reached.
pub(super) fn on(
    at: Time,
    host: HostId,
    mark: &'static Mark,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    if mark.kind != MarkKind::Unreachable {
        return;
    }
    let breach = Breach {
        invariant: "unreachable",
        at,
        message: format!("{} came to {}", facts.setup.name(host), mark.name),
        facts: [
            format!("nobody can come there: {}", mark.about),
            format!("{} was at {}:{}", words::who(facts, at, host), mark.file, mark.line),
        ],
    };
    verdicts.always(mark.name, breach);
}
