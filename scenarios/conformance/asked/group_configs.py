"""Settings of groups (the resource type GROUP): what a group may be told to live by, and that it does."""

from .configs import replace
from .groups import A, GroupTalk
from .talk import RUN, Talk
from .topics_and_configs import APPEND, DELETE, GROUP, SET, alter, describe

NAMES = ("session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms")
SESSION, BEAT, ASSIGN = (f"consumer.{name}" for name in NAMES)
OURS = (SESSION, BEAT, ASSIGN)


def of_group(*changes, **more):
    return alter(*changes, kind=GROUP, **{"name": "g" + RUN, **more})


def told(t, *keys, name="g" + RUN):
    """A broker learns of it by and by."""
    t.wait(300)
    t.ask("DescribeConfigs", 4, describe(*keys, kind=GROUP, name=name, includeSynonyms=True))


def altering(file, title, why, *requests, keys=OURS, config=None):
    """Each of `requests` is a list of changes, or a whole request."""
    folder = "settings" if config else "incremental-alter-configs"
    t = Talk(f"{folder}/group-{file}", f"incremental alter configs: of a group, {title}", why, config=config)
    for request in requests:
        whole = request if isinstance(request, dict) else of_group(*request)
        t.ask("IncrementalAlterConfigs", 1, whole)
    told(t, *keys)
    return t


t = altering("set", "and taken back", "a group lives by its own", [(SESSION, SET, "50000"), (BEAT, SET, " 7000 ")])
t.ask("IncrementalAlterConfigs", 1, of_group((SESSION, DELETE, None), (ASSIGN, SET, "2000")))
told(t, *OURS)
t.ask("IncrementalAlterConfigs", 1, of_group((BEAT, DELETE, None), (ASSIGN, DELETE, None)))
told(t, *OURS)
altering(
    "out-of-bounds",
    "what brokers do not allow",
    "brokers have a least and a most",
    *([(SESSION, SET, value)] for value in ("44999", "60001", "45000", "60000")),
    *([(BEAT, SET, value)] for value in ("4999", "15001", "15000")),
    *([(ASSIGN, SET, value)] for value in ("15001", "0")),
)
altering(
    "out-of-bounds-of-others",
    "of share and streams groups, what brokers do not allow",
    "they are judged with the rest",
    *(
        [(name, SET, value)]
        for name, values in (
            ("share.session.timeout.ms", ("44999", "60001")),
            ("share.heartbeat.interval.ms", ("4999", "15001")),
            ("share.record.lock.duration.ms", ("999", "14999", "60001")),
            ("share.delivery.count.limit", ("1", "11", "3")),
            ("share.partition.max.record.locks", ("99", "4001")),
            ("share.assignment.interval.ms", ("15001",)),
            ("streams.session.timeout.ms", ("44999", "60001")),
            ("streams.heartbeat.interval.ms", ("4999", "15001")),
            ("streams.num.standby.replicas", ("-1", "3", "1")),
            ("streams.initial.rebalance.delay.ms", ("-1", "0")),
            ("streams.assignment.interval.ms", ("15001",)),
        )
        for value in values
    ),
    keys=(),
)
altering(
    "session-and-heartbeat",
    "a session that is no longer than its heartbeat",
    "there must be one heartbeat at least",
    [(BEAT, SET, "45000")],
    [(SESSION, SET, "6000"), (BEAT, SET, "6000")],
    [(SESSION, SET, "6001"), (BEAT, SET, "6000")],
    [(SESSION, SET, "5000")],
    config={
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.max.heartbeat.interval.ms": "60000",
        "group.consumer.session.timeout.ms": "45000",
    },
)
altering(
    "bad-values",
    "values that are none",
    "each is refused",
    *([(SESSION, SET, value)] for value in ("long", "", "0", "-1", "50000.5", "3000000000")),
    [("share.isolation.level", SET, "none")],
    [("share.isolation.level", SET, "READ_COMMITTED")],
    [("share.isolation.level", SET, "read_committed")],
    *(
        [("share.auto.offset.reset", SET, value)]
        for value in ("none", "by_duration:PT1H", "by_duration:-PT1H", "earliest")
    ),
    *([("share.renew.acknowledge.enable", SET, value)] for value in ("maybe", "FALSE")),
    keys=(SESSION, "share.isolation.level", "share.auto.offset.reset", "share.renew.acknowledge.enable"),
)
altering(
    "unknown-key",
    "a setting that is none",
    "it is refused",
    [("no.such.config", SET, "1")],
    [("no.such.config", DELETE, None)],
)
altering("key-of-a-topic", "a setting of topics", "it is none of a group's", [("retention.ms", SET, "1000")])
altering("append", "something is added", "it is no list", [(SESSION, APPEND, "1")])
altering("null-value", "null", "it is refused", [(SESSION, SET, None)])
altering(
    "key-twice",
    "one setting twice",
    "it is not clear what is meant",
    [(SESSION, SET, "50000"), (SESSION, SET, "50001")],
)
altering("only-validated", "validateOnly", "nothing changes", of_group((SESSION, SET, "50000"), validateOnly=True))
altering("empty", "the group without a name", "there is none for all", of_group((SESSION, SET, "50000"), name=""))
altering(
    "two-wrong",
    "two that are wrong, one that is right",
    "one of them is told, and nothing is set",
    [(SESSION, SET, "1"), (BEAT, SET, "1"), (ASSIGN, SET, "5000")],
    [("no.such.config", SET, "1"), (SESSION, SET, "long")],
)
altering(
    "with-others",
    "and another that is wrong",
    "each stands for itself",
    {
        "resources": of_group((SESSION, SET, "50000"))["resources"]
        + of_group((SESSION, SET, "1"), name="h" + RUN)["resources"]
    },
)

t = Talk("alter-configs/group", "alter configs: of a group", "what is not named is taken back")
for settings in (((SESSION, "50000"), (BEAT, "7000")), ((BEAT, "8000"),), ((BEAT, "1"),), ()):
    t.ask("AlterConfigs", 2, replace(*settings, kind=GROUP, name="g" + RUN))
    told(t, *OURS)

t = GroupTalk(
    "consumer-group-heartbeat/group-configs",
    "consumer group heartbeat: the group has settings of its own",
    "members are told how often to be heard of; a broker learns of it by and by",
)
t.ready()
t.hello(A, save={"ea": "/memberEpoch"})
t.ask("IncrementalAlterConfigs", 1, of_group((BEAT, SET, "7000"), name=t.g))
t.wait(500)
t.live(A, "${ea}", owned=[0])
t.ask("IncrementalAlterConfigs", 1, of_group((BEAT, DELETE, None), name=t.g))
t.wait(500)
t.live(A, "${ea}")

t = GroupTalk(
    "group-protocols/before-the-first-generation",
    "group protocols: a consumer comes before a classic group has had a generation",
    "such a group has no protocol yet",
    config={"group.initial.rebalance.delay.ms": "3000"},
)
t.ready()
t.named("m")
t.join("${m}", on="b", later=True)
t.wait(300)
t.hello(A)
t.describe()
t.read("b")
t.hello(A)
