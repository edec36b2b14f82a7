"""Commits by members of the consumer protocol, with their epochs; and ConsumerGroupDescribe."""

from .groups import A, B, GroupTalk
from .talk import versions

EA, EB = {"ea": "/memberEpoch"}, {"eb": "/memberEpoch"}
SECOND = 1200


def talk(folder, name, title, why, **more):
    return GroupTalk(f"{folder}/{name}", f"{folder.replace('-', ' ')}: {title}", why, **more)


def handed_over(t):
    """A had both partitions since epoch 2; it keeps 0, and B has got 1. Both are in one epoch, higher than 2."""
    t.ready(partitions=2)
    t.hello(A, save=EA)
    t.live(A, "${ea}", owned=[0, 1])
    t.wait(SECOND)
    t.hello(B, save=EB, on="b")
    t.live(A, "${ea}", save=EA)
    t.live(A, "${ea}", owned=[0], save=EA)
    t.live(B, "${eb}", save=EB, on="b")


for v in versions(2, 10):
    t = talk("offset-commit", f"v{v:02}-member", f"version {v}, members of the consumer protocol", "from 9 on, KIP-848")
    t.ready()
    t.hello(A, save=EA)
    t.commit(1, v, member=A, generation="${ea}")
    t.commit(2, v, member=A, generation=99)
    t.commit(3, v, member=A, generation=1)
    t.commit(4, v, member=A, generation=0)
    t.commit(5, v, member=A, generation=-1)
    t.commit(6, v, member="member-x", generation="${ea}")
    t.commit(7, v)
    t.commit(8, v, member="", generation="${ea}")
    t.offsets()
    t.gone(A)
    t.commit(9, v, member=A, generation="${ea}")
    t.commit(10, v, member=A, generation=-1)
    t.commit(11, v)
    t.offsets()

t = talk("offset-commit", "older-epoch", "an epoch that is over, of partitions that it had then", "KIP-1251")
handed_over(t)
for partition in (0, 1):
    for epoch in (1, 2, 3, 4):
        t.commit(10 * partition + epoch, member=A, generation=epoch, partition=partition)
        t.commit(50 + 10 * partition + epoch, member=B, generation=epoch, partition=partition)
t.offsets(0, 1)
both = [{"partitionIndex": one, "committedOffset": 99, "committedMetadata": "m"} for one in (0, 1)]
t.commit(member=A, generation=2, topics=[{"name": t.t, "partitions": both}])
t.offsets(0, 1)
t.commit(member=A, v=10, generation=2, topics=[{"topicId": "${id}", "partitions": both[:1]}])
t.commit(77, member=A, generation=2, metadata="x" * 5000, partition=1)
t.offsets(0, 1)

t = talk(
    "offset-commit", "while-revoking", "what has to be given away, before it is", "it may be committed until it is gone"
)
t.ready(partitions=2)
t.hello(A, save=EA)
t.live(A, "${ea}", owned=[0, 1])
t.wait(SECOND)
t.hello(B, save=EB, on="b")
t.live(A, "${ea}", save=EA)
for partition in (0, 1):
    t.commit(5 + partition, member=A, generation="${ea}", partition=partition)
    t.commit(7 + partition, member=A, generation=1, partition=partition)
t.commit(9, member=B, generation="${eb}", partition=1)
t.live(A, "${ea}", owned=[0], save=EA)
t.commit(11, member=A, generation="${ea}", partition=1)
t.commit(12, member=A, generation=2, partition=1)
t.offsets(0, 1)
t.offsets(0, 1, member=A, epoch=2)
t.offsets(0, 1, member=A, epoch="${ea}")

t = talk(
    "offset-commit", "member-static", "static members of the consumer protocol", "the instance id is not looked at"
)
t.ready()
t.hello(A, instance="i", save=EA)
t.commit(1, member=A, generation="${ea}", instance="i")
t.commit(2, member=A, generation="${ea}", instance="j")
t.commit(3, member="member-x", generation="${ea}", instance="i")
t.commit(4, member=A, generation="${ea}")
t.gone(A, -2, instance="i")
t.commit(5, member=A, generation="${ea}", instance="i")
t.commit(6, member=A, generation=-2, instance="i")
t.commit(7, member=A, generation=0, instance="i")
t.commit(8)
t.hello(B, instance="i", save=EB)
t.commit(9, member=A, generation="${ea}", instance="i")
t.commit(10, member=B, generation="${eb}", instance="i")
t.commit(11, member=B, generation=0, instance="i")
t.commit(12, member=B, generation=1, instance="i")
t.offsets()

t = talk("offset-commit", "empty-group-of-consumers", "when all members have left", "by hand, as of any other group")
t.ready()
t.hello(A, save=EA)
t.gone(A)
t.commit(1, member="member-x", generation=-1)
t.commit(2, member=A, generation=0)
t.commit(3, v=2)
t.offsets()
t.delete()
t.commit(4, member=A, generation="${ea}")
t.commit(5, v=8, member=A, generation="${ea}")

# ---- ConsumerGroupDescribe ----

for v in versions(0, 1):
    t = talk(
        "consumer-group-describe", f"v{v:02}", f"version {v}, a group from its first member on", "what it tells when"
    )
    t.ready(partitions=2)
    t.describe848(v=v)
    t.hello(A, save=EA, rack="r1", client="its-name")
    t.describe848(v=v)
    t.live(A, "${ea}", owned=[0, 1])
    t.wait(SECOND)
    t.hello(B, save=EB, on="b", instance="i")
    t.describe848(v=v)
    t.live(A, "${ea}", save=EA)
    t.describe848(v=v)
    t.live(A, "${ea}", owned=[0], save=EA)
    t.describe848(v=v)
    t.live(B, "${eb}", save=EB, on="b")
    t.describe848(v=v)
    t.gone(B, -2, instance="i", on="b")
    t.describe848(v=v)
    t.gone(A)
    t.describe848(v=v)
    t.gone(B, instance="i", on="b")
    t.describe848(v=v)
    t.delete()
    t.describe848(v=v)

    t = talk(
        "consumer-group-describe", f"v{v:02}-others", f"version {v}, groups of other kinds, and none", "69, and 24"
    )
    t.ready()
    for suffix in ("-2", "-3"):
        t.coordinator(t.g + suffix)
    t.alone()
    t.commit(1, group=t.g + "-2")
    t.hello(A, group=t.g + "-3")
    groups = [t.g, t.g + "-2", t.g + "-3", "nowhere", "", t.g + "-3"]
    t.describe848(*groups, v=v, unordered=["/groups"])
    t.ask("ConsumerGroupDescribe", v, {"groupIds": []})
    t.describe848(t.g + "-3", v=v, operations=True)
    t.describe848(t.g, v=v, operations=True)

t = talk(
    "consumer-group-describe", "topic-goes", "a topic of the assignment is deleted", "a name is not found any more"
)
t.ready()
t.hello(A, save=EA)
t.live(A, "${ea}", owned=[0])
t.removed()
t.wait(1000)
t.describe848()
