//! How a replica's requests travel: Kafka's network client, one request at a time to each node.
//!
//! In Kafka:   `KafkaNetworkChannel` on an `InterBrokerSendThread`.
//! Holds:      for each request in flight, whom it went to and what the replica calls it.
//! Invariants: RC-1 every request is answered once; one that got no response by an answer that stands for it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use trial_sim::{Input, Span, Time};

use super::message::{Api, Request, Response};
use super::requests::Peer;
use super::settings::RaftSettings;
use super::wire;
use crate::error_code::ErrorCode;
use crate::net::{Completed, ExponentialBackoff, NetError, NetSettings, NetworkClient, Wires};
use crate::wire::{
    ApiKey, BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest, VoteRequest,
};

/// The versions of Fetch that say all that the quorum needs: 17 has the directory, 18 the high watermark.
const FETCH_VERSIONS: RangeInclusive<i16> = 17..=18;

/// A replica's connections to the others.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    cluster_id: Arc<str>,
    client: NetworkClient,
    next_token: u64,
    in_flight: BTreeMap<u64, (Peer, u64)>,
    responses: VecDeque<(Peer, u64, Response)>,
}

impl Channel {
    pub(super) fn new(settings: &RaftSettings) -> Self {
        let client_id = format!("raft-client-{}", settings.local.id);
        let net = NetSettings {
            max_in_flight: 1,
            reconnect_backoff: ExponentialBackoff::new(
                Span::from_millis(50),
                Span::from_millis(500),
            ),
            request_timeout: settings.request_timeout,
            ..NetSettings::new(&client_id, "raft-channel")
        };
        Self {
            cluster_id: Arc::clone(&settings.cluster_id),
            client: NetworkClient::new(net),
            next_token: 0,
            in_flight: BTreeMap::new(),
            responses: VecDeque::new(),
        }
    }

    /// Sends as soon as the connection allows it.
    pub(super) fn send(
        &mut self,
        to: &Peer,
        correlation: u64,
        request: Request,
        wires: &mut dyn Wires,
    ) {
        let node = to.id;
        self.client.set_node(node, &to.endpoint.host, to.endpoint.port);
        let token = self.next_token;
        self.next_token += 1;
        self.in_flight.insert(token, (to.clone(), correlation));
        let cluster = Some(Arc::clone(&self.cluster_id));
        let request = match request {
            Request::Vote(vote) => {
                self.client.request(2, token, &wire::vote_request(cluster, &vote))
            }
            Request::BeginQuorumEpoch(begin) => {
                self.client.request(1, token, &wire::begin_request(cluster, &begin))
            }
            Request::EndQuorumEpoch(end) => {
                self.client.request(1, token, &wire::end_request(cluster, &end))
            }
            Request::Fetch(fetch) => {
                let version = self.client.usable_version(node, ApiKey::Fetch, FETCH_VERSIONS);
                let version = version.unwrap_or(*FETCH_VERSIONS.end());
                let mut message = wire::fetch_request(cluster, &fetch);
                if version < 18 {
                    // Older ones know no high watermark here: the default says "I know all".
                    message.topics[0].partitions[0].high_watermark = i64::MAX;
                }
                self.client.request(version, token, &message)
            }
            Request::DescribeQuorum => unreachable!("no replica asks who is in the quorum"),
        };
        self.client.enqueue(node, request, wires);
        self.collect();
    }

    pub(super) fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let is_mine = self.client.on_input(input, wires);
        self.collect();
        is_mine
    }

    pub(super) fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.client.on_timer(wires);
        self.collect();
    }

    pub(super) fn next_deadline(&mut self) -> Option<Time> {
        self.client.next_deadline()
    }

    /// The next answer, with whom it is from and which request it answers.
    pub(super) fn next_response(&mut self) -> Option<(Peer, u64, Response)> {
        self.responses.pop_front()
    }

    fn collect(&mut self) {
        while let Some(completed) = self.client.next_completed() {
            let sent = self.in_flight.remove(&completed.token);
            let (peer, correlation) = sent.expect("RC-1: a request completes once");
            self.responses.push_back((peer, correlation, read(&completed)));
        }
    }
}

fn read(completed: &Completed) -> Response {
    let (api, response) = match completed.api {
        ApiKey::Vote => {
            let response = completed.response::<VoteRequest>().map(wire::read_vote_response);
            (Api::Vote, response)
        }
        ApiKey::BeginQuorumEpoch => {
            let response = completed.response::<BeginQuorumEpochRequest>();
            (Api::BeginQuorumEpoch, response.map(wire::read_begin_response))
        }
        ApiKey::EndQuorumEpoch => {
            let response = completed.response::<EndQuorumEpochRequest>();
            (Api::EndQuorumEpoch, response.map(wire::read_end_response))
        }
        ApiKey::Fetch => {
            let response = completed.response::<FetchRequest>().map(wire::read_fetch_response);
            (Api::Fetch, response)
        }
        other => panic!("the quorum never sent a request of {other}"),
    };
    response.unwrap_or_else(|error| {
        let code = match error {
            NetError::Disconnected | NetError::TimedOut => ErrorCode::BrokerNotAvailable,
            NetError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        };
        Response::failed(api, code)
    })
}
