"""What conversations about groups are written with: a group and a topic of their own, members, and what they say.

Names have no `${run}`: a member's subscription holds them as bytes, and where a group's coordinator is comes from the
hash of its name. They are made of the conversation's path, so that conversations share a cluster all the same.
"""

import base64
import struct

from .talk import Talk, until

# Errors that are awaited by name.
NONE, UNKNOWN_MEMBER, REBALANCE = 0, 25, 27

# A member of the consumer protocol, and the epoch that a group's first one gets.
A, B, C = "member-a", "member-b", "member-c"
FIRST = 2

STEP = ("to", "on", "again", "later", "save", "free", "unordered", "client")


# ---- the consumer's own messages ----


def text(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def partitions_of(topics):
    return array([text(topic) + array([struct.pack(">i", one) for one in parts]) for topic, parts in topics.items()])


def data(value):
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def encoded(value):
    return base64.b64encode(value).decode()


def subscription(*topics, version=1, owned=None, generation=-1, rack=None, user=None):
    """ConsumerProtocolSubscription, with its version before it."""
    out = struct.pack(">h", version) + array([text(topic) for topic in topics]) + data(user)
    out += partitions_of(owned or {}) if version > 0 else b""
    out += struct.pack(">i", generation) if version > 1 else b""
    out += text(rack) if version > 2 else b""
    return encoded(out)


def assignment(topics=None, version=1, user=None):
    """ConsumerProtocolAssignment, with its version before it."""
    return encoded(struct.pack(">h", version) + partitions_of(topics or {}) + data(user))


class GroupTalk(Talk):
    """A conversation about one group, `g`, and mostly one topic, `t`."""

    def __init__(self, path, name, why, nodes=1, config=None):
        super().__init__(path, name, why, nodes, config)
        slug = path.removeprefix("alone/").replace("/", "-")
        self.g, self.t = slug + "-g", slug + "-t"

    # ---- before members come ----

    def topic(self, suffix="", partitions=1, id="id", **more):
        """Makes the topic, and waits until it can be used."""
        name = self.t + suffix
        create = {"name": name, "numPartitions": partitions, "replicationFactor": 1, **more}
        self.ask("CreateTopics", 4, {"topics": [create], "timeoutMs": 10000})
        for partition in range(partitions):
            self.settled(name, partition)
        wanted = {"topics": [{"name": name}], "allowAutoTopicCreation": False}
        self.ask("Metadata", 12, wanted, save={id: "/topics/0/topicId"})

    def settled(self, name, partition=0, leader=1):
        ask = {"partitionIndex": partition, "timestamp": -1}
        wanted = {"replicaId": -1, "topics": [{"name": name, "partitions": [ask]}]}
        place = {} if leader == 1 else {"to": leader}
        self.ask("ListOffsets", 1, wanted, **place, again=until("/topics/0/partitions/0/errorCode", 0))

    def removed(self, suffix=""):
        """Deletes the topic."""
        self.ask("DeleteTopics", 3, {"topicNames": [self.t + suffix], "timeoutMs": 10000})

    def coordinator(self, group=None):
        """Waits until the group's coordinator is there, and has read what it has to."""
        group = self.g if group is None else group
        again = {"times": 300}
        self.ask("FindCoordinator", 3, {"key": group, "keyType": 0}, again={**until("/errorCode", 0), **again})
        self.ask("OffsetFetch", 7, {"groupId": group, "topics": None}, again={**until("/errorCode", 0), **again})
        # The topic has other partitions, which are read meanwhile.
        self.wait(100)

    def ready(self, partitions=1):
        self.topic(partitions=partitions)
        self.coordinator()

    # ---- the classic protocol ----

    def protocols(self, *names, topics=None, **more):
        topics = [self.t] if topics is None else topics
        return [{"name": name, "metadata": subscription(*topics, **more)} for name in names or ("range",)]

    def join(self, member="", v=9, kind="consumer", protocols=None, session=10000, rebalance=60000, **more):
        step = taken(more, STEP)
        request = {
            "groupId": more.pop("group", self.g),
            "sessionTimeoutMs": session,
            "rebalanceTimeoutMs": rebalance,
            "memberId": member,
            "groupInstanceId": more.pop("instance", None),
            "protocolType": kind,
            "protocols": self.protocols() if protocols is None else protocols,
            "reason": more.pop("reason", None),
        }
        assert not more, more
        self.ask("JoinGroup", v, request, **step)

    def named(self, name="m", v=9, **more):
        """The first round of a dynamic member: it gets its id."""
        self.join(v=v, **more, save={name: "/memberId"})

    def joins(self, name="m", v=9, **more):
        """A dynamic member joins, whose id is saved."""
        if v < 4:
            self.join(v=v, **more, save={name: "/memberId"})
            return
        self.named(name, v, **{key: more[key] for key in more if key not in ("later", "save", "unordered", "again")})
        self.join("${%s}" % name, v, **more)

    def sync(self, member="m", generation=1, given=None, v=5, kind="consumer", protocol="range", **more):
        """`given`: the assignments by the names of the members' ids, of a leader."""
        step = taken(more, STEP)
        gives = [{"memberId": saved(name), "assignment": what} for name, what in (given or {}).items()]
        request = {
            "groupId": more.pop("group", self.g),
            "generationId": generation,
            "memberId": saved(member),
            "groupInstanceId": more.pop("instance", None),
            "protocolType": kind,
            "protocolName": protocol,
            "assignments": gives,
        }
        assert not more, more
        self.ask("SyncGroup", v, request, **step)

    def all_of(self, *partitions, topic=None):
        return assignment({topic or self.t: partitions or (0,)})

    def beat(self, member="m", generation=1, v=4, instance=None, group=None, **step):
        request = {"groupId": self.g if group is None else group, "generationId": generation}
        self.ask("Heartbeat", v, {**request, "memberId": saved(member), "groupInstanceId": instance}, **step)

    def beaten(self, member="m", generation=1, **step):
        """Waits until the member is told of a rebalance: others have come."""
        self.beat(member, generation, **step, again={**until("/errorCode", REBALANCE), "times": 100})

    def leave(self, *members, v=5, group=None, **step):
        """Each member: the name of its id, or (name, instance id), or (name, instance id, reason)."""
        whole = [(one,) if isinstance(one, str) else one for one in members]
        keys = ("memberId", "groupInstanceId", "reason")
        gone = [dict(zip(keys, (saved(one[0]), *one[1:]))) for one in whole]
        request = {"groupId": self.g if group is None else group, "members": gone}
        if v < 3:
            request = {"groupId": request["groupId"], "memberId": gone[0]["memberId"] if gone else ""}
        self.ask("LeaveGroup", v, request, **step)

    def alone(self, name="m", given=None, **more):
        """A group of one member, stable, generation 1."""
        self.joins(name, **more)
        kind = {"kind": more["kind"]} if "kind" in more else {}
        self.sync(name, 1, {name: self.all_of() if given is None else given}, **kind)

    def second(self, name="n", generation=1, first="m", **more):
        """Another member joins, on connection b, and waits for the first one, who has heard of it."""
        self.joins(name, on="b", later=True, **more)
        self.beaten(first, generation)

    def pair(self, partitions=((0,), (1,)), **more):
        """A group of two members, m (who leads) and n, stable, generation 2."""
        self.alone(**more)
        self.second(**more)
        self.join("${m}", **more, unordered=["/members"])
        self.read("b")
        given = {"m": self.all_of(*partitions[0]), "n": self.all_of(*partitions[1])}
        self.sync("m", 2, given)
        self.sync("n", 2, on="b")

    # ---- offsets ----

    def commit(self, offset=7, v=9, member="", generation=-1, topic=None, partition=0, metadata="m", **more):
        step = taken(more, STEP)
        one = {"partitionIndex": partition, "committedOffset": offset, "committedMetadata": metadata}
        one["committedLeaderEpoch"] = more.pop("epoch", -1)
        name = self.t if topic is None else topic
        topics = [{"name": name, "topicId": more.pop("id", "${id}"), "partitions": [one]}]
        request = {
            "groupId": more.pop("group", self.g),
            "generationIdOrMemberEpoch": generation,
            "memberId": saved(member),
            "groupInstanceId": more.pop("instance", None),
            "topics": more.pop("topics", topics),
            "retentionTimeMs": more.pop("retention", -1),
        }
        assert not more, more
        self.ask("OffsetCommit", v, request, **step)

    def offsets(self, *partitions, v=9, group=None, topic=None, id="${id}", stable=False, **more):
        """Without partitions: partition 0. `topics=None` asks for all."""
        step = taken(more, STEP)
        topics = [{"name": topic or self.t, "topicId": id, "partitionIndexes": list(partitions or (0,))}]
        topics = more.pop("topics", topics)
        group = self.g if group is None else group
        member = {"memberId": saved(more.pop("member", None)), "memberEpoch": more.pop("epoch", -1)}
        assert not more, more
        if v < 8:
            request = {"groupId": group, "topics": topics, "requireStable": stable}
        else:
            request = {"groups": [{"groupId": group, **member, "topics": topics}], "requireStable": stable}
        self.ask("OffsetFetch", v, request, **step)

    def forget(self, *partitions, group=None, topic=None, **step):
        """OffsetDelete."""
        parts = [{"partitionIndex": one} for one in partitions or (0,)]
        topics = [{"name": self.t if topic is None else topic, "partitions": parts}]
        self.ask("OffsetDelete", 0, {"groupId": self.g if group is None else group, "topics": topics}, **step)

    # ---- what others see ----

    def describe(self, *groups, v=6, operations=False, **step):
        request = {"groups": list(groups or (self.g,)), "includeAuthorizedOperations": operations}
        self.ask("DescribeGroups", v, request, **step)

    def describe_pair(self, v=6):
        self.describe(v=v, unordered=["/groups/0/members"])

    def delete(self, *groups, v=2, **step):
        self.ask("DeleteGroups", v, {"groupsNames": list(groups or (self.g,))}, **step)

    # ---- the consumer protocol (KIP-848) ----

    def hello(self, member=A, v=1, names=None, timeout=10000, **more):
        """A member joins."""
        names = {"names": [self.t] if names is None else names} if "regex" not in more else {}
        self.live(member, 0, owned=[], v=v, **names, timeout=timeout, **more)

    def live(self, member=A, epoch=1, owned=None, v=1, names=None, timeout=-1, **more):
        """A heartbeat. `owned`: partitions of the topic, or (id, partitions) each."""
        step = taken(more, STEP)
        if owned and isinstance(owned[0], int):
            owned = [("${id}", owned)]
        request = {
            "groupId": more.pop("group", self.g),
            "memberId": member,
            "memberEpoch": epoch,
            "instanceId": more.pop("instance", None),
            "rackId": more.pop("rack", None),
            "rebalanceTimeoutMs": timeout,
            "subscribedTopicNames": names,
            "serverAssignor": more.pop("assignor", None),
            "topicPartitions": owned and [{"topicId": id, "partitions": list(parts)} for id, parts in owned],
        }
        if owned == []:
            request["topicPartitions"] = []
        if "regex" in more:
            request["subscribedTopicRegex"] = more.pop("regex")
        assert not more, more
        self.ask("ConsumerGroupHeartbeat", v, request, **step)

    def gone(self, member=A, epoch=-1, **more):
        self.live(member, epoch, **more)

    def describe848(self, *groups, v=1, operations=False, **step):
        request = {"groupIds": list(groups or (self.g,)), "includeAuthorizedOperations": operations}
        step = {"unordered": ["/groups/0/members"], **step}
        self.ask("ConsumerGroupDescribe", v, request, **step)

    def reaches(self, member=A, epoch=FIRST, is_=FIRST, **more):
        """Beats until the member has an epoch; the last answer counts."""
        self.live(member, epoch, **more, again={**until("/memberEpoch", is_), "times": 100})


def taken(more, keys):
    return {key: more.pop(key) for key in keys if key in more}


def saved(name):
    """The value that was saved under a name; a text that is longer stands for itself."""
    if name is None or name == "" or len(name) > 2:
        return name
    return "${%s}" % name
