//! `--set PATH=VALUE`: one value of a scenario replaced before it is read.
//!
//! Invariants: OV-1 the path is that of the file (`cluster.brokers`, `cluster.config."min.insync.replicas"`).
//!             OV-2 a value that is no TOML is taken as a string, so that `rate=40/s` needs no quotes.
//!             OV-3 a topic, a client or a rack whose name is near one of the file's is a slip of the pen, and makes
//!             no other.

use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Key, Table, Value};

use super::error::{SourceText, did_you_mean};
use super::{ScenarioError, picks};

/// One `--set`.
#[derive(Debug, Clone)]
pub struct Override {
    text: String,
    path: Vec<Key>,
    value: Value,
}

impl FromStr for Override {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let form = || Some("the form is PATH=VALUE, as in cluster.brokers=5".to_owned());
        let Some((path, value)) = split(text) else {
            let message = format!("`--set {text}` has no `=`");
            return Err(ScenarioError::plain(message, form()));
        };
        let path = Key::parse(path.trim()).map_err(|_| {
            ScenarioError::plain(format!("`{path}` is no path in a scenario file"), form())
        })?;
        let value = value.trim();
        let value = Value::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(Self { text: text.to_owned(), path, value })
    }
}

impl Override {
    /// Puts the value into `document`; tables on the way are made.
    pub(super) fn apply(&self, document: &mut DocumentMut) -> Result<(), ScenarioError> {
        let (last, way) = self.path.split_last().expect("a parsed key has a part");
        self.names_what_is_there(document)?;
        let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
        for key in way {
            let item = table.entry(key.get()).or_insert_with(|| {
                let mut implicit = Table::new();
                implicit.set_implicit(true);
                Item::Table(implicit)
            });
            table = item.as_table_like_mut().ok_or_else(|| {
                let message = format!("`--set {}`: `{}` is no table", self.text, key.get());
                ScenarioError::plain(message, None)
            })?;
        }
        table.insert(last.get(), Item::Value(self.value.clone()));
        Ok(())
    }

    /// OV-3.
    fn names_what_is_there(&self, document: &DocumentMut) -> Result<(), ScenarioError> {
        let [of, name, _, ..] = self.path.as_slice() else { return Ok(()) };
        let (of, name) = (of.get(), name.get());
        let known = document.get(of).and_then(Item::as_table_like);
        let known: Vec<&str> =
            known.map(|known| known.iter().map(|(key, _)| key).collect()).unwrap_or_default();
        let is_named = matches!(of, "topics" | "clients" | "racks") && !known.contains(&name);
        let near = did_you_mean(name, known.iter().copied()).filter(|_| is_named);
        let Some(near) = near else { return Ok(()) };
        let message = format!("`--set {}`: `{of}` has no `{name}`", self.text);
        let help = format!("did you mean `{near}`? Another one needs a name that is less like it");
        Err(ScenarioError::plain(message, Some(help)))
    }

    /// Whether this path is one of those that a key of `[picks]` names.
    fn is_at(&self, key: &str) -> bool {
        picks::paths(key).into_iter().any(|path| {
            let parsed = Key::parse(path).unwrap_or_default();
            parsed.iter().map(Key::get).eq(self.path.iter().map(Key::get))
        })
    }
}

/// The text of a scenario with these changes; what is set is not picked any more.
pub(super) fn applied(source: &SourceText, changes: &[Override]) -> Result<String, ScenarioError> {
    let mut document =
        source.text.parse::<DocumentMut>().map_err(|error| source.toml_edit_error(&error))?;
    for change in changes {
        change.apply(&mut document)?;
        if let Some(picks) = document.get_mut("picks").and_then(Item::as_table_like_mut) {
            let set: Vec<String> = picks
                .iter()
                .map(|(path, _)| path.to_owned())
                .filter(|path| change.is_at(path))
                .collect();
            set.iter().for_each(|path| {
                picks.remove(path);
            });
        }
    }
    Ok(document.to_string())
}

/// Splits at the first `=` outside quotes.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '=') => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Override;
    use toml_edit::DocumentMut;

    #[test]
    fn a_value_is_replaced_or_added_under_the_path_of_the_file() {
        let mut document: DocumentMut =
            "title = \"t\"\n[cluster]\nbrokers = 3\n".parse().expect("it is TOML");
        for text in [
            "cluster.brokers=5",
            "cluster.config.\"min.insync.replicas\"=1",
            "clients.p1.rate=40/s",
        ] {
            let change: Override = text.parse().expect("it has the form");
            change.apply(&mut document).expect("the path fits");
        }
        let table: toml::Table = document.to_string().parse().expect("still TOML");
        assert_eq!(table["cluster"]["brokers"].as_integer(), Some(5));
        assert_eq!(table["cluster"]["config"]["min.insync.replicas"].as_integer(), Some(1));
        assert_eq!(table["clients"]["p1"]["rate"].as_str(), Some("40/s"));
    }

    #[test]
    fn a_topic_that_is_not_there_is_not_made() {
        let file = "title = \"t\"\n[topics.orders]\npartitions = 3\n[clients.shop]\nproduce = \"orders\"\n";
        let set = |text: &str| {
            let mut document: DocumentMut = file.parse().expect("it is TOML");
            text.parse::<Override>().expect("it has the form").apply(&mut document)
        };
        assert!(set("topics.orders.partitions=5").is_ok(), "it is there");
        assert!(set("racks.a.zone=z").is_ok(), "there are none at all");
        let error = set("topics.oders.partitions=5").expect_err("OV-3");
        assert!(format!("{error:?}").contains("did you mean `orders`?"), "{error:?}");
        assert!(set("clients.ferry.rate=5/s").is_ok(), "another client");
        assert!(set("clients.shpo.rate=5/s").is_err(), "OV-3");
    }

    #[test]
    fn what_is_no_assignment_is_refused_with_the_form() {
        let error = "cluster.brokers".parse::<Override>().expect_err("no `=`");
        assert!(error.to_string().contains("has no `=`"), "{error}");
        let through_a_value = "title.x=1".parse::<Override>().expect("the form is right");
        let mut document: DocumentMut = "title = \"t\"".parse().expect("it is TOML");
        assert!(through_a_value.apply(&mut document).is_err(), "a title is no table");
    }
}
