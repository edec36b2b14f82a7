"""Produce: bytes that no client of Kafka's would send."""

from .talk import Talk, base64_of, batch, odd_batch, odd_record, old_messages, produce


def odd(name, title, why, data, v=9, config=None, fetched=False):
    t = Talk(f"produce/{name}", f"produce: {title}", why)
    t.topic(config=config)
    for one in data if isinstance(data, list) else [data]:
        t.ask(
            "Produce",
            v,
            produce(base64_of(one) if isinstance(one, bytes) else one),
            **({"on": "b"} if one is None else {}),
        )
    if fetched:
        t.fetch()
    else:
        t.list_offsets(v=1)


CORRUPT = "a batch whose checksum does not match is not stored"
for at, what in (
    (17, "the checksum"),
    (22, "the attributes"),
    (60, "the count"),
    (63, "a record"),
    (30, "the first time"),
):
    odd(f"corrupt-{what.split()[-1]}", f"a bit of {what} is wrong", CORRUPT, batch("a", "b", flip=at))
for v in (3, 8, 10, 12):
    odd(f"v{v:02}-corrupt", f"a corrupt batch, version {v}", CORRUPT, batch("a", flip=64), v=v)
odd(
    "leader-epoch-damaged",
    "a bit of the leader's epoch is wrong",
    "the checksum does not cover it, and the leader writes its own",
    batch("a", flip=15),
    fetched=True,
)
odd("length-too-small", "a batch that says it has a byte less", "what follows is no batch", odd_batch("a", longer=-1))
odd(
    "length-too-large", "a batch that says it has a byte more than there are", "it is cut off", odd_batch("a", longer=1)
)
odd("length-of-zero", "a batch that says it has no bytes", "even the oldest has more", odd_batch("a", longer=-(49 + 8)))
odd("cut-off", "half a batch", "it is no batch", odd_batch("a", "b")[:40])
odd("ten-bytes", "ten bytes", "they are not even the begin of one", b"\0" * 10)
odd(
    "followed-by-rubbish",
    "a batch and five bytes more",
    "what is behind the batch is left out",
    odd_batch("a") + b"\1\2\3\4\5",
)
odd(
    "two-batches", "two batches for one partition", "since version 3 it is exactly one", odd_batch("a") + odd_batch("b")
)
odd(
    "v03-two-batches",
    "two batches for one partition, version 3",
    "since version 3 it is exactly one",
    odd_batch("a") + odd_batch("b"),
    v=3,
)
odd("no-bytes", "no bytes for a partition", "since version 3 it is exactly one batch", b"")
odd("v03-no-bytes", "no bytes for a partition, version 3", "since version 3 it is exactly one batch", b"", v=3)
odd("null-records", "null for a partition", "the answer never comes, and other connections do not mind", None)

for magic in (0, 1):
    odd(
        f"old-messages-{magic}",
        f"a message set of format {magic}",
        "since version 3 only batches are taken",
        old_messages("a", "b", magic=magic),
    )
    odd(
        f"magic-{magic}",
        f"a batch that says its format is {magic}",
        "then its bytes mean something else",
        batch("a", magic=magic),
    )
odd("magic-3", "a batch of format 3", "there is none", batch("a", magic=3))
odd("magic-minus-one", "a batch of format -1", "there is none", batch("a", magic=-1))

odd("no-records", "a batch without records", "it would use no offset", odd_batch())
odd("control-batch", "a batch of markers", "only coordinators write them", odd_batch("a", attributes=0x20))
odd(
    "control-batch-of-a-transaction",
    "a batch of markers with a producer id",
    "only coordinators write them",
    odd_batch(odd_record("\0\0\0\0\0\0", 0, key="\0\0\0\1"), attributes=0x30, pid=4711, epoch=0, seq=0),
)
odd(
    "log-append-time-batch",
    "a batch that says its times are a broker's",
    "the topic's setting counts, and the bit is taken away",
    odd_batch("a", attributes=0x08),
    fetched=True,
)
odd(
    "unknown-attributes",
    "a batch with attributes that nobody knows",
    "they are for later",
    odd_batch("a", attributes=0x0400),
    fetched=True,
)
odd(
    "delete-horizon",
    "a batch that says it has a delete horizon",
    "a cleaner puts it there",
    odd_batch("a", attributes=0x40),
    fetched=True,
)
for codec in (5, 7):
    odd(f"codec-{codec}", f"a batch of codec {codec}", "there are four and none", odd_batch("a", attributes=codec))
odd(
    "gzip-of-nothing",
    "a batch that says it is gzip and is not",
    "the broker looks into it",
    odd_batch("a", attributes=1),
)
odd(
    "gzip-by-hand",
    "a gzip batch",
    "to show that the next ones fail for what is wrong with them",
    odd_batch("a", "b", gzip=True),
)

odd(
    "count-too-large",
    "a batch that counts three records and has two",
    "the broker counts",
    odd_batch("a", "b", count=3, last=2),
)
odd(
    "count-too-small",
    "a batch that counts one record and has two",
    "the broker counts",
    odd_batch("a", "b", count=1, last=0),
)
odd("count-negative", "a batch that counts -1 records", "the broker counts", odd_batch("a", count=-1, last=0))
odd(
    "count-and-last-offset-differ",
    "a batch of two records whose last offset is 5 more than the first",
    "a client's offsets have no gaps",
    odd_batch("a", "b", last=5),
)
odd(
    "last-offset-negative",
    "a batch whose last offset is below its first",
    "the broker looks at it",
    odd_batch("a", last=-1),
)
odd(
    "records-with-gaps",
    "records whose offsets have a gap",
    "uncompressed records are taken as they are",
    odd_batch(odd_record("a", 0), odd_record("b", 5)),
    fetched=True,
)
odd(
    "records-with-gaps-in-gzip",
    "records whose offsets have a gap, compressed",
    "the broker looks into the batch",
    odd_batch(odd_record("a", 0), odd_record("b", 5), gzip=True),
)
odd(
    "records-with-one-offset",
    "two records of one offset",
    "uncompressed records are taken as they are",
    odd_batch(odd_record("a", 0), odd_record("b", 0)),
    fetched=True,
)
odd(
    "count-too-large-in-gzip",
    "a gzip batch that counts three records and has two",
    "the broker counts",
    odd_batch("a", "b", count=3, last=2, gzip=True),
)
odd(
    "record-longer-than-the-batch",
    "a record whose length leads beyond the batch",
    "it cannot be read",
    odd_batch(odd_record("a", 0, longer=40)),
)
odd(
    "record-longer-than-itself",
    "a record whose length is a byte too large",
    "what follows cannot be read",
    odd_batch(odd_record("a", 0, longer=1), odd_record("b", 1)),
)
odd(
    "record-attributes",
    "a record with attributes",
    "there are none, and nobody minds",
    odd_batch(odd_record("a", 0, attributes=1)),
    fetched=True,
)
odd(
    "largest-time-wrong",
    "a batch whose largest time is not that of a record",
    "the broker corrects it, or does not",
    odd_batch("a", "b", max_ts=1_700_000_009_999),
    fetched=True,
)
odd(
    "first-time-negative",
    "a batch of the time -1",
    "a time that is none",
    odd_batch("a", first_ts=-1, max_ts=-1),
    fetched=True,
)
odd(
    "first-time-below-minus-one",
    "a batch of the time -2",
    "a time before all",
    odd_batch("a", first_ts=-2, max_ts=-2),
    fetched=True,
)

odd(
    "transactional-without-an-id",
    "a transactional batch, no transactional id",
    "who has none may not write in a transaction",
    batch("a", txn=True, pid=4711, epoch=0, seq=0),
)
odd(
    "producer-without-sequence",
    "a producer id without a sequence",
    "a client that mixes things up",
    odd_batch("a", pid=4711, epoch=0, seq=-1),
)
odd(
    "producer-without-epoch",
    "a producer id without an epoch",
    "a client that mixes things up",
    odd_batch("a", pid=4711, epoch=-1, seq=0),
)
odd(
    "sequence-without-producer",
    "a sequence without a producer id",
    "it means nothing",
    odd_batch("a", pid=-1, epoch=0, seq=0),
    fetched=True,
)
odd(
    "two-batches-of-a-compacted-topic",
    "a good batch after a bad one",
    "a refused batch uses no offset",
    [odd_batch("a", crc=1), odd_batch(odd_record("a", 0, key="k"))],
    config={"cleanup.policy": "compact"},
    fetched=True,
)
