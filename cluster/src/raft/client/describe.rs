//! What the leader of the quorum tells whoever asks about it.
//!
//! In Kafka:   `KafkaRaftClient.handleDescribeQuorumRequest`; KIP-595, KIP-836, KIP-853.

use trial_sim::Time;

use super::super::effect::Step;
use super::super::message::{Api, Response, ResponseBody};
use super::RaftClient;
use crate::error_code::ErrorCode;

impl RaftClient {
    pub(super) fn on_describe_request(&mut self, step: &Step<'_>) -> Response {
        let mut response = self.respond(Api::DescribeQuorum, ErrorCode::NotLeaderOrFollower);
        let high_watermark = self.quorum.high_watermark;
        let local = self.settings.local;
        let Some(leader) = self.quorum.leader_state() else { return response };
        let millis = |time: Time| i64::try_from(time.as_millis()).expect("a run is no era");
        let to_ms = |time: Time| step.wall_ms - millis(step.now) + millis(time);
        let end = leader.high_watermark.end(local.id);
        let described = leader.progress.describe(&leader.voters, (local, end), step.now, to_ms);
        response.error = ErrorCode::None;
        response.body = ResponseBody::DescribeQuorum(high_watermark, described);
        response
    }
}
