//! What is told of a run: the document that `reports` draws and `--json` writes.

use trial_cluster::error_code::ErrorCode;
use trial_reports::{
    Excuse, FailedRecords, Liveness, PartitionOutcome, ProbeOutcome, ProducerOutcome, RunDocument,
    SCHEMA_VERSION, Setting, Verdict, Violation,
};
use trial_sim::fault::{Effect, SwarmChoice, SwarmSettings};
use trial_sim::{Plan as Draws, Time};

use super::trial_run::{Phase, Run};
use crate::facts::{BeyondBudget, Facts, PartitionFacts, ReplicaLog};
use crate::probe::{self, Probe};

impl Run {
    /// What the run came to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let live = match self.phase {
            Phase::Over { live_at, .. } => live_at.is_some(),
            Phase::Faults | Phase::Healing { .. } => true,
        };
        if !self.judge.violations().is_empty() {
            Verdict::Violated
        } else if !live {
            Verdict::Stuck
        } else if !self.judge.unknown().is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Holds
        }
    }

    /// Probes that the scenario demands and that were never reached.
    #[must_use]
    pub fn missed_probes(&self) -> Vec<Probe> {
        let counts = &self.judge.facts().probes;
        self.scenario.must_happen.iter().copied().filter(|probe| counts.count(probe) == 0).collect()
    }

    /// The whole document; `wall_ms` is real time, `replay` the line to paste.
    #[must_use]
    pub fn document(&mut self, wall_ms: u64, replay: String) -> RunDocument {
        let faults = self.player.outcomes(&mut self.world);
        let scenario = &self.scenario;
        let facts = self.judge.facts();
        let (healed_at, live_at) = match self.phase {
            Phase::Over { healed_at, live_at } => (healed_at, live_at),
            Phase::Healing { since } => (since, None),
            Phase::Faults => (Time::ZERO, None),
        };
        RunDocument {
            schema: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            seed: self.seed,
            profile: scenario.rules.profile().to_string(),
            switches: scenario.rules.switches().map(|switch| switch.to_string()).collect(),
            settings: self.settings(),
            picks: self.picks(),
            digest: self.world.digest().to_string(),
            verdict: self.verdict(),
            expected: scenario.expect,
            violations: self
                .judge
                .violations()
                .iter()
                .map(|found| Violation {
                    invariant: found.invariant.to_owned(),
                    at_ms: found.at.as_millis(),
                    message: found.message.clone(),
                    facts: found.facts.to_vec(),
                })
                .collect(),
            beyond_budget: self.beyond_budget(),
            unknown: self.judge.unknown().to_vec(),
            excused: self
                .judge
                .excused()
                .iter()
                .map(|found| Excuse {
                    what: found.what.clone(),
                    fault: found.fault.clone(),
                    setting: found.setting.clone(),
                    host: found.host.clone(),
                    at_ms: found.at.as_millis(),
                })
                .collect(),
            faults,
            probes: probe::all()
                .into_iter()
                .map(|probe| ProbeOutcome {
                    name: probe.name.to_owned(),
                    hits: facts.probes.count(probe),
                    required: scenario.must_happen.contains(&probe),
                })
                .collect(),
            liveness: Liveness {
                faults_ended_ms: healed_at.as_millis(),
                live_ms: live_at.map(Time::as_millis),
                missing: self.missing.clone(),
            },
            partitions: facts.partitions().map(|partition| self.partition(partition)).collect(),
            records: self.judge.records(),
            producers: self.producers(),
            groups: self.pauses.outcomes(self.world.now(), facts),
            simulated_ms: self.world.now().as_millis(),
            wall_ms,
            events: self.world.events(),
            requests: facts.requests,
            replay,
        }
    }

    /// What the faults took beyond what is promised, unless the scenario says that this is meant.
    pub(crate) fn beyond_budget(&self) -> Option<String> {
        if self.scenario.exceeds_budget {
            return None;
        }
        let facts = self.judge.facts();
        let beyond = self.judge.beyond().map(|beyond| {
            format!(
                "at {} {} was hit by `{}`: {}; `exceeds_budget = true` says that this is meant, and excuses what it takes",
                beyond.at, beyond.host, beyond.fault, beyond.why
            )
        });
        beyond.or_else(|| facts.beyond_budget.as_ref().map(|beyond| words_of(beyond, facts)))
    }

    /// What the seed picked: values, and what it made of each swarm.
    fn picks(&self) -> Vec<Setting> {
        let values = self.scenario.picked.iter().filter_map(|text| text.split_once('='));
        let setting =
            |(path, value): (&str, &str)| Setting { path: path.into(), value: value.into() };
        let mut picks: Vec<Setting> = values.map(setting).collect();
        let points = self.world.yield_points().into_iter().filter(|(_, ppm)| *ppm > 0);
        let points: Vec<String> =
            points.map(|(point, ppm)| format!("{point} {}%", ppm / 10_000)).collect();
        if !points.is_empty() {
            picks.push(Setting { path: "yields".to_owned(), value: points.join(", ") });
        }
        for fault in &self.scenario.faults {
            if let Effect::Swarm { families } = &fault.effect {
                let settings = SwarmSettings::default();
                let choice = SwarmChoice::draw(Draws::new(self.seed), families, &settings);
                picks.push(Setting { path: "swarm".to_owned(), value: choice.to_string() });
            }
        }
        picks
    }

    fn settings(&self) -> Vec<Setting> {
        let scenario = &self.scenario;
        let cluster = &scenario.cluster;
        let setting = |path: &str, value: String| Setting { path: path.to_owned(), value };
        let mut settings = vec![
            setting("cluster.brokers", cluster.brokers.to_string()),
            setting("cluster.controllers", cluster.controllers.to_string()),
        ];
        for (name, value) in &cluster.settings {
            settings.push(setting(&format!("cluster.config.\"{name}\""), value.clone()));
        }
        for (name, topic) in &scenario.topics {
            settings
                .push(setting(&format!("topics.{name}.partitions"), topic.partitions.to_string()));
            settings.push(setting(&format!("topics.{name}.replicas"), topic.replicas.to_string()));
            for (key, value) in &topic.settings {
                settings.push(setting(&format!("topics.{name}.config.\"{key}\""), value.clone()));
            }
        }
        settings
    }

    /// What producers were told; not those that sent nothing.
    fn producers(&self) -> Vec<ProducerOutcome> {
        let failed = |(error, records): (&ErrorCode, &u64)| FailedRecords {
            error: error.to_string(),
            records: *records,
        };
        let told = self.judge.told().iter().map(|(host, told)| ProducerOutcome {
            producer: self.judge.facts().setup.name(*host).to_owned(),
            sent: told.sent,
            acked: told.acked,
            failed: told.failed.iter().map(failed).collect(),
            longest_wait: self.waits.of(*host, self.judge.facts()),
        });
        told.collect()
    }

    fn partition(&self, partition: &PartitionFacts) -> PartitionOutcome {
        let facts = self.judge.facts();
        let name = |id: trial_cluster::ids::BrokerId| {
            facts
                .setup
                .host_of(id)
                .map_or_else(|| id.to_string(), |host| facts.setup.name(host).to_owned())
        };
        let registration = partition.registration.as_ref();
        let leader = partition.leader();
        let log = leader
            .and_then(|id| facts.setup.host_of(id))
            .and_then(|host| partition.logs.get(&host));
        PartitionOutcome {
            partition: partition.name(),
            leader: leader.map(name),
            leader_epoch: registration.map_or(-1, |found| found.leader_epoch.0),
            in_sync: registration
                .map(|found| found.isr.iter().map(|id| name(*id)).collect())
                .unwrap_or_default(),
            log_start: log.map_or(0, ReplicaLog::begin),
            high_watermark: partition.high_watermark,
            log_end: log.map_or(0, ReplicaLog::end),
            held: log.map_or(0, ReplicaLog::held),
            acked: partition.records_acked,
            read: u64::try_from(partition.read_end).unwrap_or(0),
            elections: partition.elections,
        }
    }
}

fn words_of(beyond: &BeyondBudget, facts: &Facts) -> String {
    let hosts: Vec<&str> = beyond.hosts.iter().map(|host| facts.setup.name(*host)).collect();
    format!(
        "at {} {} had lost records of {}, which survives {} such at a time (min.insync.replicas - 1); \
         `exceeds_budget = true` says that this is meant, and excuses what it takes",
        beyond.at,
        hosts.join(", "),
        beyond.partition,
        beyond.survives,
    )
}
