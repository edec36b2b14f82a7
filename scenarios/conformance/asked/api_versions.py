"""ApiVersions: what a broker can do."""

from .talk import Talk, versions

# It counts what the controllers have written.
EPOCH = {"free": ["/finalizedFeaturesEpoch"]}

for v in versions(0, 4):
    t = Talk(f"api-versions/v{v:02}", f"api versions {v}", "the first question of every client")
    t.ask("ApiVersions", v, {"clientSoftwareName": "trial", "clientSoftwareVersion": "1.0"}, **(EPOCH if v > 2 else {}))

for what, name, version in (
    ("no-name", "", "1.0"),
    ("no-version", "trial", ""),
    ("odd-name", "a b", "1.0"),
    ("odd-version", "trial", "1.0 beta"),
    ("name-that-begins-with-a-dash", "-trial", "1.0"),
    ("long-name", "x" * 300, "1.0"),
):
    for v in (3, 4) if what == "no-name" else (3,):
        t = Talk(
            f"api-versions/v{v:02}-{what}",
            f"api versions {v}: {what.replace('-', ' ')}",
            "names are letters, digits, dashes and dots (KIP-511)",
        )
        t.ask("ApiVersions", v, {"clientSoftwareName": name, "clientSoftwareVersion": version}, **EPOCH)

t = Talk("api-versions/in-the-middle", "api versions: after other requests", "it is a question like others")
t.topic()
t.ask("ApiVersions", 3, {"clientSoftwareName": "trial", "clientSoftwareVersion": "1.0"}, **EPOCH)
t.list_offsets(v=1)

t = Talk("api-versions/of-three", "api versions: three nodes", "each tells the same", nodes=3)
for node in (1, 2, 3):
    t.ask("ApiVersions", 0, to=node)
