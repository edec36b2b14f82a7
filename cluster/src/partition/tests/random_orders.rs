//! A seed decides what happens next among three brokers and a controller; nothing that was committed is lost.
//!
//! Holds:      a controller that follows the order of AlterPartition's checks, and everything on its way: metadata
//!             (each broker has its own lag), fetch answers, changes of the in-sync set and their answers.
//! Invariants: R3, R4, R5, R8 after every step; L4 at the end. No crash here loses data, so all hold without excuse.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use crate::broker::alter_partition::{IsrAnswer, IsrChange};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use crate::note::partition::PartitionEvent;
use crate::partition::effect::Registration;
use crate::partition::tests::wired::{Answer, Metadata, Wired};
use crate::rules::{Profile, Rules, Switch};

/// What to do, to which broker, and how.
type Step = (u8, i32, u8);

/// How many kinds of steps there are.
const KINDS: u8 = 64;

const ASK: u8 = 8;
const APPLY: u8 = 20;
const ASK_CONTROLLER: u8 = 48;
const ISR_ANSWER: u8 = 54;

type Registered = BTreeMap<BrokerId, Registration>;

struct Trial {
    wired: Wired,
    /// What the controller has written; each broker has read some of it.
    published: Vec<(Metadata, Registered)>,
    read_up_to: [usize; 3],
    registered: Registered,
    answers: [VecDeque<Answer>; 3],
    isr_answers: [VecDeque<(IsrChange, Result<IsrAnswer, ErrorCode>)>; 3],
    /// The first value that any leader's high watermark has passed, by offset.
    ledger: Vec<String>,
    produced: usize,
}

impl Trial {
    fn new(min_isr: usize, rules: Rules) -> Self {
        let mut wired = Wired::new(3, min_isr, rules);
        let registered = wired.node(1).view.registered.clone();
        let published = vec![(wired.metadata.clone(), registered.clone())];
        Self {
            wired,
            published,
            read_up_to: [1; 3],
            registered,
            answers: Default::default(),
            isr_answers: Default::default(),
            ledger: Vec::new(),
            produced: 0,
        }
    }

    fn step(&mut self, (kind, broker, how): Step) -> Result<(), String> {
        let at = index(broker);
        match kind {
            0..8 => {
                self.produced += 1;
                let value = format!("v{}", self.produced);
                // Refused unless it believes that it leads; then nothing happened.
                let _ = self.wired.produce(broker, &value);
            }
            ASK..20 if self.answers[at].len() < 3 => {
                if let Some(answer) = self.wired.ask(broker) {
                    self.answers[at].push_back(answer);
                }
            }
            ASK..34 => {
                if let Some(answer) = self.answers[at].pop_front() {
                    self.wired.apply(broker, &answer);
                }
            }
            34..44 => self.read_metadata(broker),
            44..48 => {
                self.wired.now.0 += 5_000 + 100 * i64::from(how);
                self.wired.shrink_check(broker);
            }
            ASK_CONTROLLER..54 => self.ask_controller(broker, how.is_multiple_of(4)),
            ISR_ANSWER..60 => {
                if let Some((change, answer)) = self.isr_answers[at].pop_front() {
                    self.wired.answer_isr(broker, &change, answer);
                }
            }
            60..62 => {
                let isr = &self.wired.metadata.isr;
                let leader = isr[usize::from(how) % isr.len()].0;
                self.change(|metadata| lead(metadata, leader));
            }
            _ if how.is_multiple_of(4) => self.restart(broker, how),
            _ => {}
        }
        self.refuse_second(broker);
        self.check()
    }

    /// The controller writes something.
    fn change(&mut self, change: impl FnOnce(&mut Metadata)) {
        change(&mut self.wired.metadata);
        self.wired.metadata.partition_epoch += 1;
        self.published.push((self.wired.metadata.clone(), self.registered.clone()));
    }

    fn read_metadata(&mut self, broker: i32) {
        let at = index(broker);
        if let Some((metadata, registered)) = self.published.get(self.read_up_to[at]).cloned() {
            self.read_up_to[at] += 1;
            self.wired.node(broker).view.registered = registered;
            self.wired.tell_old(broker, &metadata);
        }
    }

    /// AlterPartition reaches the controller; if its answer is lost, the request will come again.
    fn ask_controller(&mut self, broker: i32, is_lost: bool) {
        let asked = &mut self.wired.node(broker).asked;
        let Some(change) = asked.first().cloned() else { return };
        let answer = self.decide(broker, &change);
        if !is_lost {
            self.wired.node(broker).asked.remove(0);
            self.isr_answers[index(broker)].push_back((change, answer));
        }
    }

    /// As the `AlterPartitionManager` does while the partition's last change is under way.
    fn refuse_second(&mut self, broker: i32) {
        while self.wired.node(broker).asked.len() > 1 {
            let change = self.wired.node(broker).asked.remove(1);
            self.wired.answer_isr(broker, &change, Err(ErrorCode::OperationNotAttempted));
        }
    }

    fn decide(&mut self, broker: i32, change: &IsrChange) -> Result<IsrAnswer, ErrorCode> {
        let metadata = &self.wired.metadata;
        if change.leader_epoch.0 < metadata.leader_epoch || metadata.leader != broker {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if change.partition_epoch.0 < metadata.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let is_stale = |(member, epoch): &(BrokerId, BrokerEpoch)| {
            *epoch != BrokerEpoch::NONE && self.registered[member].epoch != *epoch
        };
        if change.isr.iter().any(is_stale) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let isr: Vec<BrokerId> = change.isr.iter().map(|(member, _)| *member).collect();
        self.change(|metadata| metadata.isr.clone_from(&isr));
        Ok(IsrAnswer {
            leader: BrokerId(broker),
            leader_epoch: LeaderEpoch(self.wired.metadata.leader_epoch),
            isr,
            recovering: false,
            partition_epoch: PartitionEpoch(self.wired.metadata.partition_epoch),
        })
    }

    /// A process ends; its disk keeps everything, its high watermark may be an old one. The controller takes it out
    /// of the in-sync set, unless it is the last one, and registers it anew.
    fn restart(&mut self, broker: i32, how: u8) {
        let at = index(broker);
        let registration = self.registered.get_mut(&BrokerId(broker)).expect("one of three");
        registration.epoch.0 += 100;
        self.change(|metadata| {
            if metadata.isr.len() > 1 {
                metadata.isr.retain(|member| member.0 != broker);
            }
            if metadata.leader == broker {
                let next = metadata.isr[0].0;
                lead(metadata, next);
            }
        });
        let (keep, high_watermark) =
            (self.wired.node(broker).log_end(), self.wired.node(broker).high_watermark());
        let checkpointed = if how.is_multiple_of(2) { high_watermark } else { high_watermark / 2 };
        self.wired.restart(broker, keep, checkpointed);
        self.answers[at].clear();
        self.isr_answers[at].clear();
        // It reads up to its own registration before it does anything else.
        self.read_up_to[at] = self.published.len() - 1;
        self.read_metadata(broker);
    }

    fn check(&mut self) -> Result<(), String> {
        for broker in 1..=3 {
            let values = self.wired.values(broker);
            let node = self.wired.node(broker);
            let committed = usize::try_from(node.high_watermark()).expect("not negative");
            let leads = node.partition.leader().is_some();
            let shared = committed.min(self.ledger.len());
            if values[..shared] != self.ledger[..shared] {
                return Err(format!("R3: {broker} has {values:?}, committed {:?}", self.ledger));
            }
            if leads && committed > shared {
                self.ledger.extend_from_slice(&values[shared..committed]);
            }
        }
        let metadata = self.wired.metadata.clone();
        for member in metadata.isr {
            let values = self.wired.values(member.0);
            if !values.starts_with(&self.ledger) {
                let id = if member.0 == metadata.leader { "R5" } else { "R8" };
                return Err(format!("{id}: {member} has {values:?}, committed {:?}", self.ledger));
            }
        }
        Ok(())
    }

    /// The faults end: everything arrives, everybody fetches.
    fn heal(&mut self) -> Result<(), String> {
        for _ in 0..40 {
            self.wired.now.0 += 2_000;
            for broker in 1..=3 {
                while self.read_up_to[index(broker)] < self.published.len() {
                    self.read_metadata(broker);
                }
                for kind in [ASK, APPLY, ASK_CONTROLLER, ISR_ANSWER] {
                    self.step((kind, broker, 1))?;
                }
            }
        }
        let leader = self.wired.metadata.leader;
        let values = self.wired.values(leader);
        for broker in 1..=3 {
            let found = self.wired.values(broker);
            let node = self.wired.node(broker);
            if found != values || node.high_watermark() != node.log_end() {
                return Err(format!("L4: {broker} has {found:?}, {leader} has {values:?}"));
            }
        }
        match self.wired.metadata.isr.len() {
            3 => Ok(()),
            _ => Err(format!("L4: {:?}", self.wired.metadata)),
        }
    }
}

fn index(broker: i32) -> usize {
    usize::try_from(broker - 1).expect("brokers count from one")
}

fn lead(metadata: &mut Metadata, leader: i32) {
    metadata.leader = leader;
    metadata.leader_epoch += 1;
}

fn play(min_isr: usize, rules: &Rules, steps: &[Step]) -> (Trial, Result<(), String>) {
    let mut trial = Trial::new(min_isr, rules.clone());
    let result = steps.iter().try_for_each(|step| trial.step(*step));
    let result = result.and_then(|()| trial.heal());
    (trial, result)
}

/// Steps from a seed, for the tests that count over many: a generator by Steele and Vigna.
fn steps(seed: u64) -> Vec<Step> {
    let mut state = seed;
    let mut draw = |count: u64| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % count
    };
    let mut small = |count| u8::try_from(draw(count)).expect("below 256");
    (0..400).map(|_| (small(KINDS.into()), i32::from(small(3)) + 1, small(256))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_committed_is_lost_in_any_order(
        min_isr in 1usize..3,
        steps in prop::collection::vec((0..KINDS, 1i32..4, any::<u8>()), 0..300),
    ) {
        let (_, result) = play(min_isr, &Rules::default(), &steps);
        prop_assert_eq!(result, Ok(()));
    }
}

#[test]
fn the_random_orders_reach_what_they_are_there_for() {
    let mut seen = BTreeMap::new();
    for seed in 0..60 {
        let (mut trial, result) = play(2, &Rules::default(), &steps(seed));
        assert_eq!(result, Ok(()), "seed {seed}");
        for broker in 1..=3 {
            for event in &trial.wired.node(broker).notes {
                *seen.entry(name(event)).or_insert(0) += 1;
            }
        }
    }
    for event in [
        "BecameLeader",
        "LeaderHighWatermarkMoved",
        "FollowerHighWatermarkMoved",
        "Truncated",
        "IsrExpandAsked",
        "IsrShrinkAsked",
        "IsrCommitted",
        "IsrLeftPending",
        "IsrReverted",
        "IsrAnswerIgnored",
        "StaleFetchResponse",
        "FetchDelayed",
        "FetchParked",
        "MetadataIgnored",
    ] {
        assert!(seen.contains_key(event), "{event} never happens: {seen:?}");
    }
}

fn name(event: &PartitionEvent) -> String {
    let text = format!("{event:?}");
    text.split(' ').next().expect("a name comes first").to_owned()
}

#[test]
fn the_same_orders_catch_the_old_truncation() {
    let rules = Rules::new(Profile::Kafka43, [Switch::TruncToHwLoss]);
    let caught = (0..60).filter(|seed| play(2, &rules, &steps(*seed)).1.is_err()).count();
    assert!(caught > 0, "60 seeds and no loss");
}

/// What R7 says of Kafka's trunk: metadata of the known partition epoch overwrites a pending expansion that the
/// controller has accepted, and the high watermark passes the new member.
#[test]
fn the_same_orders_catch_metadata_of_an_equal_epoch() {
    let rules = Rules::new(Profile::Kafka43, [Switch::EqualPartitionEpochApplied]);
    assert_eq!(play(1, &Rules::default(), &steps(735)).1, Ok(()));
    let caught = play(1, &rules, &steps(735)).1.expect_err("the pending expansion was lost");
    assert!(caught.starts_with("R8"), "{caught}");
}
