//! A scenario's text while it becomes smaller: its lines of faults, its tables, its values, to be changed one by one.
//!
//! Invariants: DR-1 what is not changed stays as somebody wrote it, with its comments.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};
use trial_sim::fault::Fault;

use crate::scenario::write_lines;

/// Tables that mean nothing once they are empty.
const IDLE_WHEN_EMPTY: [&str; 5] = ["config", "cluster", "network", "lanes", "racks"];

/// The keys with which a scenario begins, in this order.
const FIRST: [&str; 8] =
    ["title", "story", "profile", "switches", "expect", "time", "calm", "faults"];

/// A text that may be a smaller scenario.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    document: DocumentMut,
}

impl Draft {
    /// From a text that was read as a scenario before.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|document| Self { document })
    }

    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }

    /// The lines of faults.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let lines = self.document.get("faults").and_then(Item::as_array);
        let lines = lines.into_iter().flatten();
        lines.filter_map(Value::as_str).filter_map(|line| line.parse().ok()).collect()
    }

    /// The same with these lines of faults.
    #[must_use]
    pub(super) fn with_faults(&self, faults: &[Fault]) -> Self {
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let mut draft = self.clone();
        write_lines(&mut draft.document, &lines);
        draft
    }

    /// The same with this value at this path.
    #[must_use]
    pub(super) fn with(&self, path: &[&str], value: impl Into<Value>) -> Self {
        let mut draft = self.clone();
        let Some((last, way)) = path.split_last() else { return draft };
        let mut table: &mut dyn TableLike = draft.document.as_table_mut();
        for key in way {
            let next = table.entry(key).or_insert_with(|| Item::Table(Table::new()));
            let Some(next) = next.as_table_like_mut() else { return self.clone() };
            table = next;
        }
        table.insert(last, Item::Value(value.into()));
        draft
    }

    /// The same without what stands at this path; none if nothing does.
    pub(super) fn without(&self, path: &[&str]) -> Option<Self> {
        let (last, way) = path.split_last()?;
        let mut draft = self.clone();
        let mut table: &mut dyn TableLike = draft.document.as_table_mut();
        let mut is_inline = false;
        for key in way {
            let item = table.get_mut(key)?;
            is_inline = item.is_inline_table();
            table = item.as_table_like_mut()?;
        }
        table.remove(last)?;
        if is_inline {
            // Else the blank before the brace goes with the last key.
            table.fmt();
        }
        let is_empty = table.is_empty();
        match way.last() {
            Some(parent) if is_empty && IDLE_WHEN_EMPTY.contains(parent) => {
                Some(draft.without(way).unwrap_or(draft))
            }
            _ => Some(draft),
        }
    }

    /// The keys of the table at this path, in the order of the text.
    pub(super) fn keys(&self, path: &[&str]) -> Vec<String> {
        let mut table: &dyn TableLike = self.document.as_table();
        for key in path {
            let Some(next) = table.get(key).and_then(Item::as_table_like) else {
                return Vec::new();
            };
            table = next;
        }
        table.iter().map(|(key, _)| key.to_owned()).collect()
    }

    fn item(&self, path: &[&str]) -> Option<&Item> {
        path.iter().try_fold(self.document.as_item(), |item, key| item.get(key))
    }

    /// The string at this path.
    pub(super) fn string(&self, path: &[&str]) -> Option<String> {
        self.item(path)?.as_str().map(str::to_owned)
    }

    /// The strings of the list at this path.
    pub(super) fn strings(&self, path: &[&str]) -> Vec<String> {
        let list = self.item(path).and_then(Item::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// What a reader wants to know first, first.
    pub(super) fn sort(&mut self) {
        let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
        self.document
            .as_table_mut()
            .sort_values_by(|one, _, other, _| rank(one.get()).cmp(&rank(other.get())));
    }
}

#[cfg(test)]
mod tests {
    use super::Draft;

    const TEXT: &str = r#"title = "t" # why
faults = ["at 2s crash b1", "at 3s crash b2"]

[cluster]
config = { "min.insync.replicas" = 2 }

[topics.orders]
replicas = 3
"#;

    #[test]
    fn a_draft_changes_what_it_is_told_and_nothing_else() {
        let draft = Draft::parse(TEXT).expect("it is TOML");
        assert_eq!(draft.text(), TEXT, "DR-1");
        let faults = draft.faults();
        let one = draft.with_faults(&faults[1..]);
        assert!(one.text().contains("\n  \"at 3s crash b2\",\n]"), "{}", one.text());
        assert!(one.text().starts_with("title = \"t\" # why\n"), "DR-1: {}", one.text());
        let none = draft.with_faults(&[]);
        assert!(!none.text().contains("faults"), "{}", none.text());
        let bigger = draft.with(&["cluster", "brokers"], 5).with(&["network", "latency"], "1ms");
        let table: toml::Table = bigger.text().parse().expect("still TOML");
        assert_eq!(table["cluster"]["brokers"].as_integer(), Some(5));
        assert_eq!(table["network"]["latency"].as_str(), Some("1ms"));
        let racks = draft.with(&["racks", "a", "hosts"], toml_edit::Array::from_iter(["b1"]));
        assert_eq!(racks.strings(&["racks", "a", "hosts"]), ["b1"]);
        assert_eq!(bigger.keys(&["topics"]), ["orders"]);
    }

    #[test]
    fn a_table_without_anything_goes_where_it_means_nothing() {
        let draft = Draft::parse(TEXT).expect("it is TOML");
        let path = ["cluster", "config", "min.insync.replicas"];
        let less = draft.without(&path).expect("it was there");
        assert!(!less.text().contains("cluster"), "{}", less.text());
        let topic = draft.without(&["topics", "orders", "replicas"]).expect("it was there");
        assert_eq!(topic.keys(&["topics"]), ["orders"], "a topic of which nothing is said is one");
        assert!(draft.without(&["clients"]).is_none(), "there is nothing");
    }
}
