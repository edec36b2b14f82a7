//! Random members: they join, sync, are silent, leave, come back; writes are late or fail; the coordinator moves.
//!
//! Invariants: a generation has one leader at most; whoever waits has a timer or a write that ends it; each request is
//!             answered once, forgotten once, or waits; generations rise; the log gives the group that is live (G9).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use trial_sim::{Plan, Stream};

use super::*;
use crate::group::GroupCoordinator;
use crate::group::fixture::Driven;
use crate::ids::Offset;

/// A client.
#[derive(Default)]
struct Client {
    instance: Option<String>,
    id: String,
    generation: i32,
    leads: bool,
    /// What it waits for.
    asked: Option<Token>,
}

struct Play {
    story: Story,
    random: Stream,
    clients: Vec<Client>,
    sent: Vec<Token>,
    /// Who was told to assign, by the coordinator's term, the life of the group and the generation.
    leaders: BTreeMap<(u32, i32), BTreeSet<String>>,
    term: u32,
    highest: i32,
    /// Whether the log may say something else than what is live: a write has failed.
    is_tainted: bool,
    /// For how long a write may have waited.
    waited_ms: u64,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut random = Plan::new(seed).run_stream("group", "clients");
        let count = random.range(1, 7);
        let mut client = |at: u64| Client {
            instance: random.chance(300_000).then(|| format!("i{}", at % 3)),
            ..Client::default()
        };
        let clients = (0..count).map(&mut client).collect();
        let limits = GroupSettings { initial_rebalance_delay_ms: 1_000, max_size: 5, ..settings() };
        let mut story = Story { driven: Driven::with_seed(limits, seed) };
        story.driven.commits = false;
        Self {
            story,
            random,
            clients,
            sent: Vec::new(),
            leaders: BTreeMap::new(),
            term: 0,
            highest: 0,
            is_tainted: false,
            waited_ms: 0,
        }
    }

    fn pick(&mut self) -> usize {
        usize::try_from(self.random.below(self.clients.len() as u64)).expect("few")
    }

    fn act(&mut self) {
        let who = self.pick();
        match self.random.below(100) {
            0..=34 => self.go_on(who),
            35..=54 => self.pass(),
            55..=64 => self.join(who),
            65..=69 => self.leave(who),
            70..=71 => self.send_away(who),
            72..=73 => self.clients[who].asked = None,
            74..=75 => self.fail(),
            76 => self.move_away(),
            77..=79 => self.heartbeat(who),
            _ => self.commit(),
        }
    }

    /// Time passes; writes are given up before a session can end (`offsets.commit.timeout.ms`).
    fn pass(&mut self) {
        let ms = self.random.below(2_500);
        self.waited_ms += ms;
        if self.waited_ms > 5_000 {
            self.is_tainted |= !self.story.driven.uncommitted().is_empty();
            self.story.driven.give_up_waiting(ErrorCode::RequestTimedOut);
            self.waited_ms = ms;
        }
        self.story.pass(ms);
    }

    fn commit(&mut self) {
        self.waited_ms = 0;
        let writes_members = self.story.driven.uncommitted().iter().any(|record| {
            matches!(record, GroupRecord::GroupMetadata(_, Some(value)) if !value.members.is_empty())
        });
        self.story.driven.commit();
        let is_stable = self
            .story
            .driven
            .coordinator
            .classic_group("g")
            .is_some_and(|group| group.state() == ClassicState::Stable);
        if writes_members && is_stable {
            self.is_tainted = false;
        }
    }

    fn fail(&mut self) {
        self.is_tainted |= !self.story.driven.uncommitted().is_empty();
        if self.random.chance(500_000) {
            self.story.driven.fail(ErrorCode::NotEnoughReplicas);
        } else {
            self.story.driven.give_up_waiting(ErrorCode::RequestTimedOut);
        }
    }

    /// Another coordinator reads what is committed. Whoever waited hears nothing.
    fn move_away(&mut self) {
        self.story.driven.fail(ErrorCode::NotLeaderOrFollower);
        self.story.driven.step(|machine, step| machine.on_unloaded(step));
        self.check_requests();
        let same = GroupSettings { initial_rebalance_delay_ms: 1_000, max_size: 5, ..settings() };
        self.story.driven.reload(same);
        self.sent.clear();
        self.term += 1;
        self.is_tainted = false;
        for client in &mut self.clients {
            client.asked = None;
        }
        self.highest = 0;
    }

    /// What a client does next: it reads its answer, syncs if it has joined, is heard of if it has synced.
    fn go_on(&mut self, who: usize) {
        let Some(token) = self.clients[who].asked else { return self.join(who) };
        let Some(answer) = self.story.driven.answers.get(&token).cloned() else { return };
        self.clients[who].asked = None;
        match answer {
            Ok(GroupResponse::JoinGroup(answer)) => self.on_joined(who, &answer),
            Ok(GroupResponse::SyncGroup(answer)) if answer.error_code == 0 => self.heartbeat(who),
            _ => self.join(who),
        }
    }

    fn on_joined(&mut self, who: usize, answer: &JoinGroupResponse) {
        let client = &mut self.clients[who];
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {
                client.id.clone_from(&answer.member_id);
                client.generation = answer.generation_id;
                client.leads = answer.leader == answer.member_id && !answer.skip_assignment;
                if client.leads {
                    let told = self.leaders.entry((self.term, answer.generation_id)).or_default();
                    told.insert(answer.member_id.clone());
                    assert_eq!(
                        told.len(),
                        1,
                        "generation {} has leaders {told:?}",
                        answer.generation_id
                    );
                }
                self.sync(who);
            }
            ErrorCode::MemberIdRequired => {
                client.id.clone_from(&answer.member_id);
                self.join(who);
            }
            _ => client.id.clear(),
        }
    }

    fn join(&mut self, who: usize) {
        let known: [&[&str]; 3] = [&["range", "roundrobin"], &["range"], &["range", "sticky"]];
        let knows = *self.random.pick(&known).expect("three");
        let version = *self.random.pick(&[3, 4, 9]).expect("three");
        let session = i32::try_from(self.random.range(6_000, 12_000)).expect("small");
        let rebalance = i32::try_from(self.random.range(1_000, 7_000)).expect("small");
        let client = &self.clients[who];
        let mut request = join().by(&client.id).knows(knows).session(session).rebalance(rebalance);
        if let Some(instance) = &client.instance {
            request = request.instance(instance);
        }
        let token = self.story.join(&request.version(version));
        self.ask(who, token);
    }

    fn sync(&mut self, who: usize) {
        let client = &self.clients[who];
        let (id, generation, leads) = (client.id.clone(), client.generation, client.leads);
        let members =
            self.story.driven.coordinator.classic_group("g").map(ClassicGroup::member_ids);
        let members = members.filter(|_| leads).unwrap_or_default();
        let assigned: Vec<_> = members.iter().zip(1..).map(|(id, byte)| (&**id, byte)).collect();
        let token = self.story.sync(&id, generation, &assigned);
        self.ask(who, token);
    }

    fn ask(&mut self, who: usize, token: Token) {
        self.clients[who].asked = Some(token);
        self.sent.push(token);
    }

    fn heartbeat(&mut self, who: usize) {
        let client = &self.clients[who];
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id: client.generation,
            member_id: client.id.clone(),
            group_instance_id: client.instance.clone(),
        };
        let token = self.story.driven.send(4, GroupRequest::Heartbeat(request));
        self.sent.push(token);
    }

    fn leave(&mut self, who: usize) {
        let id = self.clients[who].id.clone();
        let token = self.story.send_leave(&[(&id, None)]);
        self.sent.push(token);
        self.clients[who].id.clear();
        self.clients[who].asked = None;
    }

    fn send_away(&mut self, who: usize) {
        if let Some(instance) = self.clients[who].instance.clone() {
            let token = self.story.send_leave(&[("", Some(&instance))]);
            self.sent.push(token);
        }
    }

    fn check(&mut self) {
        self.check_requests();
        let uncommitted = self.story.driven.uncommitted();
        let Some(group) = self.story.driven.coordinator.classic_group("g") else {
            self.term += 1;
            self.highest = 0;
            return;
        };
        assert!(
            group.generation() >= self.highest,
            "CG-6 {} after {}",
            group.generation(),
            self.highest
        );
        self.highest = group.generation();
        check_counts(group);
        let timers = &self.story.driven.coordinator.timers;
        let waits = group.members().any(|member| {
            let kept = member.awaiting_join.iter().chain(&member.awaiting_sync);
            kept.into_iter().any(|waiting| !waiting.is_answered)
        });
        let ends = match group.state() {
            ClassicState::PreparingRebalance => {
                timers.is_scheduled(&TimerKey::ClassicJoin("g".into()))
            }
            ClassicState::CompletingRebalance => {
                timers.is_scheduled(&TimerKey::ClassicSync("g".into())) || !uncommitted.is_empty()
            }
            _ => !uncommitted.is_empty(),
        };
        assert!(
            !waits || ends,
            "CG-8, CG-9 somebody waits in {:?} and nothing ends that",
            group.state()
        );
        for member in group.members() {
            let key = TimerKey::ClassicHeartbeat("g".into(), member.id.clone());
            let is_watched = timers.is_scheduled(&key) || member.has_satisfied_heartbeat();
            assert!(is_watched, "nobody watches {}", member.id);
        }
        if uncommitted.is_empty() && !self.is_tainted {
            self.check_log();
        }
    }

    /// Each request has one answer, is forgotten, or is held by the group or by a write.
    fn check_requests(&mut self) {
        let driven = &self.story.driven;
        let mut held = driven.held_by_writes();
        if let Some(group) = driven.coordinator.classic_group("g") {
            for member in group.members() {
                let kept = member.awaiting_join.iter().chain(&member.awaiting_sync);
                held.extend(kept.filter(|kept| !kept.is_answered).map(|kept| kept.token));
            }
        }
        for token in &self.sent {
            let states = usize::from(driven.answers.contains_key(token))
                + usize::from(driven.forgotten.contains(token))
                + usize::from(held.contains(token));
            assert_eq!(states, 1, "CG-4 request {token}: answered, forgotten or held");
        }
        let driven = &self.story.driven;
        let is_over =
            |token: &Token| driven.answers.contains_key(token) || driven.forgotten.contains(token);
        self.sent.retain(|token| !is_over(token));
    }

    /// G9: a stable or an empty group is the one that its log gives.
    fn check_log(&self) {
        let group = self.story.group();
        if !matches!(group.state(), ClassicState::Stable | ClassicState::Empty) {
            return;
        }
        let mut read = GroupCoordinator::new(settings().into());
        for record in self.story.driven.log.iter().rev().take(1) {
            read.replay(Offset(0), record);
        }
        let read = read.classic_group("g").expect("G9 it is in the log");
        let (mut said, mut live) = (value(read), value(group));
        if group.state() == ClassicState::Stable {
            // The record was made before the group became stable. Its members' order is that of the record.
            said.current_state_timestamp = live.current_state_timestamp;
        }
        said.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
        live.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
        assert_eq!(said, live, "G9");
    }
}

fn value(group: &ClassicGroup) -> crate::wire::GroupMetadataValue {
    match group.record_as_it_is() {
        GroupRecord::GroupMetadata(_, Some(value)) => value,
        other => panic!("a record of a group, not {other:?}"),
    }
}

fn check_counts(group: &ClassicGroup) {
    let awaiting = group.members().filter(|member| member.is_awaiting_join()).count();
    assert_eq!(group.awaiting_join_count(), awaiting, "CG-2");
    let mut supporters: BTreeMap<String, usize> = BTreeMap::new();
    for member in group.members() {
        for protocol in &member.protocols {
            *supporters.entry(protocol.name.clone()).or_default() += 1;
        }
    }
    assert_eq!(group.supporters, supporters, "what members know is counted");
    let of_members: BTreeMap<_, _> = group
        .members()
        .filter_map(|member| Some((member.instance_id.clone()?, member.id.clone())))
        .collect();
    assert_eq!(group.static_members, of_members, "CG-3");
    let leads = group.leader().is_some_and(|leader| group.member(leader).is_some());
    assert_eq!(leads, group.member_count() > 0, "a group with members has a leader among them");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_members_do_a_group_keeps_its_word(seed in any::<u64>()) {
        let mut play = Play::new(seed);
        for _ in 0..300 {
            play.act();
            play.check();
        }
    }
}
