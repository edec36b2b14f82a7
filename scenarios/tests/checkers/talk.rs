//! What clients and brokers say to each other in a story, and what clients note.

use bytes::{BufMut, Bytes, BytesMut};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::note::Note;
use trial_cluster::note::client::{ClientNote, PolledRecord};
use trial_cluster::wire::header::{put_request, put_response};
use trial_cluster::wire::produce_response::PartitionResponse;
use trial_cluster::wire::{
    DeleteRecordsRequest, DeleteRecordsResponse, FetchRequest, FetchResponse,
    IncrementalAlterConfigsRequest, ListOffsetsRequest, ListOffsetsResponse, ProduceRequest,
    ProduceResponse, Request, delete_records_response, fetch_request, fetch_response,
    incremental_alter_configs_request, list_offsets_request, list_offsets_response,
    produce_request, produce_response,
};
use trial_sim::{ConnId, HostId, Seen};

use crate::story::{ORDERS, P1, R1, Story, batch, id};

/// A request that sets one of the topic's settings.
pub fn sets(name: &str, value: &str) -> IncrementalAlterConfigsRequest {
    let config = incremental_alter_configs_request::Config {
        name: name.into(),
        config_operation: 0,
        value: Some(value.into()),
    };
    let resource = incremental_alter_configs_request::Resource {
        resource_type: 2,
        resource_name: "orders".into(),
        configs: vec![config],
    };
    IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() }
}

/// The connection of who asks to who answers.
fn between((asking, answering): (HostId, HostId)) -> u64 {
    100 + 40 * u64::from(asking.0) + 2 * u64::from(answering.0)
}

impl Story {
    // ---- connections ----

    fn frame(
        &mut self,
        conn: u64,
        hosts: (HostId, HostId),
        towards_listener: bool,
        body: &BytesMut,
    ) {
        let mut bytes = BytesMut::new();
        bytes.put_u32(u32::try_from(body.len()).expect("a short message"));
        bytes.extend_from_slice(body);
        let ((from, to), bytes, conn) = (hosts, bytes.freeze(), ConnId(conn));
        self.see(|at| Seen::Sent { at, conn, from, to, port: 9092, towards_listener, bytes });
    }

    /// The producer sends one record, and the broker says that it is at `base`.
    pub fn acks(&mut self, broker: HostId, base: i64, number: u64, acks: i16) {
        self.acks_batch(broker, base, batch(0, -1, number), acks);
    }

    /// The producer sends these bytes, and the broker says that they are at `base`.
    pub fn acks_batch(&mut self, broker: HostId, base: i64, records: Bytes, acks: i16) {
        let answer = PartitionResponse { base_offset: base, ..Default::default() };
        self.tells(broker, records, acks, answer);
    }

    /// The producer sends one record, and the broker takes it for out of order.
    pub fn refuses_sequence(&mut self, broker: HostId, number: u64) {
        let error_code = ErrorCode::OutOfOrderSequenceNumber.code();
        let answer = PartitionResponse { error_code, base_offset: -1, ..Default::default() };
        self.tells(broker, batch(0, -1, number), -1, answer);
    }

    fn tells(&mut self, broker: HostId, records: Bytes, acks: i16, answer: PartitionResponse) {
        let records = Some(records);
        let data = produce_request::PartitionData { index: 0, records };
        let (topic_id, partition_data) = (ORDERS.topic, vec![data]);
        let topic = produce_request::TopicData { topic_id, partition_data, ..Default::default() };
        let request = ProduceRequest { acks, topic_data: vec![topic], ..Default::default() };
        let mut body = BytesMut::new();
        put_request(&mut body, 13, 1, Some("p1"), &request);
        self.frame(2, (P1, broker), true, &body);
        let partition_responses = vec![answer];
        let topic =
            produce_response::Response { topic_id, partition_responses, ..Default::default() };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        body.clear();
        put_response::<ProduceRequest>(&mut body, 13, 1, &response);
        self.frame(2, (broker, P1), false, &body);
    }

    /// The broker hands `records` to the consumer.
    pub fn serves(&mut self, broker: HostId, high_watermark: i64, log_start: i64, records: Bytes) {
        self.answers(broker, R1, (high_watermark, log_start), records);
    }

    /// The broker answers a fetch of a consumer, or of a follower.
    pub fn answers(
        &mut self,
        broker: HostId,
        to: HostId,
        (high_watermark, log_start): (i64, i64),
        records: Bytes,
    ) {
        let partition = fetch_response::Partition {
            high_watermark,
            log_start_offset: log_start,
            records: Some(records),
            ..Default::default()
        };
        self.answers_with(broker, to, partition);
    }

    /// The broker tells a follower up to where their logs are the same: an epoch and where it ends.
    pub fn answers_diverging(&mut self, broker: HostId, to: HostId, (epoch, end): (i32, i64)) {
        let diverging_epoch = fetch_response::DivergingEpoch { epoch, end_offset: end };
        let partition = fetch_response::Partition { diverging_epoch, ..Default::default() };
        self.answers_with(broker, to, partition);
    }

    fn answers_with(&mut self, broker: HostId, to: HostId, partition: fetch_response::Partition) {
        let mut body = BytesMut::new();
        let replica_id = if to == R1 { -1 } else { i32::from(to.0) + 1 };
        let replica_state = fetch_request::ReplicaState { replica_id, ..Default::default() };
        let request = FetchRequest { replica_state, ..Default::default() };
        put_request(&mut body, 17, 1, Some("r1"), &request);
        let conn = 4 + 2 * u64::from(to.0);
        self.frame(conn, (to, broker), true, &body);
        let (topic_id, partitions) = (ORDERS.topic, vec![partition]);
        let topic = fetch_response::Response { topic_id, partitions, ..Default::default() };
        let response = FetchResponse { responses: vec![topic], ..Default::default() };
        body.clear();
        put_response::<FetchRequest>(&mut body, 17, 1, &response);
        self.frame(conn, (broker, to), false, &body);
    }

    /// The broker sends the consumer to another one.
    pub fn sends_elsewhere(&mut self, broker: HostId, preferred: i32) {
        let mut body = BytesMut::new();
        let replica_state = fetch_request::ReplicaState { replica_id: -1, ..Default::default() };
        let request = FetchRequest { replica_state, ..Default::default() };
        put_request(&mut body, 17, 1, Some("r1"), &request);
        let conn = 4 + 2 * u64::from(R1.0);
        self.frame(conn, (R1, broker), true, &body);
        let partition = fetch_response::Partition {
            high_watermark: 3,
            preferred_read_replica: preferred,
            records: Some(Bytes::new()),
            ..Default::default()
        };
        let (topic_id, partitions) = (ORDERS.topic, vec![partition]);
        let topic = fetch_response::Response { topic_id, partitions, ..Default::default() };
        let response = FetchResponse { responses: vec![topic], ..Default::default() };
        body.clear();
        put_response::<FetchRequest>(&mut body, 17, 1, &response);
        self.frame(conn, (broker, R1), false, &body);
    }

    /// Somebody sends a request to a listener.
    pub fn requests<R: Request>(&mut self, hosts: (HostId, HostId), version: i16, request: &R) {
        let mut body = BytesMut::new();
        put_request(&mut body, version, 1, Some("somebody"), request);
        self.frame(between(hosts), hosts, true, &body);
    }

    /// The listener answers the oldest of them.
    pub fn responds<R: Request>(
        &mut self,
        hosts: (HostId, HostId),
        version: i16,
        response: &R::Response,
    ) {
        let (asking, answering) = hosts;
        let mut body = BytesMut::new();
        put_response::<R>(&mut body, version, 1, response);
        self.frame(between(hosts), (answering, asking), false, &body);
    }

    /// The consumer asks where the log ends, and is told this offset, in this epoch.
    pub fn tells_end(&mut self, broker: HostId, (offset, leader_epoch): (i64, i32)) {
        let conn = 60 + 2 * u64::from(broker.0);
        let partition = list_offsets_request::Partition { timestamp: -1, ..Default::default() };
        let topic =
            list_offsets_request::Topic { name: "orders".into(), partitions: vec![partition] };
        let request =
            ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let mut body = BytesMut::new();
        put_request(&mut body, 11, 1, Some("r1"), &request);
        self.frame(conn, (R1, broker), true, &body);
        let partition =
            list_offsets_response::Partition { offset, leader_epoch, ..Default::default() };
        let topic =
            list_offsets_response::Topic { name: "orders".into(), partitions: vec![partition] };
        let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
        body.clear();
        put_response::<ListOffsetsRequest>(&mut body, 11, 1, &response);
        self.frame(conn, (broker, R1), false, &body);
    }

    /// An administrator sends a request.
    pub fn asks<R: Request>(&mut self, broker: HostId, version: i16, request: &R) {
        let mut body = BytesMut::new();
        put_request(&mut body, version, 1, Some("admin"), request);
        self.frame(40, (P1, broker), true, &body);
    }

    /// An administrator asks for the log to start at `offset` (DeleteRecords 2).
    pub fn asks_to_delete(&mut self, broker: HostId, offset: i64) {
        let mut body = BytesMut::new();
        for number in [21, 2] {
            body.put_i16(number);
        }
        body.put_i32(1);
        body.put_i16(-1);
        body.put_u8(0);
        // One topic with one partition.
        body.put_u8(2);
        body.put_u8(7);
        body.extend_from_slice(b"orders");
        body.put_u8(2);
        body.put_i32(ORDERS.partition);
        body.put_i64(offset);
        body.put_slice(&[0, 0]);
        body.put_i32(1_000);
        body.put_u8(0);
        self.frame(40, (P1, broker), true, &body);
    }

    /// The broker answers the oldest of these questions.
    pub fn says_deleted(&mut self, broker: HostId, low_watermark: i64, error_code: i16) {
        let partition = delete_records_response::Partition {
            partition_index: ORDERS.partition,
            low_watermark,
            error_code,
        };
        let topic =
            delete_records_response::Topic { name: "orders".into(), partitions: vec![partition] };
        let response = DeleteRecordsResponse { topics: vec![topic], ..Default::default() };
        let mut body = BytesMut::new();
        put_response::<DeleteRecordsRequest>(&mut body, 2, 1, &response);
        self.frame(40, (broker, P1), false, &body);
    }

    // ---- clients ----

    pub fn client(&mut self, host: HostId, note: ClientNote) {
        self.note(host, Note::Client(note));
    }

    /// The idempotent producer can send from now on.
    pub fn has_id(&mut self) {
        self.client(P1, ClientNote::ProducerIdAssigned { id: 7, epoch: 0 });
    }

    pub fn sends(&mut self, number: u64) {
        self.client(P1, ClientNote::Sent { id: id(number), partition: ORDERS });
    }

    pub fn is_told(&mut self, number: u64, offset: Option<i64>) {
        let offset = offset.map(Offset);
        self.client(P1, ClientNote::Acked { id: id(number), partition: ORDERS, offset });
    }

    /// The whole way of a record: sent, told safe by the broker, told so to the application.
    pub fn produces(&mut self, broker: HostId, number: u64, offset: i64, acks: i16) {
        self.sends(number);
        self.acks(broker, offset, number, acks);
        self.is_told(number, Some(offset));
    }

    /// The consumer polls these records, given as offset and number.
    pub fn polls(&mut self, records: &[(i64, u64)]) {
        let position = Offset(records.last().map_or(0, |(offset, _)| offset + 1));
        let polled = |(offset, number): &(i64, u64)| PolledRecord {
            offset: Offset(*offset),
            leader_epoch: LeaderEpoch(0),
            id: Some(id(*number)),
        };
        let records = records.iter().map(polled).collect();
        self.client(R1, ClientNote::Polled { partition: ORDERS, records, position });
    }
}
