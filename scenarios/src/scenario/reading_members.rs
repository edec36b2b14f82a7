//! Reads `[clients.NAME]` with `group = "g"`: a consumer that reads what its group gives it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_spanned::Spanned;
use trial_cluster::client::consumer::{Pattern, Subscription};
use trial_cluster::client::{CommitMode, Consumption};
use trial_cluster::config::{ConsumerConfig, GroupProtocol};
use trial_sim::Span;

use super::error::ScenarioError;
use super::file::{ClientTable, ConfigTable, OneOrMore};
use super::reading::Reading;
use super::scenario::{Client, Topic};

impl OneOrMore {
    /// The only one, with its place; the place of the list, if there are several.
    pub(super) fn only(given: &Spanned<Self>) -> Result<Spanned<String>, Range<usize>> {
        match given.get_ref().0.as_slice() {
            [only] if only.span().is_empty() => {
                Ok(Spanned::new(given.span(), only.get_ref().clone()))
            }
            [only] => Ok(only.clone()),
            _ => Err(given.span()),
        }
    }
}

impl Reading<'_> {
    /// A member of a group.
    pub(super) fn member(
        &self,
        name: &Spanned<String>,
        table: &ClientTable,
        topics: &BTreeMap<String, Topic>,
    ) -> Result<Client, ScenarioError> {
        self.no_words_of_producers(table)?;
        if let Some(given) = &table.purge {
            let message = "a member of a group deletes nothing";
            let label = "for consumers that read all of a topic";
            return Err(self.source.error(given.span(), message, label));
        }
        let group = table.group.as_ref().expect("whoever calls this has seen it");
        let mut config = ConsumerConfig::default();
        self.settings(&table.config, |name, value| config.set(name, value))?;
        let given = table.config.keys().find(|name| name.get_ref() == "group.id");
        if let Some(given) = given {
            let message = "the group is named twice";
            return Err(self.source.error(given.span(), message, "`group` says it"));
        }
        config.consumer.group_id = Some(group.get_ref().clone());
        let commit = self.commit_mode(table)?;
        if commit != CommitMode::Auto {
            // Who commits by itself says so, as every application does.
            config.consumer.enable_auto_commit.get_or_insert(false);
        }
        config.check().map_err(|error| self.unfit(&table.config, &error, group.span()))?;
        let subscription = self.subscription(name, table, topics)?;
        if let (Subscription::ServerPattern(_), Some(given)) = (&subscription, &table.consume_regex)
            && config.consumer.group_protocol != GroupProtocol::Consumer
        {
            let message = "coordinators match names in the consumer protocol only";
            let help =
                "allowed: `config = { \"group.protocol\" = \"consumer\" }`, or `consume_pattern`";
            let error = self.source.error(given.span(), message, "this group is a classic one");
            return Err(error.with_help(help));
        }
        let span = |given: &Option<Spanned<String>>| self.span(given.as_ref(), Span::ZERO);
        let consumption = Consumption {
            subscription,
            commit,
            per_record: span(&table.per_record)?,
            per_poll: span(&table.per_poll)?,
            pause: span(&table.pause)?,
            callback: span(&table.callback)?,
        };
        Ok(Client::Member { consumption, config })
    }

    fn subscription(
        &self,
        name: &Spanned<String>,
        table: &ClientTable,
        topics: &BTreeMap<String, Topic>,
    ) -> Result<Subscription, ScenarioError> {
        match (&table.consume, &table.consume_pattern, &table.consume_regex) {
            (Some(given), None, None) => {
                let mut wanted = std::collections::BTreeSet::new();
                for topic in &given.get_ref().0 {
                    let place = if topic.span().is_empty() { given.span() } else { topic.span() };
                    let topic = Spanned::new(place, topic.get_ref().clone());
                    if !topics.contains_key(topic.get_ref()) {
                        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
                        return Err(self.unknown(&topic, "topic", &names));
                    }
                    wanted.insert(Arc::from(topic.get_ref().as_str()));
                }
                if wanted.is_empty() {
                    let message = "a member subscribes to something";
                    return Err(self.source.error(given.span(), message, "no topic"));
                }
                Ok(Subscription::Topics(wanted))
            }
            (None, Some(given), None) => {
                let pattern = Pattern::compile(self.pattern(given)?).map_err(|why| {
                    let message = format!("`{}` is no pattern", given.get_ref());
                    self.source.error(given.span(), message, why)
                })?;
                Ok(Subscription::Pattern(pattern))
            }
            // If it means nothing, the coordinator says so.
            (None, None, Some(given)) => {
                Ok(Subscription::ServerPattern(Arc::from(self.pattern(given)?)))
            }
            _ => {
                let message =
                    format!("`{}` must subscribe to something, in one way", name.get_ref());
                let label = "consume =, consume_pattern = or consume_regex =";
                Err(self.source.error(name.span(), message, label))
            }
        }
    }

    fn pattern<'t>(&self, given: &'t Spanned<String>) -> Result<&'t str, ScenarioError> {
        let text = given.get_ref().as_str();
        if text.is_empty() {
            let message = "an empty pattern matches nothing";
            return Err(self.source.error(given.span(), message, "as in \"orders.*\""));
        }
        Ok(text)
    }

    fn commit_mode(&self, table: &ClientTable) -> Result<CommitMode, ScenarioError> {
        let Some(given) = &table.commit else { return Ok(CommitMode::Auto) };
        match given.get_ref().as_str() {
            "auto" => Ok(CommitMode::Auto),
            "sync" => Ok(CommitMode::Sync),
            "async" => Ok(CommitMode::Async),
            other => {
                let message = format!("`{other}` is no way to commit");
                Err(self.source.error(given.span(), message, "auto, sync or async"))
            }
        }
    }

    /// Words that mean nothing without a group.
    pub(super) fn no_words_of_members(&self, table: &ClientTable) -> Result<(), ScenarioError> {
        let unfit = [
            table.group.as_ref().map(Spanned::span),
            table.consume_pattern.as_ref().map(Spanned::span),
            table.consume_regex.as_ref().map(Spanned::span),
            table.commit.as_ref().map(Spanned::span),
            table.per_record.as_ref().map(Spanned::span),
            table.per_poll.as_ref().map(Spanned::span),
            table.pause.as_ref().map(Spanned::span),
            table.callback.as_ref().map(Spanned::span),
        ];
        match unfit.into_iter().flatten().next() {
            None => Ok(()),
            Some(span) => {
                let message = "this is for members of a group";
                Err(self.source.error(span, message, "not without `consume` and `group`"))
            }
        }
    }

    /// Settings of groups mean nothing to a consumer without one.
    pub(super) fn no_group_in(
        &self,
        given: &ConfigTable,
        config: &ConsumerConfig,
    ) -> Result<(), ScenarioError> {
        if let Some(given) = given.keys().find(|name| name.get_ref() == "group.id") {
            let message = "a group is named beside `consume`";
            return Err(self.source.error(given.span(), message, "group = \"NAME\""));
        }
        let place = given.keys().next().map_or(0..0, Spanned::span);
        config.check().map_err(|error| self.unfit(given, &error, place))
    }
}

#[cfg(test)]
mod tests {
    use trial_cluster::client::CommitMode;
    use trial_cluster::client::consumer::Subscription;
    use trial_sim::Span;

    use crate::scenario::{Client, Scenario};

    fn read(words: &str) -> Result<Client, String> {
        let text =
            format!("title = \"t\"\n[topics.orders]\n[topics.returns]\n[clients.m1]\n{words}\n");
        let scenario = Scenario::from_text("t", &text, None, &[]);
        let scenario = scenario.map_err(|error| error.to_string())?;
        Ok(scenario.clients["m1"].clone())
    }

    #[test]
    fn a_member_says_what_it_reads_and_how() {
        let words = "consume = [\"orders\", \"returns\"]\ngroup = \"g\"\ncommit = \"sync\"\n\
            per_record = \"2ms\"\ncallback = \"1s\"";
        let Ok(Client::Member { consumption, config }) = read(words) else {
            panic!("it is a member");
        };
        let Subscription::Topics(topics) = &consumption.subscription else {
            panic!("it names topics");
        };
        assert_eq!(topics.iter().map(|it| &**it).collect::<Vec<_>>(), ["orders", "returns"]);
        assert_eq!((consumption.commit, consumption.per_poll), (CommitMode::Sync, Span::ZERO));
        assert_eq!(consumption.per_record, Span::from_millis(2));
        assert_eq!(config.consumer.group_id.as_deref(), Some("g"));
        assert!(!config.consumer.auto_commits(), "who commits by itself says so");
        let one = read("consume = \"orders\"\ngroup = \"g\"").expect("one topic will do");
        let Client::Member { config, .. } = one else { panic!("it is a member") };
        assert!(config.consumer.auto_commits(), "Kafka's default");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let orders = "consume = \"orders\"\ngroup = \"g\"";
        let with = |config: &str| format!("{orders}\nconfig = {{ {config} }}");
        let beside = "`session.timeout.ms` does not go together with `group.protocol`";
        for (words, want) in [
            (with("\"group.protocol\" = \"consumer\", \"session.timeout.ms\" = 9000"), beside),
            (
                with("\"session.timeout.ms\" = 2000"),
                "`heartbeat.interval.ms` does not go together with `session.timeout.ms`",
            ),
            (with("\"group.id\" = \"h\""), "the group is named twice"),
            (
                "consume = [\"orders\", \"returns\"]".to_owned(),
                "only a member of a group reads several topics",
            ),
            ("consume_pattern = \"ord(\"\ngroup = \"g\"".to_owned(), "`ord(` is no pattern"),
            (
                "consume_regex = \"ord.*\"\ngroup = \"g\"".to_owned(),
                "coordinators match names in the consumer protocol only",
            ),
            (format!("{orders}\ncommit = \"sometimes\""), "`sometimes` is no way to commit"),
            (format!("{orders}\npurge = \"5s\""), "a member of a group deletes nothing"),
            (format!("{orders}\nrate = \"5/s\""), "a consumer sends nothing"),
            (
                "consume = \"orders\"\nper_record = \"5ms\"".to_owned(),
                "this is for members of a group",
            ),
            ("produce = \"orders\"\ngroup = \"g\"".to_owned(), "this is for members of a group"),
            ("group = \"g\"".to_owned(), "`m1` must subscribe to something, in one way"),
        ] {
            assert_eq!(read(&words).expect_err("it does not fit"), want, "{words}");
        }
    }
}
