"""CreateTopics: what a topic can be, and what it cannot."""

from .talk import RUN, Talk, until, versions

ALL = versions(2, 7)


def topic(name="t", partitions=1, factor=1, assignments=(), configs=()):
    return {
        "name": name + RUN,
        "numPartitions": partitions,
        "replicationFactor": factor,
        "assignments": [{"partitionIndex": index, "brokerIds": list(brokers)} for index, brokers in assignments],
        "configs": [{"name": key, "value": value} for key, value in configs],
    }


def request(*topics, **more):
    return {"topics": list(topics), "timeoutMs": 10000, **more}


def talk(name, title, why, *topics, v=4, nodes=1, seen=(), **more):
    """Asks for topics, and then what came of those in `seen`."""
    t = Talk(f"create-topics/{name}", f"create topics: {title}", why, nodes)
    t.ask("CreateTopics", v, request(*topics, **more))
    for name in seen:
        t.ask(
            "Metadata",
            9,
            {"topics": [{"name": name + RUN}], "allowAutoTopicCreation": False},
            again=until("/topics/0/errorCode", 0),
        )
    return t


def raw(name):
    """A topic whose name is exactly that."""
    return {**topic("x"), "name": name}


for v in ALL:
    t = talk(
        f"v{v:02}-a-topic",
        f"version {v}, three partitions",
        "the plainest path, every field of it",
        topic(partitions=3),
        v=v,
        seen=["t"],
    )

    t = Talk(
        f"create-topics/v{v:02}-there-already",
        f"create topics: version {v}, a topic that is there",
        "it stays as it is",
    )
    t.topic()
    t.ask("CreateTopics", v, request(topic(partitions=5)))
    t.ask("Metadata", 9, {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False})

    t = talk(
        f"v{v:02}-several-errors",
        f"version {v}, four topics that cannot be",
        "each has an error of its own",
        topic("a", partitions=0),
        topic("b", factor=2),
        topic("c", configs=[("no.such.config", "1")]),
        raw("a b"),
        v=v,
    )

    t = talk(
        f"v{v:02}-only-validated",
        f"version {v}, validateOnly",
        "the answer is that of a topic that is made, and none is",
        topic(partitions=2),
        v=v,
        validateOnly=True,
    )
    t.ask("Metadata", 9, {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False})

NAMES = "letters, digits, dots, dashes and underscores; at most 249 of them"
for what, name in (
    ("empty", ""),
    ("dot", "."),
    ("two-dots", ".."),
    ("space", "a b"),
    ("slash", "a/b"),
    ("not-ascii", "é"),
    ("249-letters", "x" * 249),
    ("250-letters", "x" * 250),
):
    for v in (2, 7) if what in ("empty", "space") else (4,):
        talk(f"v{v:02}-name-{what}", f"a name: {what.replace('-', ' ')}", NAMES, raw(name), v=v)

t = Talk(
    "create-topics/name-that-collides",
    "create topics: a name that differs in a dot from one that is there",
    "metrics would not tell them apart",
)
t.topic("a.b")
t.ask("CreateTopics", 4, request(topic("a_b"), topic("a.c")))
talk(
    "names-that-collide",
    "two names that differ in a dot, in one request",
    "only those that were there before are looked at",
    topic("a.b"),
    topic("a_b"),
)
talk(
    "twice-in-a-request",
    "one name twice in a request",
    "neither is made",
    topic(partitions=1),
    topic(partitions=2),
    topic("u"),
)
talk("three-times-in-a-request", "one name three times", "one error is enough", topic(), topic(), topic())
talk("no-topics", "no topics", "nothing is asked, and that is answered")
talk(
    "several",
    "three topics",
    "all are there at once",
    topic("c"),
    topic("a", partitions=2),
    topic("b"),
    seen=["a", "b", "c"],
)
talk(
    "some-of-it-fails",
    "three topics, one cannot be",
    "the others are made",
    topic("c"),
    topic("a", partitions=0),
    topic("b"),
    seen=["b", "c"],
)

COUNTS = "-1 is the broker's default, else it is one at least"
for partitions in (0, -1, -2):
    talk(
        f"partitions-{'default' if partitions == -1 else 'zero' if not partitions else 'negative'}",
        f"{partitions} partitions",
        COUNTS,
        topic(partitions=partitions),
        seen=["t"] if partitions == -1 else (),
    )
for factor in (0, -1, -2, 2, 32767):
    word = {0: "zero", -1: "default", -2: "negative", 2: "of-two-on-one", 32767: "of-too-many"}[factor]
    talk(
        f"replication-factor-{word}",
        f"replication factor {factor}, one node",
        COUNTS,
        topic(factor=factor),
        seen=["t"] if factor == -1 else (),
    )
talk(
    "v02-defaults",
    "version 2, partitions and replicas -1",
    "clients know defaults from version 4 on (KIP-464), brokers do not mind",
    topic(partitions=-1, factor=-1),
    v=2,
)
talk(
    "v03-defaults",
    "version 3, partitions and replicas -1",
    "clients know defaults from version 4 on (KIP-464), brokers do not mind",
    topic(partitions=-1, factor=-1),
    v=3,
)
talk("too-many-partitions", "10,001 partitions", "there is a limit for one request", topic(partitions=10001))
talk(
    "far-too-many-partitions",
    "two thousand million partitions",
    "there is a limit for one request",
    topic(partitions=2000000000),
)

t = talk("three-replicas", "three replicas, three nodes", "each has one", topic(factor=3, partitions=1), nodes=3)
t.ask(
    "Metadata",
    9,
    {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False},
    again=until("/topics/0/errorCode", 0),
    free=["/topics/0/partitions/*/leaderId", "/topics/0/partitions/*/replicaNodes", "/topics/0/partitions/*/isrNodes"],
)
talk("four-replicas-of-three", "four replicas, three nodes", "there is no fourth", topic(factor=4), nodes=3)

BY_HAND = "a client may say where replicas are"
for v in (2, 4):
    talk(
        f"v{v:02}-assignment",
        f"version {v}, replicas by hand",
        BY_HAND,
        topic(partitions=-1, factor=-1, assignments=[(0, [2, 1]), (1, [3, 2])]),
        v=v,
        nodes=3,
        seen=["t"],
    )
for name, title, assignments in (
    ("broker-twice", "a broker twice in one partition", [(0, [1, 1])]),
    ("unknown-broker", "a broker that is not there", [(0, [1, 9])]),
    ("negative-broker", "broker -1", [(0, [-1])]),
    ("gap", "partitions 0 and 2", [(0, [1]), (2, [2])]),
    ("begins-at-one", "partition 1 alone", [(1, [1])]),
    ("no-replicas", "a partition without replicas", [(0, [])]),
    ("uneven", "partitions of one and of two replicas", [(0, [1]), (1, [2, 3])]),
    ("partition-twice", "partition 0 twice", [(0, [1]), (0, [2])]),
    ("out-of-order", "partition 1 before partition 0", [(1, [2]), (0, [1])]),
):
    talk(
        f"assignment-{name}",
        f"by hand, {title}",
        BY_HAND,
        topic(partitions=-1, factor=-1, assignments=assignments),
        nodes=3,
        seen=["t"] if name == "out-of-order" else (),
    )
talk(
    "assignment-and-counts",
    "replicas by hand, and counts",
    "one or the other",
    topic(partitions=1, factor=1, assignments=[(0, [1])]),
)
talk(
    "assignment-and-count-of-partitions",
    "replicas by hand, and a count of partitions",
    "one or the other",
    topic(partitions=1, factor=-1, assignments=[(0, [1])]),
)
talk(
    "assignment-and-factor",
    "replicas by hand, and a replication factor",
    "one or the other",
    topic(partitions=-1, factor=1, assignments=[(0, [1])]),
)

CONFIGS = "a topic's settings are looked at before it is made"
for name, title, configs in (
    ("unknown", "a name that is none", [("no.such.config", "1")]),
    ("of-a-broker", "a broker's setting", [("num.partitions", "1")]),
    ("not-a-number", "a number that is none", [("retention.ms", "long")]),
    ("out-of-range", "a number out of range", [("min.insync.replicas", "0")]),
    ("null", "null", [("retention.ms", None)]),
    ("empty", "an empty value", [("cleanup.policy", "")]),
    ("not-a-policy", "a policy that is none", [("cleanup.policy", "keep")]),
    ("twice", "one name twice", [("retention.ms", "1000"), ("retention.ms", "2000")]),
    ("small-segments", "segments below 1 MiB", [("segment.bytes", "1000")]),
    ("not-a-codec", "a codec that is none", [("compression.type", "zip")]),
    ("not-a-boolean", "a boolean that is none", [("unclean.leader.election.enable", "maybe")]),
    ("spaces", "a number between spaces", [("retention.ms", " 1000 ")]),
    ("several-bad", "two that are wrong", [("retention.ms", "x"), ("segment.bytes", "y")]),
    ("throttled-replicas", "throttled replicas that are none", [("leader.replication.throttled.replicas", "a:b")]),
    ("message-format", "the format of messages, which is gone", [("message.format.version", "3.0")]),
    (
        "lag-above-retention",
        "local.retention.ms above retention.ms",
        [("local.retention.ms", "2000"), ("retention.ms", "1000")],
    ),
    (
        "lag-of-compaction",
        "min.compaction.lag.ms above max.compaction.lag.ms",
        [("min.compaction.lag.ms", "2000"), ("max.compaction.lag.ms", "1000")],
    ),
    ("remote-storage", "remote storage where there is none", [("remote.storage.enable", "true")]),
):
    talk(f"config-{name}", f"a setting: {title}", CONFIGS, topic(configs=configs))
for name, configs in (
    ("compact", [("cleanup.policy", "compact")]),
    ("both-policies", [("cleanup.policy", "compact,delete")]),
    ("several", [("retention.ms", "1000"), ("max.message.bytes", "2000"), ("min.insync.replicas", "2")]),
):
    talk(f"config-{name}", f"settings: {name.replace('-', ' ')}", CONFIGS, topic(configs=configs), seen=["t"])
talk(
    "v07-configs",
    "version 7, settings of its own",
    "the answer says where each value comes from",
    topic(configs=[("cleanup.policy", "compact"), ("segment.bytes", "1048576")]),
    v=7,
)

t = Talk(
    "create-topics/validated-and-there", "create topics: validateOnly, a topic that is there", "it is an error as well"
)
t.topic()
t.ask("CreateTopics", 5, request(topic(), validateOnly=True))
talk(
    "validated-and-wrong",
    "validateOnly, an unknown setting and too many replicas",
    "the error is that of a topic that is made",
    topic("a", configs=[("no.such.config", "1")]),
    topic("b", factor=3),
    validateOnly=True,
)

t = Talk("create-topics/at-any-node", "create topics: at each of three nodes", "each asks the controller", nodes=3)
for node in (1, 2, 3):
    t.ask("CreateTopics", 4, request(topic(f"t{node}", assignments=[(0, [node])], partitions=-1, factor=-1)), to=node)
    t.ask("CreateTopics", 4, request(topic(f"t{node}", partitions=1, factor=1)), to=node)

t = Talk("create-topics/deleted-and-made-again", "create topics: a topic that was deleted", "it has another id")
t.topic(id="old")
t.ask("DeleteTopics", 4, {"topicNames": ["t" + RUN], "timeoutMs": 10000})
t.topic(id="new")

talk("internal-name", "a name that is Kafka's own", "only as the broker makes it", raw("__cluster_metadata"))
