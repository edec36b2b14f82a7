//! A value of a history, and how it is written: EDN or JSON.
//!
//! In EDN:  keywords, integers, strings, vectors, maps; nothing else of that notation is needed.
//! In JSON: a keyword is a string without its colon, and so is a map's key, whatever it was.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `nil`.
    Nil,
    /// A number.
    Number(i64),
    /// `:send`.
    Keyword(String),
    /// `"at 4s crash b1"`.
    Text(String),
    /// `[1 2]`.
    Vector(Vec<Value>),
    /// `{0 [1 2]}`.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// A keyword.
    #[must_use]
    pub fn keyword(name: &str) -> Self {
        Self::Keyword(name.to_owned())
    }

    /// As EDN.
    #[must_use]
    pub fn edn(&self) -> String {
        let mut text = String::new();
        self.write_edn(&mut text).expect("a string takes everything");
        text
    }

    fn write_edn(&self, out: &mut String) -> std::fmt::Result {
        match self {
            Self::Nil => out.write_str("nil"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Keyword(name) => write!(out, ":{name}"),
            Self::Text(text) => write_quoted(text, out),
            Self::Vector(items) => {
                out.write_char('[')?;
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.write_char(' ')?;
                    }
                    item.write_edn(out)?;
                }
                out.write_char(']')
            }
            Self::Map(entries) => {
                out.write_char('{')?;
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        out.write_str(", ")?;
                    }
                    key.write_edn(out)?;
                    out.write_char(' ')?;
                    value.write_edn(out)?;
                }
                out.write_char('}')
            }
        }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let json = |value: &Self| value.json();
        match self {
            Self::Nil => "null".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Keyword(text) | Self::Text(text) => serde_json::Value::from(&**text).to_string(),
            Self::Vector(items) => {
                format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(","))
            }
            Self::Map(entries) => {
                let entry = |(key, value): &(Self, Self)| {
                    let key = match key {
                        Self::Keyword(text) | Self::Text(text) => text.clone(),
                        other => other.edn(),
                    };
                    format!("{}:{}", serde_json::Value::from(key), value.json())
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A string of EDN: quotes and backslashes are escaped, and what would end a line.
fn write_quoted(text: &str, out: &mut String) -> std::fmt::Result {
    out.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            letter => out.write_char(letter)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_are_written_as_edn_and_json() {
        let value = Value::Map(vec![
            (Value::keyword("f"), Value::keyword("poll")),
            (Value::Number(3), Value::Vector(vec![Value::Nil, Value::Number(-1)])),
            (Value::keyword("error"), Value::Text("a \"b\" \\ c\n".to_owned())),
        ]);
        assert_eq!(value.edn(), r#"{:f :poll, 3 [nil -1], :error "a \"b\" \\ c\n"}"#);
        assert_eq!(value.json(), r#"{"f":"poll","3":[null,-1],"error":"a \"b\" \\ c\n"}"#);
    }
}
