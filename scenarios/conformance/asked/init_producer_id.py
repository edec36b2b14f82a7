"""InitProducerId: ids for producers."""

from .talk import RUN, Talk, batch, by, until, versions


def ask(txn=None, timeout=60000, pid=-1, epoch=-1):
    return {"transactionalId": txn, "transactionTimeoutMs": timeout, "producerId": pid, "producerEpoch": epoch}


for v in versions(0, 5):
    t = Talk(f"init-producer-id/v{v:02}", f"init producer id {v}: two ids", "no two producers have one id")
    t.ask("InitProducerId", v, ask(), again=until("/errorCode", 0))
    t.ask("InitProducerId", v, ask())

    t = Talk(
        f"init-producer-id/v{v:02}-empty-transactional-id",
        f"init producer id {v}: the transactional id without letters",
        "it is none, and not null either",
    )
    t.ask("InitProducerId", v, ask(txn=""))

for v in (3, 4, 5):
    t = Talk(
        f"init-producer-id/v{v:02}-with-an-id",
        f"init producer id {v}: an id and an epoch, no transactional id",
        "a producer that wants another epoch gets another id (KIP-360)",
    )
    t.producer()
    t.ask("InitProducerId", v, ask(pid="${pid}", epoch="${epoch}"))

    t = Talk(
        f"init-producer-id/v{v:02}-half-an-id",
        f"init producer id {v}: an id or an epoch, one without the other",
        "both or none",
    )
    t.producer()
    t.ask("InitProducerId", v, ask(pid=-1, epoch=5))
    t.ask("InitProducerId", v, ask(pid=1000, epoch=-1))
    t.ask("InitProducerId", v, ask(pid=-5, epoch=0))

t = Talk(
    "init-producer-id/timeouts", "init producer id: timeouts, no transactional id", "they are looked at only with one"
)
for timeout in (0, -1, 2147483647):
    t.ask("InitProducerId", 4, ask(timeout=timeout), again=until("/errorCode", 0))

t = Talk("init-producer-id/of-three", "init producer id: at each of three nodes", "each has a block of ids", nodes=3)
for node in (1, 2, 3):
    t.ask("InitProducerId", 4, ask(), to=node, again=until("/errorCode", 0))
    t.ask("InitProducerId", 4, ask(), to=node)

t = Talk("init-producer-id/used", "init producer id: an id, and a batch of its producer", "what it is for")
t.topic()
t.producer()
t.produce(batch("a", **by(0)))
t.producer("other", "its")
t.produce(batch("b", **by(0, pid="${other}", epoch="${its}")))
t.fetch()


def transactional(name, title, why):
    """A coordinator has to be there; the first one makes the topic of transactions."""
    t = Talk(f"init-producer-id/{name}", f"init producer id: {title}", why)
    t.ask("FindCoordinator", 2, {"key": "x" + RUN, "keyType": 1}, again={**until("/errorCode", 0), "times": 300})
    return t


for v in versions(0, 5):
    t = transactional(f"v{v:02}-transactional", f"version {v}, a transactional id, twice", "the epoch goes up")
    t.ask("InitProducerId", v, ask(txn="x" + RUN), again={**until("/errorCode", 0), "times": 300})
    t.ask("InitProducerId", v, ask(txn="x" + RUN))

t = transactional(
    "transactional-timeouts", "timeouts of a transaction", "above transaction.max.timeout.ms, and none at all"
)
for timeout in (900001, 0, -1, 900000):
    t.ask(
        "InitProducerId",
        4,
        ask(txn="x" + RUN, timeout=timeout),
        again=until("/errorCode", 0 if timeout == 900000 else 50),
    )

t = transactional(
    "transactional-bumped",
    "a transactional producer asks for another epoch",
    "who has an old epoch is fenced (KIP-360)",
)
t.ask(
    "InitProducerId", 4, ask(txn="x" + RUN), again={**until("/errorCode", 0), "times": 300}, save={"pid": "/producerId"}
)
t.ask("InitProducerId", 4, ask(txn="x" + RUN, pid="${pid}", epoch=0))
t.ask("InitProducerId", 4, ask(txn="x" + RUN, pid="${pid}", epoch=7))
t.ask("InitProducerId", 3, ask(txn="x" + RUN, pid="${pid}", epoch=7))
t.ask("InitProducerId", 4, ask(txn="x" + RUN, pid=424242, epoch=0))
