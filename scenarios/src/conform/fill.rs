//! What stands in a request for something that is known only when it is asked: `${name}`, `{"$batch": {...}}`.
//!
//! Holds:      the saved values.
//! Invariants: FI-1 a text that is one name and nothing else becomes the value as it is, a number too; inside a text, a
//!             name becomes the value's text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use trial_cluster::wire::json::{Json, base64};

use super::batch;

/// The saved values, by name.
#[derive(Debug, Default)]
pub(super) struct Saved(BTreeMap<String, Json>);

impl Saved {
    pub(super) fn put(&mut self, name: &str, value: Json) {
        self.0.insert(name.to_owned(), value);
    }

    /// The request as it is sent.
    pub(super) fn fill(&self, value: &Json) -> Result<Json, String> {
        Ok(match value {
            Json::Text(text) if text.contains("${") => self.text(text)?,
            Json::List(list) => {
                Json::List(list.iter().map(|value| self.fill(value)).collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => match value.get("$batch") {
                Some(batch) => Json::Text(base64(&batch::bytes_of(&self.fill(batch)?)?)),
                None => {
                    let filled = fields.iter().map(|(key, value)| {
                        Ok::<_, String>((Cow::Owned(key.to_string()), self.fill(value)?))
                    });
                    Json::Object(filled.collect::<Result<_, _>>()?)
                }
            },
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<Json, String> {
        let whole = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
        if let Some(name) = whole.filter(|name| !name.contains("${")) {
            return self.get(name).cloned();
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("`{text}` does not close a name"))?;
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

    fn get(&self, name: &str) -> Result<&Json, String> {
        self.0.get(name).ok_or_else(|| format!("no answer so far was saved as `{name}`"))
    }
}

/// What a pointer (RFC 6901) leads to.
pub(super) fn at<'a>(value: &'a Json, pointer: &str) -> Option<&'a Json> {
    pointer.split('/').skip(1).try_fold(value, |value, key| match value {
        Json::List(list) => list.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}
