//! What `trial COMMAND --help` ends with: examples to paste, and what the exit status says.

pub(super) const CONFORM_EXAMPLES: &str = "\
Examples:
  trial conform scenarios/conformance
  trial conform scenarios/conformance/fetch
  trial conform mine.json

Each conversation is a list of requests and what Apache Kafka 4.3.0 answered; it is had with a fresh cluster, without
sockets and without Java. `differences.toml` in the folder, or the nearest one around it, lists where we differ and why.
Exit status: 0 alike or as listed; 1 something differs.";

pub(super) const JUDGE_EXAMPLES: &str = "\
Examples:
  trial run departures --seed 7 --history departures.edn && trial judge departures.edn
  trial judge store/kafka/latest/history.edn --sub-via subscribe
  trial judge history.json --allow duplicate --allow nonmonotonic-send --json verdict.json
  zcat history.edn.gz | trial judge -

The checks are those of jepsen.tests.kafka, and so is what is allowed: int-send-skip and G0 always; poll-skip and
nonmonotonic-poll of consumers that subscribe; G1c with --ww-deps. The time is linear in the length of the history.
Exit status: 0 it holds; 1 it is violated; 2 it is no such history (with line and column); 5 nothing can be said, since
something was polled that nobody has sent.";

pub(super) const HUNT_EXAMPLES: &str = "\
Examples:
  trial hunt                                   all of `trial list bugs`
  trial hunt trunc_to_hw_loss --swarm 0
  trial hunt all --swarm 500 --table scenarios/bugs/README.md

Each bug has a scenario of its own, in which one of the invariants that it must break has to break before any other, and
nothing may break with the guard in place; `trial run BUG --switch BUG --seed N` plays it. Then the swarm is asked,
which is not told where to look.
Exit status: 0 all are caught; 1 something breaks with the guard in place; 5 a bug was not caught.";

pub(super) const SERVE_EXAMPLES: &str = "\
Examples:
  trial serve                                  three brokers on 127.0.0.1:9092 to 9094, without topics
  trial serve mine.toml --port 19091           a scenario's cluster, topics, clients and faults, on 19092 and so on
  trial serve --host 0.0.0.0 --advertise my-machine
  trial serve --set cluster.brokers=1 --set 'cluster.config.\"default.replication.factor\"=1'

While it serves, type a fault (`crash leader(orders/0) for 5s`), `status`, `help` or `quit`. Ctrl-C ends it in good
order too; the exit status is that of `trial run`. What clients send is not in the seed: a served run is not replayed.";

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  trial export departures --seed 7 --to disks
  trial export trial-failures/departures-R12-08f2eaf8/failure.json --at 8.5s --to disks
  kafka-dump-log.sh --deep-iteration --print-data-log --files disks/b1/orders-0/00000000000000000000.log

Each host has a folder, laid out as a log directory of Kafka's. The exit status is 0, whatever the run came to.";

pub(super) const SWEEP_EXAMPLES: &str = "\
Examples:
  trial sweep departures --seeds 0..200
  trial sweep everything_at_once --seeds 0.. --for 8h --out night
  trial sweep everything_at_once --seeds 0.. --failures 1
  trial sweep everything_at_once --seeds 0..100000 --shard 2/8 --out night     (then: trial merge night)

Exit status: the worst of all seeds, as `trial --help` lists them (70 before 4, 1, 3, 5).";

pub(super) const MERGE_EXAMPLES: &str = "\
Examples:
  trial merge night                            every shard below night; the whole is written there, too
  trial merge host1/night host2/night --out all

A shard that is missing or was not finished is named, and nothing is written (exit status 2).
Else the exit status is that of the whole sweep.";

pub(super) const KEEP_EXAMPLES: &str = "\
Examples:
  trial keep trial-failures/departures-R12-08f2eaf8/failure.json      into the folder failures
  trial keep failures/departures-R12-08f2eaf8-37.json --fixed         it was mended

It is played once: a failure that does not come again is not kept. A test plays all that are kept:
  trial_scenarios::kept(\"failures\").run();";
