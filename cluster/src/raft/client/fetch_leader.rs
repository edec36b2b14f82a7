//! A fetch, as the leader answers it: at once, or when there is something to say.
//!
//! In Kafka:   `KafkaRaftClient.handleFetchRequest`, `tryCompleteFetchRequest`, the fetch purgatory.
//! Invariants: FL-1 a held fetch is answered when the log grows past it, when the high watermark moves, when this
//!             replica stops leading, or when it has waited long enough; never twice.

use trial_sim::{Span, Time};

use super::super::effect::{Effect, ReplyToken, Step};
use super::super::fault::RaftFault;
use super::super::log::divergence;
use super::super::message::{Api, Fetch, Fetched, Response, ResponseBody};
use super::RaftClient;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};
use crate::mark;
use crate::note::raft::{RaftNote, RaftRole};

/// A fetch that waits.
#[derive(Debug, Clone)]
pub(super) struct HeldFetch {
    fetch: Fetch,
    token: ReplyToken,
    until: Time,
    /// What is answered if nothing happens.
    response: Response,
}

impl RaftClient {
    pub(super) fn on_fetch_request(
        &mut self,
        token: ReplyToken,
        fetch: Fetch,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let position = fetch.position;
        let is_invalid = fetch.max_wait_ms < 0
            || position.offset.0 < 0
            || position.epoch.0 < 0
            || position.epoch > fetch.current_leader_epoch;
        if is_invalid {
            let response = self.respond(Api::Fetch, ErrorCode::InvalidRequest);
            step.effects.push(Effect::Reply(token, response));
            return Ok(());
        }
        let response = self.answer_fetch(&fetch, step)?;
        if fetch.max_wait_ms == 0 || is_worth_sending(&response, &fetch) {
            step.effects.push(Effect::Reply(token, response));
        } else {
            let wait = u64::try_from(fetch.max_wait_ms).expect("checked above");
            let until = step.uptime + Span::from_millis(wait);
            self.held.push_back(HeldFetch { fetch, token, until, response });
        }
        Ok(())
    }

    /// What the leader has for a fetch; a voter that fetches from an offset has everything below on disk.
    fn answer_fetch(&mut self, fetch: &Fetch, step: &mut Step<'_>) -> Result<Response, RaftFault> {
        if let Some(error) = self.check_leader_request(fetch.current_leader_epoch) {
            mark::sometimes!(
                step.effects,
                error == ErrorCode::FencedLeaderEpoch,
                "quorum_fetch_in_old_epoch",
                "a replica of the quorum fetched in an epoch that is over"
            );
            mark::sometimes!(
                step.effects,
                error == ErrorCode::UnknownLeaderEpoch,
                "quorum_fetch_in_later_epoch",
                "a replica of the quorum fetched in an epoch that the one it asked does not know"
            );
            return Ok(self.respond(Api::Fetch, error));
        }
        if fetch.replica.id == self.settings.local.id {
            return Ok(self.respond(Api::Fetch, ErrorCode::UnknownServerError));
        }
        let diverging = divergence(step.log, fetch.position);
        mark::sometimes!(
            step.effects,
            diverging.is_some(),
            "metadata_divergence_told",
            "the leader of the quorum told a replica that their logs part"
        );
        let mut fetched = Fetched { diverging, ..Fetched::default() };
        if fetched.diverging.is_none() {
            let max_bytes = usize::try_from(fetch.max_bytes).unwrap_or(0);
            fetched.records = step.log.read(fetch.position.offset, max_bytes)?;
            self.on_follower_end(fetch, step)?;
        }
        fetched.high_watermark = self.quorum.high_watermark;
        fetched.log_start_offset = Some(step.log.start_offset());
        let mut response = self.respond(Api::Fetch, ErrorCode::None);
        response.body = ResponseBody::Fetch(fetched);
        Ok(response)
    }

    fn on_follower_end(&mut self, fetch: &Fetch, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let now = step.now;
        let replica = fetch.replica;
        let leader = self.quorum.leader_state().expect("checked by the caller");
        if replica.id.0 < 0 {
            return Ok(());
        }
        let voter = leader.voters.keys().find(|key| key.matches(replica));
        let leader_end = leader.high_watermark.end(self.settings.local.id);
        let end = fetch.position.offset;
        leader.progress.on_fetch(voter.unwrap_or(replica), now, end, leader_end);
        if voter.is_some() {
            step.effects.push(Effect::Note(RaftNote::VoterFetched { voter: replica.id }));
        }
        leader.check_quorum.on_fetch(now, replica);
        if leader.high_watermark.on_end(replica, fetch.position.offset) {
            self.on_leader_high_watermark(step)?;
        }
        Ok(())
    }

    /// What a request to the leader of `epoch` must have (`validateLeaderOnlyRequest`).
    fn check_leader_request(&self, epoch: LeaderEpoch) -> Option<ErrorCode> {
        let current = self.quorum.epoch();
        if epoch < current {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if epoch > current {
            Some(ErrorCode::UnknownLeaderEpoch)
        } else if self.quorum.role() != RaftRole::Leader {
            Some(ErrorCode::NotLeaderOrFollower)
        } else if self.shutdown.is_some() {
            Some(ErrorCode::BrokerNotAvailable)
        } else {
            None
        }
    }

    /// Answers the held fetches that ask for something below `end`.
    pub(super) fn complete_held(
        &mut self,
        end: Offset,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        // Answering one may move the high watermark, which answers the others: start over each time.
        while let Some(at) = self.held.iter().position(|held| held.fetch.position.offset < end) {
            let held = self.held.remove(at).expect("it was found there");
            let response = self.answer_fetch(&held.fetch, step)?;
            step.effects.push(Effect::Reply(held.token, response));
        }
        Ok(())
    }

    /// Answers every held fetch with an error.
    pub(super) fn fail_held(&mut self, error: ErrorCode, step: &mut Step<'_>) {
        for held in std::mem::take(&mut self.held) {
            let response = self.respond(Api::Fetch, error);
            step.effects.push(Effect::Reply(held.token, response));
        }
    }

    /// Answers what has waited long enough, with what was found when it came.
    pub(super) fn expire_held(&mut self, step: &mut Step<'_>) {
        for held in std::mem::take(&mut self.held) {
            if held.until <= step.uptime {
                step.effects.push(Effect::Reply(held.token, held.response));
            } else {
                self.held.push_back(held);
            }
        }
    }

    /// When the first held fetch has waited long enough, by the clock that never jumps.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Time> {
        self.held.iter().map(|held| held.until).min()
    }
}

/// Whether an answer says anything that the follower does not know.
fn is_worth_sending(response: &Response, fetch: &Fetch) -> bool {
    let ResponseBody::Fetch(fetched) = &response.body else { return true };
    response.error != ErrorCode::None
        || !fetched.records.is_empty()
        || fetched.diverging.is_some()
        || fetched.high_watermark > fetch.high_watermark
}
