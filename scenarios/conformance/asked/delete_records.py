"""DeleteRecords: the begin of a log moves."""

from .talk import RUN, Talk, batch, fetch, part, until, versions


def delete(*offsets, topic="t", partition=0, timeout=5000):
    return {
        "timeoutMs": timeout,
        "topics": [
            {"name": topic + RUN, "partitions": [{"partitionIndex": partition, "offset": offset} for offset in offsets]}
        ],
    }


def talk(name, title, why, config=None, nodes=1, v=1, offsets=(), records="abc", partitions=1):
    t = Talk(f"delete-records/{name}", f"delete records: {title}", why, nodes)
    t.topic(config=config, partitions=partitions)
    if records:
        t.produce(batch(*records) if not config else batch(*((r, r) for r in records)))
    for offset in offsets:
        t.ask("DeleteRecords", v, delete(offset))
    return t


for v in versions(0, 2):
    t = talk(
        f"v{v:02}",
        f"version {v}, up to an offset, and up to the end",
        "the plainest path, every field of it",
        v=v,
        offsets=(1, -1),
    )
    t.fetch(0)
    t.list_offsets(-2)
    talk(
        f"v{v:02}-out-of-range",
        f"version {v}, offsets that cannot be",
        "above the high watermark, below zero",
        v=v,
        offsets=(4, -2, -3),
    )
    t = talk(
        f"v{v:02}-unknown",
        f"version {v}, a topic and a partition that are not there",
        "a client with old metadata",
        v=v,
    )
    t.ask("DeleteRecords", v, delete(0, topic="nowhere"))
    t.ask("DeleteRecords", v, delete(0, partition=5))
    t = Talk(
        f"delete-records/v{v:02}-not-the-leader",
        f"delete records: version {v}, at a follower, and at a node without a replica",
        "only the leader may",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]], known=(2, 3))
    t.produce(batch("a", "b"))
    t.ask("DeleteRecords", v, delete(1), to=2)
    t.ask("DeleteRecords", v, delete(1), to=3)
    t = Talk(
        f"delete-records/v{v:02}-of-three",
        f"delete records: version {v}, three replicas",
        "the answer comes when all have done it",
        nodes=3,
    )
    t.topic(brokers=[[2, 1, 3]])
    t.produce(batch("a", "b", "c"), to=2)
    t.ask("DeleteRecords", v, delete(2), to=2)
    t.list_offsets(-2, to=2)

t = talk(
    "twice", "up to an offset, up to it again, and to one below", "the begin never moves back", offsets=(2, 2, 1, 0)
)
t.list_offsets(-2)
t = talk("of-zero", "up to 0", "nothing goes", offsets=(0,))
t.fetch(0)
t = talk("of-an-empty-log", "nothing was written", "up to 0 and up to the end are one", records="", offsets=(0, -1, 1))
t = talk("then-written", "all is deleted, and something is written", "offsets go on", offsets=(-1,))
t.produce()
t.fetch(3)
t.fetch(2)
t = talk(
    "within-a-batch",
    "up to the middle of a batch",
    "the batch stays, its first records are skipped by clients",
    offsets=(1,),
)
t.fetch(1)
t.list_offsets(1_700_000_000_000)
talk("compacted", "a compacted topic", "its policy is another", config={"cleanup.policy": "compact"}, offsets=(1,))
talk(
    "compacted-and-deleted",
    "cleanup.policy=compact,delete",
    "both are allowed",
    config={"cleanup.policy": "compact,delete"},
    offsets=(1,),
)
t = talk("partition-twice", "one partition twice in a request", "which of the two counts")
t.ask("DeleteRecords", 1, delete(1, 2))
t.list_offsets(-2)
t = talk("no-topics", "no topics", "nothing is asked, and that is answered")
t.ask("DeleteRecords", 1, {"topics": [], "timeoutMs": 5000})
t.ask("DeleteRecords", 1, delete())
t = talk("in-no-time", "a timeout of 0", "one replica needs none")
t.ask("DeleteRecords", 1, delete(1, timeout=0))
t = talk("under-a-fetch", "a fetch waits where the log is cut off", "the fetch goes on waiting: it waits at the end")
t.fetch(3, wait=1500, min=1, later=True, on="waits")
t.wait(300)
t.ask("DeleteRecords", 1, delete(-1))
t.read(on="waits")
t = Talk("delete-records/many-segments", "delete records: from a log of two segments", "segments below go, by and by")
t.topic(config={"segment.bytes": "1048576", "max.message.bytes": "2000000"})
t.produce(batch({"value": "x", "repeat": 1048000}))
t.produce(batch({"value": "x", "repeat": 1048000}))
t.produce(batch("c"))
t.ask("DeleteRecords", 1, delete(2))
t.list_offsets(-2)
t.fetch(1)
t.fetch(2)
