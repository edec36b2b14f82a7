//! Reads `[clients.NAME]`: what is sent, how often, from which file; or what is read.

use std::collections::BTreeMap;
use std::path::Path;

use serde_spanned::Spanned;
use trial_cluster::config::{ConsumerConfig, ProducerConfig};
use trial_sim::Span;

use super::error::ScenarioError;
use super::file::{ClientTable, OneOrMore};
use super::reading::Reading;
use super::records::{Record, RecordFileError, parse_records, read_records};
use super::scenario::{Client, Cluster, Load, Topic};
use super::{builtin, names};

impl Reading<'_> {
    pub(super) fn client(
        &self,
        name: &Spanned<String>,
        table: &ClientTable,
        cluster: &Cluster,
        topics: &BTreeMap<String, Topic>,
    ) -> Result<Client, ScenarioError> {
        if !names::is_host_name(name.get_ref()) {
            let message = format!("`{}` is no name for a client", name.get_ref());
            let label = "a small letter, then letters, digits, `_`";
            return Err(self.source.error(name.span(), message, label));
        }
        let taken = [names::ADMIN, names::OUTSIDE].contains(&name.get_ref().as_str());
        if taken || names::node_names(cluster).contains(name.get_ref()) {
            let message = format!("`{}` is the name of somebody else", name.get_ref());
            let label = "b1, b2, … are brokers, c1, c2, … controllers, admin creates the topics, outside is whoever comes from there";
            return Err(self.source.error(name.span(), message, label));
        }
        if table.group.is_some() && table.produce.is_none() {
            return self.member(name, table, topics);
        }
        self.no_words_of_members(table)?;
        let consumed = table.consume.as_ref().map(OneOrMore::only);
        let (topic, produces) = match (&table.produce, &consumed) {
            (Some(topic), None) => (topic, true),
            (None, Some(Ok(topic))) => (topic, false),
            (None, Some(Err(span))) => {
                let message = "only a member of a group reads several topics";
                return Err(self.source.error(span.clone(), message, "group = is missing"));
            }
            _ => {
                let message = format!("`{}` must either produce or consume", name.get_ref());
                return Err(self.source.error(name.span(), message, "produce = or consume ="));
            }
        };
        let Some(known) = topics.get(topic.get_ref()) else {
            let names: Vec<&str> = topics.keys().map(String::as_str).collect();
            return Err(self.unknown(topic, "topic", &names));
        };
        if !produces {
            self.no_words_of_producers(table)?;
            let mut config = ConsumerConfig::default();
            self.settings(&table.config, |name, value| config.set(name, value))?;
            self.no_group_in(&table.config, &config)?;
            let purge = self.purge_interval(table, known)?;
            return Ok(Client::Consumer { topic: topic.get_ref().clone(), config, purge });
        }
        if let Some(given) = &table.purge {
            let message = "a producer deletes nothing";
            return Err(self.source.error(given.span(), message, "this is for consumers"));
        }
        let mut config = ProducerConfig::default();
        self.settings(&table.config, |name, value| config.set(name, value))?;
        config.check().map_err(|error| self.unfit(&table.config, &error, name.span()))?;
        let load = self.load(table)?;
        if known.config.cleanup_policy.compact && !load.by_hand && !load.has_keys() {
            let message =
                format!("`{}` is compacted: a record without a key is refused", topic.get_ref());
            let help = "allowed: `keys = 100`, or `records = \"FILE\"` with `key = \"COLUMN\"`";
            return Err(self
                .source
                .error(topic.span(), message, "these have none")
                .with_help(help));
        }
        Ok(Client::Producer { topic: topic.get_ref().clone(), load, config })
    }

    /// A consumer sends nothing.
    pub(super) fn no_words_of_producers(&self, table: &ClientTable) -> Result<(), ScenarioError> {
        let unfit = [
            table.by_hand.as_ref().map(Spanned::span),
            table.rate.as_ref().map(Spanned::span),
            table.records.as_ref().map(Spanned::span),
            table.size.as_ref().map(Spanned::span),
            table.keys.as_ref().map(Spanned::span),
            table.tombstones.as_ref().map(Spanned::span),
            table.key.as_ref().map(Spanned::span),
        ];
        match unfit.into_iter().flatten().next() {
            None => Ok(()),
            Some(span) => {
                let message = "a consumer sends nothing";
                Err(self.source.error(span, message, "this is for producers"))
            }
        }
    }

    pub(super) fn load(&self, table: &ClientTable) -> Result<Load, ScenarioError> {
        let by_hand = table.by_hand.as_ref().is_some_and(|given| *given.get_ref());
        let own = [
            table.rate.as_ref().map(Spanned::span),
            table.records.as_ref().map(Spanned::span),
            table.size.as_ref().map(Spanned::span),
            table.keys.as_ref().map(Spanned::span),
            table.tombstones.as_ref().map(Spanned::span),
        ];
        if let Some(span) = own.into_iter().flatten().next().filter(|_| by_hand) {
            let message = "a producer by hand sends nothing by itself";
            return Err(self.source.error(span, message, "not together with `by_hand = true`"));
        }
        let every = match &table.rate {
            None => Span::from_millis(40),
            Some(text) => parse_rate(text.get_ref()).ok_or_else(|| {
                let message = format!("`{}` is no rate", text.get_ref());
                let label = "records a second, above 0 and up to a million, as in 25/s";
                self.source.error(text.span(), message, label)
            })?,
        };
        let size = self.count(table.size.as_ref(), 100, "bytes for a record", 16..=1_000_000)?;
        let keys = self.count(table.keys.as_ref(), 0, "keys", 1..=1_000_000_000)?;
        let tombstones = self.tombstones(table, keys)?;
        let made_up = [
            table.size.as_ref().map(Spanned::span),
            table.keys.as_ref().map(Spanned::span),
            table.tombstones.as_ref().map(Spanned::span),
        ];
        if let (Some(_), Some(span)) = (&table.records, made_up.into_iter().flatten().next()) {
            let message = "records of a file are what the file says";
            return Err(self.source.error(span, message, "not together with `records`"));
        }
        let mut records = Vec::new();
        match (&table.records, &table.key) {
            (None, None) => {}
            (None, Some(key)) => {
                let message = "a key is a column of a record file";
                return Err(self.source.error(key.span(), message, "records = is missing"));
            }
            (Some(file), key) => {
                let key = key.as_ref().map(|key| key.get_ref().as_str());
                records = self.read_records(file.get_ref(), key).map_err(|error| {
                    let at = match (&error, &table.key) {
                        (RecordFileError::NoSuchKey { .. }, Some(key)) => key.span(),
                        _ => file.span(),
                    };
                    self.source.error(at, error.to_string(), "records of this producer")
                })?;
            }
        }
        Ok(Load {
            every,
            size: usize::try_from(size).expect("bounded"),
            keys: u64::try_from(keys).expect("bounded"),
            tombstones,
            records,
            by_hand,
        })
    }

    /// How many of a hundred records bury their keys.
    fn tombstones(&self, table: &ClientTable, keys: i64) -> Result<u64, ScenarioError> {
        let Some(given) = &table.tombstones else { return Ok(0) };
        if keys == 0 {
            let message = "a tombstone buries a key, and these records have none";
            return Err(self.source.error(given.span(), message, "keys = is missing"));
        }
        let number = given.get_ref().trim().strip_suffix('%').and_then(|it| it.trim().parse().ok());
        number.filter(|percent| *percent <= 100).ok_or_else(|| {
            let message = format!("`{}` is no whole number of percent", given.get_ref());
            self.source.error(given.span(), message, "from 0% to 100%, as in 10%")
        })
    }

    /// How often a consumer deletes what it has read.
    fn purge_interval(
        &self,
        table: &ClientTable,
        topic: &Topic,
    ) -> Result<Option<Span>, ScenarioError> {
        let Some(given) = &table.purge else { return Ok(None) };
        let policy = topic.config.cleanup_policy;
        // `Partition.deleteRecordsOnLeader`: POLICY_VIOLATION.
        if policy.compact && !policy.delete {
            let message = "brokers delete no records of a topic that is only compacted";
            let label = "for a topic whose cleanup.policy has delete";
            return Err(self.source.error(given.span(), message, label));
        }
        let interval = self.span(Some(given), Span::ZERO)?;
        if interval < Span::from_millis(1) {
            let message = "a consumer cannot delete all the time";
            return Err(self.source.error(given.span(), message, "1ms or more, as in 30s"));
        }
        Ok(Some(interval))
    }

    /// A record file lies beside the scenario; those of the built-in ones come with Trial.
    pub(super) fn read_records(
        &self,
        file: &str,
        key: Option<&str>,
    ) -> Result<Vec<Record>, RecordFileError> {
        match self.path {
            None => match builtin::data(file) {
                Some(text) => parse_records(Path::new(file), text, key),
                None => read_records(Path::new(file), key),
            },
            Some(path) => read_records(&path.with_file_name("").join(file), key),
        }
    }
}

/// `25/s`: the time between two records. At most a million a second.
fn parse_rate(text: &str) -> Option<Span> {
    let number = text.trim().strip_suffix("/s")?.trim();
    let per_second: f64 = number.parse().ok()?;
    let sane = per_second > 0.000_01 && per_second <= 1_000_000.0;
    sane.then(|| Span::from_nanos((1_000_000_000.0 / per_second).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::parse_rate;
    use trial_sim::Span;

    #[test]
    fn a_rate_is_a_number_of_records_a_second() {
        assert_eq!(parse_rate("25/s"), Some(Span::from_millis(40)));
        assert_eq!(parse_rate("0.5/s"), Some(Span::from_secs(2)));
        for bad in ["-3/s", "0/s", "25", "NaN/s", "inf/s", "x/s"] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
