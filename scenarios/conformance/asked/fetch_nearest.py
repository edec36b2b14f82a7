"""Fetch with a selector of replicas (KIP-392): whom a leader names, and what a follower answers."""

from .fetch import DELETE, ID, RACKS
from .fetch_sessions import Session
from .talk import Talk, batch, fetch, part, until

WHY = "with a selector the leader names the replica to be asked (KIP-392)"
NAMED = "/responses/0/partitions/0/preferredReadReplica"


class Nearest(Talk):
    """Three brokers, each in a rack of its own, and a topic of two records; broker 2 has both of them."""

    def __init__(self, name, title, why=WHY, v=12, brokers=((1, 2, 3),)):
        super().__init__(f"settings/fetch-{name}", f"fetch {v}: {title}", why, nodes=3, config=RACKS)
        self.v = v
        self.topic(brokers=[list(ids) for ids in brokers], id=ID(v), known=(2,))
        self.produce(batch("a", "b"))
        self.named(2)

    def named(self, offset, rack="r2", replica=2):
        """Until the leader names a replica for the end of the log: it knows then that the replica is there."""
        self.fetch(offset, v=11, rackId=rack, again=until(NAMED, replica))


for v in (10, 11, 15, 18):
    t = Nearest(f"v{v:02}-nearest", "at the begin, at the end, beyond, and at -1", v=v)
    for offset in (0, 1, 2, 3, -1):
        t.fetch(offset, v=v, rackId="r2")

for v in (11, 13, 16):
    t = Nearest(f"v{v:02}-nearest-and-epochs", "the leader's epoch is 0; asked are 0, 7 and -2", v=v)
    for epoch in (0, 7, -2):
        t.fetch(0, v=v, rackId="r2", part={"currentLeaderEpoch": epoch})

t = Nearest("nearest-below-the-begin", "a replica, the leader, and an offset that both have deleted")
t.ask("DeleteRecords", 1, DELETE(1))
t.named(1)
t.fetch(1, rackId="r2")
t.fetch(0, rackId="r2")

t = Nearest("nearest-at-once", "a long poll in the rack of a follower", "a wait would be of no use: the leader answers")
t.fetch(2, rackId="r2", wait=20000, min=1)
t.fetch(0, rackId="r2", wait=20000, min=100000)

t = Nearest("nearest-waits-for-nobody", "a long poll in the rack of the leader", "who is named nobody waits as ever")
t.fetch(2, rackId="r1", wait=300, min=1)

t = Nearest("nearest-has-no-replica", "the rack of a broker without a replica", brokers=((1, 2),))
t.fetch(0, rackId="r3")
t.fetch(0, rackId="r2")

t = Nearest("nearest-of-a-follower", "a broker asks, and says that it stands in a rack", "followers ask the leader")
t.fetch(2, rackId="r2", replicaId=2)
t.fetch(2, rackId="r3", replicaId=2)

t = Nearest("nearest-of-two", "one partition has a replica in the rack, the other its leader", brokers=((1, 2), (1, 3)))
t.produce(batch("c"), partition=1)
t.ask("Fetch", 12, fetch(part(0, 0), part(0, 1), wait=20000, min=100000, rackId="r2"))

t = Nearest("nearest-and-max-bytes", "a replica is named, and maxBytes are none", "nothing is read, so nothing counts")
t.fetch(0, rackId="r2", max=0, part={"partitionMaxBytes": 0})

t = Nearest("nearest-isolation", "a replica is named to one that reads what is committed", "the list of those aborted")
t.fetch(0, rackId="r2", isolationLevel=1)
t.fetch(0, rackId="r1", isolationLevel=1)

t = Nearest("nearest-and-followers", "followers are asked who stand in other racks", "only a leader sends one elsewhere")
t.fetch(0, to=2, rackId="r3", again=until("/responses/0/partitions/0/highWatermark", 2))
for offset in (0, 2, 3, -1):
    t.fetch(offset, to=2, rackId="r3")
t.fetch(0, to=2, rackId="r2", part={"currentLeaderEpoch": 7})
t.fetch(0, to=2, rackId="r2", replicaId=3)
t.fetch(2, to=2, rackId="r2", wait=20000, min=1, later=True, on="waits")
t.wait(300)
t.produce(batch("c"))
t.read(on="waits", to=2)

t = Nearest("nearest-changes", "the leader changes: who was named leads, who has led is named", brokers=((1, 2, 3),))
t.moves()
t.fetch(0, to=2, rackId="r2")
t.fetch(2, to=2, v=11, rackId="r1", again=until(NAMED, 1))
t.fetch(0, to=2, rackId="r1")
t.fetch(0, to=1, rackId="r1", again=until("/responses/0/partitions/0/highWatermark", 2))

for v in (11, 12, 13):
    t = Session(
        f"v{v:02}-nearest",
        "a session of a partition that is read elsewhere",
        "who is named a replica is told so with every answer",
        v,
        config=RACKS,
        folder="settings/fetch-session-",
        nodes=3,
    )
    t.topic(brokers=[[1, 2], [1, 3]], id=ID(v))
    t.produce(batch("a", "b"))
    t.fetch(2, v=11, rackId="r2", again=until(NAMED, 2))
    t.full(part(0, 0), part(0, 1), rackId="r2")
    t.next(1, rackId="r2")
    t.next(2, rackId="r1", wait=300, min=1)
    t.next(3, forget=(0,), rackId="r2")
    t.next(4, part(2, 0), rackId="r2")
    t.next(5, rackId="r9")
