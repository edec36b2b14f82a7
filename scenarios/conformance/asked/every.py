"""Every conversation: read this list first, then the file of an API."""

from collections import Counter

from .talk import TALKS, Talk, until
from . import (
    produce,
    produce_odd,
    produce_idempotent,
    fetch,
    fetch_sessions,
    fetch_nearest,
    list_offsets,
    metadata,
    api_versions,  # noqa: F401
    create_topics,
    delete_records,
    init_producer_id,
    offset_for_leader_epoch,
    topics_and_configs,
    configs,
    group_configs,
    cluster,
    wire,
    find_coordinator,
    offset_commit,
    offset_fetch,
    join_group,
    join_static,
    sync_group,
    group_admin,
    consumer_heartbeat,
    consumer_static,
    member_epochs,
    group_protocols,
    group_times,
)  # noqa: F401


def check():
    """No two conversations are one file."""
    twice = [path for path, count in Counter(talk.path for talk in TALKS).items() if count > 1]
    assert not twice, twice


def ready(nodes, groups=False):
    """Asked before a recording: until every node is there, and producer ids can be had; and a groups' coordinator."""
    talk = Talk("ready", "is everybody there", "a cluster that has just started answers otherwise", nodes)
    TALKS.remove(talk)
    for node in range(1, nodes + 1):
        place = {} if node == 1 else {"to": node}
        talk.ask(
            "Metadata", 1, {"topics": []}, **place, again={**until(f"/brokers/{nodes - 1}/nodeId", nodes), "times": 300}
        )
        talk.ask(
            "InitProducerId",
            4,
            {"transactionalId": None, "transactionTimeoutMs": 60000},
            **place,
            again={**until("/errorCode", 0), "times": 300},
        )
    if groups:
        key = {"key": "ready", "keyType": 0}
        talk.ask("FindCoordinator", 3, key, again={**until("/errorCode", 0), "times": 300})
        talk.wait(1000)
    talk.wait(500)
    return talk
