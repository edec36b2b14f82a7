"""Groups that go from one protocol to the other while they are in use: from classic to consumer and back."""

from .groups import A, B, GroupTalk, assignment, subscription, until
from .talk import versions

EA, EB = {"ea": "/memberEpoch"}, {"eb": "/memberEpoch"}
GM = {"gm": "/generationId"}
SECOND = 1200
SESSION = {
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "2000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
}


def talk(name, title, why, **more):
    return GroupTalk(f"group-protocols/{name}", f"group protocols: {title}", why, **more)


def owning(t, *partitions, generation=-1):
    owned = {t.t: partitions} if partitions else {}
    return [{"name": "range", "metadata": subscription(t.t, version=2, owned=owned, generation=generation)}]


# ---- from classic to consumer ----

t = talk("up", "a member of the consumer protocol comes to a classic group", "the group is converted, and goes on")
t.ready(partitions=2)
t.alone(given=assignment({t.t: (0, 1)}), protocols=owning(t))
t.commit(5, member="m", generation=1)
t.hello(A, save=EA, on="b")
t.describe()
t.describe848()
t.beat("m", 1)
t.sync("m", 1)
t.join("${m}", protocols=owning(t, 0, 1, generation=1), save=GM)
t.describe848()
t.sync("m", "${gm}")
t.beat("m", "${gm}")
t.join("${m}", protocols=owning(t, 0), save=GM)
t.sync("m", "${gm}")
t.beat("m", "${gm}")
t.live(A, "${ea}", save=EA, on="b")
t.describe848()
t.offsets(0, 1)
t.commit(6, member="m", generation="${gm}")
t.leave("m")
t.wait(SECOND)
t.live(A, "${ea}", save=EA, on="b")
t.describe848()
t.ask("DescribeGroups", 5, {"groups": [t.g]})

t = talk("up-empty", "to a classic group without members", "it is not converted but made anew; its offsets stay")
t.ready()
t.alone()
t.commit(5, member="m", generation=1)
t.leave("m")
t.hello(A, save=EA)
t.describe()
t.describe848()
t.offsets()

t = talk("up-simple", "to a group of offsets alone", "its offsets stay")
t.ready()
t.commit(5)
t.hello(A)
t.describe848()
t.offsets()

t = talk("up-named", "to a group that has only given ids away", "who comes with one of them is unknown, or is it")
t.ready()
t.named()
t.hello(A)
t.join("${m}", on="b")
t.describe848()

t = talk("up-preparing", "while a rebalance is prepared", "who waits is told to join again")
t.ready()
t.alone()
t.second()
t.hello(A, on="c", save=EA)
t.read("b")
t.describe848()
t.beat("m", 1)
t.beat("n", 1)
t.join("${n}", on="b", save={"gn": "/generationId"})
t.sync("n", "${gn}", on="b")
t.describe848()

t = talk("up-completing", "while the leader's assignment is awaited", "who waits is told to join again")
t.ready()
t.alone()
t.second()
t.join("${m}", unordered=["/members"])
t.read("b")
t.sync("n", 2, on="b", later=True)
t.wait(200)
t.hello(A, on="c")
t.read("b")
t.sync("m", 2, {"m": t.all_of()})
t.beat("m", 2)
t.describe848()

t = talk("up-never-synced", "before the first assignment", "nobody has anything")
t.ready()
t.joins()
t.hello(A, on="b", save=EA)
t.describe848()
t.beat("m", 1)
t.join("${m}", save=GM)
t.sync("m", "${gm}")

t = talk("up-static", "a static member comes with the consumer protocol", "it takes the place of the classic one")
t.ready()
t.join(instance="i", protocols=owning(t), save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.hello(A, instance="i", save=EA)
t.describe848()
t.beat("m", 1, instance="i")
t.join("${m}", instance="i")
t.live(A, "${ea}", instance="i", owned=[0])

t = talk("up-refused", "groups that cannot be converted", "another kind, user data of an own assignor, odd bytes")
t.ready()
kinds = (
    ("-connect", {"kind": "connect"}, t.all_of()),
    ("-user-data", {}, assignment({t.t: (0,)}, user=b"u")),
    ("-odd-assignment", {}, "AQ=="),
    ("-odd-subscription", {"protocols": [{"name": "range", "metadata": "AQ=="}]}, t.all_of()),
    ("-user-data-of-subscription", {"protocols": [{"name": "range", "metadata": subscription(t.t, user=b"u")}]}, ""),
)
for suffix, how, given in kinds:
    group = t.g + suffix
    t.coordinator(group)
    t.joins("m", group=group, **how)
    t.sync("m", 1, {"m": given}, group=group, kind=how.get("kind", "consumer"))
    t.hello(A, group=group)
    t.describe(group)

for policy in ("disabled", "upgrade", "downgrade", "bidirectional"):
    settings = {"group.consumer.migration.policy": policy}
    t = talk(f"policy-{policy}", f"where the policy is {policy}", "an operator may forbid it", config=settings)
    t.ready()
    t.alone()
    t.hello(A, on="b", save=EA)
    t.beat("m", 1)
    t.describe()
    t.coordinator(t.g + "-2")
    t.hello(B, group=t.g + "-2", save=EB)
    t.join(group=t.g + "-2", save={"n": "/memberId"})
    t.join("${n}", group=t.g + "-2")
    t.gone(B, group=t.g + "-2")
    t.describe(t.g + "-2")
    t.describe848(t.g + "-2")

# ---- from consumer to classic ----

t = talk("down", "the last member of the consumer protocol leaves", "the group is classic again, and rebalances")
t.ready(partitions=2)
t.hello(A, save=EA)
t.live(A, "${ea}", owned=[0, 1])
t.commit(5, member=A, generation="${ea}")
t.wait(SECOND)
t.named("m", on="b", protocols=owning(t))
t.join("${m}", on="b", protocols=owning(t), save=GM)
t.sync("m", "${gm}", on="b")
t.live(A, "${ea}", save=EA)
t.live(A, "${ea}", owned=[0], save=EA)
t.beat("m", "${gm}", on="b")
t.join("${m}", on="b", protocols=owning(t), save=GM)
t.sync("m", "${gm}", on="b")
t.describe848()
t.gone(A)
t.describe848()
t.describe()
t.beat("m", "${gm}", on="b")
t.join("${m}", on="b", protocols=owning(t, 1), save=GM)
t.sync("m", "${gm}", {"m": t.all_of(0, 1)}, on="b")
t.describe()
t.offsets()
t.live(A, "${ea}")

t = talk("down-empty", "a classic member comes to a group without members", "the group is made anew; its offsets stay")
t.ready()
t.hello(A, save=EA)
t.commit(5, member=A, generation="${ea}")
t.gone(A)
t.join("member-x")
t.joins()
t.sync("m", 1, {"m": t.all_of()})
t.describe()
t.describe848()
t.offsets()

t = talk(
    "down-static",
    "a static member comes with the classic protocol",
    "it takes the other one's place, and the group is classic",
)
t.ready()
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0])
t.join(instance="i", protocols=owning(t), save={"m": "/memberId", **GM})
t.describe()
t.sync("m", "${gm}", instance="i")
t.beat("m", "${gm}", instance="i")
t.live(A, "${ea}", instance="i")
t.describe()

t = talk(
    "down-static-of-two", "a static one of two members comes with the classic protocol", "the group stays what it is"
)
t.ready(partitions=2)
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0, 1])
t.wait(SECOND)
t.hello(B, on="b", save=EB)
t.live(A, "${ea}", instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0], save=EA)
t.live(B, "${eb}", on="b", save=EB)
t.join(instance="i", protocols=owning(t), save={"m": "/memberId", **GM})
t.sync("m", "${gm}", instance="i")
t.describe848()
t.gone(B, on="b")
t.describe()

t = talk(
    "down-session", "the last member of the consumer protocol is silent", "then the group is classic", config=SESSION
)
t.ready()
t.hello(A, save=EA)
t.joins(on="b", save=GM)
t.wait(2800)
t.describe()
t.beat("m", "${gm}", on="b")
t.join("${m}", on="b")

# ---- classic members in a group of consumers ----

for v in versions(0, 9):
    t = talk(
        f"join-v{v:02}", f"a classic member joins in version {v}", "it is a member like others, and nobody waits for it"
    )
    t.ready()
    t.hello(A, save=EA)
    t.wait(SECOND)
    t.joins(v=v, on="b", **({"save": GM} if v > 3 else {}))
    t.describe848()
    t.leave("m", on="b")
    t.describe848()

t = talk("join-refused", "classic members that cannot come", "another kind, no protocols, odd bytes, an unknown id")
t.ready()
t.hello(A, save=EA)
t.join(kind="connect")
t.join(kind="")
t.join(protocols=[])
t.join(protocols=[{"name": "range", "metadata": "AQ=="}])
t.join("member-x", protocols=[{"name": "range", "metadata": "AQ=="}])
t.join("member-x", instance="i")
t.join(session=1)
t.describe848()
t.join("member-x")
t.join(protocols=t.protocols("sticky"), save={"m": "/memberId"})
t.join("${m}", protocols=t.protocols("sticky"))
t.join(protocols=t.protocols("range"))
t.join(A)
t.describe848()

t = talk("classic-member", "what a classic member says in a group of consumers", "and the errors for each of it")
t.ready(partitions=2)
t.hello(A, save=EA)
t.live(A, "${ea}", owned=[0, 1])
t.wait(SECOND)
t.named("m", on="b", protocols=owning(t))
t.join("${m}", on="b", protocols=owning(t), save=GM)
t.beat("m", "${gm}", on="b")
for member, generation in (("m", 99), ("m", -1), ("member-x", 1), (A, "${ea}"), ("", 1)):
    t.beat(member, generation, on="b")
    t.sync(member, generation, on="b")
t.beat("m", "${gm}", instance="i", on="b")
t.sync("m", "${gm}", instance="i", on="b")
t.sync("m", "${gm}", kind="connect", on="b")
t.sync("m", "${gm}", protocol="sticky", on="b")
t.sync("m", "${gm}", v=4, on="b")
t.sync("m", "${gm}", {"m": t.all_of(7)}, on="b")
t.commit(1, member="m", generation="${gm}")
t.commit(2, v=8, member="m", generation="${gm}")
t.commit(3, member="m", generation=99)
t.commit(4, member="m", generation=1)
t.offsets(member="m", epoch="${gm}")
t.offsets(member="m", epoch=99)
t.leave("member-x", on="b")
t.leave(("m", "i"), on="b")
t.live("${m}", "${gm}", on="b")
t.beat("m", "${gm}", on="b")
t.describe848()
t.leave(A, "m", on="b")
t.describe848()
t.describe()

t = talk(
    "classic-static", "static classic members in a group of consumers", "they come back, and are removed by their names"
)
t.ready()
t.hello(A, save=EA)
t.wait(SECOND)
t.join(instance="i", on="b", protocols=owning(t), save={"m": "/memberId", **GM})
t.beat("m", "${gm}", instance="i", on="b")
t.join(instance="i", on="b", protocols=owning(t), save={"n": "/memberId", **GM})
t.beat("m", "${gm}", instance="i", on="b")
t.sync("m", "${gm}", instance="i", on="b")
t.beat("n", "${gm}", instance="i", on="b")
t.join("${m}", instance="i", on="b")
t.join("${n}", instance="i", on="b")
t.describe848()
t.leave(("", "j"), ("member-x", "i"), ("", "i", "an operator"), on="b")
t.describe848()

t = talk("classic-late", "a classic member that does not sync", "when its rebalance time is over it is gone")
t.ready()
t.hello(A, save=EA)
t.wait(SECOND)
t.named("m", on="b")
t.join("${m}", on="b", rebalance=1000, save=GM)
t.wait(1800)
t.beat("m", "${gm}", on="b")
t.describe848()

t = talk(
    "classic-does-not-rejoin", "a classic member that is told to join again and does not", "it is gone after its time"
)
t.ready(partitions=2)
t.hello(A, save=EA)
t.live(A, "${ea}", owned=[0, 1])
t.wait(SECOND)
t.named("m", on="b", protocols=owning(t))
t.join("${m}", on="b", rebalance=1000, protocols=owning(t), save=GM)
t.sync("m", "${gm}", on="b")
t.wait(SECOND)
t.hello(B, on="c", save=EB)
t.beat("m", "${gm}", on="b")
t.wait(1800)
t.beat("m", "${gm}", on="b")
t.describe848()

t = talk("classic-two", "two classic members and one of the consumer protocol", "all in one group")
t.ready(partitions=3)
t.pair(protocols=owning(t))
t.hello(A, on="c", save=EA)
t.beat("m", 2)
t.beat("n", 2, on="b")
t.join("${m}", protocols=owning(t, 0), save=GM)
t.sync("m", "${gm}")
t.join("${n}", on="b", protocols=owning(t, 1), save={"gn": "/generationId"})
t.sync("n", "${gn}", on="b")
t.live(A, "${ea}", on="c", save=EA)
t.describe848(unordered=["/groups/0/members"])
t.gone(A, on="c")
t.describe_pair()
t.beat("m", "${gm}")

t = talk(
    "sync-versions",
    "classic members whose subscriptions are of every version",
    "what they are given is of their version",
)
t.ready(partitions=4)
t.hello(A, names=[], save=EA)
for version in range(4):
    t.wait(SECOND)
    t.named("m", on="b")
    metadata = subscription(t.t, version=version, rack="r1")
    t.join("${m}", on="b", protocols=[{"name": "range", "metadata": metadata}], save=GM)
    t.sync("m", "${gm}", on="b")
    t.describe848()
    t.leave("m", on="b")

t = talk(
    "down-by-an-operator",
    "the last member of the consumer protocol is taken out with LeaveGroup",
    "the group is classic",
)
t.ready()
t.hello(A, save=EA)
t.wait(SECOND)
t.joins(on="b", save=GM)
t.leave(A)
t.describe()
t.beat("m", "${gm}", on="b")
t.join("${m}", on="b")

t = talk(
    "down-too-large",
    "a group that is larger than a classic one may be",
    "it stays what it is",
    config={"group.max.size": "1"},
)
t.ready()
t.hello(A, save=EA)
t.wait(SECOND)
t.joins("m", on="b", save=GM)
t.joins("n", on="b")
t.gone(A)
t.describe()
t.describe848()

t = talk("down-regex", "a static member of an expression comes back with the classic protocol", "it names its topics")
t.ready()
t.hello(A, regex=f"{t.t}.*", instance="i", save=EA)
again = {**until("/assignment/topicPartitions/0/partitions/0", 0), "times": 50}
t.live(A, "${ea}", instance="i", save=EA, again=again)
t.live(A, "${ea}", instance="i", owned=[0], save=EA)
t.join(instance="i", protocols=owning(t), save={"m": "/memberId", **GM})
t.describe()
t.sync("m", "${gm}", instance="i")
t.beat("m", "${gm}", instance="i")
