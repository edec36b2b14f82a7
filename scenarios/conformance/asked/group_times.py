"""Groups and time: sessions of classic members, offsets that expire; and groups of three brokers."""

from .groups import A, GroupTalk, until
from .talk import versions

FC = "FindCoordinator"


def talk(name, title, why, **more):
    return GroupTalk(f"group-times/{name}", f"group times: {title}", why, **more)


# ---- sessions ----

SHORT = {"group.min.session.timeout.ms": "500"}

t = talk("session", "a member that does not beat", "when its session is over it is none", config=SHORT)
t.ready()
t.alone(session=1500)
t.wait(1000)
t.beat("m", 1)
t.wait(1000)
t.beat("m", 1)
t.wait(2300)
t.beat("m", 1)
t.describe()
t.commit(3, member="m", generation=1)

t = talk("session-commits", "a member that commits, and does not beat", "that counts as much", config=SHORT)
t.ready()
t.alone(session=1500)
for _ in range(3):
    t.wait(1000)
    t.commit(3, member="m", generation=1)
t.beat("m", 1)
t.wait(1000)
t.commit(3, member="m", generation=9)
t.wait(1000)
t.beat("m", 1)

t = talk("session-pending", "a member that was given an id and does not come", "it is waited for no more", config=SHORT)
t.ready()
t.alone()
t.named("n", on="b", session=1500)
t.join("${m}")
t.join("${n}", on="b")
t.describe()

t = talk("session-rebalancing", "a member that others wait for", "its session ends before the rebalance", config=SHORT)
t.ready()
t.alone(session=1500)
t.named("n", on="b")
t.join("${n}", on="b")
t.beat("m", 1)
t.describe()

t = talk("session-static", "a static member that is silent", "its place is kept for a session", config=SHORT)
t.ready()
t.join(instance="i", session=1500, save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.wait(700)
t.join(instance="i", session=1500, save={"n": "/memberId"})
t.wait(1000)
t.beat("n", 1, instance="i")
t.wait(2300)
t.beat("n", 1, instance="i")
t.describe()

t = talk("session-of-two", "one of two members is silent", "the other one is told to join again", config=SHORT)
t.ready()
t.alone()
t.second(session=1500)
t.join("${m}", unordered=["/members"])
t.read("b")
t.sync("m", 2, {"m": t.all_of(), "n": t.all_of(1)})
t.sync("n", 2, on="b")
t.wait(2300)
t.beat("n", 2, on="b")
t.beat("m", 2)
t.join("${m}")

t = talk(
    "session-awaits-sync", "a member whose leader is slow", "who awaits its assignment has a session, too", config=SHORT
)
t.ready()
t.alone()
t.second(session=1500)
t.join("${m}", unordered=["/members"])
t.read("b")
t.sync("n", 2, on="b", later=True)
t.wait(2300)
t.describe(on="c", unordered=["/groups/0/members"])
t.sync("m", 2, {"m": t.all_of(), "n": t.all_of(1)})
t.read("b")

# ---- offsets that expire ----

EXPIRES = {"offsets.retention.check.interval.ms": "500", "offsets.retention.minutes": "1"}
GONE = {**until("/groups/0/topics/0/partitions/0/committedOffset", -1), "times": 200, "every_ms": 500}

for v in (2, 3, 4):
    t = talk(f"v{v:02}-retention", f"a commit of version {v} with a retention", "it ends by itself", config=EXPIRES)
    t.ready(partitions=2)
    t.commit(3, v, retention=1500)
    t.commit(4, v, partition=1)
    t.wait(300)
    t.offsets(0, 1)
    t.offsets(0, again=GONE)
    t.offsets(0, 1)
    t.commit(5, v, partition=1, retention=500)
    t.offsets(1, again=GONE)
    t.wait(1000)
    t.describe()

t = talk(
    "retention-of-members",
    "commits with a retention of members, stable",
    "what is consumed does not end",
    config=EXPIRES,
)
t.ready(partitions=2)
t.topic("-other", id="other")
t.alone()
t.commit(3, 4, member="m", generation=1, retention=500)
t.commit(4, 4, member="m", generation=1, retention=500, topic=t.t + "-other")
t.offsets(topic=t.t + "-other", again=GONE)
t.offsets()

t = talk("minute", "a minute without members", "what a group has committed ends then, and the group", config=EXPIRES)
t.ready(partitions=2)
t.commit(1)
for suffix in ("-2", "-3", "-4"):
    t.coordinator(t.g + suffix)
t.joins(group=t.g + "-2", session=300000)
t.sync("m", 1, {"m": t.all_of()}, group=t.g + "-2")
t.commit(2, group=t.g + "-2", member="m", generation=1)
t.joins("n", group=t.g + "-3")
t.leave("n", group=t.g + "-3")
t.commit(3, group=t.g + "-3")
t.hello(A, group=t.g + "-4", save={"e": "/memberEpoch"})
t.commit(4, group=t.g + "-4", member=A, generation="${e}")
t.gone(A, group=t.g + "-4")
t.wait(55_000)
t.commit(5, partition=1)
t.offsets(0, 1)
t.wait(9_000)
for suffix in ("", "-2", "-3", "-4"):
    t.offsets(0, 1, group=t.g + suffix)
    t.describe(t.g + suffix)
t.describe848(t.g + "-4")

# ---- three brokers: partition i of the offsets topic is led by broker i + 1 ----

OF_THREE = {"offsets.topic.num.partitions": "3", "offsets.topic.replication.factor": "3"}


def hash_of(group):
    """Java's hash of a text, modulo the partitions: which broker is coordinator."""
    value = 0
    for letter in group:
        value = (31 * value + ord(letter)) % 2**32
    value = value - 2**32 if value >= 2**31 else value
    return abs(value) % 3 + 1


def of_three(name, title, why):
    t = GroupTalk(f"alone/groups-of-three-{name}", f"groups of three brokers: {title}", why, nodes=3, config=OF_THREE)
    replicas = [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
    assignments = [{"partitionIndex": index, "brokerIds": ids} for index, ids in enumerate(replicas)]
    configs = [{"name": "cleanup.policy", "value": "compact"}]
    create = {"name": "__consumer_offsets", "assignments": assignments, "configs": configs}
    create |= {"numPartitions": -1, "replicationFactor": -1}
    t.ask("CreateTopics", 4, {"topics": [create], "timeoutMs": 10000})
    t.topic(assignments=[{"partitionIndex": 0, "brokerIds": [1, 2]}], numPartitions=-1, replicationFactor=-1)
    # A group of each broker.
    t.of = {}
    for number in range(20):
        t.of.setdefault(hash_of(f"{t.g}{number}"), f"{t.g}{number}")
    for node in (1, 2, 3):
        place = {"to": node} if node > 1 else {}
        # The one that was made last is known last.
        again = {**until("/topics/0/errorCode", 0), "times": 100}
        t.ask("Metadata", 1, {"topics": [{"name": t.t}]}, **place, again=again)
        key = {"key": t.of[node], "keyType": 0}
        t.ask(FC, 3, key, **place, again={**until("/errorCode", 0), "times": 300})
        asked = {"groupId": t.of[node], "topics": None}
        t.ask("OffsetFetch", 7, asked, **place, again={**until("/errorCode", 0), "times": 300})
    return t


t = of_three("found", "each broker tells the same", "whoever is asked knows who is the coordinator")
for v in versions(0, 6):
    for node in (1, 2, 3):
        keys = [t.of[1], t.of[2], t.of[3]]
        place = {"to": node} if node > 1 else {}
        t.ask(FC, v, {"key": t.of[2], "keyType": 0, "coordinatorKeys": keys}, **place)

t = of_three("not-coordinator", "who is not asked rightly", "every API says so, each in its way")
for group in (t.of[2], t.of[3]):
    t.join(group=group)
    t.join("member-x", v=0, group=group)
    t.sync("member-x", 1, group=group)
    t.beat("member-x", 1, group=group)
    t.leave("member-x", group=group)
    t.leave("member-x", v=2, group=group)
    t.commit(group=group)
    t.commit(v=2, group=group)
    t.commit(v=10, group=group)
    t.offsets(group=group)
    t.offsets(group=group, v=10)
    t.offsets(group=group, topics=None)
    t.offsets(group=group, stable=True)
    for v in (1, 2, 7):
        t.offsets(group=group, v=v)
    t.forget(group=group)
    for v in (0, 5, 6):
        t.describe(group, v=v)
    t.delete(group)
    t.hello(group=group)
    t.gone(group=group)
    t.describe848(group)
t.join(group="")
t.ask("OffsetFetch", 9, {"groups": [{"groupId": t.of[node], "topics": None} for node in (1, 2, 3)]})
t.ask("DescribeGroups", 6, {"groups": [t.of[1], t.of[2], t.of[3]]}, unordered=["/groups"])
t.ask("DeleteGroups", 2, {"groupsNames": [t.of[1], t.of[2], t.of[3]]}, unordered=["/results"])
t.ask("ConsumerGroupDescribe", 1, {"groupIds": [t.of[1], t.of[2], t.of[3]]}, unordered=["/groups"])

t = of_three("each", "a group of each broker", "ListGroups tells of the broker's own")
for node in (1, 2, 3):
    place = {"to": node} if node > 1 else {}
    t.join(group=t.of[node], save={"m": "/memberId"}, **place)
    t.join("${m}", group=t.of[node], **place)
    t.sync("m", 1, {"m": t.all_of()}, group=t.of[node], **place)
    t.commit(node, group=t.of[node], member="m", generation=1, **place)
for node in (1, 2, 3):
    place = {"to": node} if node > 1 else {}
    t.ask("ListGroups", 5, {}, **place)
    t.offsets(group=t.of[node], **place)
    t.describe(t.of[node], **place)

t = of_three("moves", "the coordinator is another broker than before", "members and offsets are still there")
t.join(group=t.of[1], save={"m": "/memberId"}, session=60000)
t.join("${m}", group=t.of[1], session=60000)
t.sync("m", 1, {"m": t.all_of()}, group=t.of[1])
t.commit(5, group=t.of[1], member="m", generation=1)
t.join(group=t.of[1], on="b", save={"n": "/memberId"}, session=60000)
t.join("${n}", group=t.of[1], on="b", later=True, session=60000)
t.wait(300)
moved = {"partitionIndex": 0, "replicas": [2, 3, 1]}
topics = [{"name": "__consumer_offsets", "partitions": [moved]}]
t.ask("AlterPartitionReassignments", 0, {"timeoutMs": 10000, "topics": topics})
elects = [{"topic": "__consumer_offsets", "partitions": [0]}]
t.ask("ElectLeaders", 1, {"electionType": 0, "timeoutMs": 10000, "topicPartitions": elects})
t.read("b")
# A new leader has read all, and knows only later what of it is committed.
again = {**until("/topics/0/partitions/0/committedOffset", 5), "times": 100}
t.ask("OffsetFetch", 7, {"groupId": t.of[1], "topics": None}, to=2, again=again)
t.beat("m", 1, group=t.of[1], again={**until("/errorCode", 16), "times": 100})
t.beat("m", 1, group=t.of[1], to=2)
t.describe(t.of[1], to=2)
t.commit(6, group=t.of[1], member="m", generation=1, to=2)
t.offsets(group=t.of[1], to=2)
t.join("${n}", group=t.of[1], to=2)
t.ask(FC, 3, {"key": t.of[1], "keyType": 0}, again={**until("/nodeId", 2), "times": 100})
