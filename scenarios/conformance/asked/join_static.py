"""JoinGroup: static members, groups that are full, and the delay of the first rebalance."""

from .groups import GroupTalk

MEMBERS = ["/members"]


def talk(name, title, why, **more):
    return GroupTalk(f"join-group/{name}", f"join group: {title}", why, **more)


# ---- static members (KIP-345) ----

for v in (5, 7, 8, 9):
    t = talk(f"v{v:02}-static", f"version {v}, a static member comes back", "it takes its place, without a rebalance")
    t.ready()
    t.join(v=v, instance="i", save={"m": "/memberId"})
    t.sync("m", 1, {"m": t.all_of()}, instance="i")
    t.join(v=v, instance="i", save={"n": "/memberId"})
    t.beat("m", 1, instance="i")
    t.beat("m", 1)
    t.beat("n", 1, instance="i")
    t.sync("n", 1, instance="i")
    t.sync("m", 1, instance="i")
    t.join("${m}", v=v, instance="i")
    t.describe()

t = talk(
    "static-follower", "a static follower comes back, beside a dynamic leader", "no rebalance; it is told who leads"
)
t.ready()
t.alone()
t.join(instance="i", on="b", later=True)
t.beaten()
t.join("${m}", unordered=MEMBERS)
t.read("b", save={"n": "/memberId"})
t.sync("m", 2, {"m": t.all_of(0), "n": t.all_of(1)})
t.sync("n", 2, instance="i", on="b")
t.join(instance="i", on="c", save={"o": "/memberId"})
t.sync("o", 2, instance="i", on="c")
t.beat("m", 2)
t.beat("n", 2, instance="i", on="b")
t.describe_pair()

t = talk(
    "static-other-protocol", "a static member comes back with other protocols", "what changes the choice, rebalances"
)
t.ready()
t.join(instance="i", protocols=t.protocols("range", "sticky"), save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join(instance="i", protocols=t.protocols("range"), save={"n": "/memberId"})
t.join(instance="i", protocols=t.protocols("sticky"), save={"o": "/memberId"})
t.sync("o", 2, {"o": t.all_of()}, protocol="sticky", instance="i")
t.describe()

t = talk(
    "static-other-topics", "a static member comes back with other topics", "no rebalance: the protocol is the same"
)
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join(instance="i", protocols=t.protocols(topics=[t.t, "another"]), save={"n": "/memberId"})
t.describe()
t.join("${n}", instance="i", protocols=t.protocols(topics=[t.t, "another"]))

t = talk("static-completing", "a static member comes back before anything is assigned", "a rebalance, and it is fenced")
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.join(instance="i", save={"n": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.sync("n", 2, {"n": t.all_of()}, instance="i")
t.describe()

t = talk(
    "static-preparing", "a static member comes back while others are awaited", "who waited under its name is fenced"
)
t.ready()
t.alone()
t.join(instance="i", on="b", later=True)
t.beaten()
t.join(instance="i", on="c", later=True)
t.read("b")
t.join("${m}", unordered=MEMBERS)
t.read("c", save={"n": "/memberId"})
t.describe_pair()

t = talk("static-awaits-sync", "a static member comes back while it awaits its assignment", "the old one is fenced")
t.ready()
t.alone()
t.join(instance="i", on="b", later=True)
t.beaten()
t.join("${m}", unordered=MEMBERS)
t.read("b", save={"n": "/memberId"})
t.sync("n", 2, instance="i", on="b", later=True)
t.wait(200)
t.join(instance="i", on="c", later=True)
t.read("b")
t.sync("m", 2, {"m": t.all_of()})
t.join("${m}", unordered=MEMBERS)
t.read("c")

t = talk("static-late", "a static member that does not join again", "it stays in the group until its session ends")
t.ready()
t.join(instance="i", rebalance=1000, save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join(instance="j", rebalance=1000, on="b", later=True)
t.read("b", save={"n": "/memberId"}, unordered=MEMBERS)
t.describe_pair()
t.beat("m", 1, instance="i")
t.beat("m", 2, instance="i")
t.sync("n", 2, {"m": t.all_of(0), "n": t.all_of(1)}, instance="j", on="b")
t.sync("m", 2, instance="i")
t.describe_pair()

t = talk("static-fenced", "an instance id with another member's id", "fenced, or unknown")
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join("member-x", instance="i")
t.join("member-x", instance="j")
t.join("${m}", instance="j")
t.join("${m}")
t.join("${m}", instance="i")
t.join(instance="")

t = talk("static-leaves", "a static member leaves, and comes back", "whoever left by its name is a new member")
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.leave(("", "i"))
t.describe()
t.join(instance="i", save={"n": "/memberId"})
t.beat("m", 1, instance="i")

t = talk("static-pending", "an instance id with an id that was given to a dynamic member", "nobody expects that")
t.ready()
t.named()
t.join("${m}", instance="i")
t.join("${m}")

t = talk(
    "static-knows-its-id", "static members join again under their ids", "as dynamic ones do: the leader rebalances"
)
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join(instance="j", on="b", later=True)
t.beaten("m", 1, instance="i")
t.join("${m}", instance="i", unordered=MEMBERS)
t.read("b", save={"n": "/memberId"})
t.sync("m", 2, {"m": t.all_of(0), "n": t.all_of(1)}, instance="i")
t.sync("n", 2, instance="j", on="b")
t.join("${n}", instance="j", on="b")
t.join("${n}", on="b")
t.join("${n}", instance="i", on="b")
t.join("${m}", instance="i", later=True)
t.beaten("n", 2, instance="j", on="b")
t.join("${n}", instance="j", on="b")
t.read("a", unordered=MEMBERS)
t.describe_pair()

t = talk("static-follower-other-protocol", "a static follower comes back with another choice", "all have to join again")
t.ready()
t.alone(protocols=t.protocols("range", "sticky"))
t.join(instance="i", on="b", later=True, protocols=t.protocols("range", "sticky"))
t.beaten()
t.join("${m}", protocols=t.protocols("range", "sticky"), unordered=MEMBERS)
t.read("b", save={"n": "/memberId"})
t.sync("m", 2, {"m": t.all_of(0), "n": t.all_of(1)})
t.sync("n", 2, instance="i", on="b")
t.join(instance="i", on="c", later=True, protocols=t.protocols("sticky"))
t.beaten("m", 2)
t.join("${m}", protocols=t.protocols("range", "sticky"), unordered=MEMBERS)
t.read("c")
t.beat("n", 2, instance="i", on="b")

t = talk(
    "static-all-late", "static members that have gone without a word", "a rebalance waits for them until it is over"
)
t.ready()
t.join(instance="i", rebalance=1000, save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.named("n", on="b")
t.join("${n}", on="b", rebalance=1000, unordered=MEMBERS)
t.leave("n", on="b")
t.wait(300)
t.describe()
t.wait(2000)
t.describe()
t.join("${m}", instance="i", rebalance=1000)
t.describe()

# ---- how many ----

FULL = {"group.max.size": "2"}
t = talk("full", "one more than a group may have", "known members come in, others do not", config=FULL)
t.ready()
t.pair(rebalance=2000)
t.join(on="c")
t.join("member-x", on="c")
t.join("${m}", later=True, rebalance=2000)
t.beaten("n", 2, on="b")
t.named("o", on="c")
t.join("${n}", on="b", later=True, rebalance=2000)
t.wait(300)
t.join("${o}", on="c")
t.read("a", unordered=MEMBERS)
t.read("b")
t.describe_pair()

t = talk("full-of-pending", "ids are given to more than a group may have", "it counts who has joined", config=FULL)
t.ready()
t.named("m")
t.named("n", on="b")
t.named("o", on="c")
t.join("${m}", rebalance=2000)
t.join("${n}", on="b", later=True, rebalance=2000)
t.beaten()
t.join("${m}", later=True, rebalance=2000)
t.wait(300)
t.join("${o}", on="c")
t.read("a", unordered=MEMBERS)
t.read("b")

t = talk("full-static", "a static member comes back into a full group", "it is in already", config=FULL)
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
t.join(instance="j", on="b", later=True)
t.beaten("m", 1, instance="i")
t.join("${m}", instance="i", unordered=MEMBERS)
t.read("b", save={"n": "/memberId"})
t.sync("m", 2, {"m": t.all_of(0), "n": t.all_of(1)}, instance="i")
t.join(instance="i", on="c")
t.join(instance="k", on="c")

# ---- the first members of a group ----

DELAY = {"group.initial.rebalance.delay.ms": "1500"}
t = talk("delay", "two members within the first rebalance's delay", "both are of the first generation", config=DELAY)
t.ready()
t.named("m")
t.join("${m}", later=True)
t.named("n", on="b")
t.join("${n}", on="b", later=True, protocols=t.protocols(topics=["another"]))
t.wait(300)
t.describe(on="c", unordered=["/groups/0/members"])
t.read("a", unordered=MEMBERS)
t.read("b")
t.join("${m}", later=True)
t.beaten("n", 1, on="b")
t.join("${n}", on="b", protocols=t.protocols(topics=["another"]))
t.read("a", unordered=MEMBERS)

t = talk("delay-static", "one static member twice within the delay", "the first one is fenced", config=DELAY)
t.ready()
t.join(instance="i", later=True)
t.wait(300)
t.join(instance="i", on="b", later=True)
t.read("a")
t.read("b")

t = talk(
    "delay-leaves", "the only member leaves within the delay", "its join is answered; the group is empty", config=DELAY
)
t.ready()
t.named("m")
t.join("${m}", later=True)
t.wait(300)
t.leave("m", on="b")
t.read("a")
t.describe(on="b")
t.wait(2000)
t.describe(on="b")

t = talk(
    "delay-again",
    "others come while the first rebalance is put off",
    "each puts it off anew, up to a limit",
    config=DELAY,
)
t.ready()
t.named("m")
t.named("n", on="b")
t.named("o", on="c")
t.join("${m}", later=True, rebalance=60000)
t.wait(800)
t.join("${n}", on="b", later=True)
t.wait(1200)
t.describe(on="d", unordered=["/groups/0/members"])
t.join("${o}", on="c", later=True)
t.read("a", unordered=MEMBERS)
t.read("b")
t.read("c")

t = talk(
    "delay-short-rebalance", "a rebalance timeout that is shorter than the delay", "the delay counts", config=DELAY
)
t.ready()
t.named("m")
t.join("${m}", later=True, rebalance=100)
t.wait(700)
t.describe(on="b")
t.read("a")
