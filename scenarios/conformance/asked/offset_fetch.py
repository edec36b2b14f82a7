"""OffsetFetch: one group, several, all of a group's partitions, and members who say which epoch they are in."""

from .groups import GroupTalk
from .talk import NO_TOPIC, NOBODY, until, versions

for v in versions(1, 10):
    t = GroupTalk(
        f"offset-fetch/v{v:02}", f"offset fetch {v}: what was committed, and what was not", "the plainest path"
    )
    t.ready(partitions=3)
    t.commit(7, epoch=0)
    t.commit(8, partition=2, metadata="")
    t.offsets(0, 1, 2, v=v)
    t.offsets(2, 0, 2, v=v)
    t.offsets(9, -1, v=v)
    t = GroupTalk(f"offset-fetch/v{v:02}-unknown-group", f"offset fetch {v}: a group that is not there", "it has none")
    t.ready()
    t.offsets(0, 1, v=v)
    t.offsets(v=v, group="")
    t.offsets(v=v, topic="nowhere", id=NO_TOPIC)
    t.offsets(v=v, topics=[])
    if v == 1:
        continue
    t = GroupTalk(f"offset-fetch/v{v:02}-all", f"offset fetch {v}: all that was committed", "null asks for all")
    t.topic(partitions=3)
    t.topic("-other", id="other")
    t.coordinator()
    t.offsets(v=v, topics=None)
    t.commit(7)
    t.commit(8, partition=2)
    t.commit(9, topic=t.t + "-other")
    inner = "/groups/0/topics" if v > 7 else "/topics"
    t.offsets(v=v, topics=None, unordered=[inner, inner + "/*/partitions"])
    t.offsets(v=v, topics=[])
    t.leave("member-x")
    t.delete()
    t.offsets(v=v, topics=None)

for v in (7, 8, 9, 10):
    t = GroupTalk(
        f"offset-fetch/v{v:02}-stable", f"offset fetch {v}: what is stable", "no transaction has an open offset there"
    )
    t.ready(partitions=2)
    t.offsets(v=v, stable=True)
    t.commit(7)
    t.offsets(0, 1, v=v, stable=True)
    t.offsets(v=v, topics=None, stable=True)
    t.offsets(v=v, group="", stable=True)

for v in (8, 9, 10):
    t = GroupTalk(f"offset-fetch/v{v:02}-several", f"offset fetch {v}: several groups", "each is answered (KIP-709)")
    t.ready()
    topics = [{"name": t.t, "topicId": "${id}", "partitionIndexes": [0]}]
    groups = [t.g, t.g + "-second", t.g + "-third"]
    for number, group in enumerate(groups[:2]):
        t.coordinator(group)
        t.commit(number, group=group)
    t.coordinator(groups[2])
    asks = [{"groupId": group, "topics": topics} for group in groups]
    t.ask("OffsetFetch", v, {"groups": asks, "requireStable": False})
    t.ask("OffsetFetch", v, {"groups": [asks[0], asks[0]], "requireStable": False})
    t.ask("OffsetFetch", v, {"groups": [{"groupId": t.g, "topics": None}, asks[2]], "requireStable": True})
    t.ask("OffsetFetch", v, {"groups": [], "requireStable": False})
    t.ask("OffsetFetch", v, {"groups": [{"groupId": t.g, "topics": [*topics, *topics]}], "requireStable": False})

t = GroupTalk(
    "offset-fetch/v10-ids", "offset fetch 10: ids that are none, beside one that is", "by ids alone (KIP-848)"
)
t.ready()
t.commit(7)
t.commit(8, v=10)
t.offsets(v=10, id=NO_TOPIC)
t.offsets(0, 1, v=10, id=NOBODY)
asked = [{"topicId": id, "partitionIndexes": [0, 1]} for id in (NO_TOPIC, "${id}", NOBODY)]
t.offsets(v=10, topics=asked, unordered=["/groups/0/topics"])

t = GroupTalk("offset-fetch/v10-all-of-a-topic-that-goes", "offset fetch 10: all, and a topic is gone", "it has no id")
t.topic()
t.topic("-other", id="other")
t.coordinator()
t.commit(7)
t.commit(8, topic=t.t + "-other")
t.removed("-other")
t.offsets(topic=t.t + "-other", again={**until("/groups/0/topics/0/partitions/0/committedOffset", -1), "times": 100})
t.offsets(v=10, topics=None)
t.offsets(v=10, id="${other}")
t.offsets(v=9, topics=None)

# ---- by members ----

for v in (9, 10):
    t = GroupTalk(
        f"offset-fetch/v{v:02}-of-a-classic-member",
        f"offset fetch {v}: members and epochs where the group is classic",
        "nobody looks at them there",
    )
    t.ready()
    t.alone()
    t.commit(3, member="m", generation=1)
    for member, epoch in (("m", 1), ("m", 7), ("member-x", 1), ("", -1), (None, 5), ("m", -1)):
        t.offsets(v=v, member=member, epoch=epoch)
    t.offsets(v=v, member="member-x", epoch=1, stable=True)
    t.offsets(v=v, member="member-x", epoch=1, group=t.g + "-nowhere")
    t.offsets(v=v, member="member-x", epoch=1, topics=None)

    t = GroupTalk(
        f"offset-fetch/v{v:02}-of-a-member",
        f"offset fetch {v}: members of the consumer protocol, and their epochs",
        "who is behind learns it here (KIP-848)",
    )
    t.ready()
    t.hello(save={"e": "/memberEpoch"})
    t.commit(3, member="member-a", generation="${e}")
    asks = (("member-a", "${e}"), ("member-a", 0), ("member-a", 99), ("member-a", -1))
    asks += (("member-x", "${e}"), ("member-x", -1), (None, -1), (None, 1), ("", -1))
    for stable in (False, True):
        for member, epoch in asks:
            t.offsets(v=v, member=member, epoch=epoch, stable=stable)
    t.offsets(v=v, topics=None, member="member-x", epoch=1)
    t.offsets(v=v, topics=None, member="member-a", epoch=99)
    t.offsets(v=7)
    t.offsets(v=8)
    t.offsets(v=8, topics=None)
