"""DescribeGroups, ListGroups and DeleteGroups: what operators see and do."""

import struct

from .groups import GroupTalk, text
from .talk import versions

# ---- DescribeGroups ----

for v in versions(0, 6):
    t = GroupTalk(
        f"describe-groups/v{v:02}", f"describe groups {v}: in every state", "what an operator sees of members"
    )
    t.ready(partitions=2)
    t.describe(v=v)
    t.commit(1)
    t.describe(v=v)
    t.named()
    t.describe(v=v)
    t.join("${m}")
    t.describe(v=v)
    t.sync("m", 1, {"m": t.all_of(0, 1)})
    t.describe(v=v)
    t.second()
    t.describe_pair(v=v)
    t.join("${m}", unordered=["/members"])
    t.read("b")
    t.describe_pair(v=v)
    t.leave("m", "n")
    t.describe(v=v)
    t.delete()
    t.describe(v=v)
    t.describe("", v=v)

    t = GroupTalk(
        f"describe-groups/v{v:02}-several", f"describe groups {v}: several, twice, none", "each has an answer"
    )
    t.ready()
    t.alone()
    t.ask("DescribeGroups", v, {"groups": [t.g, "nowhere", t.g, "", "another"]}, unordered=["/groups"])
    t.ask("DescribeGroups", v, {"groups": []})

for v in (3, 4, 5, 6):
    t = GroupTalk(f"describe-groups/v{v:02}-operations", f"describe groups {v}: what may be done", "as bits (KIP-430)")
    t.ready()
    t.alone()
    t.describe(v=v, operations=True)
    t.describe("nowhere", v=v, operations=True)

t = GroupTalk("describe-groups/static", "describe groups: static members", "their names are told from version 4 on")
t.ready()
t.join(instance="i", save={"m": "/memberId"})
t.sync("m", 1, {"m": t.all_of()}, instance="i")
for v in (3, 4, 6):
    t.describe(v=v)

t = GroupTalk("describe-groups/of-consumers", "describe groups: a group of the consumer protocol", "it is not classic")
t.ready()
t.hello()
for v in versions(0, 6):
    t.describe(v=v)
t.gone()
t.describe()

# ---- ListGroups: of a cluster of its own, it tells of all ----

GROUPS = ["/groups"]


def populated(name, title, why, hello=False):
    t = GroupTalk(f"alone/list-groups-{name}", f"list groups: {title}", why)
    t.ready()
    for suffix in ("-empty", "-simple", "-connect", "-named", "-848", "-gone"):
        t.coordinator(t.g + suffix)
    t.wait(1000)
    t.alone()
    t.second()
    t.commit(1, group=t.g + "-simple")
    t.joins("o", group=t.g + "-empty")
    t.leave("o", group=t.g + "-empty")
    t.joins("p", group=t.g + "-connect", kind="connect", protocols=[{"name": "p", "metadata": "AQ=="}])
    t.named("q", group=t.g + "-named")
    t.hello(group=t.g + "-848")
    t.hello(group=t.g + "-gone")
    t.gone(group=t.g + "-gone")
    return t


def listed(t, v, **more):
    t.ask("ListGroups", v, more, unordered=GROUPS)


t = populated("versions", "every version", "the plainest path")
for v in versions(0, 5):
    listed(t, v)
t.delete(t.g + "-empty", t.g + "-simple", unordered=["/results"])
listed(t, 5)
t.close("b")

t = populated("states", "by states", "upper and lower case, several, unknown ones (KIP-518)")
for v in (4, 5):
    for states in (
        ["Empty"],
        ["Stable", "PreparingRebalance"],
        ["empty", "STABLE"],
        ["CompletingRebalance"],
        ["Dead"],
        ["Assigning", "Reconciling"],
        ["NoSuchState"],
        ["NoSuchState", "Empty"],
        [""],
    ):
        listed(t, v, statesFilter=states)
t.close("b")

t = populated("types", "by types", "upper and lower case, several, unknown ones (KIP-848)")
for types in (["classic"], ["Consumer"], ["CLASSIC", "consumer"], ["share"], ["streams"], ["NoSuchType"], [""]):
    listed(t, 5, typesFilter=types)
for states, types in ((["Empty"], ["consumer"]), (["Stable"], ["classic", "consumer"]), (["Empty"], ["NoSuchType"])):
    listed(t, 5, statesFilter=states, typesFilter=types)
listed(t, 5, typesFilter=["NoSuchType", "classic"])
t.close("b")

t = GroupTalk("alone/list-groups-none", "list groups: before there are any", "there are none")
t.coordinator()
t.wait(1000)
for v in versions(0, 5):
    t.ask("ListGroups", v, {})

t = GroupTalk("alone/list-groups-refused", "list groups: groups that refused everybody", "they are there all the same")
t.ready()
t.wait(1000)
t.join(kind="")
t.join("member-x", group=t.g + "-2")
t.commit(1, group=t.g + "-3", generation=1, member="member-x")
t.beat("member-x", 1, group=t.g + "-4")
t.offsets(group=t.g + "-5")
t.live(group=t.g + "-6")
t.hello(group=t.g + "-7", assignor="nobody's")
t.commit(1, group=t.g + "-8", metadata="x" * 5000)
t.ask("ListGroups", 5, {}, unordered=GROUPS)

# ---- DeleteGroups ----

for v in versions(0, 2):
    t = GroupTalk(f"delete-groups/v{v:02}", f"delete groups {v}: in every state", "only a group without members")
    t.ready()
    t.delete(v=v)
    t.delete("", v=v)
    t.alone()
    t.commit(3, member="m", generation=1)
    t.delete(v=v)
    t.second()
    t.delete(v=v)
    t.join("${m}", unordered=["/members"])
    t.read("b")
    t.delete(v=v)
    t.leave("m", "n")
    t.delete(v=v)
    t.offsets()
    t.describe()
    t.delete(v=v)
    t.joins()
    t.delete(v=v)
    t.leave("m")
    t.delete(v=v)
    t.beat("m", 1)
    t.commit(4)
    t.offsets()
    t.delete(v=v)

    t = GroupTalk(f"delete-groups/v{v:02}-several", f"delete groups {v}: several, twice, none", "each has an answer")
    t.ready()
    t.alone()
    for suffix in ("-2", "-3"):
        t.coordinator(t.g + suffix)
        t.commit(group=t.g + suffix)
    t.delete(t.g + "-2", t.g, "nowhere", t.g + "-2", v=v, unordered=["/results"])
    t.ask("DeleteGroups", v, {"groupsNames": []})
    t.offsets(group=t.g + "-2")
    t.offsets(group=t.g + "-3")

t = GroupTalk("delete-groups/pending", "delete groups: a group that has only given ids away", "it has no members yet")
t.ready()
t.named()
t.delete()
t.join("${m}")
t.describe()

t = GroupTalk("delete-groups/of-consumers", "delete groups: of the consumer protocol", "only without members")
t.ready()
t.hello(save={"e": "/memberEpoch"})
t.commit(3, member="member-a", generation="${e}")
t.delete()
t.gone()
t.delete()
t.describe848()
t.offsets()
t.live(epoch="${e}")
t.gone()
t.hello()
t.describe848()

# ---- no group at all ----


def frame(key, version, body):
    """A request as bytes: no client writes null where it is not allowed."""
    head = struct.pack(">hhi", key, version, 7) + text("trial")
    return struct.pack(">i", len(head) + len(body)) + head + body


NOTHING = text(None)
for name, key, version, body in (
    ("offset-commit", 8, 2, NOTHING + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 0)),
    ("offset-fetch", 9, 1, NOTHING + struct.pack(">i", 0)),
    ("join-group", 11, 0, NOTHING + struct.pack(">i", 10000) + text("") + text("consumer") + struct.pack(">i", 0)),
    ("heartbeat", 12, 0, NOTHING + struct.pack(">i", 1) + text("member-x")),
    ("find-coordinator", 10, 0, NOTHING),
    ("describe-groups", 15, 0, struct.pack(">i", 1) + NOTHING),
):
    t = GroupTalk(f"{name}/null-group", f"{name.replace('-', ' ')}: null for a group's id", "the frame cannot be read")
    t.raw(frame(key, version, body))
