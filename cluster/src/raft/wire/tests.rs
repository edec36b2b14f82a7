//! Messages through their bytes and back.

use bytes::Bytes;

use super::super::voters::tests::key;
use super::*;
use crate::wire::Message;

fn cluster() -> Option<Arc<str>> {
    Some(Arc::from("cluster"))
}

/// What stays of `message` after its bytes were written and read in `version`.
fn through<M: Message>(message: &M, version: i16) -> M {
    M::from_bytes(version, &message.to_bytes(version)).expect("our own bytes")
}

fn endpoint() -> Option<Endpoint> {
    Some(Endpoint::controller("c1", 9093))
}

#[test]
fn requests_read_back_from_their_bytes() {
    let position = OffsetAndEpoch { epoch: LeaderEpoch(3), offset: Offset(17) };
    for voter in [None, Some(key(2))] {
        let (candidate, epoch) = (key(1), LeaderEpoch(4));
        let vote = Vote { candidate, epoch, log_end: position, voter, pre_vote: voter.is_some() };
        let got = read_vote_request(through(&vote_request(cluster(), &vote), 2));
        assert_eq!(got, envelope(Api::Vote, name(cluster()), Some(Request::Vote(vote))));
        let leader = BrokerId(1);
        let begin = BeginQuorumEpoch { leader, epoch, leader_endpoint: endpoint(), voter };
        let got = read_begin_request(through(&begin_request(None, &begin), 1));
        let want = Some(Request::BeginQuorumEpoch(begin));
        assert_eq!(got, envelope(Api::BeginQuorumEpoch, None, want));
        let preferred_candidates = vec![key(3), key(2)];
        let leader_endpoint = endpoint();
        let end = EndQuorumEpoch { leader, epoch, leader_endpoint, preferred_candidates };
        let got = read_end_request(through(&end_request(cluster(), &end), 1));
        let want = Some(Request::EndQuorumEpoch(end));
        assert_eq!(got, envelope(Api::EndQuorumEpoch, name(cluster()), want));
    }
    for high_watermark in [None, Some(Offset(5))] {
        let fetch = Fetch {
            replica: key(1),
            current_leader_epoch: LeaderEpoch(4),
            position,
            high_watermark,
            max_wait_ms: 500,
            max_bytes: 1024,
        };
        let got = read_fetch_request(through(&fetch_request(cluster(), &fetch), 18));
        assert_eq!(got, envelope(Api::Fetch, name(cluster()), Some(Request::Fetch(fetch))));
    }
}

#[test]
fn responses_read_back_from_their_bytes() {
    let response = |body, leader: Option<i32>| Response {
        top_level_error: ErrorCode::None,
        error: ErrorCode::NotLeaderOrFollower,
        leader: leader.map(BrokerId),
        epoch: LeaderEpoch(4),
        leader_endpoint: leader.and_then(|_| endpoint()),
        body,
    };
    for leader in [None, Some(1)] {
        let want = response(ResponseBody::Vote { granted: leader.is_some() }, leader);
        assert_eq!(read_vote_response(through(&vote_response(&want), 2)), want);
        let want = response(ResponseBody::BeginQuorumEpoch, leader);
        assert_eq!(read_begin_response(through(&begin_response(&want), 1)), want);
        let want = response(ResponseBody::EndQuorumEpoch, leader);
        assert_eq!(read_end_response(through(&end_response(&want), 1)), want);
        let diverging = leader.map(|_| OffsetAndEpoch { epoch: LeaderEpoch(2), offset: Offset(9) });
        let fetched = Fetched {
            records: Bytes::from_static(b"batches"),
            high_watermark: leader.map(|_| Offset(8)),
            log_start_offset: Some(Offset(0)),
            diverging,
        };
        let want = response(ResponseBody::Fetch(fetched), leader);
        assert_eq!(read_fetch_response(through(&fetch_response(&want), 18)), want);
    }
}

#[test]
fn a_response_that_is_only_an_error_stays_one() {
    let failed = |api| Response::failed(api, ErrorCode::InconsistentClusterId);
    let want = failed(Api::Vote);
    assert_eq!(read_vote_response(through(&vote_response(&want), 2)), want);
    let want = failed(Api::BeginQuorumEpoch);
    assert_eq!(read_begin_response(through(&begin_response(&want), 1)), want);
    let want = failed(Api::EndQuorumEpoch);
    assert_eq!(read_end_response(through(&end_response(&want), 1)), want);
    let want = failed(Api::Fetch);
    assert_eq!(read_fetch_response(through(&fetch_response(&want), 17)), want);
}

#[test]
fn a_request_for_another_topic_asks_for_nothing() {
    let vote = Vote {
        candidate: key(1),
        epoch: LeaderEpoch(4),
        log_end: OffsetAndEpoch { epoch: LeaderEpoch(0), offset: Offset(0) },
        voter: None,
        pre_vote: false,
    };
    let whole = vote_request(None, &vote);
    let mut other_topic = whole.clone();
    other_topic.topics[0].topic_name = "orders".to_owned();
    let mut other_partition = whole.clone();
    other_partition.topics[0].partitions[0].partition_index = 1;
    let mut two = whole.clone();
    two.topics.push(whole.topics[0].clone());
    let none = VoteRequest { topics: Vec::new(), ..whole };
    for request in [other_topic, other_partition, two, none] {
        assert_eq!(read_vote_request(request).request, None, "QW-2");
    }
}
