"""DescribeConfigs, IncrementalAlterConfigs and AlterConfigs: what is set, where it comes from, and who may set it.

Those of topics in every version are in `topics_and_configs.py`. What changes brokers has a cluster of its own (`alone`).
"""

from pathlib import Path

from .talk import RUN, Talk, batch, until, versions
from .topics_and_configs import APPEND, BROKER, DELETE, GROUP, LOGGER, SET, SUBTRACT, TOPIC, alter, describe

METRICS = 16
SETTINGS = Path(__file__).resolve().parents[3] / "cluster" / "settings-4.3.0.txt"
# What a cluster is made of: ports, folders, and what else the oracle says in its own file.
OF_A_PLACE = {
    "advertised.listeners",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "group.initial.rebalance.delay.ms",
    "listeners",
    "log.dir",
    "log.dirs",
    "log.initial.task.delay.ms",
    "offsets.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
}


def settings(section):
    lines = SETTINGS.read_text().split(f"[{section}]\n")[1].split("[")[0].splitlines()
    return [line.split()[0] for line in lines if line]


# ---- DescribeConfigs ----

t = Talk(
    "describe-configs/all-of-a-broker",
    "describe configs 4: all settings of a broker",
    "what brokers can be set to, what of it while they run, and to what it is set",
)
names = [name for name in settings("broker") if name not in OF_A_PLACE]
t.ask("DescribeConfigs", 4, describe(*names, kind=BROKER, name="1", includeSynonyms=True))
t = Talk("describe-configs/synonyms", "describe configs: all of a topic, with synonyms", "who sets what, nearest first")
t.topic(config={"cleanup.policy": "compact", "segment.ms": " 60000 "})
t.ask("DescribeConfigs", 4, describe(includeSynonyms=True))
t = Talk("describe-configs/internal", "describe configs: a setting of Kafka's own", "it is told where it is set")
t.topic(config={"internal.segment.bytes": "4096"})
t.ask("DescribeConfigs", 4, describe("internal.segment.bytes"))
t = Talk("describe-configs/twice", "describe configs: one topic twice, one setting twice", "each is answered")
t.topic()
both = describe("retention.ms", "retention.ms")["resources"] * 2
t.ask("DescribeConfigs", 4, {"resources": both})
t = Talk("describe-configs/nothing", "describe configs: of nothing", "nothing is asked, and that is answered")
t.ask("DescribeConfigs", 4, {"resources": []})
for what, kind, names in (
    ("group", GROUP, ("g" + RUN, "")),
    ("client-metrics", METRICS, ("m" + RUN, "")),
    ("logger", LOGGER, ("", "9", "one")),
):
    t = Talk(f"describe-configs/{what}", f"describe configs: {what.replace('-', ' ')}", "it is there as soon as asked")
    for name in names:
        t.ask("DescribeConfigs", 4, describe(kind=kind, name=name, includeSynonyms=True))
t = Talk("describe-configs/root-logger", "describe configs: the root logger", "every broker has one")
t.ask("DescribeConfigs", 4, describe("root", kind=LOGGER, name="1"))

# ---- settings of brokers ----


def changing(file, title, *changes, name="1", told=None, v=1):
    """Changes a broker or all, and asks what is set then."""
    t = Talk(f"alone/configs-{file}", f"incremental alter configs: {title}", "what brokers live by can be changed")
    for change in changes:
        t.ask("IncrementalAlterConfigs", v, alter(*change, kind=BROKER, name=name))
    t.wait(500)
    if told:
        t.ask("DescribeConfigs", 4, describe(*told, kind=BROKER, name="1", includeSynonyms=True))
        t.ask("DescribeConfigs", 4, describe(*told, kind=BROKER, name="", includeSynonyms=True))
    return t


t = changing(
    "of-a-broker",
    "of a broker, and taken back",
    [("log.retention.ms", SET, "3600000"), ("log.cleanup.policy", APPEND, "compact"), ("log.cleaner.threads", SET, "2")],
    told=("log.retention.ms", "log.retention.hours", "log.cleanup.policy", "log.cleaner.threads"),
)
t.topic()
t.ask("DescribeConfigs", 4, describe("retention.ms", "cleanup.policy", includeSynonyms=True))
t.ask("IncrementalAlterConfigs", 1, alter(("log.retention.ms", DELETE, None), kind=BROKER, name="1"))
t.wait(500)
t.ask("DescribeConfigs", 4, describe("log.retention.ms", kind=BROKER, name="1", includeSynonyms=True))
t.ask("DescribeConfigs", 4, describe("retention.ms", includeSynonyms=True))
t = changing(
    "of-all",
    "of all brokers",
    [("message.max.bytes", SET, "100"), ("log.segment.bytes", SET, "2097152"), ("min.insync.replicas", SET, "2")],
    name="",
    told=("message.max.bytes", "log.segment.bytes", "min.insync.replicas"),
)
t.topic()
t.ask("DescribeConfigs", 4, describe("max.message.bytes", "min.insync.replicas", includeSynonyms=True))
t.produce(batch({"value": "x", "repeat": 500}))
t.topic("own", config={"max.message.bytes": "100000"})
t.produce(batch({"value": "x", "repeat": 500}), topic="own")
t = changing(
    "of-both",
    "of all brokers, and of one",
    [("log.flush.interval.messages", SET, "7")],
    name="",
    told=("log.flush.interval.messages",),
)
t.ask("IncrementalAlterConfigs", 1, alter(("log.flush.interval.messages", SET, "8"), kind=BROKER, name="1"))
t.wait(500)
for name in ("1", ""):
    told = describe("log.flush.interval.messages", kind=BROKER, name=name, includeSynonyms=True)
    t.ask("DescribeConfigs", 4, told)
t.topic()
t.ask("DescribeConfigs", 4, describe("flush.messages", includeSynonyms=True))


def refused(file, title, *changes, kind=BROKER, name="1", v=1, **more):
    t = Talk(f"incremental-alter-configs/{file}", f"incremental alter configs: {title}", "it is refused")
    for change in changes:
        t.ask("IncrementalAlterConfigs", v, alter(change, kind=kind, name=name, validateOnly=True, **more))
    return t


refused(
    "broker-bad-value",
    "values that a broker does not take",
    ("log.retention.ms", SET, "long"),
    ("message.max.bytes", SET, "-1"),
    ("log.cleanup.policy", SET, "burn"),
    ("unclean.leader.election.enable", SET, "maybe"),
    ("log.cleaner.io.buffer.load.factor", SET, "x"),
)
refused(
    "broker-threads",
    "more than twice or less than half of the threads",
    ("num.io.threads", SET, "17"),
    ("num.io.threads", SET, "3"),
    ("num.io.threads", SET, "16"),
    ("num.replica.fetchers", SET, "3"),
    ("num.network.threads", SET, "7"),
    ("log.cleaner.threads", SET, "3"),
    ("num.io.threads", SET, "0"),
)
refused(
    "broker-read-only",
    "what cannot be changed",
    ("num.partitions", SET, "2"),
    ("log.retention.hours", SET, "1"),
    ("log.dirs", SET, "/x"),
    ("log.dirs", DELETE, None),
)
refused("broker-min-insync", "min.insync.replicas of one broker", ("min.insync.replicas", SET, "2"))
refused("cluster-min-insync", "no min.insync.replicas", ("min.insync.replicas", DELETE, None), name="")
refused("broker-append", "a number is added to", ("log.retention.ms", APPEND, "1"), ("log.dirs", SUBTRACT, "1"))
refused("broker-operation", "an operation that is none", ("log.retention.ms", 9, "1"))
refused("broker-null", "null for a broker", ("log.retention.ms", SET, None))
refused("broker-no-number", "a broker that is no number", ("log.retention.ms", SET, "1"), name="one")
refused("broker-negative", "a broker below zero", ("log.retention.ms", SET, "1"), name="-1")
refused("topic-empty", "the topic without a name", ("retention.ms", SET, "1"), kind=TOPIC, name="")
refused("topic-bad-name", "a topic of a bad name", ("retention.ms", SET, "1"), kind=TOPIC, name="a b")
refused("logger", "a logger that is not there", ("no.such.logger", SET, "DEBUG"), kind=LOGGER)
refused("logger-level", "a level that is none", ("no.such.logger", SET, "LOUD"), kind=LOGGER)
refused("logger-other", "loggers of another broker", ("root", SET, "DEBUG"), kind=LOGGER, name="9")
refused("logger-append", "a logger is added to", ("root", APPEND, "DEBUG"), kind=LOGGER)
refused("kind-of-zero", "a kind of zero", ("a", SET, "1"), kind=0, name="x")
t = Talk("incremental-alter-configs/none", "incremental alter configs: of nothing", "nothing is asked")
t.ask("IncrementalAlterConfigs", 1, {"resources": []})
t = Talk("incremental-alter-configs/some-fail", "incremental alter configs: one of three fails", "each by itself")
t.topic("a")
t.topic("b")
t.ask(
    "IncrementalAlterConfigs",
    1,
    {
        "resources": alter(("retention.ms", SET, "1000"), name="a" + RUN)["resources"]
        + alter(("retention.ms", SET, "x"), name="b" + RUN)["resources"]
        + alter(("node.id", SET, "2"), kind=BROKER, name="1")["resources"]
    },
)
t.wait(300)
for name in ("a", "b"):
    t.ask("DescribeConfigs", 4, describe("retention.ms", name=name + RUN))
t = Talk("incremental-alter-configs/other-broker", "incremental alter configs: of another broker", "only itself", nodes=3)
t.ask("IncrementalAlterConfigs", 1, alter(("log.retention.ms", SET, "1"), kind=BROKER, name="2", validateOnly=True))
t.ask(
    "IncrementalAlterConfigs", 1, alter(("log.retention.ms", SET, "1"), kind=BROKER, name="2", validateOnly=True), to=2
)

# ---- AlterConfigs ----


def replace(*settings, kind=TOPIC, name="t" + RUN, **more):
    configs = [{"name": key, "value": value} for key, value in settings]
    return {"resources": [{"resourceType": kind, "resourceName": name, "configs": configs}], **more}


for v in versions(0, 2):
    t = Talk(f"alter-configs/v{v:02}", f"alter configs {v}: all settings of a topic", "what is not named is taken back")
    t.topic(config={"retention.ms": "1000", "segment.ms": "2000"})
    t.ask("AlterConfigs", v, replace(("retention.ms", "3000")))
    t.wait(300)
    t.ask("DescribeConfigs", 4, describe("retention.ms", "segment.ms"))


def replacing(file, title, *settings, **more):
    t = Talk(f"alter-configs/{file}", f"alter configs: {title}", "it is as with IncrementalAlterConfigs")
    t.topic(config={"segment.ms": "2000"})
    t.ask("AlterConfigs", 2, replace(*settings, **more))
    t.wait(300)
    t.ask("DescribeConfigs", 4, describe("retention.ms", "segment.ms"))
    return t


replacing("nothing", "no settings")
replacing("only-validated", "validateOnly", ("retention.ms", "1"), validateOnly=True)
replacing("bad-value", "a value that is none", ("retention.ms", "long"))
replacing("unknown-key", "a setting that is none", ("no.such.config", "1"))
replacing("null-value", "null", ("retention.ms", None))
replacing("key-twice", "one setting twice", ("retention.ms", "1"), ("retention.ms", "2"))
replacing("unknown-topic", "a topic that is not there", ("retention.ms", "1"), name="nowhere" + RUN)
replacing("empty-topic", "the topic without a name", ("retention.ms", "1"), name="")
replacing("unknown-kind", "a kind that is none", ("a", "1"), kind=77, name="x")
replacing("logger", "a logger", ("root", "INFO"), kind=LOGGER, name="1")
replacing("unknown-broker", "another broker", ("log.retention.ms", "1"), kind=BROKER, name="9", validateOnly=True)
replacing("read-only", "what cannot be changed", ("num.partitions", "1"), kind=BROKER, name="1", validateOnly=True)
t = Talk("alter-configs/resource-twice", "alter configs: one topic twice", "it is not clear what is meant")
t.topic()
t.ask("AlterConfigs", 2, {"resources": replace(("retention.ms", "1"))["resources"] * 2})
t = Talk("alone/configs-replaced", "alter configs: of a broker, and nothing", "what is not named is taken back")
t.ask("AlterConfigs", 2, replace(("log.retention.ms", "3600000"), kind=BROKER, name="1"))
t.wait(500)
t.ask("DescribeConfigs", 4, describe("log.retention.ms", kind=BROKER, name="1", includeSynonyms=True))
t.ask("AlterConfigs", 2, replace(kind=BROKER, name="1"))
t.wait(500)
t.ask("DescribeConfigs", 4, describe("log.retention.ms", kind=BROKER, name="1", includeSynonyms=True))
# What ELR needs is not taken back with the rest.
t.ask("AlterConfigs", 2, replace(kind=BROKER, name="", validateOnly=True))

# ---- what a change does ----

t = Talk(
    "incremental-alter-configs/unclean",
    "incremental alter configs: unclean election is allowed, and not needed",
    "a partition with a leader keeps it",
    nodes=3,
)
t.topic(brokers=[[1, 2, 3]])
t.ask("IncrementalAlterConfigs", 1, alter(("unclean.leader.election.enable", SET, "true")))
t.wait(500)
t.ask("Metadata", 9, {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False})
