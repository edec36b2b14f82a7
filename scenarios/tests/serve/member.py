"""A member of a group: confluent-kafka or kafka-python.

Says `has 0 1 2` whenever that changes, `read PARTITION OFFSET` of every record, and leaves its group when its input ends.
"""
import sys
import threading

bootstrap, group, protocol, client, library = sys.argv[1:]
ends = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ends.set()), daemon=True).start()
has = set()


def say(*words):
    print(*words, flush=True)


def given(partitions):
    has.update(it.partition for it in partitions)
    say("has", *sorted(has))


def taken(partitions):
    has.difference_update(it.partition for it in partitions)
    say("has", *sorted(has))


def confluent():
    import confluent_kafka

    say("confluent-kafka %s, librdkafka %s, %s" % (confluent_kafka.__version__, confluent_kafka.libversion()[0], protocol))
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "client.id": client, "group.protocol": protocol,
                "auto.offset.reset": "earliest", "auto.commit.interval.ms": 200, "reconnect.backoff.max.ms": 200}
    if protocol == "classic":
        settings.update({"session.timeout.ms": 4000, "heartbeat.interval.ms": 300})
    consumer = confluent_kafka.Consumer(settings)
    consumer.subscribe(["orders"], on_assign=lambda _, them: given(them), on_revoke=lambda _, them: taken(them),
                       on_lost=lambda _, them: taken(them))
    while not ends.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            say("read", message.partition(), message.offset())
    consumer.close()


def kafka_python():
    import kafka

    class Listener(kafka.ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            given(assigned)

        def on_partitions_revoked(self, revoked):
            taken(revoked)

    say("kafka-python %s, %s" % (kafka.__version__, protocol))
    consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=group, client_id=client,
                                   auto_offset_reset="earliest", auto_commit_interval_ms=200, session_timeout_ms=4000,
                                   heartbeat_interval_ms=300, reconnect_backoff_max_ms=200)
    consumer.subscribe(["orders"], listener=Listener())
    while not ends.is_set():
        for records in consumer.poll(timeout_ms=100).values():
            for record in records:
                say("read", record.partition, record.offset)
    consumer.close()


{"confluent-kafka": confluent, "kafka-python": kafka_python}[library]()
say("left")
