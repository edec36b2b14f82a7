//! A replica of the quorum: what it does with each message and with the passing of time.
//!
//! Read: `poll` (what each state does by itself), `vote`, `epoch` (BeginQuorumEpoch, EndQuorumEpoch), `fetch_leader`,
//! `fetch_follower`, `response` (what all answers have in common), `lead` (writing and committing), `transition`.
//!
//! In Kafka:   `KafkaRaftClient`; one thread does all of it, here one lane.
//! Holds:      the quorum state, the requests in flight, the fetches that are held, how far the owner was told.
//! Effects:    in `effect`. A step is one turn of Kafka's loop: at most one message, then what is due.
//! Left out:   snapshots and FetchSnapshot, changes of the voters.

mod describe;
mod epoch;
mod fetch_follower;
mod fetch_leader;
mod lead;
mod poll;
mod response;
mod transition;
mod vote;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Span, Time};

use super::accumulator::AppendError;
use super::control::VoterHistory;
use super::effect::{Effect, RaftEvent, ReplyToken, Step};
use super::election_state::ElectionState;
use super::fault::RaftFault;
use super::message::{Api, Envelope, Request, Response};
use super::quorum::Quorum;
use super::requests::{Peer, RequestManager};
use super::settings::RaftSettings;
use super::state::State;
use super::timer::Timer;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::mark;
use crate::note::raft::{RaftNote, RaftRole};

use fetch_leader::HeldFetch;

/// What a replica found on its disk.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// The `quorum-state` file; none if there is none.
    pub election: Option<ElectionState>,
    /// The voters of the bootstrap checkpoint and of the log.
    pub voters: VoterHistory,
    /// The users' records of the bootstrap checkpoint; none if there is no checkpoint.
    pub bootstrap: Option<Vec<Bytes>>,
}

/// One replica.
#[derive(Debug, Clone)]
pub struct RaftClient {
    settings: Arc<RaftSettings>,
    quorum: Quorum,
    requests: RequestManager,
    next_correlation: u64,
    held: VecDeque<HeldFetch>,
    /// The largest high watermark since the start: nothing below is ever cut (K9).
    committed: Offset,
    is_flush_due: bool,
    bootstrap: Option<Vec<Bytes>>,
    /// The next offset that the owner has not been told of; none before it was told anything.
    next_offset: Option<Offset>,
    announced: (LeaderEpoch, Option<BrokerId>),
    shutdown: Option<Timer>,
    is_shut_down: bool,
}

impl RaftClient {
    /// Begins with what the disk says.
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(
        settings: Arc<RaftSettings>,
        opened: Opened,
        step: &mut Step<'_>,
    ) -> Result<Self, RaftFault> {
        let stored = opened.election.unwrap_or_default();
        let quorum = Quorum::open(&settings, opened.voters, stored, step)?;
        step.note(RaftNote::Opened {
            epoch: quorum.epoch(),
            end: step.log.end_offset(),
            is_voter: quorum.is_voter(),
        });
        let servers = Self::bootstrap_servers(&settings, &quorum);
        let requests =
            RequestManager::new(&servers, settings.retry_backoff, settings.request_timeout);
        let mut client = Self {
            settings,
            quorum,
            requests,
            next_correlation: 0,
            held: VecDeque::new(),
            committed: Offset::ZERO,
            is_flush_due: false,
            bootstrap: opened.bootstrap,
            next_offset: None,
            announced: (LeaderEpoch(-1), None),
            shutdown: None,
            is_shut_down: false,
        };
        let role = client.quorum.role();
        let is_idle =
            matches!(role, RaftRole::Unattached | RaftRole::Follower | RaftRole::Resigned);
        if client.quorum.is_only_voter() && is_idle {
            client.become_prospective(step)?;
        } else if role == RaftRole::Candidate {
            client.on_candidate(step)?;
        } else if role == RaftRole::Leader {
            client.lead_on(step)?;
        }
        Ok(client)
    }

    /// The servers of the configuration, else the other voters.
    fn bootstrap_servers(settings: &RaftSettings, quorum: &Quorum) -> Vec<super::voters::Endpoint> {
        if !settings.bootstrap_servers.is_empty() {
            return settings.bootstrap_servers.clone();
        }
        let voters = quorum.voter_set();
        let others = voters.nodes().filter(|node| node.key.id != settings.local.id);
        others.filter_map(|node| node.endpoints.first().cloned()).collect()
    }

    /// One turn of the loop: `message`, then what is due. Answers how long nothing will be due.
    ///
    /// # Errors
    /// The replica cannot go on.
    pub fn step(
        &mut self,
        message: Option<Inbound>,
        step: &mut Step<'_>,
    ) -> Result<Span, RaftFault> {
        match message {
            Some(Inbound::Request(token, envelope)) => self.on_request(token, envelope, step)?,
            Some(Inbound::Response(from, correlation, response))
                if self.requests.is_expected(from.id, correlation) =>
            {
                self.on_response(&from, correlation, *response, step)?;
            }
            // An answer that came too late is of no use.
            Some(Inbound::Response(..)) => mark::reachable!(
                step.effects,
                "quorum_answer_unexpected",
                "an answer came that its replica of the quorum no longer waited for"
            ),
            None => {}
        }
        self.expire_held(step);
        self.tell_owner(step)?;
        self.poll(step)
    }

    fn on_request(
        &mut self,
        token: ReplyToken,
        envelope: Envelope,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let cluster = envelope.cluster_id.as_ref();
        let refusal = match &envelope.request {
            _ if cluster.is_some_and(|id| *id != self.settings.cluster_id) => {
                Err(ErrorCode::InconsistentClusterId)
            }
            None if envelope.api == Api::DescribeQuorum => Err(ErrorCode::UnknownTopicOrPartition),
            None => Err(ErrorCode::InvalidRequest),
            Some(request) => Ok(request),
        };
        let response = match refusal {
            Err(error) if envelope.api == Api::DescribeQuorum => self.respond(envelope.api, error),
            Err(error) => Response::failed(envelope.api, error),
            Ok(Request::DescribeQuorum) => self.on_describe_request(step),
            Ok(Request::Vote(request)) => self.on_vote_request(request, step)?,
            Ok(Request::BeginQuorumEpoch(request)) => self.on_begin_request(request, step)?,
            Ok(Request::EndQuorumEpoch(request)) => self.on_end_request(request, step)?,
            Ok(Request::Fetch(request)) => return self.on_fetch_request(token, *request, step),
        };
        step.effects.push(Effect::Reply(token, response));
        Ok(())
    }

    /// Asks the replica to stop in good order: a leader hands over first.
    pub fn begin_shutdown(&mut self, now: Time) {
        if self.shutdown.is_none() {
            self.shutdown = Some(Timer::new(now, self.settings.shutdown_timeout));
        }
    }

    /// Whether a stop in good order is complete.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }

    /// Takes `records` to be written as one, if this replica leads `epoch`; answers the last one's offset.
    ///
    /// # Errors
    /// Nothing was taken.
    pub fn schedule_append(
        &mut self,
        epoch: LeaderEpoch,
        records: Vec<Bytes>,
        now: Time,
        wall_ms: i64,
    ) -> Result<Offset, AppendError> {
        let leader = self.quorum.leader_state().ok_or(AppendError::NotLeader)?;
        leader.accumulator.append(epoch, records, now, wall_ms)
    }

    /// How long until the leader should write what it was given; `Span::MAX` if nothing waits.
    pub fn time_until_append(&mut self, now: Time) -> Span {
        self.quorum
            .leader_state()
            .map_or(Span::MAX, |leader| leader.accumulator.time_until_drain(now))
    }

    /// Lays the leadership of `epoch` down at the next turn; nothing if it is over already.
    pub fn resign(&mut self, epoch: LeaderEpoch) {
        assert!(epoch <= self.quorum.epoch(), "resigning from {epoch}, which has not begun");
        if epoch == self.quorum.epoch()
            && let Some(leader) = self.quorum.leader_state()
        {
            leader.is_resign_requested = true;
        }
    }

    /// Whether the leader has written something that must now be synced; asks once.
    pub fn take_flush(&mut self) -> bool {
        std::mem::take(&mut self.is_flush_due)
    }

    /// The epoch, and its leader if known.
    #[must_use]
    pub fn leader_and_epoch(&self) -> (Option<BrokerId>, LeaderEpoch) {
        (self.quorum.leader(), self.quorum.epoch())
    }

    /// What is known to be committed.
    #[must_use]
    pub fn high_watermark(&self) -> Option<Offset> {
        self.quorum.high_watermark
    }

    /// The quorum state, to look at.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// Sends a request, if the node is not busy or left alone; answers how long to wait before trying again.
    fn send(
        &mut self,
        to: &Peer,
        request: impl FnOnce(&Self, &Step<'_>) -> Request,
        step: &mut Step<'_>,
    ) -> Span {
        let now = step.now;
        let backoff = self.requests.backoff(to.id, now);
        if backoff > Span::ZERO {
            return backoff;
        }
        if self.requests.is_ready(to.id, now) {
            let correlation = self.next_correlation;
            self.next_correlation += 1;
            let request = request(self, step);
            self.requests.on_sent(to.id, correlation, now);
            step.effects.push(Effect::Send { to: to.clone(), correlation, request });
        }
        self.requests.remaining(to.id, now)
    }

    /// Tells the owner what it may know: committed batches first, then who leads.
    fn tell_owner(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        if let Some(high_watermark) = self.quorum.high_watermark {
            self.tell_committed(high_watermark, step)?;
        }
        let start = match self.quorum.state() {
            State::Leader(leader) => Some(leader.high_watermark.epoch_start_offset()),
            // It is the leader of its epoch in name only.
            State::Resigned(_) => return Ok(()),
            _ => None,
        };
        if start.is_none_or(|start| self.next_offset > Some(start)) {
            self.tell_leader(step);
        }
        Ok(())
    }

    fn tell_committed(
        &mut self,
        high_watermark: Offset,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        if self.next_offset.is_none() && high_watermark > Offset::ZERO {
            if let Some(records) = self.bootstrap.take() {
                step.event(RaftEvent::Bootstrap { records });
            }
            self.next_offset = Some(Offset::ZERO);
        }
        let Some(next) = self.next_offset.filter(|next| *next < high_watermark) else {
            return Ok(());
        };
        let batches = step.log.read_batches(next, high_watermark)?;
        let batches: Vec<_> = batches.into_iter().map(lead::committed).collect();
        let Some(last) = batches.last() else { return Ok(()) };
        self.next_offset = Some(last.last_offset.next());
        step.event(RaftEvent::Committed { batches });
        Ok(())
    }

    fn tell_leader(&mut self, step: &mut Step<'_>) {
        let (leader, epoch) = self.leader_and_epoch();
        let is_news = epoch > self.announced.0
            || epoch == self.announced.0 && self.announced.1.is_none() && leader.is_some();
        if is_news {
            self.announced = (epoch, leader);
            let is_me = leader == Some(self.settings.local.id);
            step.event(RaftEvent::LeaderChange { epoch, leader, is_me });
        }
    }

    /// An answer with this replica's view of the quorum.
    fn respond(&self, api: Api, error: ErrorCode) -> Response {
        let (leader, epoch) = self.leader_and_epoch();
        Response {
            top_level_error: ErrorCode::None,
            error,
            leader,
            epoch,
            leader_endpoint: self.quorum.leader_endpoint(&self.settings.endpoint),
            body: api.empty_body(),
        }
    }
}

/// What arrives at a replica.
#[derive(Debug, Clone)]
pub enum Inbound {
    /// A request.
    Request(ReplyToken, Envelope),
    /// An answer to a request of this replica, or what stands for it when there is none.
    Response(Peer, u64, Box<Response>),
}
