"""librdkafka, by way of confluent-kafka: makes a topic, produces across a leader crash, reads all of it back.

Says `half` when somebody may crash the leader, and at the end one line of figures.
"""
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC, PARTITIONS, RECORDS = "orders", 3, 3000
bootstrap = sys.argv[1]
print("confluent-kafka %s, librdkafka %s" % (confluent_kafka.__version__, confluent_kafka.libversion()[0]), flush=True)

admin = AdminClient({"bootstrap.servers": bootstrap})
for made in admin.create_topics([NewTopic(TOPIC, PARTITIONS, -1)], request_timeout=30).values():
    made.result()
assert TOPIC in admin.list_topics(timeout=30).topics

acked, failed = {}, []
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5,
                     "compression.type": "lz4"})


def told(error, message):
    if error is None:
        acked[message.value()] = (message.partition(), message.offset())
    else:
        failed.append(str(error))


for number in range(RECORDS):
    producer.produce(TOPIC, key=str(number % 17), value=b"%d" % number, on_delivery=told)
    producer.poll(0.002)
    if number == RECORDS // 3:
        producer.flush(30)
        print("half", flush=True)
left = producer.flush(60)

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False,
                     "auto.offset.reset": "earliest"})
partitions = [TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)]
ends = {number: consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=30)[1]
        for number in range(PARTITIONS)}
consumer.assign(partitions)
read, seen, limit = {}, 0, time.time() + 60
while seen < sum(ends.values()) and time.time() < limit:
    message = consumer.poll(1)
    if message is None or message.error():
        continue
    seen += 1
    read.setdefault(message.value(), []).append((message.partition(), message.offset()))
lost = [value for value, place in acked.items() if place not in read.get(value, [])]
print("acked %d failed %d unsent %d read %d lost %d" % (len(acked), len(failed), left, seen, len(lost)), flush=True)
sys.exit(0 if not lost and not failed and left == 0 and len(acked) == RECORDS else 1)
