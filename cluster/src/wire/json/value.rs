//! A JSON value, and its text.
//!
//! Holds:      objects in the order in which they were written, as people compare them.
//! Invariants: JSON-1 the text of a value parses to the same value; a number that is not finite is written as text.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order of its text.
    Object(Vec<(Cow<'static, str>, Json)>),
}

/// What is wrong with JSON, or with bytes that should become JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The message and the path of the field, such as `FetchRequest.topics[1].topicId`.
    pub path: String,
    /// What is wrong, as a sentence for people.
    pub why: String,
}

impl JsonError {
    pub(super) fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }

    /// The same, seen from the thing around it.
    pub(super) fn inside(mut self, outer: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl std::error::Error for JsonError {}

impl Json {
    /// The value of an object's field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What it is, in a word for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if value.is_finite() => write!(f, "{value:?}"),
            Self::Float(value) => write!(f, "\"{value:?}\""),
            Self::Text(value) => write_text(f, value),
            Self::List(list) => {
                write_list(f, depth, ['[', ']'], list.iter(), |f, value| value.write(f, depth + 1))
            }
            Self::Object(fields) => {
                write_list(f, depth, ['{', '}'], fields.iter(), |f, (name, value)| {
                    write_text(f, name)?;
                    f.write_str(if f.alternate() { ": " } else { ":" })?;
                    value.write(f, depth + 1)
                })
            }
        }
    }
}

/// Compact as `{}`, over several lines as `{:#}`.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

fn write_list<T>(
    f: &mut fmt::Formatter<'_>,
    depth: usize,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    mut item: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let lines = f.alternate() && items.len() > 0;
    f.write_char(open)?;
    for (index, value) in items.enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        if lines {
            write!(f, "\n{:1$}", "", 2 * (depth + 1))?;
        }
        item(f, value)?;
    }
    if lines {
        write!(f, "\n{:1$}", "", 2 * depth)?;
    }
    f.write_char(close)
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let value = Json::parse(text).expect(text);
        assert_eq!(value.to_string(), want);
        assert_eq!(Json::parse(&value.to_string()), Ok(value.clone()), "JSON-1");
        assert_eq!(Json::parse(&format!("{value:#}")), Ok(value), "JSON-1, over several lines");
    }

    #[test]
    fn text_and_value_agree() {
        check(" null ", "null");
        check("[true , false]", "[true,false]");
        check("-9223372036854775808", "-9223372036854775808");
        check("1.5e3", "1500.0");
        check("0.1", "0.1");
        check(r#"{"b":1,"a":{}}"#, r#"{"b":1,"a":{}}"#);
        check(r#""\u00e4\n\"\\\u0001\/""#, "\"ä\\n\\\"\\\\\\u0001/\"");
        check(r#""\ud83d\ude00""#, "\"😀\"");
        check("[]", "[]");
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let deep = "[".repeat(200);
        let wrong = [
            "",
            "nul",
            "[1,]",
            "[1 2]",
            "{1:2}",
            "\"",
            "\"\\x\"",
            "01",
            "1.",
            "-",
            "1 2",
            "{\"a\"}",
            "\"\\ud800\"",
            "\"\n\"",
            &deep,
            "9223372036854775808999",
            "1e999",
            "{\"a\":1,\"a\":2}",
        ];
        for text in wrong {
            let error = Json::parse(text).expect_err(text);
            assert!(error.path.starts_with("character "), "{text}: {error}");
        }
    }

    #[test]
    fn several_lines_are_indented() {
        let value = Json::parse(r#"{"a":[1,{"b":[]}]}"#).expect("JSON");
        assert_eq!(
            format!("{value:#}"),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}"
        );
    }
}
