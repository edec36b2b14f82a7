"""OffsetCommit and OffsetDelete: of nobody's group, and in every state of a classic one."""

from .groups import GroupTalk, subscription
from .talk import NO_TOPIC, NOBODY, until, versions


def partition(index=0, offset=7, metadata="m", epoch=-1):
    return {
        "partitionIndex": index,
        "committedOffset": offset,
        "committedMetadata": metadata,
        "committedLeaderEpoch": epoch,
    }


# ---- without members ----

for v in versions(2, 10):
    t = GroupTalk(f"offset-commit/v{v:02}", f"offset commit {v}: without a group", "a consumer that assigns by itself")
    t.ready(partitions=2)
    t.commit(7, v)
    t.commit(5, v, partition=1, epoch=3, metadata="")
    t.offsets(0, 1, v=min(v, 9))
    t = GroupTalk(
        f"offset-commit/v{v:02}-unknown-topic", f"offset commit {v}: a topic that is not there", "and one that is"
    )
    t.ready()
    t.commit(v=v, topic="nowhere", id=NO_TOPIC)
    known = {"name": t.t, "topicId": "${id}", "partitions": [partition(0), partition(9), partition(-1)]}
    unknown = {"name": "nowhere", "topicId": NO_TOPIC, "partitions": [partition(0), partition(1)]}
    t.commit(v=v, topics=[known, unknown], unordered=["/topics"])
    t.offsets(0)
    t = GroupTalk(
        f"offset-commit/v{v:02}-with-a-generation",
        f"offset commit {v}: with a generation, and no group",
        "a member whose group is gone is told so from version 9 on (KIP-848)",
    )
    t.ready()
    t.commit(v=v, generation=1, member="member-x")
    t.commit(v=v, generation=0)
    t.commit(v=v, generation=-1, member="member-x")
    t.offsets()
    t.describe()

for v in (2, 4, 5, 9, 10):
    t = GroupTalk(
        f"offset-commit/v{v:02}-metadata",
        f"offset commit {v}: metadata, none, much and too much",
        "a partition whose metadata is longer than 4096 bytes is refused alone",
    )
    t.ready(partitions=5)
    parts = [partition(0, metadata=None), partition(1, metadata="x" * 4096), partition(2, metadata="x" * 4097)]
    parts += [partition(3, metadata=""), partition(4, metadata="é" * 4096)]
    t.commit(v=v, topics=[{"name": t.t, "topicId": "${id}", "partitions": parts}])
    t.offsets(0, 2, 3)

for v in (2, 3, 4):
    t = GroupTalk(
        f"offset-commit/v{v:02}-retention", f"offset commit {v}: with a retention", "only old versions have one"
    )
    t.ready()
    t.commit(v=v, retention=3600000)
    t.commit(8, v=v, retention=0)
    t.commit(9, v=v, retention=-2)

for v in (8, 9, 10):
    t = GroupTalk(f"offset-commit/v{v:02}-empty-group", f"offset commit {v}: a group without letters", "it is one")
    t.topic()
    t.coordinator("")
    t.commit(v=v, group="")
    t.offsets(group="", v=8)
    t.offsets(group="", v=1)
    t = GroupTalk(f"offset-commit/v{v:02}-nothing", f"offset commit {v}: no topics, no partitions", "answered at once")
    t.ready()
    t.commit(v=v, topics=[])
    t.commit(v=v, topics=[{"name": t.t, "topicId": "${id}", "partitions": []}])
    t.describe()

t = GroupTalk("offset-commit/values", "offset commit: offsets that are none", "nobody looks at them")
t.ready()
for offset, epoch in ((-1, -1), (-5, -9), (9223372036854775807, 2147483647), (0, 0)):
    t.commit(offset, epoch=epoch)
    t.offsets()

t = GroupTalk(
    "offset-commit/twice", "offset commit: a partition twice in one request, a topic twice", "the last counts"
)
t.ready()
t.commit(topics=[{"name": t.t, "partitions": [partition(offset=1), partition(offset=2)]}])
t.offsets()
t.commit(
    topics=[{"name": t.t, "partitions": [partition(offset=3)]}, {"name": t.t, "partitions": [partition(offset=4)]}]
)
t.offsets()

t = GroupTalk(
    "offset-commit/v10-names", "offset commit 10: ids that are none, one topic twice", "by ids alone (KIP-848)"
)
t.ready()
t.commit(v=10, id=NOBODY)
both = [{"topicId": id, "partitions": [partition()]} for id in ("${id}", NOBODY, NO_TOPIC)]
t.commit(v=10, topics=both, unordered=["/topics"])
t.offsets(v=10)

t = GroupTalk("offset-commit/instance", "offset commit: an instance id, and no group", "nobody has that name")
t.ready()
t.commit(v=8, instance="i")
t.offsets()
t.commit(v=8, instance="i")
t.commit(v=8, instance="i", generation=1, member="member-x")

t = GroupTalk(
    "offset-commit/topic-goes",
    "offset commit: the topic is deleted, and made again",
    "offsets go with the topic; what is fetched by its id never was that topic's",
)
t.topic()
t.coordinator()
t.commit()
t.commit(v=10, offset=9)
t.removed()
t.offsets(v=9, again={**until("/groups/0/topics/0/partitions/0/committedOffset", -1), "times": 100})
t.offsets(topics=None)
t.commit()
t.commit(v=10)
t.topic(id="other")
t.offsets(v=10)
t.offsets(v=10, id="${other}")
t.commit(v=10, id="${id}")
t.commit(v=10, id="${other}", offset=3)
t.offsets(v=10, id="${other}")

# ---- in the states of a classic group ----

WRONG = (
    ("right", {"member": "m"}),
    ("nobody", {}),
    ("another-generation", {"member": "m", "generation": 7}),
    ("no-generation", {"member": "m", "generation": -1}),
    ("unknown-member", {"member": "member-x"}),
    ("no-member", {"member": ""}),
    ("an-instance", {"member": "m", "instance": "i"}),
)


def commits(t, generation, v=9):
    """Of everybody who may come."""
    for number, (what, who) in enumerate(WRONG):
        who = {"generation": generation if what != "nobody" else -1, **who}
        who = {key: who[key] for key in who if key != "instance" or v > 6}
        t.commit(10 * generation + number, v, **who)
    t.offsets()


for v in (2, 5, 7, 8, 9, 10):
    t = GroupTalk(f"offset-commit/v{v:02}-stable", f"offset commit {v}: of members of a stable group", "who may commit")
    t.ready()
    t.alone()
    commits(t, 1, v)

t = GroupTalk(
    "offset-commit/preparing",
    "offset commit: while a group prepares a rebalance",
    "a member that has not joined again may still commit what it did in the generation that ends",
)
t.ready()
t.alone()
t.second()
commits(t, 1)
t.commit(99, member="n", generation=1)
t.commit(99, member="n", generation=-1)
t.commit(99, member="n", generation=0)
t.join("${m}", unordered=["/members"])
t.read("b")
t.offsets()

t = GroupTalk(
    "offset-commit/completing",
    "offset commit: while a group awaits its leader's assignment",
    "the new generation is not to commit before it knows what is its own",
)
t.ready()
t.alone()
t.second()
t.join("${m}", unordered=["/members"])
t.read("b")
commits(t, 2)
t.commit(99, member="m", generation=1)
t.commit(99, member="n", generation=2)
t.commit(99, member="n", generation=1)
t.sync("m", 2, {"m": t.all_of()})
t.commit(100, member="m", generation=2)
t.commit(101, member="n", generation=2)
t.offsets()

t = GroupTalk(
    "offset-commit/first-generation", "offset commit: in the first generation, before anything is assigned", ""
)
t.why = "a group that was never stable"
t.ready()
t.named()
t.commit(1, member="m", generation=-1)
t.commit(1, member="m", generation=0)
t.commit(1)
t.join("${m}")
commits(t, 1)

t = GroupTalk("offset-commit/emptied", "offset commit: when all members have left", "it may be done by hand again")
t.ready()
t.alone()
t.commit(5, member="m", generation=1)
t.leave("m")
t.offsets()
commits(t, 2)
commits(t, 1)

t = GroupTalk("offset-commit/deleted", "offset commit: when the group was deleted", "its offsets are gone with it")
t.ready()
t.alone()
t.commit(5, member="m", generation=1)
t.leave("m")
t.delete()
t.offsets()
t.commit(6, member="m", generation=1)
t.commit(6, v=8, member="m", generation=1)
t.commit(6)
t.offsets()
t.describe()

t = GroupTalk(
    "offset-commit/static", "offset commit: of static members", "a member that was replaced is fenced (KIP-345)"
)
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.commit(1, member="m", generation=1, instance="i")
t.commit(2, member="m", generation=1)
t.commit(3, member="m", generation=1, instance="j")
t.commit(4, member="member-x", generation=1, instance="i")
t.commit(5, member="", generation=1, instance="i")
t.commit(6, member="m", generation=9, instance="i")
t.join(instance="i", save={"n": "/memberId"})
t.commit(7, member="m", generation=1, instance="i")
t.commit(8, member="m", generation=1)
t.commit(9, member="n", generation=1, instance="i")
t.commit(10, v=6, member="n", generation=1)
t.offsets()

t = GroupTalk("offset-commit/other-topics", "offset commit: a topic that the member does not consume", "nobody minds")
t.ready()
t.topic("-other", id="other")
t.alone()
t.commit(3, member="m", generation=1, topic=t.t + "-other")
t.commit(4, v=10, member="m", generation=1, id="${other}")
t.offsets(topic=t.t + "-other")

# ---- OffsetDelete ----

t = GroupTalk("offset-delete/simple", "offset delete: of a group without members", "what was committed is gone")
t.ready(partitions=2)
t.commit(1)
t.commit(2, partition=1)
t.forget(0)
t.offsets(0, 1)
t.forget(0, 1)
t.forget(0, 1)
t.offsets(topics=None)
t.describe()

t = GroupTalk("offset-delete/unknown-group", "offset delete: a group that is not there, one without letters", "KIP-496")
t.ready()
t.forget()
t.forget(group="")
t.forget(topic="nowhere")
t.forget(group="", topic="nowhere")

t = GroupTalk(
    "offset-delete/unknown-topic", "offset delete: topics and partitions that are not there", "each has an error"
)
t.ready()
t.commit()
t.forget(topic="nowhere")
t.forget(0, 9)
t.forget(9)
t.forget(topic="")
t.ask("OffsetDelete", 0, {"groupId": t.g, "topics": []})
t.ask("OffsetDelete", 0, {"groupId": t.g, "topics": [{"name": t.t, "partitions": []}]})
t.offsets()

t = GroupTalk("offset-delete/subscribed", "offset delete: a topic that members consume", "it is in use; others are not")
t.ready()
t.topic("-other", id="other")
t.alone()
t.commit(1, member="m", generation=1)
t.commit(2, member="m", generation=1, topic=t.t + "-other")
t.forget()
t.forget(topic=t.t + "-other")
t.offsets()
t.offsets(topic=t.t + "-other")
t.leave("m")
t.forget()
t.offsets()

t = GroupTalk("offset-delete/rebalancing", "offset delete: while the group has no protocol yet", "all may be in use")
t.ready()
t.joins()
t.forget()
t.second()
t.forget()
t.join("${m}", unordered=["/members"])
t.read("b")
t.forget()

t = GroupTalk("offset-delete/no-consumers", "offset delete: a group of another kind", "nobody knows what it uses")
t.ready()
t.alone(kind="connect")
t.forget()
t.leave("m")
t.commit(3)
t.forget()
t.offsets()

t = GroupTalk(
    "offset-delete/odd-subscription", "offset delete: members whose subscription cannot be read", "all is in use"
)
t.ready()
t.alone(protocols=[{"name": "range", "metadata": "AAE="}])
t.forget()

t = GroupTalk("offset-delete/of-consumers", "offset delete: members of the consumer protocol", "what they subscribe")
t.ready()
t.topic("-other", id="other")
t.hello(save={"e": "/memberEpoch"})
t.commit(2, member="member-a", generation="${e}")
t.commit(2, member="member-a", generation="${e}", topic=t.t + "-other")
t.forget()
t.forget(topic=t.t + "-other")
t.offsets(topics=None)
t.gone()
t.forget()
t.offsets(topics=None)

t = GroupTalk("offset-delete/old-subscription", "offset delete: members with subscriptions of every version", "")
t.why = "the topics stand first in each of them"
t.ready()
for version in range(4):
    group = f"{t.g}{version}"
    metadata = subscription(t.t, version=version)
    t.coordinator(group)
    t.named(f"m{version}"[:2], group=group)
    t.join("${m%d}" % version, group=group, protocols=[{"name": "range", "metadata": metadata}])
    t.sync(f"m{version}", 1, group=group)
    t.forget(group=group)
