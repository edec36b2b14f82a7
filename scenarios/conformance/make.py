#!/usr/bin/env python3
"""Writes the conversations of this folder, and has Apache Kafka answer them.

    make.py list               what there is, by folder
    make.py check              whether the files ask what is written here, and no others are there
    make.py record [PATH...]   asks Kafka, twice, tells where the answers differ, and writes what is news

A PATH is a folder or the begin of a conversation's (`fetch/`, `fetch/session`). It needs what `scenarios/oracle/oracle`
needs; ORACLE_HOME and ORACLE_PORT say where the cluster lives.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from asked import alike, every
from asked.groups import GroupTalk
from asked.talk import TALKS

HERE = Path(__file__).resolve().parent
ORACLE = HERE.parent / "oracle" / "oracle"
RECORDER = HERE.parent / "oracle" / "Record.java"
PORT = int(os.environ.get("ORACLE_PORT", "29090"))
# Records of conversations are years old; retention would delete them in the middle of a word.
QUIET = ["log.initial.task.delay.ms=86400000"]


def main():
    command, paths = (sys.argv[1:2] or ["help"])[0], sys.argv[2:]
    every.check()
    talks = [talk for talk in TALKS if not paths or any(talk.path.startswith(path) for path in paths)]
    if command == "list":
        for folder, count in sorted(Counter(talk.path.split("/")[0] for talk in talks).items()):
            print(f"{count:5} {folder}")
        print(f"{len(talks):5} in all")
    elif command == "check":
        sys.exit(0 if check(talks) else 1)
    elif command == "record":
        sys.exit(0 if record(talks) else 1)
    else:
        print(__doc__)
        sys.exit(2)


def check(talks):
    """Whether every file has the questions of its conversation, and an answer to each."""
    wrong = []
    for talk in talks:
        file = HERE / (talk.path + ".json")
        said = json.loads(file.read_text()) if file.exists() else {"steps": []}
        answered = all("answer" in step for step in said["steps"] if expects_an_answer(step))
        if asked_in(said) != [talk.name, talk.why, talk.nodes, talk.config, *talk.steps] or not answered:
            wrong.append(f"{talk.path}: to be recorded")
    known = {HERE / (talk.path + ".json") for talk in TALKS}
    strangers = [file for file in sorted(HERE.rglob("*.json")) if file not in known]
    wrong += [f"{file.relative_to(HERE)}: nobody asks this" for file in strangers]
    print("\n".join(wrong) or f"{len(talks)} conversations are as they are written here")
    return not wrong


def expects_an_answer(step):
    return not (step.get("later") or step.get("noreply") or "wait_ms" in step or "close" in step)


def record(talks):
    """Both recordings; whether they are alike."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "1"), Path(folder, "2")
        for recording in (first, second):
            for group in groups(talks):
                ask_kafka(group, recording)
        good = 0
        for talk in talks:
            one, two = answers(first, talk), answers(second, talk)
            if one is None or two is None:
                print(f"{talk.path}: could not be recorded")
                continue
            differences = alike.differences(one, two)
            for difference in differences:
                print(f"{talk.path}: {difference}")
            if is_news(talk, one):
                print(f"{talk.path}: written")
                keep(talk, one)
            good += not differences
    print(f"{good} of {len(talks)} were answered twice in the same way")
    return good == len(talks)


def groups(talks):
    """Those that share a cluster, together."""
    shared = {}
    for number, talk in enumerate(talks):
        alone = number if talk.path.startswith("alone/") else None
        shared.setdefault((talk.nodes, str(talk.config), alone), []).append(talk)
    return shared.values()


def ask_kafka(talks, folder):
    nodes, config = talks[0].nodes, talks[0].config or {}
    subprocess.run([ORACLE, "down"], check=True)
    settings = [f"{key}={value}" for key, value in config.items()]
    subprocess.run([ORACLE, "up", str(nodes), *QUIET, *settings], check=True, stdout=subprocess.DEVNULL)
    try:
        # Who makes the topic of offsets is asked for in clusters of their own.
        groups = not talks[0].path.startswith("alone/") and any(isinstance(talk, GroupTalk) for talk in talks)
        record_all([write(every.ready(nodes, groups), folder)])
        record_all([write(talk, folder) for talk in talks])
    finally:
        subprocess.run([ORACLE, "down"], check=True)


def record_all(files):
    """The recorder stops at a conversation that it cannot have; the others are asked all the same."""
    while files:
        command = [ORACLE, "java", RECORDER, str(PORT), *files]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        heard = len([line for line in done.stdout.splitlines() if line.endswith(" steps")])
        if heard < len(files):
            why = [line for line in done.stderr.splitlines() if "xception" in line]
            print(f"{files[heard].name}: {why[:2] or done.stderr[-600:]}", file=sys.stderr)
        files = files[heard + 1:]


def write(talk, folder):
    file = folder / (talk.path + ".json")
    file.parent.mkdir(parents=True, exist_ok=True)
    config = {"config": talk.config} if talk.config else {}
    head = {"name": talk.name, "why": talk.why, "nodes": talk.nodes, **config}
    file.write_text(json.dumps({**head, "steps": talk.steps}))
    return file


def answers(folder, talk):
    said = json.loads((folder / (talk.path + ".json")).read_text())
    return said if "run" in said else None


def is_news(talk, said):
    """Whether the file is not there, asks something else, or has other answers than were given now."""
    file = HERE / (talk.path + ".json")
    if not file.exists():
        return True
    kept = json.loads(file.read_text())
    return asked_in(kept) != asked_in(said) or bool(alike.differences(kept, said))


def asked_in(said):
    """A conversation without its answers."""
    steps = [{key: value for key, value in step.items() if key != "answer"} for step in said["steps"]]
    return [said.get(key) for key in ("name", "why", "nodes", "config")] + steps


def keep(talk, said):
    """A line for each step, so that what changes from one recording to the next can be read."""
    file = HERE / (talk.path + ".json")
    file.parent.mkdir(parents=True, exist_ok=True)
    line = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    steps = ",\n".join("  " + line(step) for step in said.pop("steps"))
    head = "".join(f' "{key}": {line(value)},\n' for key, value in said.items())
    file.write_text("{\n" + head + ' "steps": [\n' + steps + "\n ]\n}\n")


if __name__ == "__main__":
    main()
