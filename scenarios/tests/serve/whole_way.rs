//! The whole way of a record, over real sockets: what brokers say of themselves, topics, records, another leader.

use trial_cluster::broker::api;
use trial_cluster::wire::{ApiKey, ApiVersionsRequest};
use trial_scenarios::facts::Role;
use trial_sim::Time;

use super::guest::leader;
use super::served::Served;

#[test]
fn a_record_goes_the_whole_way_and_survives_a_leader_crash() {
    let mut served = Served::quick();
    let mut guest = served.guest(1);

    let name = "a-guest".to_owned();
    let software =
        ApiVersionsRequest { client_software_name: name.clone(), client_software_version: name };
    let versions = guest.ask(3, &software);
    assert_eq!(versions.error_code, 0, "an ordinary answer");
    assert_eq!(versions.api_keys.len(), api::served().count(), "what is served is told");
    let produce = versions.api_keys.iter().find(|it| it.api_key == ApiKey::Produce.key());
    assert_eq!(produce.map(|it| (it.min_version, it.max_version)), Some((0, 13)), "as Kafka does");

    let told = guest.metadata(None);
    let told: Vec<_> = told.brokers.iter().map(|it| format!("{}:{}", it.host, it.port)).collect();
    assert_eq!(told.join(","), served.bootstrap, "clients are told where they can connect");

    assert_eq!(guest.create("orders", 2), 0, "any broker takes it");
    assert_eq!(guest.create("orders", 2), 36, "TOPIC_ALREADY_EXISTS");
    served.wait_for("topic orders: 2 partitions");

    let mut written = Vec::new();
    let mut producer = served.guest_of_leader("orders", 0);
    for number in 0..20 {
        let value = format!("before {number}").into_bytes();
        let (error, offset) = producer.produce("orders", 0, &value).expect("an answer");
        assert_eq!(error, 0, "acks=all");
        written.push((offset, value));
    }

    served.type_line("crash leader(orders/0) losing unsynced for 3s");
    served.wait_for("is down");
    assert_eq!(producer.produce("orders", 0, b"lost"), None, "the connection says nothing or ends");
    served.wait_for("orders/0: b");
    let mut producer = served.guest_of_leader("orders", 0);
    for number in 0..20 {
        let value = format!("after {number}").into_bytes();
        let (error, offset) = producer.produce("orders", 0, &value).expect("an answer");
        assert_eq!(error, 0, "acks=all, with the two that are left");
        written.push((offset, value));
    }
    assert_eq!(producer.read_all("orders", 0), written, "nothing is lost, nothing is twice");

    let run = served.holds();
    let facts = run.judge().facts();
    let orders = facts.partition_named("orders/0").expect("it was made");
    assert_eq!(orders.records_acked, 40, "the taps hear what clients from outside are told");
    assert_eq!(orders.read_end, 40, "and what they read");
    assert_eq!(orders.min_insync, 2, "what the cluster says");
    let who = orders.acked.iter().next().map(|ack| ack.producer).expect("some were acknowledged");
    assert_eq!(facts.setup.role(who), Some(Role::Outside));
    assert!(run.now() > Time::ZERO);
}

#[test]
fn a_leader_is_named_by_where_clients_reach_it() {
    let served = Served::quick();
    let mut guest = served.guest(1);
    assert_eq!(guest.create("orders", 6), 0);
    drop(served.guest_of_leader("orders", 0));
    let metadata = guest.metadata(Some("orders"));
    let other = (0..6).find(|partition| leader(&metadata, *partition).is_some_and(|it| it != 1));
    let other = other.expect("six partitions are not all led by b1");
    // KIP-951: whoever asks the wrong broker is told of the right one. A Fetch might be answered by a follower.
    let answer = guest.ask(12, &super::guest::produce_request("orders", other, b"x"));
    let partition = &answer.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 6, "NOT_LEADER_OR_FOLLOWER");
    let named = &answer.node_endpoints[0];
    let port = i32::from(served.base_port) + named.node_id;
    assert_eq!((named.host.as_str(), named.port), ("127.0.0.1", port), "not the inside listener");
    served.holds();
}

#[test]
fn what_a_client_sets_for_its_topic_is_what_the_checkers_hold_it_to() {
    let served = Served::quick();
    let own = [("min.insync.replicas", "1")];
    assert_eq!(served.guest(1).create_with("loose", 1, &own), 0);
    let said = served.guest_of_leader("loose", 0).produce("loose", 0, b"x");
    assert_eq!(said, Some((0, 0)));
    let run = served.holds();
    let loose = run.judge().facts().partition_named("loose/0").expect("it was made");
    assert_eq!(loose.min_insync, 1, "the cluster's setting is 2");
}

#[test]
fn two_clusters_are_served_at_once() {
    let (one, other) = (Served::quick(), Served::quick());
    assert_eq!(one.guest(1).create("orders", 1), 0);
    assert_eq!(other.guest(1).create("orders", 1), 0);
    let value = |served: &Served| served.guest_of_leader("orders", 0).produce("orders", 0, b"x");
    assert_eq!((value(&one), value(&other)), (Some((0, 0)), Some((0, 0))), "each has its own");
    one.holds();
    other.holds();
}
