//! A run that failed, as a file: all that is needed to play it again, byte for byte.
//!
//! Holds:      version, scenario with its whole text, changes, seed, digest, verdict, invariants.
//! Invariants: FA-1 a CRC-32 (IEEE) over the compact form tells an edited or truncated file apart.
//!             FA-2 what is read back prints as what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use trial_reports::Verdict;

use crate::asked::Asked;

/// The version of the file's shape.
pub const FAILURE_SCHEMA: u32 = 1;

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
    /// A failure of this version of Trial.
    #[must_use]
    pub fn new(
        asked: Asked,
        seed: u64,
        digest: String,
        verdict: Verdict,
        invariants: Vec<String>,
    ) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { schema: FAILURE_SCHEMA, version, asked, seed, digest, verdict, invariants }
    }

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

    /// Writes a file into `folder`, which is made if need be, named for its first invariant; answers its path.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, FailureError> {
        let what = self.invariants.first().map_or(self.verdict.word(), String::as_str);
        self.save_as(folder, what)
    }

    /// The same, named for `what`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save_as(&self, folder: &Path, what: &str) -> Result<PathBuf, FailureError> {
        let path = folder.join(format!("{}-{what}-{}.json", self.asked.scenario, self.seed));
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
    use super::{Failure, FailureError};
    use crate::asked::Asked;
    use trial_reports::Verdict;

    fn failure() -> Failure {
        let asked = Asked::open("departures").expect("it comes with Trial");
        let invariants = vec!["R4".to_owned()];
        Failure::new(asked, 7, "00ff".to_owned(), Verdict::Violated, invariants)
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
        let other = Failure::from_text("f.json", &text.replace("\"schema\": 1", "\"schema\": 9"));
        assert!(matches!(other, Err(FailureError::OtherSchema { found: 9, .. })), "{other:?}");
    }
}
