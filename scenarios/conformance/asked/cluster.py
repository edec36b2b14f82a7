"""DescribeCluster, DescribeTopicPartitions, DescribeProducers, DescribeQuorum, ElectLeaders, and reassignments."""

from .talk import RUN, Talk, batch, by, until, versions

# ---- DescribeCluster ----

for v in versions(0, 2):
    t = Talk(f"describe-cluster/v{v:02}", f"describe cluster {v}: one node", "the plainest path, every field of it")
    t.ask("DescribeCluster", v, {})
    t.ask("DescribeCluster", v, {"includeClusterAuthorizedOperations": True})
    t = Talk(
        f"describe-cluster/v{v:02}-of-three",
        f"describe cluster {v}: three nodes",
        "brokers, racks, a controller",
        nodes=3,
    )
    t.ask("DescribeCluster", v, {})
    t.ask("DescribeCluster", v, {}, to=3)
for v in (1, 2):
    t = Talk(
        f"describe-cluster/v{v:02}-endpoints",
        f"describe cluster {v}: endpoints of controllers, and of what is not there",
        "a broker tells of brokers",
    )
    t.ask("DescribeCluster", v, {"endpointType": 2})
    t.ask("DescribeCluster", v, {"endpointType": 3})
t = Talk("describe-cluster/fenced", "describe cluster 2: with brokers that are fenced", "none is", nodes=3)
t.ask("DescribeCluster", 2, {"includeFencedBrokers": True})

# ---- DescribeTopicPartitions ----


def partitions(*names, **more):
    return {"topics": [{"name": name + RUN if name else name} for name in names], **more}


DTP = "DescribeTopicPartitions"
t = Talk("describe-topic-partitions/v00", "describe topic partitions: a topic", "the plainest path, every field of it")
t.topic(partitions=2)
t.ask(DTP, 0, partitions("t"))
t = Talk(
    "describe-topic-partitions/of-three",
    "describe topic partitions: three nodes",
    "replicas, and who may lead (KIP-966)",
    nodes=3,
)
t.topic(brokers=[[1, 2], [3, 1]])
t.ask(DTP, 0, partitions("t"))
t = Talk(
    "describe-topic-partitions/unknown",
    "describe topic partitions: a topic that is not there, a name that is none",
    "each has an error of its own",
)
t.ask(DTP, 0, partitions("nowhere"))
t.ask(DTP, 0, partitions("a b"))
t.ask(DTP, 0, partitions(""))
t = Talk(
    "describe-topic-partitions/several",
    "describe topic partitions: three topics, one unknown, one twice",
    "they are told by their names' order",
)
t.topic("b")
t.topic("a")
t.ask(DTP, 0, partitions("b", "nowhere", "a", "b"))
t = Talk(
    "describe-topic-partitions/limit", "describe topic partitions: two at a time", "the answer says where to go on"
)
t.topic("a", partitions=3)
t.topic("b", partitions=2)
t.ask(DTP, 0, partitions("a", "b", responsePartitionLimit=2))
t.ask(DTP, 0, partitions("a", "b", responsePartitionLimit=2, cursor={"topicName": "a" + RUN, "partitionIndex": 2}))
t.ask(DTP, 0, partitions("a", "b", responsePartitionLimit=2, cursor={"topicName": "b" + RUN, "partitionIndex": 1}))
t.ask(DTP, 0, partitions("a", "b", responsePartitionLimit=3))
for what, more in (
    ("limit-of-zero", {"responsePartitionLimit": 0}),
    ("limit-negative", {"responsePartitionLimit": -1}),
    ("cursor-beyond", {"cursor": {"topicName": "t" + RUN, "partitionIndex": 9}}),
    ("cursor-negative", {"cursor": {"topicName": "t" + RUN, "partitionIndex": -1}}),
    ("cursor-of-another", {"cursor": {"topicName": "z" + RUN, "partitionIndex": 0}}),
):
    t = Talk(
        f"describe-topic-partitions/{what}",
        f"describe topic partitions: {what.replace('-', ' ')}",
        "where to begin, and how much at once",
    )
    t.topic(partitions=2)
    t.ask(DTP, 0, partitions("t", **more))

# ---- DescribeProducers ----


def producers(*indexes, name="t"):
    return {"topics": [{"name": name + RUN, "partitionIndexes": list(indexes)}]}


t = Talk("describe-producers/v00", "describe producers: none, then one", "the plainest path, every field of it")
t.topic()
t.ask("DescribeProducers", 0, producers(0))
t.producer()
t.produce(batch("a", "b", **by(0)))
t.ask("DescribeProducers", 0, producers(0))
t.produce(batch("c", **{**by(0), "epoch": 4}))
t.ask("DescribeProducers", 0, producers(0))
t = Talk(
    "describe-producers/unknown",
    "describe producers: a topic and a partition that are not there",
    "a client with old metadata",
)
t.topic()
t.ask("DescribeProducers", 0, producers(0, name="nowhere"))
t.ask("DescribeProducers", 0, producers(0, 5))
t.ask("DescribeProducers", 0, {"topics": [{"name": "a b", "partitionIndexes": [0]}]})
t = Talk("describe-producers/not-the-leader", "describe producers: at a follower", "only the leader answers", nodes=3)
t.topic(brokers=[[1, 2]], known=(2, 3))
t.ask("DescribeProducers", 0, producers(0), to=2)
t.ask("DescribeProducers", 0, producers(0), to=3)
t = Talk("describe-producers/none", "describe producers: no topics", "nothing is asked, and that is answered")
t.ask("DescribeProducers", 0, {"topics": []})

# ---- DescribeQuorum ----

MOVES = [f"/topics/0/partitions/0/{field}" for field in ("leaderId", "leaderEpoch", "highWatermark")] + [
    f"/topics/0/partitions/0/{list_}/*/{field}"
    for list_ in ("currentVoters", "observers")
    for field in ("logEndOffset", "lastFetchTimestamp", "lastCaughtUpTimestamp", "replicaId", "replicaDirectoryId")
]
for v in versions(0, 2):
    for nodes in (1, 3):
        t = Talk(
            f"describe-quorum/v{v:02}" + ("-of-three" if nodes == 3 else ""),
            f"describe quorum {v}: {nodes} voters",
            "the controllers' own log",
            nodes=nodes,
        )
        t.ask(
            "DescribeQuorum",
            v,
            {"topics": [{"topicName": "__cluster_metadata", "partitions": [{"partitionIndex": 0}]}]},
            free=MOVES + ["/nodes/*/nodeId", "/nodes/*/listeners/*/host"],
        )
for what, topics in (
    ("unknown-topic", [("nowhere", [0])]),
    ("unknown-partition", [("__cluster_metadata", [1])]),
    ("no-topics", []),
    ("two-topics", [("__cluster_metadata", [0]), ("nowhere", [0])]),
):
    t = Talk(f"describe-quorum/{what}", f"describe quorum: {what.replace('-', ' ')}", "there is one such log")
    t.ask(
        "DescribeQuorum",
        1,
        {
            "topics": [
                {"topicName": name, "partitions": [{"partitionIndex": i} for i in indexes]} for name, indexes in topics
            ]
        },
    )

# ---- ElectLeaders ----

PREFERRED, UNCLEAN = 0, 1


def elect(*indexes, name="t", kind=PREFERRED):
    return {
        "electionType": kind,
        "timeoutMs": 10000,
        "topicPartitions": [{"topic": name + RUN, "partitions": list(indexes)}],
    }


def moved(t, *replicas, v=1, name="t", partition=0):
    given = list(replicas) or None
    t.ask(
        "AlterPartitionReassignments",
        v,
        {
            "timeoutMs": 10000,
            "topics": [{"name": name + RUN, "partitions": [{"partitionIndex": partition, "replicas": given}]}],
        },
    )


def seen(t, leader):
    t.ask(
        "Metadata",
        9,
        {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False},
        again=until("/topics/0/partitions/0/leaderId", leader),
    )


for v in versions(0, 2):
    t = Talk(
        f"elect-leaders/v{v:02}",
        f"elect leaders {v}: the leader leads, then another is preferred",
        "the plainest path, every field of it",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]])
    t.ask("ElectLeaders", v, elect(0))
    moved(t, 2, 1)
    t.ask("ElectLeaders", v, elect(0))
    seen(t, 2)
    t.ask("ElectLeaders", v, elect(0))
t = Talk(
    "elect-leaders/unknown", "elect leaders: a topic and a partition that are not there", "a client with old metadata"
)
t.topic()
t.ask("ElectLeaders", 2, elect(0, name="nowhere"))
t.ask("ElectLeaders", 2, elect(5))
t = Talk("elect-leaders/unclean-not-needed", "elect leaders: unclean, and there is a leader", "nothing is to be done")
t.topic()
t.ask("ElectLeaders", 2, elect(0, kind=UNCLEAN))
t = Talk("elect-leaders/unknown-kind", "elect leaders: a kind that is none", "there are two")
t.topic()
t.ask("ElectLeaders", 2, elect(0, kind=7))
t = Talk("elect-leaders/none", "elect leaders: no partitions", "nothing is asked, and that is answered")
t.ask("ElectLeaders", 2, {"electionType": PREFERRED, "timeoutMs": 10000, "topicPartitions": []})

# ---- reassignments ----

for v in versions(0, 1):
    t = Talk(
        f"alter-partition-reassignments/v{v:02}",
        f"alter partition reassignments {v}: another order, another node",
        "the plainest path, every field of it",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]])
    moved(t, 2, 1, v=v)
    t.produce(batch("a"))
    moved(t, 3, 2, v=v)
    t.ask(
        "Metadata",
        9,
        {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False},
        again=until("/topics/0/partitions/0/leaderId", 3),
    )
for what, replicas in (
    ("unknown-broker", [1, 9]),
    ("broker-twice", [1, 1]),
    ("negative-broker", [-1]),
    ("same-as-before", [1, 2]),
    ("nothing-to-cancel", []),
):
    t = Talk(
        f"alter-partition-reassignments/{what}",
        f"alter partition reassignments: {what.replace('-', ' ')}",
        "each partition has an error of its own",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]])
    moved(t, *replicas)
t = Talk(
    "alter-partition-reassignments/empty-list",
    "alter partition reassignments: no replicas",
    "an empty list is not null",
    nodes=3,
)
t.topic(brokers=[[1, 2]])
t.ask(
    "AlterPartitionReassignments",
    1,
    {"topics": [{"name": "t" + RUN, "partitions": [{"partitionIndex": 0, "replicas": []}]}]},
)
t = Talk(
    "alter-partition-reassignments/unknown",
    "alter partition reassignments: a topic and a partition that are not there",
    "a client with old metadata",
)
t.topic()
moved(t, 1, name="nowhere")
moved(t, 1, partition=5)
t = Talk(
    "alter-partition-reassignments/more-replicas",
    "alter partition reassignments: from two to three replicas",
    "allowed unless the request says it is not (KIP-860)",
    nodes=3,
)
t.topic(brokers=[[1, 2]])
t.ask(
    "AlterPartitionReassignments",
    1,
    {
        "allowReplicationFactorChange": False,
        "topics": [{"name": "t" + RUN, "partitions": [{"partitionIndex": 0, "replicas": [1, 2, 3]}]}],
    },
)
moved(t, 1, 2, 3)
t.ask(
    "Metadata",
    9,
    {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False},
    again=until("/topics/0/partitions/0/isrNodes/2", 3),
)
t = Talk(
    "alter-partition-reassignments/none",
    "alter partition reassignments: no topics",
    "nothing is asked, and that is answered",
)
t.ask("AlterPartitionReassignments", 0, {"topics": []})

LIST = "ListPartitionReassignments"
t = Talk(
    "list-partition-reassignments/v00",
    "list partition reassignments: nothing moves",
    "the plainest path, every field of it",
)
t.topic()
t.ask(LIST, 0, {"topics": [{"name": "t" + RUN, "partitionIndexes": [0]}]})
t.ask(LIST, 0, {"topics": []})
t = Talk(
    "alone/list-partition-reassignments-all", "list partition reassignments: all, and nothing moves", "null means all"
)
t.topic()
t.ask(LIST, 0, {"topics": None})
t = Talk(
    "list-partition-reassignments/unknown",
    "list partition reassignments: a topic and a partition that are not there",
    "what is not there does not move",
)
t.topic()
t.ask(LIST, 0, {"topics": [{"name": "nowhere" + RUN, "partitionIndexes": [0]}]})
t.ask(LIST, 0, {"topics": [{"name": "t" + RUN, "partitionIndexes": [5]}]})
