"""OffsetForLeaderEpoch: where an epoch ended."""

from .talk import RUN, Talk, batch, until, versions


def ask(*epochs, topic="t", partition=0, current=-1, replica=-1):
    return {
        "replicaId": replica,
        "topics": [
            {
                "topic": topic + RUN,
                "partitions": [
                    {"partition": partition, "currentLeaderEpoch": current, "leaderEpoch": epoch} for epoch in epochs
                ],
            }
        ],
    }


API = "OffsetForLeaderEpoch"

for v in versions(2, 4):
    t = Talk(
        f"offset-for-leader-epoch/v{v:02}",
        f"offset for leader epoch {v}: the leader's epoch, later ones, and none",
        "the plainest path, every field of it",
    )
    t.topic()
    t.ask(API, v, ask(0))
    t.produce(batch("a", "b"))
    for epoch in (0, 1, 9, -1, -2):
        t.ask(API, v, ask(epoch))

    t = Talk(
        f"offset-for-leader-epoch/v{v:02}-unknown",
        f"offset for leader epoch {v}: a topic and a partition that are not there",
        "a client with old metadata",
    )
    t.topic()
    t.ask(API, v, ask(0, topic="nowhere"))
    t.ask(API, v, ask(0, partition=5))

    t = Talk(
        f"offset-for-leader-epoch/v{v:02}-current-epoch",
        f"offset for leader epoch {v}: the client's epoch is 0, 1, -2",
        "a client of another epoch than the leader's is told which of them is behind",
    )
    t.topic()
    t.produce()
    for current in (0, 1, -2):
        t.ask(API, v, ask(0, current=current))

    t = Talk(
        f"offset-for-leader-epoch/v{v:02}-not-the-leader",
        f"offset for leader epoch {v}: at a follower, and at a node without a replica",
        "only the leader answers",
        nodes=3,
    )
    t.topic(brokers=[[1, 2]], known=(2, 3))
    t.ask(API, v, ask(0), to=2)
    t.ask(API, v, ask(0), to=3)

    t = Talk(
        f"offset-for-leader-epoch/v{v:02}-of-two",
        f"offset for leader epoch {v}: two epochs",
        "the first ended where the second began",
        nodes=3,
    )
    t.topic(brokers=[[1, 2, 3]], known=(2, 3))
    t.produce(batch("a", "b"))
    t.moves()
    t.ask(API, v, ask(0), to=2)
    t.ask(API, v, ask(1), to=2)
    t.produce(batch("c"), to=2)
    for epoch in (0, 1, 2):
        t.ask(API, v, ask(epoch), to=2)
    t.ask(API, v, ask(0, current=0), to=2)
    t.ask(API, v, ask(0, current=1), to=2)

for replica in (-2, 1, 5):
    t = Talk(
        (
            f"offset-for-leader-epoch/of-replica-{replica}"
            if replica > 0
            else "offset-for-leader-epoch/of-a-debugging-consumer"
        ),
        f"offset for leader epoch: replica id {replica}",
        "who asks does not matter at the leader",
    )
    t.topic()
    t.produce()
    t.ask(API, 4, ask(0, replica=replica))
    t.ask(API, 3, ask(0, replica=replica))

t = Talk(
    "offset-for-leader-epoch/several",
    "offset for leader epoch: partitions of one topic, one unknown",
    "each has an answer of its own",
)
t.topic(partitions=2)
t.produce(partition=1)
t.ask(
    API,
    4,
    {
        "replicaId": -1,
        "topics": [
            {
                "topic": "t" + RUN,
                "partitions": [
                    {"partition": 1, "leaderEpoch": 0},
                    {"partition": 7, "leaderEpoch": 0},
                    {"partition": 0, "leaderEpoch": 0},
                ],
            }
        ],
    },
)

t = Talk(
    "offset-for-leader-epoch/no-topics",
    "offset for leader epoch: no topics, no partitions",
    "nothing is asked, and that is answered",
)
t.topic()
t.ask(API, 4, {"replicaId": -1, "topics": []})
t.ask(API, 4, ask())

t = Talk(
    "offset-for-leader-epoch/partition-twice",
    "offset for leader epoch: one partition twice",
    "both are answered, or one",
)
t.topic()
t.produce()
t.ask(API, 4, ask(0, 5))

t = Talk(
    "offset-for-leader-epoch/after-deletion",
    "offset for leader epoch: all was deleted",
    "the epoch ends at the log's end still",
)
t.topic()
t.produce(batch("a", "b"))
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t" + RUN, "partitions": [{"partitionIndex": 0, "offset": -1}]}], "timeoutMs": 5000},
)
t.ask(API, 4, ask(0))
t.produce()
t.ask(API, 4, ask(0))

t = Talk("offset-for-leader-epoch/deleted-topic", "offset for leader epoch: a topic that was deleted", "it is gone")
t.topic()
t.ask("DeleteTopics", 4, {"topicNames": ["t" + RUN], "timeoutMs": 10000})
t.ask(
    "Metadata",
    9,
    {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False},
    again=until("/topics/0/errorCode", 3),
)
t.ask(API, 4, ask(0), again=until("/topics/0/partitions/0/errorCode", 3))
