"""ListOffsets: the begin, the end, and where a time is."""

from .talk import RUN, Talk, batch, list_offsets, until, versions

ALL = versions(1, 11)
DAY = 1_700_000_000_000
AT = lambda ms, value="a": {"value": value, "ts": DAY + ms}

for v in ALL:
    t = Talk(
        f"list-offsets/v{v:02}-begin-and-end",
        f"list offsets {v}: the begin, the end, a time",
        "the plainest path, every field of it",
    )
    t.topic()
    t.produce(batch(AT(10), AT(20), AT(30)))
    for timestamp in (-2, -1, DAY + 15):
        t.list_offsets(timestamp, v=v)

    t = Talk(
        f"list-offsets/v{v:02}-special",
        f"list offsets {v}: the special times -3 to -7",
        "the largest time (7), the local begin (8), the tiered end (9), the earliest to be tiered (11); "
        "what a version does not know",
    )
    t.topic()
    t.produce(batch(AT(10), AT(30), AT(20)))
    for timestamp in (-3, -4, -5, -6, -7):
        t.list_offsets(timestamp, v=v)

for v in (1, 4, 7, 11):
    t = Talk(
        f"list-offsets/v{v:02}-unknown",
        f"list offsets {v}: a topic that is not there, a partition that is not there",
        "a client with old metadata",
    )
    t.topic()
    t.list_offsets(-1, v=v, topic="nowhere")
    t.list_offsets(-1, v=v, partition=5)
    t.list_offsets(-1, v=v, partition=-1)

for v in (1, 4, 11):
    t = Talk(
        f"list-offsets/v{v:02}-not-the-leader",
        f"list offsets {v}: to a follower, and to a node without a replica",
        "only the leader answers",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]], known=(2, 3))
    t.list_offsets(-1, v=v, to=2)
    t.list_offsets(-2, v=v, to=3)

    t = Talk(
        f"list-offsets/v{v:02}-of-an-empty-log",
        f"list offsets {v}: nothing was written",
        "there is an end, and no time",
    )
    t.topic()
    for timestamp in (-1, -2, 0, DAY):
        t.list_offsets(timestamp, v=v)

for v in (4, 7, 11):
    t = Talk(
        f"list-offsets/v{v:02}-leader-epoch",
        f"list offsets {v}: the leader's epoch is 0; asked are 0, 1 and -2",
        "a client of another epoch than the leader's is told which of them is behind",
    )
    t.topic()
    t.produce()
    for epoch in (0, 1, -2):
        t.list_offsets(-1, v=v, currentLeaderEpoch=epoch)
    t.list_offsets(DAY, v=v, currentLeaderEpoch=1)

for v in (2, 11):
    t = Talk(
        f"list-offsets/v{v:02}-isolation",
        f"list offsets {v}: read_committed, and a level that is none",
        "without transactions both see one end",
    )
    t.topic()
    t.produce(batch("a", "b"))
    t.list_offsets(-1, v=v, isolationLevel=1)
    t.list_offsets(-2, v=v, isolationLevel=1)
    t.list_offsets(DAY, v=v, isolationLevel=1)
    t.list_offsets(-1, v=v, isolationLevel=5)

t = Talk(
    "list-offsets/times",
    "list offsets: before, at, between and behind the times of four batches",
    "the first record whose time is not smaller",
)
t.topic()
for ms in (10, 20, 30, 40):
    t.produce(batch(AT(ms), AT(ms + 5)))
for ms in (-99, 10, 11, 15, 16, 20, 45, 46):
    t.list_offsets(DAY + ms)

t = Talk("list-offsets/times-of-zero", "list offsets: the time 0", "it is a time like others")
t.topic()
t.produce()
t.list_offsets(0)
t.list_offsets(9_223_372_036_854_775_807)

t = Talk("list-offsets/times-that-fall", "list offsets: times that fall", "the first record in the log's order")
t.topic()
for ms in (50, 20, 40, 10):
    t.produce(batch(AT(ms)))
for ms in (5, 15, 30, 45, 50, 51):
    t.list_offsets(DAY + ms)
t.list_offsets(-3)

t = Talk(
    "list-offsets/times-within-a-batch",
    "list offsets: times that fall within a batch",
    "each record counts, not the batch's first time",
)
t.topic()
t.produce(batch(AT(30), AT(10), AT(20)))
t.produce(batch(AT(40), AT(5)))
for ms in (5, 15, 30, 35):
    t.list_offsets(DAY + ms)
t.list_offsets(-3)

t = Talk("list-offsets/largest-time-twice", "list offsets: two records of the largest time", "the first of them")
t.topic()
t.produce(batch(AT(10), AT(30)))
t.produce(batch(AT(30), AT(30)))
t.list_offsets(-3)

for codec in ("gzip", "zstd"):
    t = Talk(
        f"list-offsets/times-in-{codec}", f"list offsets: times within a {codec} batch", "the broker looks into it"
    )
    t.topic()
    t.produce(batch(AT(10), AT(20), AT(30), codec=codec))
    for ms in (10, 15, 30, 31):
        t.list_offsets(DAY + ms)
    t.list_offsets(-3)

t = Talk(
    "list-offsets/largest-time-of-the-broker",
    "list offsets: the largest time, times by the broker",
    "the first record of the batch that has it, or its last",
)
t.topic(config={"message.timestamp.type": "LogAppendTime"})
t.produce(batch("a", "b"))
t.wait(50)
t.produce(batch("c", "d"))
t.list_offsets(-3)
t.list_offsets(DAY)

t = Talk("list-offsets/largest-time-of-nothing", "list offsets: the largest time of an empty log", "there is none")
t.topic()
t.list_offsets(-3)

t = Talk(
    "list-offsets/after-deletion",
    "list offsets: the begin was deleted",
    "times before the begin are not found any more",
)
t.topic()
for ms in (10, 20, 30):
    t.produce(batch(AT(ms), AT(ms + 1)))
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": 3}]}], "timeoutMs": 5000},
)
for timestamp in (-2, DAY, DAY + 20, DAY + 21, -3, -4):
    t.list_offsets(timestamp, v=8)

t = Talk("list-offsets/after-all-was-deleted", "list offsets: all was deleted", "the begin is the end")
t.topic()
t.produce(batch(AT(10), AT(20)))
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": -1}]}], "timeoutMs": 5000},
)
for timestamp in (-2, -1, DAY, -3):
    t.list_offsets(timestamp)

for v in (1, 7):
    t = Talk(f"list-offsets/v{v:02}-partition-twice", f"list offsets {v}: one partition twice", "it is refused")
    t.topic()
    t.produce()
    t.ask("ListOffsets", v, list_offsets(-1, -2))

t = Talk("list-offsets/no-topics", "list offsets: no topics, no partitions", "nothing is asked, and that is answered")
t.topic()
t.ask("ListOffsets", 7, {"replicaId": -1, "topics": []})
t.ask("ListOffsets", 7, {"replicaId": -1, "topics": [{"name": "t-${run}", "partitions": []}]})

t = Talk(
    "list-offsets/several",
    "list offsets: three partitions",
    "all are in one answer; which stands first depends on hashes of names",
)
t.topic("t", partitions=3)
t.ask(
    "ListOffsets",
    7,
    {
        "replicaId": -1,
        "topics": [
            {
                "name": "t" + RUN,
                "partitions": [{"partitionIndex": partition, "timestamp": -1} for partition in (1, 2, 0)],
            }
        ],
    },
    free=["/topics/*/partitions/*/partitionIndex"],
)

for replica in (-2, 1, 5):
    t = Talk(
        f"list-offsets/of-replica-{replica}" if replica > 0 else "list-offsets/of-a-debugging-consumer",
        f"list offsets: replica id {replica}",
        "a replica asks for its leader's log end, others for what they may read",
    )
    t.topic()
    t.produce()
    for timestamp in (-1, -2, DAY):
        t.list_offsets(timestamp, replica=replica)

t = Talk(
    "list-offsets/debugging-consumer-at-a-follower",
    "list offsets: a debugging consumer asks a follower",
    "it may",
    nodes=3,
)
t.topic(brokers=[[1, 2]], known=(2,))
t.list_offsets(-2, replica=-2, to=2)
t.list_offsets(-2, replica=-1, to=2)

t = Talk(
    "list-offsets/fenced-epoch",
    "list offsets: the leader's epoch has become 1; asked are 0 and 1",
    "the old epoch is fenced",
    nodes=3,
)
t.topic(brokers=[[1, 2, 3]], known=(2, 3))
t.produce(batch(AT(10), AT(20)))
t.moves()
t.produce(batch(AT(30)), to=2)
for timestamp, epoch in ((-1, 0), (-1, 1), (-1, 2), (-1, -1), (-2, -1), (DAY + 15, 1), (DAY + 25, 1)):
    t.list_offsets(timestamp, v=7, currentLeaderEpoch=epoch, to=2)
t.list_offsets(-1, v=4, currentLeaderEpoch=0, to=1, again=until("/topics/0/partitions/0/errorCode", 74))
