//! What a builder writes into: values of settings, tables, lists of several lines.

use toml_edit::{Array, Item, Table, Value};

/// The value of a setting: a number, a flag or a text.
#[derive(Debug, Clone)]
pub struct Setting(pub(super) Value);

macro_rules! settings_from {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Setting {
            fn from(value: $kind) -> Self {
                Self(Value::from(value))
            }
        })+
    };
}

settings_from!(&str, String, &String, bool, i64, f64);

macro_rules! settings_from_integers {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Setting {
            fn from(value: $kind) -> Self {
                Self(Value::from(i64::from(value)))
            }
        })+
    };
}

settings_from_integers!(i32, i16, u32, u16, u8);

/// A table of the text, which a builder fills.
#[derive(Debug, Clone, Default)]
pub(super) struct Part(pub(super) Table);

impl Part {
    pub(super) fn set(&mut self, key: &str, value: impl Into<Setting>) {
        self.0.insert(key, Item::Value(value.into().0));
    }

    /// One more at the end of a list, each on a line of its own.
    pub(super) fn push(&mut self, key: &str, value: impl Into<Setting>) {
        let list = self.0.entry(key).or_insert_with(|| Item::Value(Value::Array(Array::new())));
        let list = list.as_array_mut().expect("only lists are pushed to");
        let mut value = value.into().0;
        value.decor_mut().set_prefix("\n  ");
        list.push_formatted(value);
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }

    /// Kafka's settings, on one line.
    pub(super) fn config(&mut self, name: &str, value: impl Into<Setting>) {
        let inline = || Item::Value(Value::InlineTable(toml_edit::InlineTable::new()));
        let config = self.0.entry("config").or_insert_with(inline);
        let config = config.as_inline_table_mut().expect("it was made inline");
        config.insert(name, value.into().0);
    }
}

/// A list on one line.
pub(super) fn list<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Item {
    Item::Value(Value::Array(values.into_iter().map(Into::into).collect()))
}
