"""Produce: producers with an id, their sequences and epochs."""

from .talk import Talk, batch, by, until


def talk(name, title, why, nodes=1):
    t = Talk(f"produce/{name}", f"produce: {title}", why, nodes)
    t.topic()
    t.producer()
    return t


def told(name, title, why, *asked, v=9):
    """Each of `asked`: (how many records, sequence, options)."""
    t = talk(name, title, why)
    for count, seq, *options in asked:
        t.produce(batch(*"abcdefgh"[:count], **{**by(seq), **(options[0] if options else {})}), v=v)
    t.list_offsets(v=1)
    return t


EPOCH = lambda epoch: {"epoch": epoch}

for v in (3, 5, 8, 9, 12):
    told(
        f"v{v:02}-sequence-twice",
        f"version {v}, a batch that was sent twice",
        "the second is told where the first went",
        (2, 0),
        (2, 0),
        (1, 2),
        v=v,
    )
told(
    "sequence-of-the-last-five",
    "five batches, then each of them again",
    "the leader remembers five",
    *((1, seq) for seq in range(5)),
    *((1, seq) for seq in range(5)),
)
told(
    "sequence-of-six-ago",
    "six batches, then the first again",
    "the leader remembers five, and that is not one of them",
    *((1, seq) for seq in range(6)),
    (1, 0),
    (1, 1),
)
told("sequence-gap", "a sequence is left out", "a batch was lost on the way", (1, 0), (1, 2), (1, 1))
told(
    "sequence-of-the-past",
    "a sequence inside one that was",
    "it is neither the next nor a copy",
    (3, 0),
    (1, 1),
    (1, 3),
)
told("sequence-longer-copy", "a copy with one record more", "it is no copy", (2, 0), (3, 0), (1, 2))
told("sequence-shorter-copy", "a copy with one record less", "it is no copy", (3, 0), (2, 0), (1, 3))
told(
    "first-sequence-not-zero",
    "a producer's first batch has sequence 5",
    "the leader knows nothing of it, and takes its word",
    (1, 5),
    (1, 6),
)
told(
    "overtaken",
    "a producer's second batch comes first, and then both with its next epoch",
    "so it is if a leader is new, and the first batch is still with the one before",
    (1, 5),
    (5, 0),
    (5, 0, EPOCH(1)),
    (1, 5, EPOCH(1)),
)
told(
    "first-sequence-not-zero-of-a-later-epoch",
    "a later epoch begins with sequence 5",
    "a new epoch begins at 0",
    (1, 0),
    (1, 5, EPOCH(1)),
    (1, 0, EPOCH(1)),
)
told(
    "first-batch-of-a-later-epoch",
    "a producer's first batch is of epoch 3",
    "no epoch was before it here",
    (1, 0, EPOCH(3)),
    (1, 1, EPOCH(3)),
)
told("epoch-goes-up", "a later epoch", "its sequences begin anew", (1, 0), (1, 1), (1, 0, EPOCH(1)), (1, 1, EPOCH(1)))
told(
    "epoch-goes-down",
    "an epoch that is over",
    "it was fenced",
    (1, 0, EPOCH(2)),
    (1, 0, EPOCH(1)),
    (1, 1, EPOCH(1)),
    (1, 1, EPOCH(2)),
)
told(
    "epoch-goes-down-copy",
    "a copy of a batch of an epoch that is over",
    "it was fenced, although the batch is there",
    (1, 0),
    (1, 0, EPOCH(1)),
    (1, 0),
)
for v in (3, 9, 12):
    told(
        f"v{v:02}-old-epoch",
        f"version {v}, an epoch that is over",
        "the error by version",
        (1, 0, EPOCH(1)),
        (1, 1, EPOCH(0)),
        v=v,
    )
told("sequence-at-the-end", "the sequence after 2147483647", "it is 0", (1, 2147483647), (1, 0), (1, 1))
told(
    "sequence-across-the-end",
    "a batch whose sequences go across 2147483647",
    "they go on at 0",
    (3, 2147483646),
    (1, 1),
    (3, 2147483646),
)
told(
    "sequence-in-gzip",
    "a compressed batch that was sent twice",
    "compression changes nothing",
    (3, 0, {"codec": "gzip"}),
    (3, 0, {"codec": "gzip"}),
    (1, 3),
)

t = talk("producer-that-nobody-knows", "a producer id that no broker gave", "ids are not checked against a list")
for seq in (0, 1, 3):
    t.produce(batch("a", pid=987654321, epoch=0, seq=seq))

t = Talk(
    "produce/sequences-by-partition", "produce: one producer, two partitions", "each partition has its own sequence"
)
t.topic(partitions=2)
t.producer()
for partition, seq in ((0, 0), (1, 0), (0, 1), (1, 2), (1, 1)):
    t.produce(batch("a", **by(seq)), partition=partition)

t = Talk("produce/two-producers", "produce: two producers, one partition", "each producer has its own sequence")
t.topic()
t.producer()
t.producer("other", "its")
for pid, seq in (("${pid}", 0), ("${other}", 0), ("${other}", 1), ("${pid}", 2), ("${pid}", 1)):
    t.produce(batch("a", **by(seq, pid=pid)))
t.fetch()

t = talk("sequence-acks-1", "a batch that was sent twice, acks 1", "what the leader remembers does not depend on acks")
t.produce(batch("a", **by(0)), acks=1)
t.produce(batch("a", **by(0)), acks=1)
t.produce(batch("a", **by(5)), acks=1)

t = talk("sequence-acks-0", "a batch that was sent twice, acks 0", "it is stored once")
t.produce(batch("a", **by(0)), acks=0, noreply=True)
t.produce(batch("a", **by(0)), acks=0, noreply=True)
t.produce(batch("b", **by(1)))

t = talk("sequence-gap-acks-0", "a sequence is left out, acks 0", "the broker closes the connection")
t.produce(batch("a", **by(0)))
t.produce(batch("a", **by(2)), acks=0, noreply=True, on="b")
t.wait(300)
t.list_offsets(v=1, on="b")
t.produce(batch("a", **by(1)))

t = talk("plain-batch-between", "a batch without a producer id between two with one", "it does not count")
t.produce(batch("a", **by(0)))
t.produce(batch("b"))
t.produce(batch("c", **by(1)))
t.fetch()

t = talk(
    "sequence-after-records-were-deleted",
    "a producer whose batches were all deleted",
    "what the leader remembers does not go with the records",
)
t.produce(batch("a", **by(0)))
t.produce(batch("b", **by(1)))
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": -1}]}], "timeoutMs": 5000},
)
t.produce(batch("b", **by(1)))
t.produce(batch("d", **by(3)))
t.produce(batch("c", **by(2)))

t = talk(
    "refused-batch-uses-no-sequence", "a batch that was refused, and its sequence again", "only what is stored counts"
)
t.produce(
    batch({"value": "a", "ts": 4_100_000_000_000}, **by(0)),
    free=["/responses/*/partitionResponses/*/recordErrors/*/batchIndexErrorMessage"],
)
t.produce(batch("a", **by(0)))
t.produce(batch("b", **by(1)))

t = talk("copy-with-other-records", "a copy whose records are others", "the sequence tells copies, not the bytes")
t.produce(batch("a", "b", **by(0)))
t.produce(batch("x", "y", **by(0)))
t.fetch()

t = Talk(
    "produce/sequence-twice-of-three",
    "produce: a batch that was sent twice, three replicas, acks -1",
    "the copy waits for the replicas like the first",
    nodes=3,
)
t.topic(brokers=[[1, 2, 3]])
t.producer()
t.produce(batch("a", **by(0)))
t.produce(batch("a", **by(0)))

t = Talk(
    "produce/sequence-after-a-new-leader",
    "produce: a batch that was sent again to a new leader",
    "followers remember what the leader did",
    nodes=3,
)
t.topic(brokers=[[1, 2, 3]], known=(2,))
t.producer()
t.produce(batch("a", "b", **by(0)))
t.moves()
t.produce(batch("a", "b", **by(0)), to=2)
t.produce(batch("c", **by(2)), to=2)
