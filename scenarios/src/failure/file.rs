//! A run that failed, as a file: all that is needed to play it again, byte for byte, and to say why it cannot.
//!
//! Holds:      version, scenario with its whole text, changes, seed, digest, verdict, what failed, the plan of faults
//!             as it was played, and the digest at every second.
//! Invariants: FA-1 a CRC-32 (IEEE) over the compact form tells an edited or truncated file apart.
//!             FA-2 what is read back prints as what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use trial_reports::{Setting, Verdict};

use crate::asked::Asked;
use crate::fingerprint::Fingerprint;

/// The version of the file's shape.
pub const FAILURE_SCHEMA: u32 = 2;

/// A saved failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The version of this shape.
    pub schema: u32,
    /// The version of Trial that played it.
    pub version: String,
    /// What was played.
    pub asked: Asked,
    /// Under which seed.
    pub seed: u64,
    /// The digest of the run, in hexadecimal.
    pub digest: String,
    /// What it came to.
    pub verdict: Verdict,
    /// The invariants that did not hold.
    pub invariants: Vec<String>,
    /// What failed first.
    pub fingerprint: Fingerprint,
    /// The settings that shaped the run, and what its seed picked.
    pub settings: Vec<Setting>,
    /// Every fault of the plan, with the time at which it was carried out.
    pub plan: Vec<String>,
    /// The digest at every second of the run.
    pub moments: Vec<Moment>,
    /// What has to come of it when it is played as a test.
    #[serde(default)]
    pub awaits: Awaits,
}

/// How far a run had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The digest of all that had happened.
    pub digest: String,
}

/// What a kept failure has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaits {
    /// That it still fails in the same way.
    #[default]
    Failure,
    /// That it does not any more: what it showed was mended.
    Fixed,
}

/// As it stands in the file: the failure, and a checksum of its compact form.
#[derive(Serialize, Deserialize)]
struct Sealed {
    failure: Failure,
    crc32: String,
}

/// Why a file is no failure that can be played.
#[derive(Debug, Error, Diagnostic)]
pub enum FailureError {
    /// The file cannot be opened, read or written.
    #[error("cannot {action} {path}: {why}")]
    #[diagnostic(help(
        "a failure file is written by `trial sweep --out DIR` or `trial run --out DIR`"
    ))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// Which file.
        path: String,
        /// What the operating system says.
        why: std::io::Error,
    },
    /// The text is not the JSON of a failure.
    #[error("{path} is no failure file, or it was edited or cut short")]
    #[diagnostic(help(
        "a failure file is written by `trial sweep --out DIR` or `trial run --out DIR`"
    ))]
    Unreadable {
        /// Which file.
        path: String,
        /// Its text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where reading stopped.
        #[label("{what}")]
        at: SourceSpan,
        /// What is wrong there.
        what: String,
    },
    /// The checksum says that something was changed.
    #[error("{path} was edited or cut short: its checksum is {found}, its content has {computed}")]
    #[diagnostic(help("to play a changed scenario, save it as a .toml file and use `trial run`"))]
    Edited {
        /// Which file.
        path: String,
        /// The checksum in the file.
        found: String,
        /// The checksum of what is in the file.
        computed: String,
    },
    /// Another shape than this version writes.
    #[error("{path} has schema {found}; this version of Trial reads {FAILURE_SCHEMA}")]
    #[diagnostic(help("replay it with the version of Trial that wrote it"))]
    OtherSchema {
        /// Which file.
        path: String,
        /// The schema in the file.
        found: u64,
    },
}

impl Failure {
    /// The text of its file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let sealed = Sealed { failure: self.clone(), crc32: self.checksum() };
        let mut text = serde_json::to_string_pretty(&sealed).expect("plain data is JSON");
        text.push('\n');
        text
    }

    /// The failure that `text` holds; `path` is for messages.
    ///
    /// # Errors
    /// If it is no failure, of another schema, or was changed since it was written.
    pub fn from_text(path: &str, text: &str) -> Result<Self, FailureError> {
        let unreadable = |error: &serde_json::Error| FailureError::Unreadable {
            path: path.to_owned(),
            text: Arc::new(NamedSource::new(path, text.to_owned()).with_language("json")),
            at: place(text, error.line(), error.column()),
            what: error.to_string(),
        };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let schema = value.pointer("/failure/schema").and_then(serde_json::Value::as_u64);
        if let Some(found) = schema.filter(|schema| *schema != u64::from(FAILURE_SCHEMA)) {
            return Err(FailureError::OtherSchema { path: path.to_owned(), found });
        }
        // Read from the text again, not from the value: only then does an error have a place.
        let sealed: Sealed = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let computed = sealed.failure.checksum();
        if sealed.crc32 != computed {
            let (path, found) = (path.to_owned(), sealed.crc32);
            return Err(FailureError::Edited { path, found, computed });
        }
        Ok(sealed.failure)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is no failure.
    pub fn load(path: &Path) -> Result<Self, FailureError> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|why| FailureError::Io {
            action: "read",
            path: shown.clone(),
            why,
        })?;
        Self::from_text(&shown, &text)
    }

    /// Its name for files, without folder and ending: the scenario, what failed, the seed.
    #[must_use]
    pub fn id(&self) -> String {
        let name = format!("{}-{}-{}", self.asked.scenario, self.fingerprint.id(), self.seed);
        // A failure may come from anybody: its name stays a name.
        name.replace(|letter: char| !(letter.is_alphanumeric() || "-_.".contains(letter)), "_")
            .replace("..", "_")
    }

    /// Writes a file into `folder`, which is made if need be, named by its id; answers its path.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, FailureError> {
        self.save_as(folder, &self.id())
    }

    /// The same under another name, without its ending.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save_as(&self, folder: &Path, name: &str) -> Result<PathBuf, FailureError> {
        let path = folder.join(format!("{name}.json"));
        let failed = |why| {
            let path = path.display().to_string();
            FailureError::Io { action: "write", path, why }
        };
        fs::create_dir_all(folder).map_err(failed)?;
        fs::write(&path, self.to_text()).map_err(failed)?;
        Ok(path)
    }

    fn checksum(&self) -> String {
        let compact = serde_json::to_vec(self).expect("plain data is JSON");
        format!("{:08x}", crc32fast::hash(&compact))
    }
}

/// The byte at a line and a column, both counted from one, within the text.
fn place(text: &str, line: usize, column: usize) -> SourceSpan {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    (at, usize::from(at < text.len())).into()
}

#[cfg(test)]
mod tests {
    use super::{Awaits, FAILURE_SCHEMA, Failure, FailureError, Moment};
    use crate::asked::Asked;
    use crate::fingerprint::Fingerprint;
    use trial_reports::{Setting, Verdict};

    fn failure() -> Failure {
        Failure {
            schema: FAILURE_SCHEMA,
            version: "0.0.0".to_owned(),
            asked: Asked::open("departures").expect("it comes with Trial"),
            seed: 7,
            digest: "00ff".to_owned(),
            verdict: Verdict::Violated,
            invariants: vec!["R4".to_owned()],
            fingerprint: Fingerprint::new("R4", "orders/3 offset 7 is gone"),
            settings: vec![Setting { path: "cluster.brokers".into(), value: "3".into() }],
            plan: vec!["at 4s crash b1".to_owned()],
            moments: vec![Moment { at_ms: 1_000, digest: "0a".to_owned() }],
            awaits: Awaits::Failure,
        }
    }

    #[test]
    fn a_failure_reads_back_as_it_was_written() {
        let text = failure().to_text();
        let back = Failure::from_text("f.json", &text).expect("it was just written");
        assert_eq!(back, failure());
        assert_eq!(back.to_text(), text);
    }

    #[test]
    fn every_cut_is_noticed() {
        let text = failure().to_text();
        let whole = text.trim_end().len();
        for end in (0..whole).filter(|end| text.is_char_boundary(*end)) {
            assert!(Failure::from_text("f.json", &text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn an_edit_is_noticed() {
        let text = failure().to_text();
        for (from, to) in [("\"seed\": 7", "\"seed\": 8"), ("00ff", "01ff"), ("at 4s", "at 5s")] {
            assert!(text.contains(from), "{from} stands in the file");
            let edited = Failure::from_text("f.json", &text.replace(from, to));
            assert!(matches!(edited, Err(FailureError::Edited { .. })), "{from}: {edited:?}");
        }
        let other = Failure::from_text("f.json", &text.replace("\"schema\": 2", "\"schema\": 9"));
        assert!(matches!(other, Err(FailureError::OtherSchema { found: 9, .. })), "{other:?}");
    }
}
