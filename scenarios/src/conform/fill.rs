//! What stands in a request for something that is known only when it is asked: `${name}`, `{"$batch": {...}}`.
//!
//! Holds:      the saved values.
//! Invariants: FI-1 a text that is one name and nothing else becomes the value as it is, a number too; inside a text, a
//!             name becomes the value's text. FI-2 what cannot be filled in is told with the keys that lead there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use trial_cluster::wire::json::{Json, base64};

use super::batch;
use super::wrong::Wrong;

/// The saved values, by name.
#[derive(Debug, Default)]
pub(super) struct Saved(BTreeMap<String, Json>);

impl Saved {
    pub(super) fn put(&mut self, name: &str, value: Json) {
        self.0.insert(name.to_owned(), value);
    }

    /// The request as it is sent.
    pub(super) fn fill(&self, value: &Json) -> Result<Json, Wrong> {
        Ok(match value {
            Json::Text(text) if text.contains("${") => self.text(text)?,
            Json::List(list) => {
                let filled = list.iter().enumerate().map(|(index, value)| {
                    self.fill(value).map_err(|wrong| wrong.inside(&index.to_string()))
                });
                Json::List(filled.collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => match value.get("$batch") {
                Some(_) if fields.len() > 1 => {
                    return Err(Wrong::new("something stands beside $batch", "$batch alone"));
                }
                Some(batch) => {
                    let bytes = self.fill(batch).and_then(|batch| batch::bytes_of(&batch));
                    Json::Text(base64(&bytes.map_err(|wrong| wrong.inside("$batch"))?))
                }
                None => {
                    let filled = fields.iter().map(|(key, value)| {
                        let filled = self.fill(value).map_err(|wrong| wrong.inside(key))?;
                        Ok::<_, Wrong>((Cow::Owned(key.to_string()), filled))
                    });
                    Json::Object(filled.collect::<Result<_, _>>()?)
                }
            },
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<Json, Wrong> {
        let whole = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
        if let Some(name) = whole.filter(|name| !name.contains("${")) {
            return self.get(name).cloned();
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| {
                Wrong::new(format!("`{text}` does not close a name"), "a name, as in ${run}")
            })?;
            out.push_str(before);
            match self.get(name)? {
                Json::Text(value) => out.push_str(value),
                other => out.push_str(&other.to_string()),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Json::Text(out))
    }

    fn get(&self, name: &str) -> Result<&Json, Wrong> {
        self.0.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let allowed = format!("what an earlier step has saved, so far: {}", names.join(", "));
            Wrong::new(format!("no answer so far was saved as `{name}`"), &allowed)
        })
    }
}

/// What a pointer (RFC 6901) leads to.
pub(super) fn at<'a>(value: &'a Json, pointer: &str) -> Option<&'a Json> {
    pointer.split('/').skip(1).try_fold(value, |value, key| match value {
        Json::List(list) => list.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}
