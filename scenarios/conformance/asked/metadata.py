"""Metadata: who is there, and which topics."""

from .talk import NOBODY, NO_TOPIC, RUN, Talk, until, versions

ALL = versions(0, 13)


def names(*topics, create=False, **more):
    return {"topics": [{"name": topic} for topic in topics], "allowAutoTopicCreation": create, **more}


for v in ALL:
    t = Talk(
        f"metadata/v{v:02}-a-topic", f"metadata {v}: a topic of two partitions", "the plainest path, every field of it"
    )
    t.topic(partitions=2)
    t.ask("Metadata", v, names("t" + RUN))

    if v >= 4:
        t = Talk(
            f"metadata/v{v:02}-unknown-topic",
            f"metadata {v}: a topic that is not there",
            "none may come of it: that was not asked",
        )
        t.ask("Metadata", v, names("nowhere" + RUN))
        t.ask("Metadata", v, names("nowhere" + RUN))

    t = Talk(
        f"metadata/v{v:02}-makes-a-topic",
        f"metadata {v}: a topic is made because somebody asks for it",
        "auto.create.topics.enable is true by default; before version 4 nobody can say no",
    )
    t.ask("Metadata", v, names("new" + RUN, create=True))
    t.ask("Metadata", v, names("new" + RUN, create=True), again=until("/topics/0/errorCode", 0))

t = Talk(
    "alone/metadata-all",
    "metadata: all topics, and none, by every version",
    "version 0 says all with an empty list, later ones with null",
)
for v in ALL:
    if v > 0:
        t.ask("Metadata", v, {"topics": None, "allowAutoTopicCreation": False})
    t.ask("Metadata", v, {"topics": [], "allowAutoTopicCreation": False})
t.topic("a", partitions=2)
for v in ALL:
    if v > 0:
        t.ask("Metadata", v, {"topics": None, "allowAutoTopicCreation": False})
    t.ask("Metadata", v, {"topics": [], "allowAutoTopicCreation": False})

for v in (0, 1, 7, 9, 12, 13):
    t = Talk(f"metadata/v{v:02}-of-three", f"metadata {v}: three nodes", "leaders, replicas, racks, endpoints", nodes=3)
    t.topic(brokers=[[3, 1], [1, 2], [2, 3]])
    t.ask("Metadata", v, names("t" + RUN))
    t.ask("Metadata", v, names("t" + RUN), to=3, again=until("/topics/0/errorCode", 0))

for v in (10, 11, 12, 13):
    t = Talk(f"metadata/v{v:02}-by-id", f"metadata {v}: a topic by its id", "from version 12 on it can be asked so")
    t.topic(id="id")
    t.ask("Metadata", v, {"topics": [{"topicId": "${id}", "name": None}], "allowAutoTopicCreation": False})
    t.ask("Metadata", v, {"topics": [{"topicId": NO_TOPIC, "name": None}], "allowAutoTopicCreation": False})
    t.ask("Metadata", v, {"topics": [{"topicId": NOBODY, "name": None}], "allowAutoTopicCreation": False})

t = Talk("metadata/by-id-and-name", "metadata 12: an id and a name", "one of the two is asked, not both")
t.topic(id="id")
t.ask("Metadata", 12, {"topics": [{"topicId": "${id}", "name": "t" + RUN}], "allowAutoTopicCreation": False})
t.ask(
    "Metadata",
    12,
    {
        "topics": [{"topicId": "${id}", "name": None}, {"topicId": NOBODY, "name": "t" + RUN}],
        "allowAutoTopicCreation": False,
    },
)
t.ask(
    "Metadata",
    13,
    {
        "topics": [{"topicId": "${id}", "name": None}, {"topicId": "${id}", "name": None}],
        "allowAutoTopicCreation": False,
    },
)

BAD = ("", ".", "..", "a b", "a/b", "a:b", "é", "x" * 250)
for v in (1, 9, 13):
    t = Talk(
        f"metadata/v{v:02}-names-that-are-none",
        f"metadata {v}: names that no topic can have",
        "each has an error of its own",
    )
    for name in BAD:
        t.ask("Metadata", v, names(name, create=True))

t = Talk("metadata/longest-name", "metadata: a name of 249 letters", "it is as long as can be")
t.ask("Metadata", 9, names("x" * 249))

t = Talk("metadata/several", "metadata: three topics, one unknown, one asked twice", "in which order the answers stand")
t.topic("b")
t.topic("a")
t.ask("Metadata", 9, names("b" + RUN, "nowhere" + RUN, "a" + RUN, "b" + RUN))
t.ask("Metadata", 1, names("nowhere" + RUN, "b" + RUN, "a" + RUN))

for v in (8, 10, 11, 13):
    t = Talk(
        f"metadata/v{v:02}-what-may-be-done",
        f"metadata {v}: which operations are allowed",
        "without an authorizer all are",
    )
    t.topic()
    t.ask(
        "Metadata", v, names("t" + RUN, includeClusterAuthorizedOperations=True, includeTopicAuthorizedOperations=True)
    )
    t.ask("Metadata", v, names("nowhere" + RUN, includeTopicAuthorizedOperations=True))

t = Talk("metadata/deleted-topic", "metadata: a topic that was deleted", "it is gone, by name and by id")
t.topic(id="id")
t.ask("DeleteTopics", 4, {"topicNames": ["t" + RUN], "timeoutMs": 10000})
t.ask("Metadata", 9, names("t" + RUN), again=until("/topics/0/errorCode", 3))
t.ask("Metadata", 12, {"topics": [{"topicId": "${id}", "name": None}], "allowAutoTopicCreation": False})

t = Talk(
    "metadata/makes-two-topics",
    "metadata: two topics are made, one is there",
    "what is there stands first; the order of others depends on hashes",
)
t.topic("there")
t.ask(
    "Metadata",
    9,
    names("new" + RUN, "there" + RUN, "newer" + RUN, create=True),
    free=["/topics/1/name", "/topics/2/name"],
)
t.ask("Metadata", 9, names("new" + RUN, create=True), again=until("/topics/0/errorCode", 0))
t.ask("Metadata", 9, names("newer" + RUN), again=until("/topics/0/errorCode", 0))

t = Talk(
    "metadata/makes-a-topic-of-three",
    "metadata: a topic is made, three nodes",
    "it has num.partitions and one replica of each",
    nodes=3,
)
t.ask("Metadata", 9, names("new" + RUN, create=True))
t.ask(
    "Metadata",
    9,
    names("new" + RUN, create=True),
    again=until("/topics/0/errorCode", 0),
    free=[f"/topics/0/partitions/*/{field}" for field in ("leaderId", "replicaNodes", "isrNodes")],
)

t = Talk(
    "metadata/name-that-collides",
    "metadata: a topic is made whose name differs in a dot",
    "metrics would not tell them apart",
)
t.topic("a.b")
t.ask("Metadata", 9, names("a_b" + RUN, create=True))
t.ask("Metadata", 9, names("a_b" + RUN))

QUIET = {"auto.create.topics.enable": "false"}
for v in (0, 4, 9, 13):
    t = Talk(
        f"settings/metadata-v{v:02}-makes-no-topic",
        f"metadata {v}: auto.create.topics.enable is false",
        "no topic comes of a question",
        config=QUIET,
    )
    t.ask("Metadata", v, names("new" + RUN, create=True))
    t.ask("Metadata", v, names("new" + RUN, create=True))

LARGE = {"num.partitions": "7", "default.replication.factor": "3"}
t = Talk(
    "settings/metadata-makes-a-topic-of-defaults",
    "metadata: a topic is made with seven partitions and three replicas",
    "num.partitions and default.replication.factor",
    nodes=3,
    config=LARGE,
)
t.ask("Metadata", 9, names("new" + RUN, create=True))
t.ask(
    "Metadata",
    9,
    names("new" + RUN, create=True),
    again=until("/topics/0/errorCode", 0),
    free=[f"/topics/0/partitions/*/{field}" for field in ("leaderId", "replicaNodes", "isrNodes")],
)
