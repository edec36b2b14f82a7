"""FindCoordinator: where groups, transactions and share partitions are kept."""

from .groups import GroupTalk
from .talk import RUN, Talk, until, versions

FC = "FindCoordinator"
GROUP, TRANSACTION, SHARE = 0, 1, 2


def one(key, kind=GROUP):
    """Of every version: the newer ones take a list."""
    return {"key": key, "keyType": kind, "coordinatorKeys": [key]}


def found(v):
    """Until the coordinator is there: the first one who asks has its topic made."""
    return {**until("/coordinators/0/errorCode" if v > 3 else "/errorCode", 0), "times": 300}


for v in versions(0, 6):
    t = Talk(f"find-coordinator/v{v:02}", f"find coordinator {v}: of a group", "where every member of a group begins")
    t.ask(FC, v, one("g" + RUN), again=found(v))
    t = Talk(f"find-coordinator/v{v:02}-empty-key", f"find coordinator {v}: a key without letters", "it is a key, too")
    t.ask(FC, v, one(""), again=found(v))
    if v == 0:
        continue
    t = Talk(f"find-coordinator/v{v:02}-transaction", f"find coordinator {v}: of a transaction", "another topic")
    t.ask(FC, v, one("x" + RUN, TRANSACTION), again=found(v))
    t = Talk(f"find-coordinator/v{v:02}-share", f"find coordinator {v}: a key that is no share partition", "KIP-932")
    t.ask(FC, v, one("g" + RUN, SHARE))
    t = Talk(
        f"find-coordinator/v{v:02}-no-such-type", f"find coordinator {v}: of what is not there", "a type is 0 to 2"
    )
    t.ask(FC, v, one("g" + RUN, 7))
    t.ask(FC, v, one("g" + RUN, -1))

for v in (4, 5, 6):
    t = Talk(f"find-coordinator/v{v:02}-several", f"find coordinator {v}: several keys", "each is answered (KIP-699)")
    t.ask(FC, v, one("g" + RUN), again=found(v))
    t.ask(FC, v, {"keyType": GROUP, "coordinatorKeys": ["g" + RUN, "h" + RUN, "", "g" + RUN]})
    t.ask(FC, v, {"keyType": GROUP, "coordinatorKeys": []})
    t = Talk(f"find-coordinator/v{v:02}-key-of-before", f"find coordinator {v}: no keys", "as old clients do not")
    t.ask(FC, v, {"keyType": TRANSACTION, "coordinatorKeys": []})

t = Talk("find-coordinator/share-keys", "find coordinator 6: keys of share partitions", "group, topic id, partition")
for key in (
    "g:AAAAAAAAAAAAAAAAAAAJZw:0",
    "g:AAAAAAAAAAAAAAAAAAAJZw:-1",
    "g:AAAAAAAAAAAAAAAAAAAJZw:x",
    ":AAAAAAAAAAAAAAAAAAAJZw:0",
    "g:nowhere:0",
    "g:AAAAAAAAAAAAAAAAAAAJZw",
    "g:h:AAAAAAAAAAAAAAAAAAAJZw:0",
):
    is_good = key == "g:AAAAAAAAAAAAAAAAAAAJZw:0"
    again = {"again": {**until("/coordinators/0/errorCode", 0), "times": 300}} if is_good else {}
    t.ask(FC, 6, one(key, SHARE), **again)

# ---- before there is a topic of offsets ----

for v in (0, 3, 6):
    t = Talk(
        f"alone/find-coordinator-v{v:02}-first",
        f"find coordinator {v}: the first one of a cluster",
        "the topic of offsets is made because somebody asks, and the first answer is that nobody is there yet",
    )
    t.ask("Metadata", 1, {"topics": [{"name": "__consumer_offsets"}]})
    t.ask(FC, v, one("g"))
    t.ask(FC, v, one("g"), again=found(v))
    t.ask("Metadata", 1, {"topics": [{"name": "__consumer_offsets"}]}, free=["/topics/0/partitions"])

t = GroupTalk(
    "alone/groups-before-the-offsets-topic",
    "groups: before there is a topic of offsets",
    "nobody is coordinator, and nobody but FindCoordinator has the topic made",
)
t.topic()
t.join()
t.sync("member-x")
t.beat("member-x")
t.leave("member-x")
t.commit()
t.offsets()
t.offsets(topics=None)
t.offsets(v=7, stable=True)
t.forget()
t.describe()
t.delete()
t.hello()
t.gone()
t.describe848()
t.ask("ListGroups", 5, {})
t.ask("Metadata", 1, {"topics": [{"name": "__consumer_offsets"}]})

t = Talk(
    "alone/offsets-topic-settings",
    "groups: what the topic of offsets is like",
    "compacted, of 100 MiB segments, 50 partitions, uncompressed",
)
t.ask(FC, 3, one("g"), again=found(3))
names = ["cleanup.policy", "compression.type", "segment.bytes", "min.insync.replicas", "retention.ms"]
resource = {"resourceType": 2, "resourceName": "__consumer_offsets", "configurationKeys": names}
t.ask("DescribeConfigs", 4, {"resources": [resource]}, unordered=["/results/0/configs"])
t.ask("Metadata", 12, {"topics": [{"name": "__consumer_offsets"}]}, unordered=["/topics/0/partitions"])
t.ask("DeleteTopics", 3, {"topicNames": ["__consumer_offsets"], "timeoutMs": 10000})
