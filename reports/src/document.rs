//! The document of a run: the published JSON, one object per run.
//!
//! Holds:      what was asked for, what happened, the verdict with its reasons.
//! Invariants: D-1 a field is never renamed or removed within one `schema` version. D-2 everything but `wall_ms`
//!             is the same for equal seeds of one build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the document's shape.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every invariant held, and the cluster became live again.
    Holds,
    /// A safety invariant was violated.
    Violated,
    /// The cluster did not become live again after the faults had ended.
    Stuck,
    /// Two runs of one seed differed.
    Differed,
    /// A checker could not decide.
    Unknown,
}

impl Verdict {
    /// The process's exit status for it.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Violated => 1,
            Self::Stuck => 3,
            Self::Differed => 4,
            Self::Unknown => 5,
        }
    }

    /// The word in the document and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated => "violated",
            Self::Stuck => "stuck",
            Self::Differed => "differed",
            Self::Unknown => "unknown",
        }
    }
}

/// One run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDocument {
    /// The version of this shape.
    pub schema: u32,
    /// The version of Trial that played it.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// Its title, one line.
    pub title: String,
    /// The seed that decided everything.
    pub seed: u64,
    /// Which Kafka.
    pub profile: String,
    /// The guards that were removed on purpose.
    pub switches: Vec<String>,
    /// The settings that differ from Kafka's defaults, and the shape of the cluster.
    pub settings: Vec<Setting>,
    /// What the seed picked for itself: values of the scenario, and what it made of each swarm.
    #[serde(default)]
    pub picks: Vec<Setting>,
    /// 128 bits in hexadecimal, chained over every event.
    pub digest: String,
    /// What the run came to.
    pub verdict: Verdict,
    /// What the scenario expects.
    pub expected: Verdict,
    /// Invariants that did not hold, in the order of their discovery.
    pub violations: Vec<Violation>,
    /// That the faults took more than the protocol promises to survive, although the scenario does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond_budget: Option<String>,
    /// What a checker could not decide, in words.
    pub unknown: Vec<String>,
    /// Losses that the settings allow, each with the fault and the setting that explain it.
    pub excused: Vec<Excuse>,
    /// Every fault of the plan and what it did.
    pub faults: Vec<FaultOutcome>,
    /// States that the scenario wants to see reached.
    pub probes: Vec<ProbeOutcome>,
    /// Whether the cluster became live after the faults, and when.
    pub liveness: Liveness,
    /// Every partition at the end.
    pub partitions: Vec<PartitionOutcome>,
    /// Records of all clients.
    pub records: RecordCounts,
    /// What each producer was told of its records.
    #[serde(default)]
    pub producers: Vec<ProducerOutcome>,
    /// Consumer groups of the scenario's own clients, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupOutcome>,
    /// Virtual time played.
    pub simulated_ms: u64,
    /// Real time that it took.
    pub wall_ms: u64,
    /// Events handled.
    pub events: u64,
    /// Kafka requests that were answered.
    pub requests: u64,
    /// One line to paste that plays the run again.
    pub replay: String,
}

/// One setting that shaped the run, or one thing that the seed picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its path, as `--set` takes it; or a word, such as `swarm`.
    pub path: String,
    /// Its value.
    pub value: String,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    /// Its id, such as `R4` or `lost-write`.
    pub invariant: String,
    /// When it was noticed, in virtual milliseconds.
    pub at_ms: u64,
    /// What it says and how it was broken, in a sentence.
    pub message: String,
    /// The two facts that contradict each other, oldest first.
    pub facts: Vec<String>,
}

/// A loss that the settings allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excuse {
    /// What was lost.
    pub what: String,
    /// The fault that took it.
    pub fault: String,
    /// The setting that allows it.
    pub setting: String,
    /// The host on which the last copy vanished; empty if nothing was lost but something was written twice.
    pub host: String,
    /// When it vanished.
    pub at_ms: u64,
}

/// A fault of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultOutcome {
    /// The fault, as a scenario would write it.
    pub text: String,
    /// When it began; none if it never did.
    pub at_ms: Option<u64>,
    /// What it did.
    pub effect: FaultEffect,
    /// Whether the scenario demands that it does something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// What a fault did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultEffect {
    /// In words; says so if nothing was affected.
    pub text: String,
    /// Whether anything was affected at all.
    pub happened: bool,
    /// The figures behind the words.
    pub numbers: Vec<EffectNumber>,
}

impl FaultOutcome {
    /// Whether the scenario demands an effect and there was none.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.required && !self.effect.happened
    }
}

/// A figure of a fault's effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectNumber {
    /// What was counted, with its unit last: `bytes_held`, `pages_lost`, `skew_ms`.
    pub name: String,
    /// How much.
    pub value: u64,
}

/// A state that should be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeOutcome {
    /// Its name.
    pub name: String,
    /// How often it was reached.
    pub hits: u64,
    /// Whether the scenario demands it.
    pub required: bool,
}

/// The second phase of a run: the faults have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Liveness {
    /// When the faults ended.
    pub faults_ended_ms: u64,
    /// When everything was live again; none if it never was.
    pub live_ms: Option<u64>,
    /// What was still missing at the end, by the id of the rule.
    pub missing: Vec<String>,
}

/// A partition at the end of the run, by its leader's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionOutcome {
    /// `topic/partition`.
    pub partition: String,
    /// The leader's host; none if it has none.
    pub leader: Option<String>,
    /// Its epoch.
    pub leader_epoch: i32,
    /// Hosts of the in-sync set.
    pub in_sync: Vec<String>,
    /// Where the leader's log starts: what lay below was deleted.
    #[serde(default)]
    pub log_start: i64,
    /// First offset that consumers may not read yet.
    pub high_watermark: i64,
    /// The offset that comes next.
    pub log_end: i64,
    /// Records that stand in the leader's log: fewer than offsets from start to end where it was compacted.
    #[serde(default)]
    pub held: u64,
    /// Records that producers were told are safe.
    pub acked: u64,
    /// First offset that no consumer was handed.
    pub read: u64,
    /// Elections that it went through.
    pub elections: u64,
}

/// Records, all clients together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordCounts {
    /// Handed to a producer.
    pub sent: u64,
    /// Told to be safe.
    pub acked: u64,
    /// Told to have failed.
    pub failed: u64,
    /// Different records that consumers saw.
    pub read: u64,
}

/// What one producer was told of its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProducerOutcome {
    /// The client's name.
    pub producer: String,
    /// Handed to it.
    pub sent: u64,
    /// Told to be safe.
    pub acked: u64,
    /// Told to have failed, by reason.
    pub failed: Vec<FailedRecords>,
    /// The longest time between two acknowledgements; none if there were not two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_wait: Option<LongestWait>,
}

/// A consumer group, and how long its partitions were nobody's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupOutcome {
    /// `group.id`.
    pub group: String,
    /// How its members agree: `classic, cooperative-sticky`, `consumer, uniform`; several if they differ.
    pub protocol: String,
    /// How many different generations, or member epochs, its members were told.
    pub generations: u64,
    /// Every partition that was somebody's.
    pub partitions: Vec<PartitionPause>,
    /// Members that ended since a poll threw what polling again does not mend, in the order of time.
    #[serde(default)]
    pub ended: Vec<MemberEnd>,
}

/// A member whose application ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberEnd {
    /// Its host.
    pub member: String,
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// Kafka's name of the error that its poll threw.
    pub error: String,
}

/// How long a partition was nobody's in a group: from the moment in which a member gives it up, or dies, to the one in
/// which it, or another, is given it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionPause {
    /// `orders/0`.
    pub partition: String,
    /// How often.
    pub pauses: u64,
    /// How long in all.
    pub paused_ms: u64,
    /// How long the longest time.
    pub longest_ms: u64,
}

/// The longest time between two acknowledgements of one producer, and what it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LongestWait {
    /// When the last acknowledgement before it came.
    pub from_ms: u64,
    /// When the next one came.
    pub to_ms: u64,
    /// What it was made of, one after another; together they are the whole.
    pub parts: Vec<WaitPart>,
}

impl LongestWait {
    /// How long it was.
    #[must_use]
    pub const fn took_ms(&self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// A part of a wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitPart {
    /// How long it was.
    pub took_ms: u64,
    /// What ended it.
    pub until: String,
}

/// Records that failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedRecords {
    /// Kafka's name of the error, such as `MESSAGE_TOO_LARGE`.
    pub error: String,
    /// How many.
    pub records: u64,
}

/// The JSON Schema of [`RunDocument`], as it is published in `reports/run.schema.json`.
#[must_use]
pub fn run_schema() -> String {
    let schema = schemars::schema_for!(RunDocument);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
