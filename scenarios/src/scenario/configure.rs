//! Whether a change of settings fits its scenario: there is such a topic, and brokers obey such a setting.
//!
//! In Kafka: `ConfigurationControlManager`, `DynamicBrokerConfig`, `GroupConfig`; KIP-226, KIP-848.
//! Holds:    nothing.
//! Left out: whether the controller will take it: that its answer tells, in the run.

use std::collections::BTreeMap;

use trial_cluster::config::dynamic::Level;
use trial_cluster::config::of_group;
use trial_cluster::config::schema::{self, Section};
use trial_cluster::config::{TopicConfig, ValueError};
use trial_cluster::ids::BrokerId;
use trial_cluster::image::ConfigsImage;
use trial_sim::fault::{Configured, HostExpr};

use super::names::{Known, Unfit};

impl Known<'_> {
    pub(super) fn configure(
        &self,
        of: &Configured,
        with: &[(String, String)],
        without: &[String],
    ) -> Result<(), Unfit> {
        match of {
            Configured::Topic(topic) => self.configure_topic(topic, with, without),
            Configured::Broker(host) => {
                let brokers = (1..=self.cluster.brokers).map(|it| format!("b{it}"));
                let brokers: Vec<_> = brokers.collect();
                if let HostExpr::Name(name) = host
                    && !brokers.contains(name)
                {
                    let what = format!("`{name}` is no broker");
                    return Err(Unfit::name(name, what, brokers.join(", ")));
                }
                self.configure_broker(Level::Broker, with, without)
            }
            Configured::Brokers => self.configure_broker(Level::Cluster, with, without),
            Configured::Group(group) => {
                self.group(group)?;
                self.configure_group(with, without)
            }
        }
    }

    /// The controller judges all that a group has together; here each is judged by itself, and with the others given.
    fn configure_group(&self, with: &[(String, String)], without: &[String]) -> Result<(), Unfit> {
        let names: Vec<&str> = schema::keys(Section::Group).map(|key| key.name).collect();
        let all = with.iter().map(|(name, _)| name).chain(without);
        for name in all {
            if !names.contains(&name.as_str()) {
                let what = format!("a group has no setting `{name}`");
                return Err(Unfit::name(name, what, names.join(", ")));
            }
        }
        let set = with.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        of_group::check(&set, &self.cluster.config.file()).map_err(|why| {
            let at = with.iter().find(|(name, _)| why.contains(name.as_str()));
            let at = at.map_or("group", |(name, _)| name);
            Unfit::name(
                at,
                why.clone(),
                "values within the bounds of the brokers' group.* settings",
            )
        })
    }

    fn configure_topic(
        &self,
        topic: &str,
        with: &[(String, String)],
        without: &[String],
    ) -> Result<(), Unfit> {
        let Some(found) = self.topics.get(topic) else {
            let known: Vec<_> = self.topics.keys().map(String::as_str).collect();
            let what = format!("there is no topic `{topic}`");
            return Err(Unfit::name(topic, what, known.join(", ")));
        };
        let mut tried = found.config.clone();
        for (name, value) in with {
            tried.set(name, value).map_err(|error| {
                let setting = format!("{name}={value}");
                let at = if error.what == ValueError::UnknownName { name } else { &setting };
                Unfit::name(at, error.headline(), error.allowed)
            })?;
        }
        match without.iter().find(|name| !TopicConfig::NAMES.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let what = format!("a topic has no setting `{name}`");
                Err(Unfit::name(name, what, TopicConfig::NAMES.join(", ")))
            }
        }
    }

    fn configure_broker(
        &self,
        level: Level,
        with: &[(String, String)],
        without: &[String],
    ) -> Result<(), Unfit> {
        let (config, none) = (&self.cluster.config, ConfigsImage::default());
        for (name, value) in with {
            let given = BTreeMap::from([(name.clone(), value.clone())]);
            let checked = config.check_dynamic(config, (&none, BrokerId(1)), level, &given);
            let allowed =
                "a setting that brokers obey while they run, under the brokers' name for it";
            checked.map_err(|what| Unfit::name(name, what, allowed))?;
        }
        for name in without {
            let is_unknown =
                config.clone().set(name, "").is_err_and(|it| it.what == ValueError::UnknownName);
            if is_unknown {
                let what = format!("a broker has no setting `{name}`");
                return Err(Unfit::name(name, what, "one of the brokers' settings"));
            }
        }
        Ok(())
    }
}
