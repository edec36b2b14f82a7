"""ConsumerGroupHeartbeat: members of the consumer protocol (KIP-848), one by one and together."""

from .groups import A, B, C, GroupTalk
from .talk import NO_TOPIC, until, versions

EA, EB, EC = {"ea": "/memberEpoch"}, {"eb": "/memberEpoch"}, {"ec": "/memberEpoch"}
# Topics of an assignment come from a hash of their ids.
TOPICS = ["/assignment/topicPartitions"]
# A group's assignment is computed once a second at most.
SECOND = 1200


def talk(name, title, why, **more):
    return GroupTalk(f"consumer-group-heartbeat/{name}", f"consumer group heartbeat: {title}", why, **more)


def here(t, member=A, epoch="${ea}", save=EA, **more):
    """A heartbeat as it is after the first: the epoch it has, and what it owns if that has changed."""
    t.live(member, epoch, save=save, **more)


def pair(t, partitions=2, **more):
    """A has all, then B comes; nothing is handed over yet."""
    t.ready(partitions=partitions)
    t.hello(A, save=EA, **more)
    here(t, owned=range(partitions))
    t.wait(SECOND)
    t.hello(B, save=EB, on="b", **more)


# ---- one member ----

for v in versions(0, 1):
    t = talk(f"v{v:02}", f"version {v}, the life of a member", "it joins, gets all, beats, leaves")
    t.ready(partitions=2)
    t.hello(v=v, save=EA)
    t.live(epoch="${ea}", v=v)
    t.live(epoch="${ea}", v=v, owned=[0, 1])
    t.live(epoch="${ea}", v=v, owned=[0])
    t.live(epoch="${ea}", v=v, owned=[])
    t.live(epoch="${ea}", v=v, owned=[0, 1], names=[t.t], timeout=10000)
    t.live(epoch="${ea}", v=v, names=[t.t], timeout=10000)
    t.live(epoch="${ea}", v=v, owned=[0, 1], names=[t.t])
    t.describe848(v=v)
    t.gone(v=v)
    t.live(epoch="${ea}", v=v)
    t.gone(v=v)
    t.describe848(v=v)

    t = talk(f"v{v:02}-no-member-id", f"version {v}, without an id", "from version 1 on the member makes it, KIP-1082")
    t.ready()
    t.hello("", v=v)
    t.live("", 1, v=v)
    t.gone("", v=v)
    t.gone("", -2, v=v, instance="i")
    t.describe848(v=v)

    t = talk(f"v{v:02}-refused", f"version {v}, requests that say too little", "before anything is looked at")
    t.ready()
    t.hello(v=v, group="")
    t.hello(v=v, instance="")
    t.hello(v=v, rack="")
    t.hello(v=v, timeout=-1)
    t.live(A, 0, v=v, names=[t.t], timeout=10000)
    t.live(A, 0, v=v, names=[t.t], timeout=10000, owned=[0])
    t.live(A, 0, v=v, timeout=10000, owned=[])
    t.hello(v=v, assignor="nobody's")
    t.hello(v=v, assignor="")
    t.live(A, -2, v=v)
    t.live(A, -3, v=v)
    t.live(A, -2147483648, v=v)
    t.live(A, 1, v=v, assignor="nobody's")
    t.live("", 1, v=v, group="")
    t.describe848(v=v)

    t = talk(f"v{v:02}-unknown", f"version {v}, a group and a member that are not there", "who was fenced learns it so")
    t.ready()
    t.live(A, 1, v=v)
    t.gone(A, v=v)
    t.gone(A, -2, v=v, instance="i")
    t.hello(v=v)
    t.live("member-x", 1, v=v)
    t.gone("member-x", v=v)
    t.live("member-x", 1, v=v, instance="i")
    t.gone("member-x", v=v, instance="i")
    t.gone("member-x", -2, v=v, instance="i")

t = talk("generated-ids", "two without ids", "each gets one of its own, and is another member")
t.ready(partitions=2)
t.hello("", v=0, save={"m": "/memberId", "ea": "/memberEpoch"})
t.live("${m}", "${ea}", v=0)
t.live("", "${ea}", v=0)
t.wait(SECOND)
t.hello("", v=0, save={"n": "/memberId"}, free=["/memberEpoch"])
t.gone("${m}", v=0)
t.gone("${n}", v=0)

t = talk("epochs", "epochs too high, too low, the one before", "fenced, unless the answer may have been lost")
t.ready()
t.hello(save=EA)
for epoch in (1, 3, 99, 2147483647):
    t.live(epoch=epoch)
t.live(epoch="${ea}", owned=[0])
t.live(epoch=1, owned=[0])
t.live(epoch=1, owned=[])
t.live(epoch=1, owned=[7])
t.wait(SECOND)
t.live(epoch="${ea}", names=[t.t, "another"], save=EA)
for epoch in (1, 2, 3, 4):
    t.live(epoch=epoch)
for owned in ([], [0], [0, 1], [(NO_TOPIC, [0])]):
    t.live(epoch=2, owned=owned)
t.live(epoch="${ea}")

t = talk("joins-again", "a member joins again", "it has the same id; what it had it gets again")
t.ready(partitions=2)
t.hello(save=EA)
t.hello(save=EA)
t.live(epoch="${ea}", owned=[0, 1])
t.wait(SECOND)
t.hello(names=[t.t, "another"], save=EA)
t.hello(timeout=20000)
t.live(epoch="${ea}")
t.describe848()

t = talk("new-names", "another subscription", "what is not subscribed any more is revoked")
t.topic(partitions=2)
t.topic("-other", id="other")
t.coordinator()
t.hello(save=EA)
here(t, owned=[0, 1])
t.wait(SECOND)
here(t, names=[t.t, t.t + "-other"], unordered=TOPICS)
both = [("${id}", [0, 1]), ("${other}", [0])]
here(t, owned=both)
t.wait(SECOND)
here(t, names=[t.t + "-other"])
here(t, owned=both)
t.describe848()
here(t, owned=[("${other}", [0])])
here(t)
t.wait(SECOND)
here(t, names=[])
here(t, owned=[])
t.describe848()

t = talk("unknown-topics", "topics that are not there, and names that are none", "they may be there one day")
t.ready()
t.hello(names=["nowhere"], save=EA)
t.live(epoch="${ea}", owned=[])
t.wait(SECOND)
here(t, names=["", "a b", t.t, t.t])
t.describe848()
t.hello(B, names=[], on="b")

t = talk("topic-comes", "a topic that is made later", "the group hears of it")
t.coordinator()
t.hello(save=EA)
t.live(epoch="${ea}", owned=[])
t.wait(SECOND)
t.topic(partitions=2)
here(t, again={**until("/assignment/topicPartitions/0/partitions/1", 1), "times": 50})
here(t, owned=[0, 1])

t = talk("topic-grows", "a topic that gets more partitions", "they are given out")
t.ready()
t.hello(save=EA)
here(t, owned=[0])
t.wait(SECOND)
more = {"topics": [{"name": t.t, "count": 3, "assignments": None}], "timeoutMs": 10000, "validateOnly": False}
t.ask("CreatePartitions", 2, more)
here(t, again={**until("/assignment/topicPartitions/0/partitions/2", 2), "times": 50})
here(t, owned=[0, 1, 2])
t.describe848()

t = talk("topic-goes", "a topic that is deleted", "its partitions are nobody's")
t.topic()
t.topic("-other", id="other")
t.coordinator()
t.hello(names=[t.t, t.t + "-other"], save=EA, unordered=TOPICS)
here(t, owned=[("${id}", [0]), ("${other}", [0])])
t.commit(5, member=A, generation="${ea}", topic=t.t + "-other")
t.wait(SECOND)
t.removed("-other")
gone = [("${id}", [0]), ("${other}", [0])]
here(t, owned=gone, again={**until("/assignment/topicPartitions/0/partitions/0", 0), "times": 50})
here(t, owned=[("${id}", [0])])
t.describe848()
t.offsets(topics=None)

t = talk("racks", "a rack, and another one", "who has moved is where it says")
t.ready()
t.hello(rack="r1", save=EA)
t.describe848()
here(t, rack="r2")
t.describe848()

t = talk(
    "client-changes", "another client id, and another rebalance timeout", "they are kept, and nothing is assigned anew"
)
t.ready()
t.hello(save=EA)
t.live(epoch="${ea}", timeout=5000, client="another")
t.describe848()

t = talk("other-groups", "a group of another kind", "it takes no members of the consumer protocol")
t.ready()
t.alone(kind="connect")
t.hello()
t.live(epoch=1)
t.gone()
t.describe()

# ---- several members ----

t = talk("handover", "two members, step by step", "a partition is given away before it is given")
pair(t)
t.describe848()
here(t)
t.describe848()
here(t, B, "${eb}", EB, on="b")
here(t, owned=[0, 1])
here(t)
t.describe848()
here(t, owned=[0])
here(t, B, "${eb}", EB, on="b")
t.describe848()
here(t, B, "${eb}", EB, on="b", owned=[1])
here(t)
t.describe848()

t = talk("handover-leaves", "who has to give away leaves", "what it had is free at once")
pair(t)
here(t)
t.gone()
t.wait(SECOND)
here(t, B, "${eb}", EB, on="b")
here(t, B, "${eb}", EB, on="b", owned=[0, 1])
t.describe848()

t = talk("handover-rejoins", "who has to give away joins again", "it owns nothing, and so it has given all away")
pair(t)
here(t)
t.hello(A, save=EA)
here(t, B, "${eb}", EB, on="b")
here(t, A, owned=[0])
t.describe848()

t = talk("newcomer-leaves", "who was to be given something leaves", "the other one has all again")
pair(t)
here(t)
t.gone(B, on="b")
t.wait(SECOND)
here(t, owned=[0])
here(t)
here(t, owned=[0, 1])
t.describe848()

t = talk("released-late", "the first one gives away, and the second one is late", "nobody has it meanwhile")
pair(t)
here(t, owned=[0, 1])
here(t, owned=[])
t.describe848()
here(t, owned=[0])
here(t, B, "${eb}", EB, on="b", owned=[])
here(t, B, "${eb}", EB, on="b", owned=[1])

t = talk("three", "three members, one after the other, and back", "each is given what others gave away")
pair(t, 3)
here(t)
here(t, owned=[0, 1])
here(t, B, "${eb}", EB, on="b")
here(t, B, "${eb}", EB, on="b", owned=[2])
t.wait(SECOND)
t.hello(C, save=EC, on="c")
here(t)
here(t, B, "${eb}", EB, on="b")
t.describe848()
here(t, owned=[0])
here(t, C, "${ec}", EC, on="c")
t.describe848()
t.wait(SECOND)
t.gone(B, on="b")
here(t)
here(t, C, "${ec}", EC, on="c")
t.describe848()

t = talk("more-than-partitions", "more members than partitions", "one of them has nothing, and stays")
pair(t, 1)
here(t)
here(t, B, "${eb}", EB, on="b")
t.describe848()
t.wait(SECOND)
t.gone()
here(t, B, "${eb}", EB, on="b")
t.describe848()

t = talk("at-once", "two members within a second", "the assignment is computed once a second at most (KIP-1263)")
t.ready(partitions=2)
t.hello(A, save=EA)
t.hello(B, save=EB, on="b")
t.describe848()
t.wait(SECOND)
here(t, B, "${eb}", EB, on="b")
here(t)
here(t, owned=[0])
here(t, B, "${eb}", EB, on="b")
t.describe848()

t = talk("different-names", "two members of different topics", "each is given what it asked for")
t.topic(partitions=2)
t.topic("-other", partitions=2, id="other")
t.coordinator()
t.hello(A, save=EA)
here(t, owned=[0, 1])
t.wait(SECOND)
t.hello(B, names=[t.t, t.t + "-other"], save=EB, on="b", unordered=TOPICS)
here(t)
t.describe848(unordered=["/groups/0/members", "/groups/0/members/*/targetAssignment/topicPartitions"])

t = talk("range", "range, two topics, two members", "side by side: who is first has the first of each")
t.topic(partitions=3)
t.topic("-other", partitions=3, id="other")
t.coordinator()
names = [t.t, t.t + "-other"]
t.hello(A, names=names, assignor="range", save=EA, unordered=TOPICS)
here(t, owned=[("${id}", [0, 1, 2]), ("${other}", [0, 1, 2])])
t.wait(SECOND)
t.hello(B, names=names, assignor="range", save=EB, on="b")
unordered = ["/groups/0/members"]
unordered += [f"/groups/0/members/*/{which}ssignment/topicPartitions" for which in ("a", "targetA")]
t.describe848(unordered=unordered)
here(t, unordered=TOPICS)

t = talk("uniform", "uniform, five partitions, three members", "as many for each as for the others, and few moves")
pair(t, 5, assignor="uniform")
here(t)
here(t, owned=[0, 1, 2])
here(t, B, "${eb}", EB, on="b")
t.describe848()
t.wait(SECOND)
t.hello(C, save=EC, on="c", assignor="uniform")
here(t)
here(t, B, "${eb}", EB, on="b")
t.describe848()

t = talk("assignors", "members that want different assignors", "the one that most want; a change of it counts")
pair(t)
t.describe848()
t.live(A, "${ea}", save=EA, assignor="range")
t.describe848()
t.live(B, "${eb}", save=EB, on="b", assignor="range")
t.describe848()
t.wait(SECOND)
t.live(A, "${ea}", save=EA, assignor="uniform", owned=[0])
t.live(B, "${eb}", save=EB, on="b", assignor="uniform")
t.describe848()

t = talk(
    "late", "who has to give away does not", "when its rebalance time is over it is fenced, and what it had is free"
)
pair(t, timeout=1000)
here(t)
t.wait(1800)
here(t)
t.wait(SECOND)
here(t, B, "${eb}", EB, on="b")
t.describe848()

t = talk("late-but-beating", "who has to give away beats, but does not", "beats do not buy it time")
pair(t, timeout=2000)
here(t)
t.wait(1200)
here(t, owned=[0, 1])
t.wait(1500)
here(t, owned=[0, 1])

FULL = {"group.consumer.max.size": "1"}
t = talk(
    "full",
    "one more than a group may have",
    "it has to stay outside, unless it takes a static one's place",
    config=FULL,
)
t.ready()
t.hello(A, instance="i", save=EA)
t.hello(B, on="b")
t.hello(B, on="b", instance="j")
t.hello(B, on="b", instance="i")
t.live(A, "${ea}", instance="i")
t.live(B, 1, on="b")
t.gone(A, -2, instance="i")
t.hello(B, on="b", instance="j")
t.hello(B, on="b", instance="i")
t.hello(C, on="c")

SESSION = {
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "2000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
}
t = talk("session", "a member that does not beat", "when its session is over it is none", config=SESSION)
pair(t)
t.wait(1200)
here(t, B, "${eb}", EB, on="b")
t.wait(1300)
here(t)
here(t, B, "${eb}", EB, on="b")
t.describe848()
t.wait(2500)
t.describe848()
here(t, B, "${eb}", EB, on="b")

t = talk(
    "session-static", "a static member that has left for a while", "its place is kept for a session", config=SESSION
)
t.ready()
t.hello(A, instance="i", save=EA)
t.gone(A, -2, instance="i")
t.describe848()
t.wait(2800)
t.describe848()
t.hello(B, instance="i")

t = talk("settings-of-a-group", "a heartbeat interval of the group's own", "each group may have settings (KIP-848)")
t.ready()
values = [("consumer.heartbeat.interval.ms", "7000"), ("consumer.session.timeout.ms", "50000")]
configs = [{"name": name, "configOperation": 0, "value": value} for name, value in values]
resource = {"resourceType": 32, "resourceName": t.g, "configs": configs}
t.ask("IncrementalAlterConfigs", 1, {"resources": [resource], "validateOnly": False})
t.wait(500)
t.hello(save=EA)
t.live(epoch="${ea}")
