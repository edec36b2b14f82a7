"""What conversations are written with: requests that fit their version, topics that are there before they are used, and
record batches that no client would send.

A request names the fields that matter; the rest has its default, and fields that the version does not have are left out
(`cluster/shapes-4.3.0.txt` says which it has). A name that no version has is an error.
"""

import base64
import re
import struct
import zlib
from pathlib import Path

SHAPES = Path(__file__).resolve().parents[3] / "cluster" / "shapes-4.3.0.txt"
RUN = "-${run}"
NOBODY = "AAAAAAAAAAAAAAAAAAAAAA"  # the uuid of zeros
NO_TOPIC = "AAAAAAAAAAAAAAAAAAAJZw"  # the uuid of a topic that is not there
DAY = 1_700_000_000_000  # when records were made, unless they say so; as Record.java has it

TALKS = []


# ---- requests ----


class Shape:
    """A struct's fields, or the type of an array's elements, as read from the list of shapes."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def fields(self, end=""):
        found = {}
        while self.at < len(self.text) and self.text[self.at] not in end:
            tag = re.compile(r"#(\d+:)?| ").match(self.text, self.at)
            if tag:
                self.at = tag.end()
                tagged = len(tag.group()) > 1
                if not tagged:
                    continue
            else:
                tagged = False
            name = re.compile(r"(\w+):").match(self.text, self.at)
            self.at = name.end()
            found[name.group(1)] = (tagged, *self.kind())
        self.at += 1
        return found

    def kind(self):
        """A kind and its default: ("list", kind or fields), ("struct", fields) or (name, None)."""
        opened = re.compile(r"c?\[|\{").match(self.text, self.at)
        if opened and opened.group() == "{":
            self.at = opened.end()
            kind, default = ("struct", self.fields("}")), {}
        elif opened:
            self.at = opened.end()
            bare = re.compile(r"(\w+)\??\]").match(self.text, self.at)
            if bare:
                self.at = bare.end()
            kind, default = ("list", None if bare else self.fields("]")), []
        else:
            name = re.compile(r"\w+").match(self.text, self.at)
            self.at = name.end()
            kind = (name.group(), None)
            default = {"bool": False, "float64": 0.0, "uuid": NOBODY}.get(name.group(), 0)
            default = "" if "string" in name.group() or "bytes" in name.group() else default
            default = None if "records" in name.group() else default
        nullable = re.compile(r"\??(?:=([^ \]}]+))?").match(self.text, self.at)
        self.at = nullable.end()
        if nullable.group(1):
            text = nullable.group(1)
            default = {"null": None, "true": True}.get(text, text)
            default = int(default) if isinstance(default, str) and re.fullmatch(r"-?\d+", default) else default
        return kind, default


def shapes():
    found, names = {}, {}
    for line in SHAPES.read_text().splitlines():
        head = re.match(r"(\w+)Request (\d+)[^:]*: ?(.*)", line)
        if head:
            api, version, text = head.groups()
            found[api, int(version)] = Shape(text).fields()
            names.setdefault(api, set()).update(re.findall(r"(\w+):", text))
    return found, names


SHAPE, NAMES = shapes()


def filled(api, fields, given):
    unknown = set(given) - NAMES[api]
    assert not unknown, f"{api} has no {unknown}"
    out = {}
    for name, (tagged, (kind, inner), default) in fields.items():
        value = given.get(name, default)
        if tagged and name not in given:
            continue
        if kind == "list" and inner and isinstance(value, list):
            value = [filled(api, inner, one) for one in value]
        if kind == "struct" and value is not None:
            value = filled(api, inner, value)
        out[name] = value
    return out


def versions(low, high):
    return range(low, high + 1)


# ---- conversations ----


class Talk:
    """One conversation; `folder/name` is its file. Below `alone/`, or with settings, it has a cluster of its own."""

    def __init__(self, path, name, why, nodes=1, config=None):
        self.path, self.name, self.why, self.nodes, self.config = path, name, why, nodes, config
        self.steps = []
        TALKS.append(self)

    def ask(self, api, version, request=None, **step):
        shape = SHAPE[api, version]
        self.steps.append({"api": api, "version": version, **step, "request": filled(api, shape, request or {})})

    def read(self, on="a", **step):
        self.steps.append({"read": True, "on": on, **step})

    def raw(self, data, on="a", **step):
        self.steps.append({"raw": data if isinstance(data, str) else data.hex(), "on": on, **step})

    def wait(self, ms):
        self.steps.append({"wait_ms": ms})

    def close(self, on="a"):
        self.steps.append({"close": on})

    # What most conversations begin with.

    def topic(self, name="t", partitions=1, config=None, brokers=None, id=None, known=()):
        """Makes a topic and waits until it can be used.

        `brokers`: the replicas of each partition, the leader first. `id`: the name under which its id is saved. `known`:
        nodes besides the leaders that have to know it.
        """
        full = name if "$" in name else name + RUN
        assignments = [{"partitionIndex": i, "brokerIds": list(ids)} for i, ids in enumerate(brokers or [])]
        self.ask(
            "CreateTopics",
            4,
            {
                "topics": [
                    {
                        "name": full,
                        "numPartitions": -1 if brokers else partitions,
                        "replicationFactor": -1 if brokers else 1,
                        "assignments": assignments,
                        "configs": [{"name": k, "value": v} for k, v in (config or {}).items()],
                    }
                ],
                "timeoutMs": 10000,
            },
        )
        leaders = [ids[0] for ids in brokers] if brokers else [1] * partitions
        for partition, leader in enumerate(leaders):
            self.settled(full, partition, leader)
        if id:
            self.ask(
                "Metadata",
                12,
                {"topics": [{"name": full}], "allowAutoTopicCreation": False},
                save={id: "/topics/0/topicId"},
            )
        for node in known:
            self.ask("Metadata", 1, {"topics": [{"name": full}]}, **to(node), again=until("/topics/0/errorCode", 0))

    def settled(self, name, partition=0, leader=1):
        """Waits until the leader leads."""
        self.ask(
            "ListOffsets",
            1,
            list_offsets(-1, topic=name, partition=partition),
            **to(leader),
            again=until("/topics/0/partitions/0/errorCode", 0),
        )

    def moves(self):
        """The leader of the topic's one partition, whose replicas are [1, 2, 3], is 2 from here on, in epoch 1."""
        name = named("t")
        replicas = {"partitionIndex": 0, "replicas": [2, 3, 1]}
        self.ask(
            "AlterPartitionReassignments", 0, {"timeoutMs": 10000, "topics": [{"name": name, "partitions": [replicas]}]}
        )
        self.ask(
            "ElectLeaders",
            1,
            {"electionType": 0, "timeoutMs": 10000, "topicPartitions": [{"topic": name, "partitions": [0]}]},
        )
        self.settled(name, leader=2)

    def produce(self, records=None, v=9, **more):
        step = {key: more.pop(key) for key in ("to", "on", "again", "noreply", "later", "save", "free") if key in more}
        self.ask("Produce", v, produce(batch("a") if records is None else records, **more), **step)

    def fetch(self, offset=0, v=12, **more):
        step = {key: more.pop(key) for key in ("to", "on", "again", "later", "save", "free") if key in more}
        self.ask("Fetch", v, fetch(part(offset, **more.pop("part", {})), **more), **step)

    def list_offsets(self, timestamp=-1, v=7, **more):
        step = {key: more.pop(key) for key in ("to", "on", "again", "later", "save", "free") if key in more}
        self.ask("ListOffsets", v, list_offsets(timestamp, **more), **step)

    def producer(self, pid="pid", epoch="epoch"):
        """A producer id, saved. After a start of Kafka's the first ones ask again."""
        self.ask(
            "InitProducerId",
            4,
            {"transactionalId": None, "transactionTimeoutMs": 60000},
            again=until("/errorCode", 0),
            save={pid: "/producerId", epoch: "/producerEpoch"},
        )


def to(node):
    return {} if node == 1 else {"to": node}


def until(pointer, value):
    return {"until": pointer, "is": value}


def named(topic):
    return topic if "$" in topic or not topic else topic + RUN


def produce(records, topic="t", partition=0, acks=-1, id="${id}", timeout=5000, txn=None):
    return {
        "transactionalId": txn,
        "acks": acks,
        "timeoutMs": timeout,
        "topicData": [
            {"name": named(topic), "topicId": id, "partitionData": [{"index": partition, "records": records}]}
        ],
    }


def produce_many(parts, acks=-1):
    """Each part: topic, partition, records; those of one topic side by side."""
    topics = []
    for topic, partition, records in parts:
        if not topics or topics[-1]["name"] != named(topic):
            topics.append({"name": named(topic), "partitionData": []})
        topics[-1]["partitionData"].append({"index": partition, "records": records})
    return {"transactionalId": None, "acks": acks, "timeoutMs": 5000, "topicData": topics}


def part(offset=0, partition=0, max_bytes=1048576, **more):
    return {"partition": partition, "fetchOffset": offset, "partitionMaxBytes": max_bytes, **more}


def fetch(*parts, topic="t", id="${id}", wait=0, min=0, max=52428800, topics=None, **more):
    if topics is None:
        topics = [{"topic": named(topic), "topicId": id, "partitions": list(parts)}]
    return {"maxWaitMs": wait, "minBytes": min, "maxBytes": max, "topics": topics, "sessionId": 0, **more}


def list_offsets(*timestamps, topic="t", partition=0, replica=-1, **more):
    partition_of = lambda timestamp: {
        "partitionIndex": partition,
        "timestamp": timestamp,
        **{k: more[k] for k in ("currentLeaderEpoch",) if k in more},
    }
    rest = {k: v for k, v in more.items() if k != "currentLeaderEpoch"}
    return {
        "replicaId": replica,
        "timeoutMs": 1000,
        **rest,
        "topics": [{"name": named(topic), "partitions": [partition_of(timestamp) for timestamp in timestamps]}],
    }


# ---- batches ----


def batch(*values, **options):
    """A batch as Kafka's own builder makes it. A value is text, (key, value), or a whole record."""
    return {"$batch": {"records": [record(value) for value in values], **options}}


def record(value):
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple):
        return {"key": value[0], "value": value[1]}
    return {"value": value}


def by(seq, pid="${pid}", epoch="${epoch}"):
    """What an idempotent producer puts into its batches."""
    return {"pid": pid, "epoch": epoch, "seq": seq}


def varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def odd_record(value, offset, key=None, ts=0, attributes=0, longer=0):
    def text(part):
        return varint(-1) if part is None else varint(len(part)) + part.encode()

    body = bytes([attributes]) + varint(ts) + varint(offset) + text(key) + text(value) + varint(0)
    return varint(len(body) + longer) + body


def odd_batch(
    *records,
    base=0,
    magic=2,
    attributes=0,
    last=None,
    count=None,
    pid=-1,
    epoch=-1,
    seq=-1,
    longer=0,
    first_ts=DAY,
    max_ts=DAY,
    leader_epoch=-1,
    crc=None,
    gzip=False,
):
    """A batch whose header says what one likes, as bytes."""
    records = [odd_record(r, i) if isinstance(r, str) else r for i, r in enumerate(records)]
    body = b"".join(records)
    if gzip:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body, attributes = packer.compress(body) + packer.flush(), attributes | 1
    last = len(records) - 1 if last is None else last
    count = len(records) if count is None else count
    rest = struct.pack(">hiqqqhii", attributes, last, first_ts, max_ts, pid, epoch, seq, count) + body
    crc = crc32c(rest) if crc is None else crc
    tail = struct.pack(">ib", leader_epoch, magic) + struct.pack(">I", crc) + rest
    return struct.pack(">qi", base, len(tail) + longer) + tail


def old_messages(*values, magic=1, ts=DAY):
    """A message set of the old formats, 0 and 1."""
    out = b""
    for offset, value in enumerate(values):
        rest = struct.pack(">bb", magic, 0) + (struct.pack(">q", ts) if magic else b"")
        rest += struct.pack(">i", -1) + struct.pack(">i", len(value)) + value.encode()
        message = struct.pack(">I", zlib.crc32(rest)) + rest
        out += struct.pack(">qi", offset, len(message)) + message
    return out


def base64_of(data):
    return base64.b64encode(data).decode()
