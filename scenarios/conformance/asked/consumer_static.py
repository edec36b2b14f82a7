"""ConsumerGroupHeartbeat: static members, and subscriptions by a regular expression."""

from .groups import A, B, C, GroupTalk, until
from .talk import versions

EA, EB = {"ea": "/memberEpoch"}, {"eb": "/memberEpoch"}
SECOND = 1200


def talk(name, title, why, **more):
    return GroupTalk(f"consumer-group-heartbeat/{name}", f"consumer group heartbeat: {title}", why, **more)


# ---- static members ----

for v in versions(0, 1):
    t = talk(f"v{v:02}-static", f"version {v}, a static member goes and comes back", "what it had is kept for it")
    t.ready(partitions=2)
    t.hello(A, v=v, instance="i", save=EA)
    t.live(A, "${ea}", v=v, instance="i", owned=[0, 1])
    t.gone(A, -2, v=v, instance="i")
    t.describe848(v=v)
    t.live(A, "${ea}", v=v, instance="i")
    t.live(A, -2, v=v, instance="i")
    t.hello(B, v=v, instance="i", save=EB)
    t.describe848(v=v)
    t.live(A, "${ea}", v=v, instance="i")
    t.live(B, "${eb}", v=v, instance="i", owned=[0, 1])
    t.gone(B, v=v, instance="i")
    t.describe848(v=v)

t = talk("static-taken", "an instance id that another member has", "it is not released before that one has left")
t.ready()
t.hello(A, instance="i", save=EA)
t.hello(B, instance="i")
t.live(B, 1, instance="i")
t.live(B, "${ea}", instance="i")
t.live(A, "${ea}", instance="j")
t.gone(B, instance="i")
t.gone(B, -2, instance="i")
t.gone(A, instance="j")
t.gone(A, -2)
t.live(A, "${ea}")
t.gone(A)
t.describe848()

t = talk("static-rejoins", "a static member joins again under its id", "while it is there its name is taken, by itself")
t.ready()
t.hello(A, instance="i", save=EA)
t.hello(A, instance="i")
t.gone(A, -2, instance="i")
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0])
t.describe848()

t = talk("static-other-names", "a static member comes back with another subscription", "then it is assigned anew")
t.topic()
t.topic("-other", id="other")
t.coordinator()
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0])
t.gone(A, -2, instance="i")
t.wait(SECOND)
t.hello(B, instance="i", names=[t.t + "-other"], save=EB)
t.live(B, "${eb}", instance="i", owned=[("${other}", [0])])
t.describe848()

t = talk("static-and-others", "a static member goes while others wait for it", "its partitions stay its own")
t.ready(partitions=2)
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i", owned=[0, 1])
t.wait(SECOND)
t.hello(B, save=EB, on="b")
t.live(A, "${ea}", instance="i")
t.gone(A, -2, instance="i")
t.live(B, "${eb}", on="b", save=EB)
t.describe848()
t.hello(C, instance="i", save={"ec": "/memberEpoch"})
t.live(B, "${eb}", on="b", save=EB)
t.describe848()

t = talk("becomes-static", "a member takes an instance id later", "nobody has it: who says so")
t.ready()
t.hello(A, save=EA)
t.live(A, "${ea}", instance="i")
t.hello(A, instance="i", save=EA)
t.live(A, "${ea}", instance="i")
t.describe848()

# ---- regular expressions (version 1, KIP-848) ----


def resolved(t, member=A, epoch="${ea}", place=0, **more):
    """Beats until partitions have come: expressions are resolved beside."""
    where = f"/assignment/topicPartitions/0/partitions/{place}"
    t.live(member, epoch, save=EA, **more, again={**until(where, place), "times": 50})


t = talk("regex", "a regular expression", "the broker finds the topics, beside, and assigns then")
t.topic(partitions=2)
t.coordinator()
t.hello(regex=f"{t.t}.*", save=EA)
resolved(t, place=1)
t.live(epoch="${ea}", owned=[0, 1])
t.describe848()
t.describe848(v=0)
t.gone()
t.describe848()

t = talk("regex-invalid", "expressions that are none", "each is refused, and nothing is left of it")
t.ready()
for regex in ("[", "(", "a{2,1}", "*", "(?<name>a)", "(?=a)", "(a)\\1", "\\"):
    t.hello(regex=regex)
t.describe848()

t = talk("regex-invalid-later", "an expression that is none, of a member that is there", "it keeps what it had")
t.ready()
t.hello(save=EA)
t.live(epoch="${ea}", regex="(")
t.live(epoch="${ea}")
t.describe848()

t = talk("regex-of-nothing", "an expression that fits no topic, and one without letters", "a member of no topics")
t.ready()
t.hello(A, regex="nothing-is-called-so", save=EA)
t.wait(500)
t.live(A, "${ea}", owned=[], save=EA)
t.describe848()
t.hello(B, regex="", on="b", save=EB)
t.describe848(free=["/groups/0/groupEpoch", "/groups/0/assignmentEpoch", "/groups/0/groupState"])

t = talk("regex-whole-name", "an expression that fits the begin of a name", "the whole name has to fit")
t.ready()
t.hello(A, regex=t.t[:-1], save=EA)
t.wait(500)
t.live(A, "${ea}", owned=[], save=EA)
t.wait(SECOND)
t.live(A, "${ea}", regex=t.t[:-1] + ".", save=EA)
resolved(t)

t = talk("regex-and-names", "an expression and names", "both count")
t.topic()
t.topic("-other", id="other")
t.coordinator()
t.live(A, 0, names=[t.t], regex=f"{t.t}-oth.*", owned=[], timeout=10000, save=EA)
t.wait(SECOND)
both = {"unordered": ["/assignment/topicPartitions"]}
full = {"names": [t.t], "regex": f"{t.t}-oth.*", "owned": [("${id}", [0])], "timeout": 10000}
t.live(
    A, "${ea}", **full, save=EA, again={**until("/assignment/topicPartitions/1/partitions/0", 0), "times": 50}, **both
)
t.describe848(
    unordered=["/groups/0/members/0/assignment/topicPartitions", "/groups/0/members/0/targetAssignment/topicPartitions"]
)
t.wait(SECOND)
t.live(A, "${ea}", regex="", save=EA)
t.live(A, "${ea}", owned=[("${id}", [0])], save=EA)
t.describe848()

t = talk("regex-two", "two members of one expression", "it is resolved already")
t.topic(partitions=2)
t.coordinator()
t.hello(A, regex=f"{t.t}.*", save=EA)
resolved(t, place=1)
t.live(A, "${ea}", owned=[0, 1])
t.wait(SECOND)
t.hello(B, regex=f"{t.t}.*", save=EB, on="b")
t.live(A, "${ea}", save=EA)
t.live(A, "${ea}", owned=[0], save=EA)
t.live(B, "${eb}", save=EB, on="b")
t.describe848()

t = talk("regex-topic-comes", "a topic that fits is made later", "new topics are looked for every ten seconds")
t.topic()
t.coordinator()
t.hello(A, regex=f"{t.t}.*", save=EA)
resolved(t)
t.live(A, "${ea}", owned=[0], save=EA)
t.wait(10_500)
t.topic("-other", id="other")
full = {"regex": f"{t.t}.*", "owned": [("${id}", [0])], "timeout": 10000}
again = {**until("/assignment/topicPartitions/1/partitions/0", 0), "times": 50}
t.live(A, "${ea}", **full, save=EA, again=again, unordered=["/assignment/topicPartitions"])

t = talk("regex-to-names", "from an expression to names, and back", "null leaves what there was; empty takes it away")
t.topic()
t.coordinator()
t.hello(A, regex=f"{t.t}.*", save=EA)
resolved(t)
t.live(A, "${ea}", owned=[0], save=EA)
t.wait(SECOND)
t.live(A, "${ea}", names=[t.t], regex="", save=EA)
t.live(A, "${ea}", save=EA)
t.describe848()
t.wait(SECOND)
t.live(A, "${ea}", names=[], regex=f"{t.t}.*", save=EA)
t.wait(SECOND)
t.live(A, "${ea}", owned=[0], names=[], timeout=10000, save=EA)

t = talk(
    "regex-static", "a static member of an expression comes back with another one", "the old one is of nobody any more"
)
t.topic()
t.topic("-other", id="other")
t.coordinator()
t.hello(A, regex=f"{t.t}", instance="i", save=EA)
resolved(t, instance="i")
t.live(A, "${ea}", owned=[0], instance="i")
t.gone(A, -2, instance="i")
t.wait(SECOND)
t.hello(B, regex=f"{t.t}-other", instance="i", save=EB)
again = {**until("/assignment/topicPartitions/0/partitions/0", 0), "times": 50}
t.live(B, "${eb}", instance="i", owned=[], save=EB, again=again)
t.describe848()

t = talk(
    "regex-removed-by-an-operator", "a member of an expression is taken out with LeaveGroup", "both protocols know it"
)
t.ready()
t.hello(A, regex=f"{t.t}.*", save=EA)
resolved(t)
t.leave(A)
t.live(A, "${ea}")
t.describe848()

t = talk("static-other-assignor", "a static member comes back with another assignor", "then it is assigned anew")
t.ready(partitions=2)
t.hello(A, instance="i", save=EA, assignor="uniform")
t.live(A, "${ea}", instance="i", owned=[0, 1])
t.gone(A, -2, instance="i")
t.wait(SECOND)
t.hello(B, instance="i", save=EB, assignor="range")
t.describe848()

t = talk(
    "full-requests", "the same full request twice, in every state of a member", "an answer that was lost is given again"
)
t.ready(partitions=2)
t.hello(A, save=EA)
full = {"names": [t.t], "timeout": 10000}
for _ in range(2):
    t.live(A, "${ea}", **full, owned=[0, 1])
t.wait(SECOND)
t.hello(B, save=EB, on="b")
for _ in range(2):
    t.live(A, "${ea}", **full, owned=[0, 1], save=EA)
for _ in range(2):
    t.live(B, "${eb}", **full, owned=[], save=EB, on="b")
t.hello(B, save=EB, on="b")
t.live(A, "${ea}", **full, owned=[0], save=EA)
t.live(A, "${ea}", **full, owned=[0], save=EA)
for _ in range(2):
    t.live(B, "${eb}", **full, owned=[], save=EB, on="b")
t.describe848()
