"""Two recordings of one conversation: where they differ in what nobody can foretell less than that.

What is free by nature is told by the player too (`scenarios/src/conform/compare.rs`): ids, wall times, ports,
the text of error messages.
"""

import base64
import json
import re
import struct

IDS = {"topicId", "directoryId", "replicaDirectoryId", "producerId", "sessionId", "clusterId", "memberId", "leader"}
NOTHING = ("AAAAAAAAAAAAAAAAAAAAAA", -1, 0, "", None)
WALL = 1_750_000_000_000  # from here on a time is that of a wall clock


def differences(one, two):
    one, two = plain(one), plain(two)
    return [
        f"step {number}, {path}: {a} and {b}"
        for number, (first, second) in enumerate(zip(one, two))
        for path, a, b in differ("", first, second, free=first.get("free", []))
        if path.startswith("/answer")
    ]


def plain(talk):
    """The steps without what is free."""
    steps = json.loads(json.dumps(talk["steps"]).replace(talk["run"], "RUN"))
    ids = {}
    for step in steps:
        if "answer" in step:
            step["answer"] = without(step["answer"], "", ids, "", step.get("unordered", []))
    return steps


def without(value, name, ids, path="", unordered=()):
    if isinstance(value, dict):
        return {key: without(inner, key, ids, f"{path}/{key}", unordered) for key, inner in value.items()}
    if isinstance(value, list):
        if any(leads_to(list_, path) and list_.count("/") == path.count("/") for list_ in unordered):
            value = sorted(value, key=lambda inner: looks(inner, name, ids))
        return [without(inner, name, ids, f"{path}/{at}", unordered) for at, inner in enumerate(value)]
    if name == "throttleTimeMs" or name == "controllerId" and value >= 0:
        return "free"
    if name == "errorMessage" and value is not None:
        return "some"
    if name in IDS and value not in NOTHING:
        kind = "memberId" if name == "leader" else name
        return f"id {ids.setdefault((kind, value), len(ids))}"
    if isinstance(value, int) and value >= WALL and value < 2**60:
        return "now"
    if name == "records" and value:
        return records(base64.b64decode(value), ids)
    return value


def looks(value, name, ids):
    """A value as it looks before those of its ids that are new have their number."""
    plain = json.dumps(without(value, name, dict(ids)))
    new = len(ids)
    return re.sub(r"id (\d+)", lambda found: "id ?" if int(found[1]) >= new else found[0], plain)


def records(data, ids):
    """Header by header; producer ids by their order, times of a wall clock not at all."""
    out = []
    while len(data) >= 61:
        base, length, epoch, magic, _, attributes, last, first, latest, pid, producer_epoch, sequence, count = (
            struct.unpack_from(">qiibIhiqqqhii", data)
        )
        pid = f"id {ids.setdefault(('producerId', pid), len(ids))}" if pid >= 0 else pid
        times = ["now" if time >= WALL else time for time in (first, latest)]
        out.append(
            [
                base,
                length,
                epoch,
                magic,
                attributes,
                last,
                *times,
                pid,
                producer_epoch,
                sequence,
                count,
                data[61 : 12 + length].hex(),
            ]
        )
        data = data[12 + length :]
    return [*out, data.hex()]


def differ(path, one, two, free):
    if any(leads_to("/answer" + pointer, path) for pointer in free) or one == two:
        return
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted(one.keys() | two.keys()):
            yield from differ(f"{path}/{key}", one.get(key), two.get(key), free)
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (a, b) in enumerate(zip(one, two)):
            yield from differ(f"{path}/{index}", a, b, free)
    else:
        yield path, json.dumps(one), json.dumps(two)


def leads_to(pointer, path):
    keys, places = pointer.split("/"), path.split("/")
    return len(keys) <= len(places) and all(key in ("*", place) for key, place in zip(keys, places))
