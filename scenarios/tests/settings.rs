//! Settings that change while brokers run: each has its effect, on the brokers that it is for, and is taken back.
//!
//! In Kafka: KIP-226 (brokers), KIP-339 (IncrementalAlterConfigs), KIP-966 (one min.insync.replicas for the cluster).

use trial_cluster::error_code::ErrorCode;
use trial_cluster::node::Node;
use trial_scenarios::{
    Lab, ScenarioBuilder, SendError, consumer, member, producer, scenario, topic,
};

/// What is told of a fault by which an admin was granted what it asked for.
const DONE: &str = "the controller agreed";

fn orders(replicas: u32) -> ScenarioBuilder {
    of_segments(1_073_741_824, replicas)
}

/// Two brokers or three hold each of two partitions; `b1` leads the first one, `b2` the second one.
fn of_segments(bytes: i64, replicas: u32) -> ScenarioBuilder {
    let assignment = match replicas {
        2 => [vec![1, 2], vec![2, 1]],
        _ => [vec![1, 2, 3], vec![2, 3, 1]],
    };
    let topic = topic("orders").config("internal.segment.bytes", bytes);
    scenario("settings by hand")
        .config("min.insync.replicas", 1)
        .config("unclean.leader.election.interval.ms", 4_000)
        .config("log.retention.check.interval.ms", 2_000)
        .config("log.initial.task.delay.ms", 1_000)
        .config("replica.lag.time.max.ms", 3_000)
        .topic(topic.partitions(2).replicas(replicas).assignment(assignment))
        .client(
            producer("shop", "orders")
                .by_hand()
                .config("acks", "all")
                .config("enable.idempotence", false)
                .config("retries", 0)
                .config("delivery.timeout.ms", 6_000)
                .config("request.timeout.ms", 2_000),
        )
        .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
}

/// Where the logs of the first partition start.
fn starts(lab: &Lab) -> [i64; 2] {
    ["b1", "b2"].map(|broker| lab.log_start(broker, "orders/0"))
}

/// What the last send was refused with.
fn refused(lab: &mut Lab, partition: &str) -> Option<ErrorCode> {
    let outcome = lab.produce_to("shop", partition, (), "x".repeat(600));
    outcome.err().as_ref().and_then(SendError::kafka)
}

/// The admin asks, and everybody has heard of it a second after the answer.
fn configure(lab: &mut Lab, what: &str) {
    let asked = lab.fault(&format!("configure {what}"));
    for _ in 0..20 {
        lab.run_for("500ms");
        if lab.what_it_did(&asked) == DONE {
            lab.run_for("1s");
            return;
        }
    }
    panic!("{what}: {}", lab.what_it_did(&asked));
}

#[test]
fn more_replicas_in_sync_are_asked_for_and_fewer_again() {
    let mut lab = Lab::start(orders(3), 1);
    lab.stop("b3");
    lab.wait_until("b3 to leave", |lab| lab.isr("orders/0").len() == 2);
    assert_eq!(refused(&mut lab, "orders/0"), None);
    configure(&mut lab, "topic orders with min.insync.replicas=3");
    assert_eq!(refused(&mut lab, "orders/0"), Some(ErrorCode::NotEnoughReplicas));
    configure(&mut lab, "topic orders without min.insync.replicas");
    assert_eq!(refused(&mut lab, "orders/0"), None);
    configure(&mut lab, "brokers with min.insync.replicas=3");
    assert_eq!(refused(&mut lab, "orders/1"), Some(ErrorCode::NotEnoughReplicas));
    configure(&mut lab, "topic orders with min.insync.replicas=2");
    assert_eq!(refused(&mut lab, "orders/1"), None, "a topic's own comes first");
    lab.finish();
}

#[test]
fn a_smaller_batch_is_asked_for_by_one_broker_and_by_all() {
    let mut lab = Lab::start(orders(2), 2);
    configure(&mut lab, "broker b1 with message.max.bytes=400");
    assert_eq!(refused(&mut lab, "orders/0"), Some(ErrorCode::MessageTooLarge), "b1 leads");
    assert_eq!(refused(&mut lab, "orders/1"), None, "b2 leads");
    configure(&mut lab, "brokers with message.max.bytes=300");
    assert_eq!(refused(&mut lab, "orders/1"), Some(ErrorCode::MessageTooLarge));
    configure(&mut lab, "brokers without message.max.bytes");
    assert_eq!(refused(&mut lab, "orders/1"), None);
    assert_eq!(refused(&mut lab, "orders/0"), Some(ErrorCode::MessageTooLarge), "b1 has its own");
    lab.fault("crash b1 for 1s");
    lab.run_for("15s");
    // The producer learns who leads now.
    let _ = refused(&mut lab, "orders/0");
    lab.run_for("1s");
    configure(&mut lab, "topic orders with max.message.bytes=5000");
    assert_eq!(refused(&mut lab, "orders/0"), None, "a topic's own comes first");
    configure(&mut lab, "topic orders without max.message.bytes");
    let leads = lab.leader("orders/0").expect("somebody leads");
    let want = (leads == "b1").then_some(ErrorCode::MessageTooLarge);
    assert_eq!(refused(&mut lab, "orders/0"), want, "RC-1: also after a restart");
    lab.finish();
}

#[test]
fn a_shorter_retention_lets_go_what_a_longer_one_kept() {
    let asked = ["topic orders with retention.bytes=1000", "brokers with log.retention.bytes=1000"];
    for what in asked {
        let mut lab = Lab::start(of_segments(2_000, 2), 3);
        for _ in 0..20 {
            assert_eq!(refused(&mut lab, "orders/0"), None);
        }
        lab.run_for("10s");
        assert_eq!(starts(&lab), [0, 0], "nothing is old");
        configure(&mut lab, what);
        lab.run_for("6s");
        assert!(starts(&lab).iter().all(|start| *start > 5), "{what}: {:?}", starts(&lab));
        lab.finish();
    }
}

#[test]
fn an_unclean_election_is_allowed_while_a_partition_has_no_leader() {
    let mut lab = Lab::start(orders(2), 4);
    lab.stop("b2");
    lab.wait_until("b2 to leave", |lab| lab.isr("orders/0") == ["b1"]);
    assert_eq!(refused(&mut lab, "orders/0"), None);
    lab.crash("b1");
    lab.run_for("12s");
    lab.restart("b2");
    lab.run_for("20s");
    assert_eq!(lab.leader("orders/0"), None, "b2 lacks what was committed");
    configure(&mut lab, "topic orders with unclean.leader.election.enable=true");
    lab.wait_at_most("6s", "b2 to lead", |lab| lab.leader("orders/0").as_deref() == Some("b2"));
    assert_eq!(refused(&mut lab, "orders/0"), None);
    lab.finish();
}

#[test]
fn threads_come_and_go_and_nothing_is_lost() {
    let mut lab = Lab::start(orders(2), 5);
    for what in [
        "broker b1 with num.io.threads=16",
        "broker b1 with num.io.threads=8 num.network.threads=1 log.cleaner.threads=2",
        "brokers with num.io.threads=4 log.cleaner.threads=1 num.network.threads=2",
        "broker b1 without num.io.threads num.network.threads log.cleaner.threads",
    ] {
        configure(&mut lab, what);
        for partition in ["orders/0", "orders/1"] {
            assert_eq!(refused(&mut lab, partition), None, "{what}");
        }
    }
    lab.run_for("5s");
    lab.finish();
}

/// How many partitions each fetcher of `b3` copies, by its leader and number.
fn fetched_by_b3(lab: &Lab) -> Vec<(i32, u32, usize)> {
    let world = lab.run().world();
    let host = lab.run().judge().facts().setup.host_named("b3").expect("it is there");
    let node = world.program(host).and_then(|it| it.as_any().downcast_ref::<Node>());
    let broker = node.and_then(Node::broker).expect("it is a broker");
    broker.followed().map(|(which, copies)| (which.leader.0, which.number, copies.len())).collect()
}

/// Six partitions of which `b1` and `b2` lead three each, so that all six are followed by `b3`.
fn six() -> ScenarioBuilder {
    let assignment = (0..6).map(|place| vec![1 + place % 2, 2 - place % 2, 3]);
    let topic = topic("orders").partitions(6).replicas(3);
    scenario("fetchers by hand")
        .config("min.insync.replicas", 2)
        .config("replica.lag.time.max.ms", 3_000)
        .topic(topic.assignment(assignment.collect::<Vec<_>>()))
        .client(producer("shop", "orders").rate("50/s").config("acks", "all"))
}

/// By the sum of the hash of `orders` and the partition: 0, 2 and 4 have the odd fetcher, 1, 3 and 5 the even one.
#[test]
fn fetchers_are_as_many_as_they_are_set_to_be() {
    let mut lab = Lab::start(six().config("num.replica.fetchers", 3), 6);
    lab.run_for("3s");
    let of_three = [(1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 0, 1), (2, 1, 1), (2, 2, 1)];
    assert_eq!(fetched_by_b3(&lab), of_three);
    configure(&mut lab, "broker b3 with num.replica.fetchers=2");
    assert_eq!(fetched_by_b3(&lab), [(1, 1, 3), (2, 0, 3)]);
    lab.run_for("5s");
    configure(&mut lab, "brokers with num.replica.fetchers=1");
    assert_eq!(fetched_by_b3(&lab), [(1, 1, 3), (2, 0, 3)], "b3 has its own");
    configure(&mut lab, "broker b3 without num.replica.fetchers");
    assert_eq!(fetched_by_b3(&lab), [(1, 0, 3), (2, 0, 3)]);
    lab.run_for("5s");
    for partition in 0..6 {
        let partition = format!("orders/{partition}");
        assert_eq!(lab.isr(&partition).len(), 3, "{partition}: nobody fell behind");
    }
    lab.finish();
}

/// How long `orders` has nobody who reads one half of it when a member is paused, by the partitions that the other has
/// read within ten seconds.
fn read_by_the_other(session: Option<&str>) -> usize {
    let of_group = |name| {
        let config = [("group.protocol", "consumer"), ("auto.offset.reset", "earliest")];
        config
            .into_iter()
            .fold(member(name, "readers", ["orders"]), |it, (key, value)| it.config(key, value))
    };
    let built = scenario("a session of its own")
        .config("group.consumer.min.session.timeout.ms", 1_000)
        .config("group.consumer.min.heartbeat.interval.ms", 500)
        .topic(topic("orders").partitions(2).replicas(1))
        .client(producer("shop", "orders").by_hand())
        .client(of_group("one"))
        .client(of_group("two"));
    let mut lab = Lab::start(built, 7);
    if let Some(session) = session {
        let heartbeat = "consumer.heartbeat.interval.ms=1000";
        let session = format!("consumer.session.timeout.ms={session}");
        configure(&mut lab, &format!("group readers with {heartbeat} {session}"));
    }
    // A heartbeat is told the interval of the next one, and begins a session.
    lab.run_for("15s");
    let _ = lab.fault("pause two for 40s");
    lab.run_for("10s");
    for partition in ["orders/0", "orders/1"] {
        lab.produce_to("shop", partition, (), "x").expect("one replica is enough");
    }
    lab.run_for("2s");
    let mut read: Vec<_> = lab.consumed("one").into_iter().map(|it| it.partition).collect();
    read.sort_unstable();
    read.dedup();
    lab.finish();
    read.len()
}

#[test]
fn a_group_has_a_session_of_its_own() {
    assert_eq!(read_by_the_other(None), 1, "the session of brokers is 45 s");
    assert_eq!(read_by_the_other(Some("6000")), 2);
}

#[test]
fn a_group_cannot_have_what_brokers_do_not_allow() {
    let built = |fault: &str| {
        scenario("out of bounds")
            .topic(topic("orders"))
            .client(member("one", "readers", ["orders"]))
            .fault(fault)
            .build()
            .map_err(|error| error.to_string())
    };
    let with = "at 5s configure group readers with";
    built(&format!("{with} consumer.session.timeout.ms=50000")).expect("it is within the bounds");
    for (fault, wrong) in [
        (format!("{with} consumer.session.timeout.ms=1"), "group.consumer.min.session.timeout.ms"),
        (format!("{with} retention.ms=1"), "a group has no setting `retention.ms`"),
        (
            "at 5s configure group writers without consumer.session.timeout.ms".to_owned(),
            "`writers`",
        ),
    ] {
        let error = built(&fault).expect_err("it is refused");
        assert!(error.contains(wrong), "{error}");
    }
}
