"""Fetch without sessions: what comes back, how much of it, how long it waits."""

from .talk import NOBODY, NO_TOPIC, RUN, Talk, batch, fetch, part, to, until, versions

ALL = versions(4, 18)
ID = lambda v: "id" if v > 12 else None
DELETE = lambda offset: {
    "topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": offset}]}],
    "timeoutMs": 5000,
}

for v in ALL:
    t = Talk(
        f"fetch/v{v:02}-from-the-begin",
        f"fetch {v}: all there is, and then nothing",
        "the plainest path, every field of it",
    )
    t.topic(id=ID(v))
    t.produce(batch(("k", "a"), "b"))
    t.fetch(0, v=v)
    t.fetch(2, v=v)

    t = Talk(f"fetch/v{v:02}-unknown-topic", f"fetch {v}: a topic that is not there", "a consumer has to be told so")
    t.fetch(0, v=v, topic="nowhere", id=NO_TOPIC)

for v in (4, 5, 11, 12, 13, 18):
    t = Talk(
        f"fetch/v{v:02}-out-of-range", f"fetch {v}: below the begin, above the end", "a consumer has to begin anew"
    )
    t.topic(id=ID(v))
    t.produce(batch("a", "b", "c"))
    t.ask("DeleteRecords", 1, DELETE(1))
    t.fetch(0, v=v)
    t.fetch(1, v=v)
    t.fetch(3, v=v)
    t.fetch(4, v=v)
    t.fetch(-1, v=v)

for v in (4, 11, 12, 13, 16, 18):
    t = Talk(
        f"fetch/v{v:02}-unknown-partition",
        f"fetch {v}: a partition beyond the last, and one below the first",
        "a consumer with old metadata",
    )
    t.topic(id=ID(v))
    t.fetch(v=v, part={"partition": 9})
    t.fetch(v=v, part={"partition": -1})

for v in (4, 10, 11, 12, 15, 16, 18):
    t = Talk(
        f"fetch/v{v:02}-not-the-leader",
        f"fetch {v}: from a node that has no replica",
        "from version 12 on the answer says who leads, from 16 on where it is",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]], id=ID(v), known=(3,))
    t.fetch(v=v, to=3)

for v in (4, 10, 11, 12, 13, 18):
    t = Talk(
        f"fetch/v{v:02}-from-a-follower",
        f"fetch {v}: a consumer asks a follower",
        "from version 11 on it may (KIP-392)",
        nodes=3,
    )
    t.topic(brokers=[[1, 2, 3]], id=ID(v), known=(2,))
    t.produce(batch("a", "b"))
    # A follower learns of the high watermark with its next fetch.
    t.fetch(v=11, wait=500, min=1, to=2, again=until("/responses/0/partitions/0/highWatermark", 2))
    t.fetch(v=v, to=2)

for v in (9, 11, 12, 13, 16, 18):
    t = Talk(
        f"fetch/v{v:02}-leader-epoch",
        f"fetch {v}: the leader's epoch is 0; asked are 0, 1, 7 and -2",
        "a consumer of another epoch than the leader's is told which of them is behind",
    )
    t.topic(id=ID(v))
    t.produce()
    for epoch in (0, 1, 7, -2):
        t.fetch(v=v, part={"currentLeaderEpoch": epoch})

for v in (9, 12, 16):
    t = Talk(
        f"fetch/v{v:02}-fenced-epoch",
        f"fetch {v}: the leader's epoch has become 1; asked are 0 and 1",
        "the old epoch is fenced",
        nodes=3,
    )
    t.topic(brokers=[[1, 2, 3]], id=ID(v), known=(2, 3))
    t.produce(batch("a", "b"))
    t.moves()
    t.produce(batch("c"), to=2)
    for epoch in (0, 1, -1):
        t.fetch(v=v, to=2, part={"currentLeaderEpoch": epoch})
    t.fetch(v=10, to=1, again=until("/responses/0/partitions/0/errorCode", 6))
    t.fetch(v=v, to=1, part={"currentLeaderEpoch": 0})

for v in (12, 13, 18):
    t = Talk(
        f"fetch/v{v:02}-diverging-epoch",
        f"fetch {v}: the last fetched epoch is 0, 5, -1, -2",
        "a consumer that has read what was cut off (KIP-595)",
    )
    t.topic(id=ID(v))
    t.produce(batch("a", "b"))
    for epoch in (0, 5, -1, -2):
        t.fetch(1, v=v, part={"lastFetchedEpoch": epoch})
    t.fetch(2, v=v, part={"lastFetchedEpoch": 0})
    t.fetch(3, v=v, part={"lastFetchedEpoch": 0})

t = Talk(
    "fetch/diverging-epoch-of-two",
    "fetch: two epochs, consumers that have read beyond the first",
    "the answer says where the first ended",
    nodes=3,
)
t.topic(brokers=[[1, 2, 3]], known=(2, 3))
t.produce(batch("a", "b"))
t.moves()
t.produce(batch("c", "d"), to=2)
for offset, epoch in ((2, 0), (3, 0), (4, 0), (4, 1), (5, 1), (4, 2)):
    t.fetch(offset, to=2, part={"lastFetchedEpoch": epoch})

t = Talk("fetch/v13-id-of-zeros", "fetch 13: the topic id of zeros", "it is nobody's")
t.fetch(v=13, id=NOBODY)
t.fetch(v=18, id=NOBODY)

t = Talk("fetch/v12-empty-topic-name", "fetch 12: the topic without a name", "it is not there")
t.fetch(v=12, topic="")

for v in (12, 13):
    t = Talk(f"fetch/v{v:02}-deleted-topic", f"fetch {v}: a topic that was deleted", "its records go with it")
    t.topic(id=ID(v))
    t.produce()
    t.ask("DeleteTopics", 4, {"topicNames": ["t-${run}"], "timeoutMs": 10000})
    t.ask(
        "Metadata",
        9,
        {"topics": [{"name": "t-${run}"}], "allowAutoTopicCreation": False},
        again=until("/topics/0/errorCode", 3),
    )
    t.fetch(v=v, again=until("/responses/0/partitions/0/errorCode", 3 if v == 12 else 100))

for v in (4, 7, 12, 13):
    t = Talk(f"fetch/v{v:02}-no-topics", f"fetch {v}: no topics", "nothing is asked, and that is answered at once")
    t.ask("Fetch", v, fetch(topics=[], wait=500, min=1))

t = Talk("fetch/no-partitions", "fetch: a topic without partitions", "the topic is not in the answer")
t.topic()
t.ask("Fetch", 12, fetch())

t = Talk("fetch/partition-twice", "fetch: one partition twice in a request", "which of the two is answered")
t.topic()
t.produce(batch("a"))
t.produce(batch("b"))
t.ask("Fetch", 4, fetch(part(0), part(1)))
t.ask("Fetch", 12, fetch(part(1), part(0)))

t = Talk("fetch/topic-twice", "fetch: one topic twice in a request", "how the answer is put together")
t.topic("t", partitions=2)
t.topic("u")
t.produce()
topics = [{"topic": name + RUN, "partitions": [part(0, index)]} for name, index in (("t", 0), ("u", 0), ("t", 1))]
t.ask("Fetch", 4, fetch(topics=topics))
t.ask("Fetch", 12, fetch(topics=topics))

t = Talk(
    "fetch/some-of-it-fails",
    "fetch: three partitions, one unknown, one out of range",
    "each partition has an answer of its own",
)
t.topic("t", partitions=2)
t.produce(partition=1)
t.ask("Fetch", 4, fetch(part(0, 1), part(0, 5), part(3, 0)))
t.ask("Fetch", 12, fetch(part(0, 1), part(0, 5), part(3, 0)))

t = Talk("fetch/error-ends-the-wait", "fetch: an error, and ten seconds to wait", "an error is told at once")
t.topic(partitions=2)
t.ask("Fetch", 12, fetch(part(0, 0), part(9, 1), wait=10000, min=1))
t.ask("Fetch", 12, fetch(part(0, 7), wait=10000, min=1))

# ---- how much ----

t = Talk("fetch/from-within-a-batch", "fetch: an offset within a batch", "the whole batch comes")
t.topic()
t.produce(batch("a", "b", "c"))
t.produce(batch("d"))
t.fetch(1)
t.fetch(2, v=4)

t = Talk("fetch/several-batches", "fetch: three batches", "they come one after the other")
t.topic()
for value in "abc":
    t.produce(batch(value))
t.fetch(0)
t.fetch(1)
t.fetch(2)

for v in (4, 12):
    t = Talk(
        f"fetch/v{v:02}-partition-max-bytes",
        f"fetch {v}: partitionMaxBytes below and above what a batch takes",
        "a first batch comes whole (KIP-74), later ones only if they fit; a cut one is possible",
    )
    t.topic()
    for value in "abc":
        t.produce(batch(value))  # 69 bytes each
    for limit in (1, 0, 69, 70, 137, 138, 150):
        t.fetch(0, v=v, part={"max_bytes": limit})

    t = Talk(
        f"fetch/v{v:02}-max-bytes",
        f"fetch {v}: maxBytes and two partitions",
        "the first has its batch, however small the limit; the second what is left",
    )
    t.topic(partitions=2)
    for partition in (0, 0, 1):
        t.produce(batch("a"), partition=partition)
    for limit in (1, 0, 69, 138, 139, 207):
        t.ask("Fetch", v, fetch(part(0, 0), part(0, 1), max=limit))

t = Talk(
    "fetch/max-bytes-empty-first",
    "fetch: maxBytes of one, the first partition is empty",
    "the second has its batch then",
)
t.topic(partitions=3)
t.produce(partition=1)
t.produce(partition=2)
t.ask("Fetch", 12, fetch(part(0, 0), part(0, 1), part(0, 2), max=1))

t = Talk("fetch/max-bytes-negative", "fetch: limits below zero", "what is there to be given")
t.topic()
t.produce()
t.fetch(max=-1)
t.fetch(part={"max_bytes": -1})

t = Talk(
    "fetch/large-first-batch",
    "fetch: a first batch larger than both limits",
    "it comes whole, else a consumer would be stuck",
)
t.topic()
t.produce(batch({"value": "x", "repeat": 3000}))
t.produce(batch("a"))
t.fetch(max=1000, part={"max_bytes": 500})

t = Talk("fetch/large-second-batch", "fetch: a second batch that does not fit", "the first is enough")
t.topic()
t.produce(batch("a"))
t.produce(batch({"value": "x", "repeat": 300}))
t.fetch(part={"max_bytes": 200})
t.fetch(max=200)

t = Talk("fetch/across-segments", "fetch: a log of two segments", "one answer comes from one segment")
t.topic(config={"segment.bytes": "1048576", "max.message.bytes": "2000000"})
t.produce(batch({"value": "x", "repeat": 1048000}, codec="gzip"))
t.produce(batch({"value": "x", "repeat": 1048500}))
t.produce(batch("c"))
t.fetch(0, part={"max_bytes": 10000})
t.fetch(2)

# ---- how long ----

for v in (4, 12, 13):
    t = Talk(
        f"fetch/v{v:02}-waits-for-a-record",
        f"fetch {v}: it waits, and a record comes",
        "a long poll ends with what it waited for",
    )
    t.topic(id=ID(v))
    t.fetch(v=v, wait=20000, min=1, later=True, on="waits")
    t.wait(300)
    t.produce()
    t.read(on="waits")

t = Talk("fetch/waits-for-bytes", "fetch: minBytes of two batches", "one batch does not end the wait, the second does")
t.topic()
t.fetch(wait=20000, min=100, later=True, on="waits")
t.wait(300)
t.produce(batch("a"))
t.wait(300)
t.produce(batch("b"))
t.read(on="waits")

t = Talk("fetch/waits-in-vain", "fetch: nothing comes within 300 ms", "an empty answer when the time is over")
t.topic()
t.fetch(wait=300, min=1)
t.fetch(v=4, wait=300, min=1)

t = Talk(
    "fetch/waits-with-too-little", "fetch: a batch is there, minBytes is more", "when the time is over the batch comes"
)
t.topic()
t.produce()
t.fetch(wait=300, min=100000)

t = Talk("fetch/waits-for-one-of-two", "fetch: two partitions, a record comes to one", "bytes of all partitions count")
t.topic(partitions=2)
t.ask("Fetch", 12, fetch(part(0, 0), part(0, 1), wait=20000, min=1), later=True, on="waits")
t.wait(300)
t.produce(partition=1)
t.read(on="waits")

t = Talk("fetch/waits-and-is-deleted", "fetch: it waits, and the topic is deleted", "the wait ends with an error")
t.topic()
t.fetch(wait=20000, min=1, later=True, on="waits")
t.wait(300)
t.ask("DeleteTopics", 4, {"topicNames": ["t-${run}"], "timeoutMs": 10000})
t.read(on="waits")

t = Talk(
    "fetch/waits-behind-nothing",
    "fetch: a produce on the same connection behind a fetch that waits",
    "a broker answers in order, and reads the next request when it has answered",
)
t.topic()
t.fetch(wait=700, min=1, later=True)
t.produce(later=True)
t.read()
t.read()

t = Talk("fetch/min-bytes-zero", "fetch: minBytes of zero and ten seconds", "nothing is enough")
t.topic()
t.fetch(wait=10000, min=0)
t.fetch(wait=10000, min=-1)

t = Talk(
    "fetch/min-bytes-beyond-max-bytes", "fetch: minBytes above maxBytes, a batch is there", "what can be had is enough"
)
t.topic()
for value in "abc":
    t.produce(batch(value))
t.fetch(wait=10000, min=1000, max=100)

# ---- who asks, and how ----

for v in (4, 11, 12):
    t = Talk(
        f"fetch/v{v:02}-isolation",
        f"fetch {v}: read_committed, and an isolation level that is none",
        "without transactions both read the same, but for the list of those that were aborted",
    )
    t.topic()
    t.produce()
    t.fetch(v=v, isolationLevel=1)
    t.fetch(v=v, isolationLevel=7)

for v, replica in (
    (4, {"replicaId": 5}),
    (12, {"replicaId": 5}),
    (15, {"replicaState": {"replicaId": 5, "replicaEpoch": -1}}),
):
    t = Talk(
        f"fetch/v{v:02}-of-no-replica",
        f"fetch {v}: a broker asks that has no replica",
        "it is no follower of this partition",
    )
    t.topic(id=ID(v))
    t.produce()
    t.fetch(v=v, **replica)

for replica in (1, -2, -3):
    t = Talk(
        f"fetch/of-replica-{replica}" if replica > 0 else f"fetch/of-replica-minus-{-replica}",
        f"fetch: replica id {replica}",
        "the leader itself; a debugging consumer; nobody",
    )
    t.topic()
    t.produce()
    t.fetch(v=11, replicaId=replica)
    t.fetch(v=14, replicaId=replica, id=NO_TOPIC)

t = Talk(
    "fetch/of-a-stale-replica",
    "fetch 15: a follower with a broker epoch that is over",
    "a broker that was restarted (KIP-903)",
    nodes=3,
)
t.topic(brokers=[[1, 2]], id="id")
t.produce()
t.fetch(v=15, replicaState={"replicaId": 2, "replicaEpoch": 0})
t.fetch(v=15, replicaState={"replicaId": 2, "replicaEpoch": 9999999})
t.fetch(v=15, replicaState={"replicaId": 3, "replicaEpoch": -1})

t = Talk("fetch/rack", "fetch: a rack, and no selector of replicas", "the leader answers itself")
t.topic()
t.produce()
t.fetch(v=11, rackId="r2")
t.fetch(v=12, rackId="r1")

RACKS = {"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"}
for v in (11, 12, 13):
    t = Talk(
        f"settings/fetch-v{v:02}-from-the-same-rack",
        f"fetch {v}: the rack of a follower, the leader's, and one that is none",
        "with a selector the leader names the replica to be asked (KIP-392)",
        nodes=3,
        config=RACKS,
    )
    t.topic(brokers=[[1, 2, 3]], id=ID(v))
    t.produce(batch("a", "b"))
    t.fetch(0, v=v, rackId="r2", again=until("/responses/0/partitions/0/preferredReadReplica", 2))
    t.fetch(0, v=v, rackId="r1")
    t.fetch(0, v=v, rackId="r9")
    t.fetch(0, v=v, rackId="")

t = Talk("fetch/cluster-id", "fetch 12: the id of another cluster", "brokers do not look at it")
t.topic()
t.produce()
t.fetch(v=12, clusterId="another")

for v in (4, 9, 10):
    t = Talk(f"fetch/v{v:02}-zstd", f"fetch {v}: zstd", "it is for version 10 and above")
    t.topic()
    t.produce(batch("a", "b", codec="zstd"))
    t.fetch(v=v)
t = Talk(
    "fetch/v09-zstd-of-the-topic", "fetch 9: a topic with compression.type=zstd", "the topic's setting is looked at too"
)
t.topic(config={"compression.type": "zstd"})
t.fetch(v=9)
t.fetch(v=10)

t = Talk("fetch/log-start-after-deletion", "fetch: where the log begins, by version", "from version 5 on it is told")
t.topic()
t.produce(batch("a", "b", "c"))
t.ask("DeleteRecords", 1, DELETE(2))
t.fetch(2, v=4)
t.fetch(2, v=5)
t.fetch(2, v=12)

t = Talk("fetch/begin-deleted-within-a-batch", "fetch: the log begins within a batch", "the whole batch comes still")
t.topic()
t.produce(batch("a", "b", "c"))
t.ask("DeleteRecords", 1, DELETE(1))
t.fetch(1)

t = Talk("fetch/high-watermark-of-three", "fetch: three replicas", "what all have can be read", nodes=3)
t.topic(brokers=[[3, 2, 1]], id="id")
t.produce(batch("a", "b"), to=3)
t.fetch(0, v=12, to=3)
t.fetch(2, v=13, to=3)

t = Talk(
    "fetch/asked-at-once", "fetch: three requests before an answer is read", "answers come in the order of the requests"
)
t.topic()
t.produce(batch("a"))
t.produce(batch("b"))
for offset in (1, 0, 2):
    t.fetch(offset, later=True)
for _ in range(3):
    t.read()
