//! Takes along the record files that a small scenario still names: it lies elsewhere than the one it was made of.
//!
//! Invariants: CA-1 the file that is written can be played where it lies.

use std::io;
use std::path::Path;

use super::draft::Draft;
use crate::asked::Asked;
use crate::scenario::builtin;

/// The text as it has to stand in the file `to`; what came with Trial is written beside it.
///
/// # Errors
/// If a record file cannot be found or written.
pub fn carried(asked: &Asked, text: &str, to: &Path) -> io::Result<String> {
    let Some(mut draft) = Draft::parse(text) else { return Ok(text.to_owned()) };
    for client in draft.keys(&["clients"]) {
        let path = ["clients", client.as_str(), "records"];
        let Some(file) = draft.string(&path) else { continue };
        match &asked.path {
            None => {
                if let Some(data) = builtin::data(&file) {
                    std::fs::write(to.with_file_name(&file), data)?;
                }
            }
            Some(from) if from.parent() != to.parent() => {
                let whole = from.with_file_name("").join(&file).canonicalize()?;
                draft = draft.with(&path, whole.to_string_lossy().into_owned());
            }
            Some(_) => {}
        }
    }
    Ok(draft.text())
}
