//! One replica, and a script of what happens to it: requests, answers, time; and what it says and becomes.
//!
//! Holds: the replica (id 0, voters 0, 1 and 2 unless a start says otherwise), its disk, what it has asked. Every
//!        election timeout is 1500 ms, a fetch timeout 2000 ms; a step is played until nothing is due at once.

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset};
use trial_cluster::note::raft::RaftNote;
use trial_cluster::raft::accumulator::{Payload, PendingBatch};
use trial_cluster::raft::client::{Inbound, Opened, RaftClient};
use trial_cluster::raft::control::VoterHistory;
use trial_cluster::raft::draws::Draws;
use trial_cluster::raft::effect::{Effect, RaftEvent, ReplyToken, Step};
use trial_cluster::raft::election_state::ElectionState;
use trial_cluster::raft::fault::RaftFault;
use trial_cluster::raft::log::RaftLog;
use trial_cluster::raft::message::{
    Api, BeginQuorumEpoch, DescribedReplica, EndQuorumEpoch, Envelope, Fetch, Fetched,
    OffsetAndEpoch, Request, Response, ResponseBody, Vote,
};
use trial_cluster::raft::requests::Peer;
use trial_cluster::raft::settings::RaftSettings;
use trial_cluster::raft::store::{RaftStore, encode};
use trial_cluster::raft::voters::{Endpoint, ReplicaKey};
use trial_sim::{Span, Time};

use super::crash_disk::CrashDisk;
use super::instant::{WALL_MS, key, voters};

/// `controller.quorum.request.timeout.ms`: less than an election timeout, as in Kafka's tests.
const REQUEST_TIMEOUT: Span = Span::from_millis(1_200);

/// What a replica starts from.
#[derive(Debug, Clone)]
pub struct Start {
    pub voters: &'static [i32],
    pub epoch: i32,
    pub leader: Option<i32>,
    pub voted: Option<i32>,
    /// Batches: their epochs and numbers of records.
    pub log: &'static [(i32, usize)],
    pub linger_ms: u64,
}

pub fn start(epoch: i32) -> Start {
    Start { voters: &[0, 1, 2], epoch, leader: None, voted: None, log: &[], linger_ms: 0 }
}

impl Start {
    pub fn of(self, leader: i32) -> Self {
        Self { leader: Some(leader), ..self }
    }
    pub fn voted(self, candidate: i32) -> Self {
        Self { voted: Some(candidate), ..self }
    }
    pub fn log(self, log: &'static [(i32, usize)]) -> Self {
        Self { log, ..self }
    }
    pub fn voters(self, voters: &'static [i32]) -> Self {
        Self { voters, ..self }
    }
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Do {
    Poll,
    Sleep(u64),
    /// From whom, in which epoch, with the end of its log: epoch and offset.
    Vote(i32, i32, (i32, i64)),
    PreVote(i32, i32, (i32, i64)),
    /// A vote that is meant for another voter's key.
    VoteFor(i32, i32, i32),
    Begin(i32, i32),
    BeginFor(i32, i32, i32),
    End(i32, i32, &'static [i32]),
    /// From whom, in which epoch, from where, and how long the leader may wait.
    Fetch(i32, i32, (i32, i64), i32),
    /// Somebody asks who is in the quorum.
    Describe,
    /// A request of another cluster, or of one that does not say which.
    Of(Option<&'static str>, Box<Do>),
    /// Answers the last request of its kind to this host.
    Votes(i32, bool),
    /// The request is sent again when it has waited too long; then the first one is answered.
    Late(i32, bool),
    /// A fetch is answered: epoch, leader, batches, high watermark.
    Records(i32, i32, Option<i32>, &'static [(i32, usize)], i64),
    Diverges(i32, i32, Option<i32>, (i32, i64)),
    /// Any request is answered by an error: host, error, epoch, leader.
    Error(i32, ErrorCode, i32, Option<i32>),
    Ends(i32),
    Lost(i32),
    Append(usize),
    AppendIn(i32),
    Resign(i32),
    ShutDown,
    /// From unattached on: pre-votes and votes of 1 come in.
    Win,
    /// The same up to the candidacy.
    Stand,
}

pub struct Script {
    pub client: RaftClient,
    store: RaftStore,
    disk: CrashDisk,
    now: Time,
    asked: Vec<(Peer, u64, Request)>,
    said: Vec<String>,
}

fn draws() -> Draws {
    let mut draws = Draws::default();
    draws.top_up(|| 1 << 63);
    draws
}

fn place((epoch, offset): (i32, i64)) -> OffsetAndEpoch {
    OffsetAndEpoch { epoch: LeaderEpoch(epoch), offset: Offset(offset) }
}

fn batches(first: i64, batches: &[(i32, usize)]) -> Vec<PendingBatch> {
    let mut base = first;
    let batch = |&(epoch, count): &(i32, usize)| {
        let batch = PendingBatch {
            base_offset: Offset(base),
            epoch: LeaderEpoch(epoch),
            timestamp_ms: WALL_MS,
            payload: Payload::Records(vec![Bytes::from_static(b"x"); count]),
        };
        base += i64::try_from(count).expect("few");
        batch
    };
    batches.iter().map(batch).collect()
}

fn host(id: i32) -> Endpoint {
    Endpoint::controller(&format!("c{id}"), 9093)
}

impl Script {
    pub fn open(start: &Start) -> Self {
        let mut disk = CrashDisk::default();
        let (mut store, _) = RaftStore::open(&mut disk, 1 << 30, WALL_MS).expect("it works");
        let mut log = store.on(&mut disk, WALL_MS);
        for batch in batches(0, start.log) {
            log.append_as_leader(&batch).expect("it works");
        }
        let mut settings = RaftSettings::new(key(0), host(0), "cluster");
        settings.request_timeout = REQUEST_TIMEOUT;
        settings.append_linger = Span::from_millis(start.linger_ms);
        settings.bootstrap_servers =
            start.voters.iter().filter(|id| **id != 0).map(|id| host(*id)).collect();
        let mut history = VoterHistory::default();
        history.on_bootstrap(voters(start.voters));
        let election = ElectionState {
            epoch: LeaderEpoch(start.epoch),
            leader: start.leader.map(BrokerId),
            voted: start.voted.map(key),
        };
        let opened = Opened { election: Some(election), voters: history, bootstrap: None };
        let now = Time(1_000_000_000);
        let (mut draws, mut effects) = (draws(), Vec::new());
        let mut step = Step {
            now,
            wall_ms: WALL_MS,
            uptime: now,
            log: &mut log,
            draws: &mut draws,
            effects: &mut effects,
        };
        let client = RaftClient::open(Arc::new(settings), opened, &mut step).expect("it works");
        let (asked, said) = (Vec::new(), Vec::new());
        let mut script = Self { client, store, disk, now, asked, said };
        script.take(effects);
        script.go(&Do::Poll);
        script
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut RaftClient, &mut Step<'_>) -> T) -> T {
        let (mut draws, mut effects) = (draws(), Vec::new());
        let mut log = self.store.on(&mut self.disk, WALL_MS);
        let mut step = Step {
            now: self.now,
            wall_ms: WALL_MS,
            uptime: self.now,
            log: &mut log,
            draws: &mut draws,
            effects: &mut effects,
        };
        let done = work(&mut self.client, &mut step);
        self.take(effects);
        done
    }

    /// Turns until nothing is due at once, and the sync of what was written.
    fn turn(&mut self, message: Option<Inbound>) {
        let mut message = message;
        for _ in 0..20 {
            let given = message.take();
            match self.with(|client, step| client.step(given, step)) {
                Err(fault) => return self.said.push(format!("fault {}", name(&fault))),
                Ok(wait) => {
                    if self.client.take_flush() {
                        self.with(|client, step| client.on_flushed(step)).expect("it works");
                    }
                    if wait > Span::ZERO || self.client.is_shut_down() {
                        return;
                    }
                }
            }
        }
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, correlation, request } => {
                    self.said.push(format!("asks {} {}", to.endpoint.host, asks(&request)));
                    self.asked.push((to, correlation, request));
                }
                Effect::Reply(_, response) => self.said.push(answers(&response)),
                Effect::Event(event) => self.said.extend(tells(&event)),
                Effect::Note(RaftNote::Truncated { to, .. }) => {
                    self.said.push(format!("cuts to {to}"));
                }
                Effect::Note(RaftNote::Transition { role, epoch, .. }) => {
                    let role = format!("{role:?}").to_lowercase();
                    self.said.push(format!("then {role} {epoch}"));
                }
                Effect::Note(_) => {}
            }
        }
    }

    fn request(&mut self, request: Request, cluster_id: Option<&str>) {
        let cluster_id = cluster_id.map(Arc::from);
        let envelope = Envelope { cluster_id, api: request.api(), request: Some(request) };
        self.turn(Some(Inbound::Request(ReplyToken(1), envelope)));
    }

    /// Answers the last request to `host` that `is_meant`; it stays known, to be answered again and too late.
    #[track_caller]
    fn answer(&mut self, host: i32, is_meant: impl Fn(Api) -> bool, response: Response) {
        let host = format!("c{host}");
        let mut all = self.asked.iter().rev();
        let found =
            all.find(|(to, _, request)| *to.endpoint.host == *host && is_meant(request.api()));
        let (to, correlation, request) = found.unwrap_or_else(|| panic!("{host} was not asked"));
        let mut response = response;
        let is_empty = response.body == ResponseBody::BeginQuorumEpoch;
        if is_empty {
            response.body = request.api().empty_body();
        }
        let inbound = Inbound::Response(to.clone(), *correlation, Box::new(response));
        self.turn(Some(inbound));
    }

    /// Plays one thing; answers what the replica said, and what it is now.
    #[track_caller]
    pub fn go(&mut self, what: &Do) -> String {
        self.said.clear();
        self.play(what, Some("cluster"));
        let said = self.said.join("; ");
        format!("{said} | {}", self.show())
    }

    #[track_caller]
    fn play(&mut self, what: &Do, cluster: Option<&str>) {
        match what {
            Do::Poll => self.turn(None),
            Do::Sleep(ms) => {
                self.now += Span::from_millis(*ms);
                self.turn(None);
            }
            Do::Of(cluster, inner) => self.play(inner, *cluster),
            Do::Win => {
                self.play(&Do::Stand, cluster);
                self.play(&Do::Votes(1, true), cluster);
            }
            Do::Stand => {
                self.play(&Do::Sleep(1_500), cluster);
                self.play(&Do::Votes(1, true), cluster);
            }
            Do::Votes(..)
            | Do::Records(..)
            | Do::Diverges(..)
            | Do::Error(..)
            | Do::Ends(_)
            | Do::Lost(_) => {
                self.play_answer(what);
            }
            Do::Late(from, granted) => {
                let (to, correlation, _) = self.asked.last().expect("it was asked").clone();
                assert!(*to.endpoint.host == *format!("c{from}"), "{to:?} was asked last");
                // As long as a request may wait, while the election timeout does not pass.
                self.requests_time_out();
                let again = self.asked.last().expect("it was asked").1;
                assert!(again > correlation, "it is asked again");
                let body = ResponseBody::Vote { granted: *granted };
                let epoch = self.client.quorum().epoch();
                let response = Response {
                    epoch,
                    body,
                    top_level_error: ErrorCode::None,
                    ..Response::failed(Api::Vote, ErrorCode::None)
                };
                self.turn(Some(Inbound::Response(to, correlation, Box::new(response))));
            }
            Do::Append(count) => {
                let epoch = self.client.quorum().epoch().0;
                self.append(epoch, *count);
            }
            Do::AppendIn(epoch) => self.append(*epoch, 1),
            Do::Resign(epoch) => {
                self.client.resign(LeaderEpoch(*epoch));
                self.turn(None);
            }
            Do::ShutDown => {
                self.client.begin_shutdown(self.now);
                self.turn(None);
            }
            request => self.request(asked(request), cluster),
        }
    }

    fn requests_time_out(&mut self) {
        self.now += REQUEST_TIMEOUT;
        self.turn(None);
    }

    #[track_caller]
    fn play_answer(&mut self, what: &Do) {
        let epoch = self.client.quorum().epoch();
        let plain = Response {
            top_level_error: ErrorCode::None,
            error: ErrorCode::None,
            leader: None,
            epoch,
            leader_endpoint: None,
            body: ResponseBody::BeginQuorumEpoch,
        };
        let told = |epoch: i32, leader: Option<i32>| Response {
            epoch: LeaderEpoch(epoch),
            leader: leader.map(BrokerId),
            leader_endpoint: leader.map(host),
            ..plain.clone()
        };
        match *what {
            Do::Votes(from, granted) => {
                let body = ResponseBody::Vote { granted };
                self.answer(from, |api| api == Api::Vote, Response { body, ..plain });
            }
            Do::Records(from, epoch, leader, records, high_watermark) => {
                let end = self.store.log().log_end_offset().0;
                let bytes: Vec<u8> =
                    batches(end, records).iter().flat_map(|batch| encode(batch).to_vec()).collect();
                let fetched = Fetched {
                    records: Bytes::from(bytes),
                    high_watermark: Some(Offset(high_watermark)),
                    ..Fetched::default()
                };
                let body = ResponseBody::Fetch(fetched);
                self.answer(
                    from,
                    |api| api == Api::Fetch,
                    Response { body, ..told(epoch, leader) },
                );
            }
            Do::Diverges(from, epoch, leader, at) => {
                let fetched = Fetched { diverging: Some(place(at)), ..Fetched::default() };
                let body = ResponseBody::Fetch(fetched);
                self.answer(
                    from,
                    |api| api == Api::Fetch,
                    Response { body, ..told(epoch, leader) },
                );
            }
            Do::Error(from, error, epoch, leader) => {
                self.answer(from, |_| true, Response { error, ..told(epoch, leader) });
            }
            Do::Ends(from) => {
                let response = told(epoch.0, Some(0));
                self.answer(from, |api| api == Api::EndQuorumEpoch, response);
            }
            Do::Lost(from) => {
                let response =
                    Response::failed(Api::BeginQuorumEpoch, ErrorCode::BrokerNotAvailable);
                self.answer(from, |_| true, response);
            }
            ref other => panic!("{other:?} is no answer"),
        }
    }

    fn append(&mut self, epoch: i32, count: usize) {
        let records = vec![Bytes::from_static(b"x"); count];
        let appended = self.client.schedule_append(LeaderEpoch(epoch), records, self.now, WALL_MS);
        self.said.push(match appended {
            Ok(offset) => format!("will write {offset}"),
            Err(error) => format!("refuses {error:?}"),
        });
        self.turn(None);
    }

    fn show(&self) -> String {
        let quorum = self.client.quorum();
        let mut text = format!("{:?} {}", quorum.role(), quorum.epoch());
        if let Some(leader) = quorum.leader() {
            text += &format!(" of {leader}");
        }
        if let Some(voted) = quorum.state().voted(key(0)) {
            text += &format!(" voted {}", voted.id);
        }
        text += &format!(", end {}", self.store.log().log_end_offset());
        if let Some(high_watermark) = self.client.high_watermark() {
            text += &format!(", committed {high_watermark}");
        }
        if self.client.is_shut_down() {
            text += ", stopped";
        }
        text
    }
}

fn name(fault: &RaftFault) -> String {
    let text = format!("{fault:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

fn asked(what: &Do) -> Request {
    let vote = |from: i32, epoch: i32, end, pre_vote, voter: ReplicaKey| {
        Request::Vote(Vote {
            candidate: key(from),
            epoch: LeaderEpoch(epoch),
            log_end: place(end),
            voter: Some(voter),
            pre_vote,
        })
    };
    let begin = |leader: i32, epoch: i32, voter: i32| {
        Request::BeginQuorumEpoch(BeginQuorumEpoch {
            leader: BrokerId(leader),
            epoch: LeaderEpoch(epoch),
            leader_endpoint: Some(host(leader)),
            voter: Some(key(voter)),
        })
    };
    match *what {
        Do::Vote(from, epoch, end) => vote(from, epoch, end, false, key(0)),
        Do::PreVote(from, epoch, end) => vote(from, epoch, end, true, key(0)),
        Do::VoteFor(voter, from, epoch) => vote(from, epoch, (epoch - 1, 100), false, key(voter)),
        Do::Begin(leader, epoch) => begin(leader, epoch, 0),
        Do::BeginFor(voter, leader, epoch) => begin(leader, epoch, voter),
        Do::End(leader, epoch, successors) => Request::EndQuorumEpoch(EndQuorumEpoch {
            leader: BrokerId(leader),
            epoch: LeaderEpoch(epoch),
            leader_endpoint: Some(host(leader)),
            preferred_candidates: successors.iter().map(|id| key(*id)).collect(),
        }),
        Do::Fetch(from, epoch, position, max_wait_ms) => Request::Fetch(Fetch {
            replica: key(from),
            current_leader_epoch: LeaderEpoch(epoch),
            position: place(position),
            high_watermark: Some(Offset(i64::MAX)),
            max_wait_ms,
            max_bytes: 1 << 20,
        }),
        Do::Describe => Request::DescribeQuorum,
        ref other => panic!("{other:?} is no request"),
    }
}

fn asks(request: &Request) -> String {
    match request {
        Request::Vote(vote) => {
            let what = if vote.pre_vote { "pre-vote" } else { "vote" };
            format!("{what} {} with {}/{}", vote.epoch, vote.log_end.epoch, vote.log_end.offset)
        }
        Request::BeginQuorumEpoch(begin) => format!("begin {}", begin.epoch),
        Request::EndQuorumEpoch(end) => {
            let ids: Vec<i32> = end.preferred_candidates.iter().map(|key| key.id.0).collect();
            format!("end {} then {ids:?}", end.epoch)
        }
        Request::Fetch(fetch) => {
            let OffsetAndEpoch { epoch, offset } = fetch.position;
            format!("fetch {} from {epoch}/{offset}", fetch.current_leader_epoch)
        }
        Request::DescribeQuorum => "describe".to_owned(),
    }
}

fn answers(response: &Response) -> String {
    if response.top_level_error != ErrorCode::None {
        return format!("answers {:?}", response.top_level_error);
    }
    let mut text = format!("answers {:?} {}", response.error, response.epoch);
    if let Some(leader) = response.leader {
        text += &format!(" of {leader}");
    }
    match &response.body {
        ResponseBody::Vote { granted } => text += if *granted { " yes" } else { " no" },
        ResponseBody::Fetch(fetched) => {
            if let Some(OffsetAndEpoch { epoch, offset }) = fetched.diverging {
                text += &format!(" diverging {epoch}/{offset}");
            }
            text += if fetched.records.is_empty() { " empty" } else { " records" };
        }
        ResponseBody::DescribeQuorum(high_watermark, described) => {
            let told = |all: &[DescribedReplica]| {
                let all: Vec<String> = all.iter().map(describes).collect();
                all.join(", ")
            };
            let high_watermark = high_watermark.map_or(-1, |offset| offset.0);
            text += &format!(" hw {high_watermark}: {}", told(&described.voters));
            if !described.observers.is_empty() {
                text += &format!("; {}", told(&described.observers));
            }
        }
        ResponseBody::BeginQuorumEpoch | ResponseBody::EndQuorumEpoch => {}
    }
    text
}

/// `2@5 -100 -200`: replica 2 ends at 5, fetched 100 ms ago, had everything 200 ms ago; `-`: never.
fn describes(replica: &DescribedReplica) -> String {
    let ago = |ms: i64| if ms < 0 { "-".to_owned() } else { (ms - WALL_MS).to_string() };
    let end = replica.end.map_or("-".to_owned(), |end| end.0.to_string());
    let (fetched, caught_up) = (ago(replica.fetched_ms), ago(replica.caught_up_ms));
    format!("{}@{end} {fetched} {caught_up}", replica.key.id)
}

fn tells(event: &RaftEvent) -> Option<String> {
    match event {
        RaftEvent::Bootstrap { .. } => None,
        RaftEvent::Committed { batches } => {
            let last = batches.last().map_or(-1, |batch| batch.last_offset.0);
            Some(format!("tells up to {last}"))
        }
        RaftEvent::LeaderChange { epoch, leader, is_me } => Some(match leader {
            _ if *is_me => format!("tells it leads {epoch}"),
            Some(leader) => format!("tells {leader} leads {epoch}"),
            None => format!("tells nobody leads {epoch}"),
        }),
        RaftEvent::Resigned { epoch } => Some(format!("tells it resigned {epoch}")),
        RaftEvent::ShutDown => Some("tells it has stopped".to_owned()),
    }
}
