"""Frames that no client of Kafka's would send, and how a connection ends."""

import struct

from .talk import RUN, Talk, list_offsets


def header(api, version, correlation=7, client="trial", tags=b""):
    """A request's header; with `tags` that of flexible versions."""
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client.encode()
    return struct.pack(">hhi", api, version, correlation) + name + tags


def frame(data, longer=0):
    return struct.pack(">i", len(data) + longer) + data


def raw(name, title, why, *frames):
    t = Talk(f"wire/{name}", f"wire: {title}", why)
    for one in frames:
        t.raw(one)
    return t


CLOSED = "there is no way to say it but to close the connection"
PRODUCE, FETCH, LIST, METADATA, SASL, VERSIONS, INIT = 0, 1, 2, 3, 17, 18, 22
for api, version, what in (
    (PRODUCE, 2, "produce-2"),
    (PRODUCE, 14, "produce-14"),
    (PRODUCE, -1, "produce-minus-one"),
    (FETCH, 3, "fetch-3"),
    (FETCH, 19, "fetch-19"),
    (LIST, 0, "list-offsets-0"),
    (LIST, 12, "list-offsets-12"),
    (METADATA, 14, "metadata-14"),
    (INIT, 6, "init-producer-id-6"),
    (4, 0, "leader-and-isr"),
    (52, 0, "vote-at-a-broker"),
    (62, 0, "broker-registration-at-a-broker"),
    (999, 0, "api-999"),
    (-1, 0, "api-minus-one"),
    (16384, 0, "api-16384"),
):
    raw(
        f"unknown-{what}",
        f"{what.replace('-', ' ')}, which a broker does not have",
        CLOSED,
        frame(header(api, version) + b"\0" * 8),
    )
for version in (5, 99, -1):
    raw(
        f"api-versions-{version}" if version > 0 else "api-versions-minus-one",
        f"api versions {version}, which is not there",
        "the one question that is answered all the same: in version 0 (KIP-511)",
        frame(header(VERSIONS, version, tags=b"\0" * (version > 0))),
    )

raw(
    "api-versions-99-in-an-old-header",
    "api versions 99 in a header without tags",
    "later versions have them: it cannot be read",
    frame(header(VERSIONS, 99)),
)

raw("zero-length", "a frame without bytes", "there is no header in it", frame(b""))
raw("negative-length", "a frame of -1 bytes", CLOSED, struct.pack(">i", -1))
raw("too-long", "a frame longer than socket.request.max.bytes", CLOSED, struct.pack(">i", 104857601))
raw("longest", "a frame of 2147483647 bytes", CLOSED, struct.pack(">i", 2147483647))
raw("http", "a browser asks", CLOSED, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
raw("tls", "a client that wants TLS", CLOSED, bytes.fromhex("16030100050100000100"))
raw("rubbish", "a frame of rubbish", CLOSED, frame(bytes(range(200, 232))))
raw("cut-off-header", "a header of three bytes", CLOSED, frame(b"\0\3\0"))
raw("cut-off-body", "a metadata request without its body", CLOSED, frame(header(METADATA, 1)))
raw(
    "half-a-frame",
    "half a frame, and then nothing",
    "the broker waits for the rest",
    frame(header(METADATA, 1), longer=4),
)
raw(
    "frame-in-two-parts",
    "a frame in two parts",
    "they are one request: a list of no topics",
    *(lambda whole: (whole[:9], whole[9:]))(frame(header(INIT, 0) + struct.pack(">hi", 0, 1000))),
)
raw(
    "list-of-too-many",
    "a list of two thousand million topics",
    CLOSED,
    frame(header(METADATA, 1) + struct.pack(">i", 2000000000)),
)
raw("list-of-minus-two", "a list of -2 topics", CLOSED, frame(header(LIST, 1) + struct.pack(">ii", -1, -2)))
raw(
    "text-too-long",
    "a name that is longer than the frame",
    CLOSED,
    frame(header(METADATA, 1) + struct.pack(">ih", 1, 500) + b"a"),
)
raw(
    "bytes-behind",
    "bytes behind a request",
    "they are not looked at",
    frame(header(INIT, 0) + struct.pack(">hi", 0, 1000) + b"\1\2\3"),
)
raw(
    "no-client-id",
    "a header whose client id is null",
    "it need not have one",
    frame(header(INIT, 0, client=None) + struct.pack(">hi", 0, 1000)),
)
raw(
    "correlation-negative",
    "a correlation id of -5",
    "it comes back as it is",
    frame(header(INIT, 0, correlation=-5) + struct.pack(">hi", 0, 1000)),
)
raw(
    "unknown-tag",
    "a flexible header with a tag that nobody knows",
    "it is skipped (KIP-482)",
    frame(header(INIT, 2, tags=b"\1\x63\2\xff\xff") + b"\1" + struct.pack(">i", 1000) + b"\0"),
)
raw(
    "tags-too-long",
    "a flexible header whose tag is longer than the frame",
    CLOSED,
    frame(header(INIT, 2, tags=b"\1\x63\x7f") + b"\1"),
)
raw(
    "two-frames-at-once",
    "two requests in one packet",
    "the first answer of two",
    frame(header(INIT, 0) + struct.pack(">hi", 0, 1000))
    + frame(header(INIT, 0, correlation=8) + struct.pack(">hi", 0, 1000)),
)
raw(
    "sasl-handshake",
    "a SASL handshake where there is no SASL",
    "the answer is an error",
    frame(header(SASL, 1) + struct.pack(">h", 5) + b"PLAIN"),
)

t = Talk(
    "wire/after-a-close",
    "wire: a connection was closed, the next one is as if nothing had been",
    "connections do not know of each other",
)
t.raw(frame(b"\0\3\0"))
t.list_offsets(v=1, topic="nowhere")

t = Talk(
    "wire/asked-at-once",
    "wire: requests of four APIs before an answer is read",
    "answers come in the order of the requests",
)
t.topic()
t.produce(later=True)
t.list_offsets(v=1, later=True)
t.fetch(later=True)
t.ask("Metadata", 9, {"topics": [{"name": "t" + RUN}], "allowAutoTopicCreation": False}, later=True)
for _ in range(4):
    t.read()

t = Talk("wire/client-id", "wire: client ids, also an empty one and a long one", "they change nothing")
t.topic()
for client in ("", "é", "x" * 1000):
    t.ask("ListOffsets", 7, list_offsets(-1), client=client)
