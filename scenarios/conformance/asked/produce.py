"""Produce: what is acknowledged, what is refused, by every version."""

from .talk import NOBODY, NO_TOPIC, Talk, batch, fetch, list_offsets, part, produce, produce_many, to, until, versions

ALL = versions(3, 13)

for v in ALL:
    t = Talk(
        f"produce/v{v:02}-acknowledged",
        f"produce {v}: two batches, one after the other",
        "the plainest path, every field of it",
    )
    t.topic(id="id" if v > 12 else None)
    t.produce(batch(("k1", "a"), ("k2", "b")), v=v)
    t.produce(batch("c"), v=v)

    t = Talk(
        f"produce/v{v:02}-unknown-topic",
        f"produce {v}: a topic that is not there",
        "a producer has to be told so, and no topic may come of it",
    )
    t.produce(v=v, topic="nowhere", id=NO_TOPIC)
    t.ask("Metadata", 9, {"topics": [{"name": "nowhere-${run}"}], "allowAutoTopicCreation": False})

for v in (3, 8, 9, 12, 13):
    t = Talk(
        f"produce/v{v:02}-unknown-partition",
        f"produce {v}: a partition beyond the last, and one below the first",
        "a producer with old metadata",
    )
    t.topic(id="id" if v > 12 else None)
    t.produce(v=v, partition=9)
    t.produce(v=v, partition=-1)

for v in (3, 5, 8, 9, 12):
    t = Talk(
        f"produce/v{v:02}-some-of-it-fails",
        f"produce {v}: a partition that is there and one that is not",
        "each partition has an answer of its own, unknown ones behind the others",
    )
    t.topic(partitions=2)
    t.ask("Produce", v, produce_many([("t", 7, batch("a")), ("t", 1, batch("b", "c"))]))

for v in (3, 7, 8, 9, 10, 11, 12, 13):
    t = Talk(
        f"produce/v{v:02}-not-the-leader",
        f"produce {v}: to a node that has no replica, and to a follower",
        "from version 10 on the answer says who leads",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]], id="id" if v > 12 else None, known=(2, 3))
    t.produce(v=v, to=3)
    t.produce(v=v, to=2)

for v in (3, 9, 13):
    t = Talk(
        f"produce/v{v:02}-acks-all-of-three",
        f"produce {v}: acks -1 and three replicas",
        "the answer comes when all have it; then the high watermark is there too",
        nodes=3,
    )
    t.topic(brokers=[[2, 3, 1]], id="id" if v > 12 else None)
    t.produce(batch("a", "b"), v=v, to=2)
    t.list_offsets(-1, v=1, to=2)

t = Talk("produce/acks-1", "produce: acks 1", "the leader alone answers")
t.topic()
t.produce(acks=1)
t.produce(batch("b", "c"), acks=1)

t = Talk("produce/acks-1-of-three", "produce: acks 1, three replicas", "the leader does not wait", nodes=3)
t.topic(brokers=[[3, 1, 2]])
t.produce(acks=1, to=3)
t.list_offsets(-1, v=1, to=3, again=until("/topics/0/partitions/0/offset", 1))

t = Talk(
    "produce/acks-0",
    "produce: acks 0",
    "no answer comes, and the next answer on the connection is that to the next request",
)
t.topic()
t.produce(acks=0, noreply=True)
t.produce(batch("b"), acks=1)

t = Talk(
    "produce/acks-0-unknown-topic",
    "produce: acks 0 and a topic that is not there",
    "the broker closes the connection, which is all that it can say",
)
t.produce(acks=0, noreply=True, topic="nowhere", on="b")
t.wait(300)
t.list_offsets(v=1, topic="nowhere", on="b")

t = Talk(
    "produce/acks-0-unknown-partition",
    "produce: acks 0 and a partition that is not there",
    "the broker closes the connection, which is all that it can say",
)
t.topic()
t.produce(acks=0, noreply=True, partition=5, on="b")
t.wait(300)
t.list_offsets(v=1, on="b")

t = Talk("produce/acks-0-corrupt", "produce: acks 0 and a corrupt batch", "the broker closes the connection")
t.topic()
t.produce(batch("a", flip=17), acks=0, noreply=True, on="b")
t.wait(300)
t.list_offsets(v=1, on="b")
t.list_offsets(v=1)

for acks in (2, -2, 32767):
    t = Talk(
        f"produce/acks-{acks}-is-none" if acks > 0 else "produce/acks-below-minus-one",
        f"produce: acks {acks}",
        "acks is -1, 0 or 1",
    )
    t.topic()
    t.produce(v=9, acks=acks)
    t.produce(v=3, acks=acks)
    t.list_offsets(v=1)

t = Talk("produce/v13-id-of-zeros", "produce 13: the topic id of zeros", "it is nobody's")
t.produce(v=13, id=NOBODY)

t = Talk(
    "produce/v13-id-of-a-deleted-topic",
    "produce 13: the id of a topic that was deleted and made again",
    "a producer must not write into another topic of the same name",
)
t.topic(id="old")
t.ask("DeleteTopics", 4, {"topicNames": ["t-${run}"], "timeoutMs": 10000})
t.ask(
    "Metadata",
    9,
    {"topics": [{"name": "t-${run}"}], "allowAutoTopicCreation": False},
    again=until("/topics/0/errorCode", 3),
)
t.topic(id="new")
t.produce(v=13, id="${old}", again=until("/responses/0/partitionResponses/0/errorCode", 100))
t.produce(v=13, id="${new}")

t = Talk("produce/v12-empty-topic-name", "produce 12: the topic without a name", "it is not there")
t.produce(v=12, topic="")

t = Talk("produce/no-topics", "produce: no topics", "nothing is asked, and that is answered")
t.ask("Produce", 9, produce_many([]))
t.ask("Produce", 3, produce_many([], acks=1))

t = Talk(
    "produce/no-topics-acks-0", "produce: no topics, acks 0", "nothing is asked, nothing is answered, nothing is wrong"
)
t.ask("Produce", 9, produce_many([], acks=0), noreply=True)
t.ask("Produce", 9, produce_many([]))

t = Talk("produce/no-partitions", "produce: a topic without partitions", "the topic is not in the answer")
t.topic()
t.ask(
    "Produce",
    9,
    {"transactionalId": None, "acks": -1, "timeoutMs": 1000, "topicData": [{"name": "t-${run}", "partitionData": []}]},
)

t = Talk("produce/partition-twice", "produce: one partition twice in a request", "Kafka keeps one of them")
t.topic()
t.ask("Produce", 9, produce_many([("t", 0, batch("a")), ("t", 0, batch("b", "c"))]))
t.list_offsets(v=1)
t.fetch()

# Which partition stands first depends on hashes of ids.
ANY_ORDER = {"free": ["/responses/*/partitionResponses/*/index"]}

t = Talk("produce/topic-twice", "produce: one topic twice in a request", "the partitions are put together")
t.topic(partitions=2)
one = produce_many([("t", 0, batch("a"))])
t.ask(
    "Produce",
    9,
    {**one, "topicData": one["topicData"] + produce_many([("t", 1, batch("b"))])["topicData"]},
    **ANY_ORDER,
)

t = Talk("produce/many-partitions", "produce: four partitions", "all are in one answer")
t.topic(partitions=4)
t.ask("Produce", 9, produce_many([("t", partition, batch("a")) for partition in (3, 1, 2, 0)]), **ANY_ORDER)

t = Talk("produce/timeout-of-zero", "produce: acks -1 in no time", "one replica needs none")
t.topic()
t.produce(timeout=0)
t.produce(timeout=-1)

# ---- sizes ----

t = Talk(
    "produce/too-large-for-the-topic",
    "produce: a batch above the topic's max.message.bytes",
    "the topic's limit counts the batch as it is stored",
)
t.topic(config={"max.message.bytes": "1000"})
big = batch({"value": "x", "repeat": 1000})
t.produce(big, v=3)
t.produce(big, v=9)
t.produce(batch({"value": "x", "repeat": 800}))

for extra, what in ((0, "at"), (1, "above")):
    t = Talk(
        f"produce/a-byte-{what}-the-limit" if extra else "produce/at-the-limit",
        f"produce: a batch {what} max.message.bytes",
        "how the limit is counted: with the twelve bytes before the length",
    )
    # The header has 61 bytes, the record 9 more than its value.
    t.topic(config={"max.message.bytes": "300"})
    t.produce(batch({"value": "x", "repeat": 300 - 61 - 9 + extra}))
    t.produce(batch({"value": "x", "repeat": 300 - 61 - 9 - 1 + extra}))

t = Talk(
    "produce/too-large-but-compressed",
    "produce: records that are too large unless compressed",
    "the limit is that of the batch",
)
t.topic(config={"max.message.bytes": "1000"})
t.produce(batch({"value": "x", "repeat": 5000}, codec="gzip"))
t.fetch()

t = Talk(
    "produce/too-large-when-uncompressed",
    "produce: a topic that stores records uncompressed, a batch that grows",
    "the limit is looked at again when the broker has uncompressed the batch",
)
t.topic(config={"max.message.bytes": "1000", "compression.type": "uncompressed"})
t.produce(batch({"value": "x", "repeat": 5000}, codec="gzip"))
t.list_offsets(v=1)

t = Talk(
    "produce/larger-than-a-segment", "produce: a batch larger than segment.bytes", "a batch never crosses segments"
)
t.topic(config={"segment.bytes": "1048576", "max.message.bytes": "3000000"})
t.produce(batch({"value": "x", "repeat": 1100000}))
t.produce(batch({"value": "x", "repeat": 500000}, {"value": "y", "repeat": 500000}))
t.produce(batch({"value": "z", "repeat": 200000}))
t.list_offsets(v=1)

# ---- codecs ----

CODECS = ("gzip", "snappy", "lz4", "zstd")
for codec in CODECS:
    t = Talk(f"produce/{codec}", f"produce: {codec}", "the broker stores what the producer compressed")
    t.topic()
    t.produce(batch(("k", "a"), "b", {"value": "c", "repeat": 200}, codec=codec))
    t.fetch()

    t = Talk(
        f"produce/{codec}-by-the-topic",
        f"produce: a topic with compression.type={codec}, a batch that is not compressed",
        "the broker compresses",
    )
    t.topic(config={"compression.type": codec})
    t.produce(batch(("k", "a"), "b", {"value": "c", "repeat": 200}))
    t.fetch()

for v in (3, 6, 7):
    t = Talk(f"produce/v{v:02}-zstd", f"produce {v}: zstd", "it is for version 7 and above")
    t.topic()
    t.produce(batch("a", "b", codec="zstd"), v=v)

for codec, other in (
    ("gzip", "uncompressed"),
    ("zstd", "uncompressed"),
    ("lz4", "gzip"),
    ("zstd", "snappy"),
    ("gzip", "gzip"),
):
    t = Talk(
        f"produce/{codec}-to-a-topic-of-{other}",
        f"produce: {codec} to a topic with compression.type={other}",
        "the broker compresses anew where the two differ",
    )
    t.topic(config={"compression.type": other})
    t.produce(batch(("k", "a"), "b", {"value": "c", "repeat": 200}, codec=codec))
    t.produce(batch("d"))
    t.fetch()

# ---- keys and times ----

for v in (3, 7, 8, 9, 13):
    t = Talk(
        f"produce/v{v:02}-compacted-topic-without-a-key",
        f"produce {v}: a record without a key in a compacted topic",
        "from version 8 on the answer names the records",
    )
    t.topic(config={"cleanup.policy": "compact"}, id="id" if v > 12 else None)
    t.produce(batch(("k", "a"), "b", ("k", "c"), "d"), v=v)
    t.produce(batch(("k", "a"), ("", "b")), v=v)

t = Talk(
    "produce/compacted-and-deleted-topic-without-a-key",
    "produce: no key, cleanup.policy=compact,delete",
    "compact is enough",
)
t.topic(config={"cleanup.policy": "compact,delete"})
t.produce(batch("a"))
t.produce(batch(("k", None)))

t = Talk(
    "produce/compacted-topic-without-a-key-in-gzip",
    "produce: no key in a compressed batch of a compacted topic",
    "the broker looks into the batch",
)
t.topic(config={"cleanup.policy": "compact"})
t.produce(batch(("k", "a"), "b", codec="gzip"))
t.produce(batch(("k", "a"), codec="gzip"))

DAY = 1_700_000_000_000
# The text tells the time at which it was written.
BY_THE_CLOCK = {"free": ["/responses/*/partitionResponses/*/recordErrors/*/batchIndexErrorMessage"]}
for v in (3, 8, 9):
    t = Talk(
        f"produce/v{v:02}-of-the-future",
        f"produce {v}: a record of the year 2100",
        "message.timestamp.after.max.ms is an hour by default",
    )
    t.topic()
    t.produce(batch({"value": "a"}, {"value": "b", "ts": 4_100_000_000_000}), v=v, **BY_THE_CLOCK)
    t.produce(batch({"value": "a", "ts": DAY}), v=v)

t = Talk(
    "produce/too-old", "produce: message.timestamp.before.max.ms=3600000, a record of 2023", "old records are refused"
)
t.topic(config={"message.timestamp.before.max.ms": "3600000"})
t.produce(batch("a", "b"), **BY_THE_CLOCK)
t.produce(batch("a", codec="gzip"), **BY_THE_CLOCK)
t.list_offsets(v=1)

t = Talk(
    "produce/future-allowed", "produce: message.timestamp.after.max.ms as large as can be", "then the year 2100 is now"
)
t.topic(config={"message.timestamp.after.max.ms": "9223372036854775807"})
t.produce(batch({"value": "a", "ts": 4_100_000_000_000}))
t.list_offsets(-3, v=7)

t = Talk("produce/without-a-time", "produce: a record whose time is -1", "old clients knew none")
t.topic()
t.produce(batch({"value": "a", "ts": -1}))
t.fetch()
t.list_offsets(0, v=1)

t = Talk("produce/times-out-of-order", "produce: records whose times fall", "the batch's largest time is not the last")
t.topic()
t.produce(batch({"value": "a", "ts": DAY + 5}, {"value": "b", "ts": DAY + 9}, {"value": "c", "ts": DAY + 1}))
t.fetch()
t.list_offsets(-3, v=7)

for v in (3, 9, 13):
    t = Talk(
        f"produce/v{v:02}-log-append-time", f"produce {v}: a topic with the broker's times", "the answer has the time"
    )
    t.topic(config={"message.timestamp.type": "LogAppendTime"}, id="id" if v > 12 else None)
    t.produce(batch("a", "b"), v=v)
    t.fetch()

t = Talk(
    "produce/log-append-time-of-the-future",
    "produce: the broker's times, a record of the year 2100",
    "times that are thrown away are not looked at",
)
t.topic(config={"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1000"})
t.produce(batch({"value": "a", "ts": 4_100_000_000_000}))
t.fetch()

t = Talk(
    "produce/log-append-time-in-gzip",
    "produce: the broker's times, a compressed batch",
    "the broker writes the header anew",
)
t.topic(config={"message.timestamp.type": "LogAppendTime"})
t.produce(batch("a", "b", codec="gzip"))
t.fetch()

# ---- what records hold ----

t = Talk("produce/headers", "produce: headers, also without a value", "they come back as they were sent")
t.topic()
t.produce(batch({"key": "k", "value": "a", "headers": [["h", "1"], ["h", "2"], ["", None]]}))
t.fetch()

t = Talk("produce/tombstones-and-empty", "produce: records without a value, and empty ones", "null is not empty")
t.topic()
t.produce(batch(("k", None), ("", ""), (None, None)))
t.fetch()

t = Talk(
    "produce/base-offset-of-its-own",
    "produce: a batch that says it begins at 100",
    "a client begins at 0; the leader gives offsets",
)
t.topic()
t.produce(batch("a", "b", base=100))
t.fetch()

t = Talk(
    "produce/leader-epoch-of-its-own",
    "produce: a batch that says it is of the leader's epoch 7",
    "the leader writes its own",
)
t.topic()
t.produce(batch("a", "b", leaderEpoch=7))
t.fetch()

t = Talk(
    "produce/after-records-were-deleted",
    "produce: to a partition whose begin was deleted",
    "the answer has where the log begins",
)
t.topic()
t.produce(batch("a", "b", "c"))
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": 2}]}], "timeoutMs": 5000},
)
t.produce(v=4)
t.produce(v=9)

t = Talk(
    "produce/asked-at-once",
    "produce: three requests before an answer is read",
    "answers come in the order of the requests",
)
t.topic()
for value in "abc":
    t.produce(batch(value), acks=1 if value == "b" else -1, later=True)
for _ in "abc":
    t.read()
