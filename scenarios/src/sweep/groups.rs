//! Saves one failure of each kind: the fastest, with its story.
//!
//! Invariants: GR-1 what is written depends on the rows alone, not on how many workers made them.

use std::fs;
use std::path::{Path, PathBuf};

use trial_reports::{SweepHeader, Tally, failure_story};

use super::journal::{JournalError, io_error};
use crate::asked::Asked;
use crate::failure::Failure;

/// The folder of failures within a sweep's folder.
pub const GROUPS_FOLDER: &str = "failures";
/// In the folder of a kind: what happened, to read.
pub(super) const STORY_FILE: &str = "story.txt";
/// In the folder of a kind: what `trial replay` plays.
pub(super) const FAILURE_FILE: &str = "failure.json";

/// A kind of failure that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedGroup {
    /// Its folder's name: scenario and fingerprint.
    pub name: String,
    /// The file to replay; none if Trial itself failed.
    pub file: Option<PathBuf>,
    /// Why the file does not hold what the sweep saw; none if it does.
    pub trouble: Option<String>,
}

/// Writes a folder for each kind of failure into `folder`: `story.txt`, and `failure.json` for `trial replay`.
///
/// # Errors
/// If one cannot be written.
pub fn save_groups(
    folder: &Path,
    header: &SweepHeader,
    tally: &Tally,
) -> Result<Vec<SavedGroup>, JournalError> {
    let mut saved = Vec::new();
    for (scenario, tally) in header.scenarios.iter().zip(&tally.scenarios) {
        let asked: Option<Asked> = serde_json::from_value(scenario.asked.clone()).ok();
        for (id, group) in tally.groups() {
            let name = format!("{}-{id}", scenario.name);
            let own = folder.join(&name);
            fs::create_dir_all(&own).map_err(|why| io_error("make", &own, why))?;
            let story = own.join(STORY_FILE);
            let text = failure_story(scenario, id, group, tally.played);
            fs::write(&story, text).map_err(|why| io_error("write", &story, why))?;
            let row = &group.fastest;
            let (mut file, mut trouble) = (None, None);
            match asked.as_ref().map(|asked| Failure::record(asked, row.seed)) {
                _ if row.verdict.is_none() => {}
                Some(Ok(failure)) => {
                    if failure.digest != row.digest {
                        trouble = Some(format!(
                            "seed {} has the digest {} here, and {} in the sweep: another build, or one of two \
                             runs that differ",
                            row.seed, failure.digest, row.digest
                        ));
                    }
                    let path = failure.save_as(&own, FAILURE_FILE.trim_end_matches(".json"));
                    file = Some(
                        path.map_err(|why| io_error("write", &own, std::io::Error::other(why)))?,
                    );
                }
                Some(Err(why)) => trouble = Some(why.to_string()),
                None => trouble = Some("what was asked for cannot be read".to_owned()),
            }
            saved.push(SavedGroup { name, file, trouble });
        }
    }
    Ok(saved)
}
