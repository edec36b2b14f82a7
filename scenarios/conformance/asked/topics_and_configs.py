"""DeleteTopics, CreatePartitions, DescribeConfigs, IncrementalAlterConfigs: what is done with topics that are there."""

from .talk import NOBODY, NO_TOPIC, RUN, Talk, batch, until, versions

GONE = until("/topics/0/errorCode", 3)


def seen(t, name="t", **more):
    t.ask("Metadata", 9, {"topics": [{"name": name + RUN}], "allowAutoTopicCreation": False}, **more)


# ---- DeleteTopics ----


def delete(*names, ids=(), **more):
    """By names and ids; versions before 6 know names alone."""
    full = [name + RUN if name and "$" not in name else name for name in names]
    return {
        "topicNames": full,
        "timeoutMs": 10000,
        **more,
        "topics": [{"name": name, "topicId": NOBODY} for name in full] + [{"name": None, "topicId": id} for id in ids],
    }


for v in versions(1, 6):
    t = Talk(
        f"delete-topics/v{v:02}",
        f"delete topics {v}: a topic, and the same again",
        "the plainest path, every field of it",
    )
    t.topic()
    t.ask("DeleteTopics", v, delete("t"))
    t.ask("DeleteTopics", v, delete("t"))
    seen(t, again=GONE)

t = Talk(
    "delete-topics/several",
    "delete topics: two that are there, one that is not",
    "each is looked at by itself; in which order depends on hashes",
)
t.topic("a")
t.topic("b")
t.ask("DeleteTopics", 5, delete("a", "nowhere", "b"), free=["/responses"])
seen(t, "a", again=GONE)
seen(t, "b", again=GONE)
t = Talk("delete-topics/by-id", "delete topics 6: by id", "an id is of one topic for ever")
t.topic(id="id")
t.ask("DeleteTopics", 6, delete(ids=["${id}"]))
t.ask("DeleteTopics", 6, delete(ids=["${id}"]))
for what, ids in (("unknown-id", [NO_TOPIC]), ("id-of-zeros", [NOBODY])):
    t = Talk(f"delete-topics/{what}", f"delete topics 6: {what.replace('-', ' ')}", "nobody has it")
    t.ask("DeleteTopics", 6, delete(ids=ids))
t = Talk("delete-topics/name-and-id", "delete topics 6: a name and an id in one", "one or the other")
t.topic(id="id")
t.ask("DeleteTopics", 6, {"timeoutMs": 10000, "topics": [{"name": "t" + RUN, "topicId": "${id}"}]})
seen(t)
for v in (4, 6):
    t = Talk(f"delete-topics/v{v:02}-twice", f"delete topics {v}: one name twice", "it is not clear what is meant")
    t.topic()
    t.ask("DeleteTopics", v, delete("t", "t"))
    t = Talk(
        f"delete-topics/v{v:02}-none",
        f"delete topics {v}: no topics, and the one without a name",
        "nothing, and nobody",
    )
    t.ask("DeleteTopics", v, delete())
    t.ask("DeleteTopics", v, delete(""))
t = Talk(
    "delete-topics/then-used",
    "delete topics: everything that one may ask of a deleted topic",
    "it is not there any more",
)
t.topic()
t.produce()
t.ask("DeleteTopics", 4, delete("t"))
t.list_offsets(again=until("/topics/0/partitions/0/errorCode", 3))
t.produce()
t.fetch()
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t" + RUN, "partitions": [{"partitionIndex": 0, "offset": 0}]}], "timeoutMs": 5000},
)
t = Talk("delete-topics/of-three", "delete topics: at a node that is no replica", "each asks the controller", nodes=3)
t.topic(brokers=[[1, 2]], known=(3,))
t.ask("DeleteTopics", 4, delete("t"), to=3)
seen(t, to=3, again=GONE)
seen(t, to=2, again=GONE)

# ---- CreatePartitions ----


def grow(count, name="t", assignments=None, **more):
    given = assignments and [{"brokerIds": list(ids)} for ids in assignments]
    return {"timeoutMs": 10000, "topics": [{"name": name + RUN, "count": count, "assignments": given}], **more}


for v in versions(0, 3):
    t = Talk(
        f"create-partitions/v{v:02}",
        f"create partitions {v}: from one to three",
        "the plainest path, every field of it",
    )
    t.topic()
    t.ask("CreatePartitions", v, grow(3))
    seen(t, again=until("/topics/0/partitions/2/errorCode", 0))
    t.settled("t" + RUN, 2)
    t.produce(partition=2)

t = Talk("create-partitions/not-more", "create partitions: as many, fewer, none, -1", "there can only be more")
t.topic(partitions=2)
for count in (2, 1, 0, -1):
    t.ask("CreatePartitions", 3, grow(count))
t = Talk("create-partitions/unknown-topic", "create partitions: a topic that is not there", "none is made")
t.ask("CreatePartitions", 3, grow(2, "nowhere"))
t = Talk("create-partitions/only-validated", "create partitions: validateOnly", "nothing is made")
t.topic()
t.ask("CreatePartitions", 3, grow(3, validateOnly=True))
t.ask("CreatePartitions", 3, grow(1, validateOnly=True))
seen(t)
t = Talk("create-partitions/twice", "create partitions: one topic twice", "it is not clear what is meant")
t.topic()
t.ask("CreatePartitions", 3, {**grow(2), "topics": grow(2)["topics"] * 2})
t = Talk("create-partitions/none", "create partitions: no topics", "nothing is asked, and that is answered")
t.ask("CreatePartitions", 3, {"timeoutMs": 10000, "topics": []})
t = Talk(
    "create-partitions/by-hand", "create partitions: replicas by hand", "a client may say where replicas are", nodes=3
)
t.topic(brokers=[[1, 2]])
t.ask("CreatePartitions", 3, grow(3, assignments=[[2, 3], [3, 1]]))
seen(t, again=until("/topics/0/partitions/2/errorCode", 0))
for what, assignments in (
    ("too-few", [[2, 3]]),
    ("too-many", [[2, 3], [3, 1], [1, 2]]),
    ("of-one-replica", [[2], [3]]),
    ("broker-twice", [[2, 2], [3, 1]]),
    ("unknown-broker", [[2, 9], [3, 1]]),
    ("no-replicas", [[], []]),
):
    t = Talk(
        f"create-partitions/by-hand-{what}",
        f"create partitions: by hand, {what.replace('-', ' ')}",
        "a new partition is like the old ones",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]])
    t.ask("CreatePartitions", 3, grow(3, assignments=assignments))

# ---- DescribeConfigs ----

TOPIC, BROKER, LOGGER, GROUP = 2, 4, 8, 32


def describe(*keys, kind=TOPIC, name="t" + RUN, **more):
    return {
        "resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": list(keys) or None}],
        **more,
    }


for v in versions(1, 4):
    t = Talk(
        f"describe-configs/v{v:02}",
        f"describe configs {v}: two settings of a topic, one its own",
        "the plainest path, every field of it",
    )
    t.topic(config={"retention.ms": "1000"})
    for more in ({}, {"includeSynonyms": True}):
        t.ask("DescribeConfigs", v, describe("retention.ms", "cleanup.policy", **more))
t = Talk("describe-configs/all-of-a-topic", "describe configs 4: all settings of a topic", "what a topic can be set to")
t.topic(config={"cleanup.policy": "compact"})
t.ask("DescribeConfigs", 4, describe())
t = Talk("describe-configs/documentation", "describe configs 4: with documentation", "each setting says what it is for")
t.topic()
t.ask(
    "DescribeConfigs",
    4,
    describe("cleanup.policy", includeDocumentation=True),
    free=["/results/0/configs/0/documentation"],
)
t = Talk("describe-configs/unknown-key", "describe configs: a setting that is none, and no settings", "it is left out")
t.topic()
t.ask("DescribeConfigs", 4, describe("no.such.config", "retention.ms"))
t.ask(
    "DescribeConfigs", 4, {"resources": [{"resourceType": TOPIC, "resourceName": "t" + RUN, "configurationKeys": []}]}
)
for what, kind, name in (
    ("unknown-topic", TOPIC, "nowhere" + RUN),
    ("bad-topic-name", TOPIC, "a b"),
    ("empty-topic-name", TOPIC, ""),
    ("unknown-broker", BROKER, "9"),
    ("broker-that-is-no-number", BROKER, "one"),
    ("unknown-kind", 77, "x"),
    ("kind-of-zero", 0, "x"),
    ("unknown-group", GROUP, "g" + RUN),
):
    t = Talk(
        f"describe-configs/{what}",
        f"describe configs: {what.replace('-', ' ')}",
        "what can be asked is a topic, a broker, its loggers, a group",
    )
    t.ask("DescribeConfigs", 4, describe("retention.ms", kind=kind, name=name))
t = Talk(
    "describe-configs/broker", "describe configs: three settings of the broker", "where a value comes from is told"
)
t.ask(
    "DescribeConfigs",
    4,
    describe("num.partitions", "log.retention.hours", "node.id", kind=BROKER, name="1", includeSynonyms=True),
)
t.ask("DescribeConfigs", 4, describe("num.partitions", kind=BROKER, name=""))
t = Talk("describe-configs/other-broker", "describe configs: of another broker", "only that one knows", nodes=3)
t.ask("DescribeConfigs", 4, describe("node.id", kind=BROKER, name="2"))
t.ask("DescribeConfigs", 4, describe("node.id", kind=BROKER, name="2"), to=2)
t = Talk(
    "describe-configs/several",
    "describe configs: a topic, one that is not there, and the broker",
    "each has an answer of its own",
)
t.topic()
t.ask(
    "DescribeConfigs",
    4,
    {
        "resources": describe("retention.ms")["resources"]
        + describe("retention.ms", name="nowhere" + RUN)["resources"]
        + describe("num.partitions", kind=BROKER, name="1")["resources"]
    },
)

# ---- IncrementalAlterConfigs ----

SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def alter(*changes, kind=TOPIC, name="t" + RUN, **more):
    """Each change: key, operation, value."""
    return {
        "resources": [
            {
                "resourceType": kind,
                "resourceName": name,
                "configs": [
                    {"name": key, "configOperation": operation, "value": value} for key, operation, value in changes
                ],
            }
        ],
        **more,
    }


def altering(file, title, why, *changes, v=1, config=None, keys=(), **more):
    t = Talk(f"incremental-alter-configs/{file}", f"incremental alter configs: {title}", why)
    t.topic(config=config)
    t.ask("IncrementalAlterConfigs", v, alter(*changes, **more))
    if keys:
        # A broker learns of it by and by.
        t.wait(300)
        t.ask("DescribeConfigs", 4, describe(*keys))
    return t


for v in versions(0, 1):
    altering(
        f"v{v:02}",
        f"version {v}, a setting is set",
        "the plainest path, every field of it",
        ("retention.ms", SET, "1000"),
        v=v,
        keys=["retention.ms"],
    )
altering(
    "delete",
    "a setting is taken back",
    "the default is there again",
    ("retention.ms", DELETE, None),
    config={"retention.ms": "1000"},
    keys=["retention.ms"],
)
altering(
    "delete-what-is-not-set",
    "a setting is taken back that was not set",
    "nothing changes",
    ("retention.ms", DELETE, None),
    keys=["retention.ms"],
)
altering(
    "append",
    "a list gets longer",
    "lists can be added to",
    ("cleanup.policy", APPEND, "compact"),
    keys=["cleanup.policy"],
)
altering(
    "append-what-is-there",
    "a list gets what it has",
    "nothing changes",
    ("cleanup.policy", APPEND, "delete"),
    keys=["cleanup.policy"],
)
altering(
    "subtract",
    "a list gets shorter",
    "lists can be taken from",
    ("cleanup.policy", SUBTRACT, "delete"),
    config={"cleanup.policy": "compact,delete"},
    keys=["cleanup.policy"],
)
altering("append-to-a-number", "a number is added to", "it is no list", ("retention.ms", APPEND, "1"))
altering("unknown-operation", "an operation that is none", "there are four", ("retention.ms", 9, "1"))
altering("unknown-key", "a setting that is none", "it is refused", ("no.such.config", SET, "1"))
altering("bad-value", "a value that is none", "it is refused", ("retention.ms", SET, "long"))
altering("null-value", "null", "it is refused", ("retention.ms", SET, None))
altering(
    "key-twice",
    "one setting twice",
    "it is not clear what is meant",
    ("retention.ms", SET, "1"),
    ("retention.ms", SET, "2"),
)
altering(
    "only-validated",
    "validateOnly",
    "nothing changes",
    ("retention.ms", SET, "1000"),
    validateOnly=True,
    keys=["retention.ms"],
)
altering(
    "unknown-topic", "a topic that is not there", "none is made", ("retention.ms", SET, "1000"), name="nowhere" + RUN
)
altering(
    "unknown-broker",
    "a broker that is not there",
    "it may come later",
    ("log.cleaner.threads", SET, "2"),
    kind=BROKER,
    name="99",
    validateOnly=True,
)
altering(
    "read-only-of-a-broker",
    "a setting that a broker reads at its start",
    "it cannot be changed",
    ("node.id", SET, "2"),
    kind=BROKER,
    name="1",
    validateOnly=True,
)
altering("unknown-kind", "a kind that is none", "it is refused", ("a", SET, "1"), kind=77, name="x")
altering("nothing", "no change", "nothing changes")
t = altering("resource-twice", "one topic twice", "it is not clear what is meant")
t.steps.pop()
t.ask("IncrementalAlterConfigs", 1, {"resources": alter(("retention.ms", SET, "1"))["resources"] * 2})
t = altering(
    "and-what-it-does", "a smaller max.message.bytes", "the next batch is refused", ("max.message.bytes", SET, "100")
)
t.produce(batch({"value": "x", "repeat": 500}), again=until("/responses/0/partitionResponses/0/errorCode", 10))
