//! From arguments to a scenario.

use trial_scenarios::asked::Asked;
use trial_scenarios::scenario::ScenarioError;

use super::args::ChangeArgs;

/// The scenario of this name with the changes of the command line.
pub(crate) fn asked(name: &str, changes: &ChangeArgs) -> Result<Asked, ScenarioError> {
    let mut asked = Asked::open(name)?;
    asked.settings.clone_from(&changes.settings);
    asked.switches.clone_from(&changes.switches);
    asked.profile.clone_from(&changes.profile);
    Ok(asked)
}
