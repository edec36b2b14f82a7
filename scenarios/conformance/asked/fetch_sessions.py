"""Fetch sessions (KIP-227): only what has changed is asked and answered."""

from .talk import NO_TOPIC, RUN, Talk, batch, fetch, part, until

ID = lambda v: "id" if v > 12 else None


class Session(Talk):
    """A conversation with a session, whose id is saved as `session`."""

    def __init__(self, name, title, why, v, config=None, folder="fetch/session-", nodes=1):
        super().__init__(f"{folder}{name}", f"fetch {v}: {title}", why, nodes=nodes, config=config)
        self.v = v

    def full(self, *parts, save="session", **more):
        """Asks everything, and for a session."""
        saved = {"save": {save: "/sessionId"}} if save else {}
        self.ask("Fetch", self.v, fetch(*parts, sessionId=0, sessionEpoch=0, **more), **saved)

    def next(
        self,
        epoch,
        *parts,
        forget=(),
        session="${session}",
        topics=None,
        v=None,
        step=None,
        topic="t",
        id="${id}",
        **more,
    ):
        """Asks what is new: `parts` change, `forget` goes."""
        if topics is None and not parts:
            topics = []
        gone = [{"topic": topic + RUN, "topicId": id, "partitions": list(forget)}] if forget else []
        self.ask(
            "Fetch",
            v or self.v,
            fetch(
                *parts,
                topics=topics,
                topic=topic,
                id=id,
                sessionId=session,
                sessionEpoch=epoch,
                forgottenTopicsData=gone,
                **more,
            ),
            **(step or {}),
        )


WHY = "a broker remembers what a consumer asks"

for v in (7, 9, 11, 12, 13, 15, 17, 18):
    t = Session(f"v{v:02}", "a session, and what has changed", WHY, v)
    t.topic(partitions=2, id=ID(v))
    t.produce(batch("a"))
    t.full(part(0, 0), part(0, 1))
    t.next(1)
    t.next(2, part(1, 0))
    t.produce(batch("b"), partition=1)
    t.next(3)
    t.next(4, part(1, 1))
    t.next(5)

for v in (7, 12, 13):
    t = Session(f"v{v:02}-unknown", "the id of no session", "the consumer has to begin anew", v)
    t.topic(id=ID(v))
    t.next(1, part(0), session=123456789)
    t.next(1, session=123456789)
    t.next(5, session=0)

    t = Session(f"v{v:02}-wrong-epoch", "an epoch that is not the next", "requests were lost, or came twice", v)
    t.topic(id=ID(v))
    t.full(part(0))
    t.next(2)
    t.next(1)
    t.next(1)
    t.next(2)

    t = Session(
        f"v{v:02}-ended", "a session that the consumer ends", "-1 is the last epoch, and asks without a session", v
    )
    t.topic(id=ID(v))
    t.produce()
    t.full(part(0))
    t.next(-1, part(0))
    t.next(1)

    t = Session(f"v{v:02}-begun-anew", "epoch 0 with the id of a session", "the old session goes, a new one comes", v)
    t.topic(id=ID(v))
    t.full(part(0))
    t.ask("Fetch", v, fetch(part(0), sessionId="${session}", sessionEpoch=0), save={"new": "/sessionId"})
    t.next(1)
    t.next(1, session="${new}")

    t = Session(f"v{v:02}-more-and-fewer", "partitions come and go", "a session can be changed", v)
    t.topic(partitions=3, id=ID(v))
    for partition in range(3):
        t.produce(partition=partition)
    t.full(part(0, 0))
    t.next(1, part(0, 1), part(0, 2))
    t.next(2, forget=[0, 2])
    t.next(3, part(0, 0))
    t.next(4, part(1, 0), forget=[1])
    t.next(5, forget=[0])
    t.next(6)

t = Session("without", "epoch -1 and no session", "a consumer that wants none", 7)
t.topic()
t.produce()
t.ask("Fetch", 7, fetch(part(0), sessionId=0, sessionEpoch=-1))
t.ask("Fetch", 12, fetch(part(0), sessionId=0, sessionEpoch=-1))

t = Session("of-nothing", "a session without partitions", "there is nothing to remember, yet", 12)
t.topic()
t.full(topics=[])
t.full(topics=[], save=None, wait=300, min=1)

t = Session("end-of-one-that-is-none", "the last epoch of no session", "nothing is ended, and that is no error", 12)
t.topic()
t.next(-1, part(0), session=123456789)

t = Session("two", "two sessions over one partition", "they do not know of each other", 12)
t.topic()
t.full(part(0))
t.full(part(0), save="other")
t.produce()
t.next(1)
t.next(1, part(1), session="${other}")
t.next(2)

t = Session("unknown-partition", "a session with a partition that is not there", "an error is told every time", 12)
t.topic()
t.full(part(0, 0), part(0, 5))
t.next(1)
t.next(2, forget=[5])
t.next(3)

t = Session("v13-unknown-topic", "a session with a topic that is not there", "an error is told every time", 13)
t.full(part(0), id=NO_TOPIC)
t.next(1)

t = Session("topic-comes", "a session with a topic that comes later", "the error goes when the topic is there", 12)
t.full(part(0))
t.topic()
t.next(1)
t.next(2)

for v in (12, 13):
    t = Session(f"v{v:02}-topic-goes", "a session whose topic is deleted", "a session is asked on", v)
    t.topic(id=ID(v))
    t.full(part(0))
    t.ask("DeleteTopics", 4, {"topicNames": ["t-${run}"], "timeoutMs": 10000})
    t.ask(
        "Metadata",
        9,
        {"topics": [{"name": "t-${run}"}], "allowAutoTopicCreation": False},
        again=until("/topics/0/errorCode", 3),
    )
    t.wait(500)
    t.next(1)
    t.next(2)

t = Session("out-of-range", "an offset that is out of range", "an error is told every time", 12)
t.topic()
t.full(part(5))
t.next(1)
t.next(2, part(0))
t.next(3)

t = Session("waits", "a request that waits", "new records end the wait", 12)
t.topic()
t.full(part(0))
t.next(1, wait=20000, min=1, step={"later": True, "on": "waits"})
t.wait(300)
t.produce()
t.read(on="waits")
t.next(2, wait=300, min=1)

t = Session("waits-in-vain", "a request that waits in vain", "the answer has no partition", 12)
t.topic()
t.full(part(0))
t.next(1, wait=300, min=1)
t.next(2, wait=300, min=1)

t = Session("from-names-to-ids", "begun by names, asked on by ids", "a session has one or the other", 12)
t.topic(id="id")
t.full(part(0))
t.next(1, v=13)
t.next(2)

t = Session("from-ids-to-names", "begun by ids, asked on by names", "a session has one or the other", 13)
t.topic(id="id")
t.full(part(0))
t.next(1, v=12)
t.next(2)

t = Session("log-start-moves", "the begin of the log moves", "that is a change too", 12)
t.topic()
t.produce(batch("a", "b"))
t.full(part(2))
t.next(1)
t.ask(
    "DeleteRecords",
    1,
    {"topics": [{"name": "t-${run}", "partitions": [{"partitionIndex": 0, "offset": 1}]}], "timeoutMs": 5000},
)
t.next(2)
t.next(3)

t = Session(
    "on-another-connection", "a session goes on on another connection", "it is the broker's, not the connection's", 12
)
t.topic()
t.full(part(0))
t.close()
t.next(1, step={"on": "b"})

t = Session(
    "order", "maxBytes for one partition of three", "who was given something stands behind the others next time", 12
)
t.topic(partitions=3)
for partition in range(3):
    t.produce(batch("a"), partition=partition)
    t.produce(batch("b"), partition=partition)
t.full(part(0, 0), part(0, 1), part(0, 2), max=1)
t.next(1, max=1)
t.next(2, max=1)
t.next(3, max=1)

t = Session("limit-of-a-partition", "partitionMaxBytes is changed", "what is asked again replaces what was", 12)
t.topic()
for value in "abc":
    t.produce(batch(value))
t.full(part(0, max_bytes=1))
t.next(1)
t.next(2, part(0, max_bytes=1000))
t.next(3)

t = Session("error-of-an-epoch", "the leader's epoch is wrong", "an error is told every time", 12)
t.topic()
t.produce()
t.full(part(0, currentLeaderEpoch=7))
t.next(1)
t.next(2, part(0, currentLeaderEpoch=0))
t.next(3)

SLOTS = lambda count: {"max.incremental.fetch.session.cache.slots": str(count)}
t = Session(
    "v12-two-slots",
    "three sessions, two slots",
    "slots are shared out among eight caches: two slots are none",
    12,
    SLOTS(2),
    "settings/fetch-session-",
)
t.topic()
for _ in range(3):
    t.full(part(0), save=None)

t = Session("v12-no-slots", "no slots", "each request is answered whole", 12, SLOTS(0), "settings/fetch-session-")
t.topic()
t.produce()
t.full(part(0), save=None)
t.full(part(0), save=None)

t = Session(
    "v12-eight-slots",
    "nine consumers, eight slots, then a follower",
    "the ninth gets no session; a follower takes a consumer's place",
    12,
    SLOTS(8),
    "settings/fetch-session-",
)
t.topic()
for number in range(9):
    t.full(part(0), save=f"s{number}")
t.full(part(0), replicaId=5)
for number in range(9):
    t.next(1, session=f"${{s{number}}}")
t.next(1, replicaId=5)
