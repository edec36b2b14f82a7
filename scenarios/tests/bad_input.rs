//! Wrong input: exit status 2, the place underlined, and what is allowed. Read the snapshots.
#![cfg(feature = "binary")]

mod support;

use std::fs;
use std::path::PathBuf;

use support::{Said, trial};

/// What every scenario here begins with, correct.
const GOOD: &str = "title = \"t\"\n[topics.orders]\npartitions = 2\nreplicas = 3\n";

fn folder(name: &str) -> PathBuf {
    support::folder("bad_input", name)
}

/// Runs `trial` in a folder with one file, and answers with what it prints; it must exit with 2 and nothing else.
fn printed(name: &str, file: Option<(&str, &str)>, arguments: &[&str]) -> String {
    let folder = folder(name);
    if let Some((file, text)) = file {
        fs::write(folder.join(file), text).expect("the folder is there");
    }
    let Said { status, out, err } = trial(&folder, arguments);
    assert_eq!((status, out.as_str()), (2, ""), "{name}: {err}");
    assert!(!err.contains('\x1b'), "{name}: {err}");
    format!("$ trial {}\n{err}", arguments.join(" "))
}

#[test]
fn a_wrong_command_line_says_what_is_allowed() {
    let cases: [(&str, &[&str]); 10] = [
        ("unknown_scenario", &["run", "kill_the_leder"]),
        ("missing_file", &["run", "nowhere.toml"]),
        ("set_without_value", &["run", "--set", "cluster.brokers"]),
        ("set_of_unknown_key", &["run", "--set", "cluster.broker=5"]),
        ("set_of_unknown_topic", &["run", "--set", "topics.depatures.partitions=5"]),
        ("unknown_switch", &["run", "--switch", "ack_before_replicaton"]),
        ("unknown_profile", &["run", "--profile", "5.0"]),
        ("seeds_backwards", &["sweep", "--seeds", "5..3"]),
        ("seeds_no_range", &["sweep", "--seeds", "many"]),
        ("missing_failure", &["replay", "nowhere.json"]),
    ];
    for (name, arguments) in cases {
        insta::assert_snapshot!(name, printed(name, None, arguments));
    }
}

#[test]
fn a_wrong_scenario_is_underlined_where_it_is_wrong() {
    let fault = |text: &str| format!("title = \"t\"\nfaults = [\"{text}\"]\n{}", &GOOD[12..]);
    let client = |text: &str| format!("{GOOD}[clients.p1]\nproduce = \"orders\"\n{text}\n");
    let cases = [
        ("toml_error", "title = \"t\ntime = \"3s\"\n".to_owned()),
        ("unknown_key", format!("{GOOD}replicsa = 2\n")),
        ("unknown_fault_word", fault("at 2s crahs b1")),
        ("fault_names_no_host", fault("at 2s crash b9")),
        ("fault_names_no_partition", fault("at 2s crash leader(orders/7)")),
        ("fault_unknown_label", fault("at 2s hold Fetsh b1 > b2")),
        ("fault_label_small", fault("at 2s hold fetch b1 > b2")),
        ("fault_no_such_rack", fault("at 2s crash rack(r9)")),
        ("fault_no_such_group", fault("at 2s crash coordinator(crew)")),
        ("fault_restart_promise", fault("at 2s restart b1 with min.insync.replicas=1")),
        ("fault_restart_client", fault("at 2s restart admin as 4.3")),
        ("fault_swaps_of_a_controller", fault("when swaps(c1, orders/0) >= 1 crash b1")),
        ("topics_collide", format!("{GOOD}[topics.\"a.b\"]\n[topics.a_b]\n")),
        ("fault_no_such_disk", fault("at 2s disk 7 of b1 dies")),
        ("network_latency", format!("{GOOD}[network]\nlatency = \"fast\"\n")),
        ("two_racks", format!("{GOOD}[racks.a]\nhosts = [\"b1\"]\n[racks.b]\nhosts = [\"b1\"]\n")),
        ("picks_impossible", format!("{GOOD}[picks]\n\"cluster.brokers\" = [3, 2]\n")),
        ("picks_of_no_topic", format!("{GOOD}[picks]\n\"topics.order.partitions\" = [3]\n")),
        (
            "picks_twice",
            format!("{GOOD}[picks]\n\"cluster\" = [{{}}]\n\"cluster.brokers\" = [3]\n"),
        ),
        ("lanes_without_pct", format!("{GOOD}[lanes]\ndepth = 3\n")),
        ("fault_with_itself", fault("at 2s cut b1 | b1")),
        ("picks_nothing", format!("{GOOD}[picks]\n\"cluster.brokers\" = []\n")),
        ("fault_too_often", fault("every 1us reset b1 - b2")),
        ("too_many_partitions", GOOD.replace("partitions = 2", "partitions = 10000")),
        ("too_many_replicas", format!("{GOOD}[cluster]\nbrokers = 2\n")),
        ("no_brokers", format!("{GOOD}[cluster]\nbrokers = 0\n")),
        ("negative_rate", client("rate = \"-3/s\"")),
        ("negative_time", format!("time = \"-3s\"\n{GOOD}")),
        ("unknown_setting", client("config = { \"lingr.ms\" = 5 }")),
        ("missing_record_file", client("records = \"nowhere.csv\"")),
        ("unknown_probe", format!("must_happen = [\"truncaton\"]\n{GOOD}")),
        ("unknown_verdict", format!("expect = \"fine\"\n{GOOD}")),
        ("verdict_of_no_profile", format!("expect = {{ \"4.3-noelr\" = \"holds\" }}\n{GOOD}")),
        (
            "probe_of_no_profile",
            format!("must_happen = {{ \"4.3-noelr\" = [\"truncation\"] }}\n{GOOD}"),
        ),
        (
            "unknown_probe_of_a_profile",
            format!("must_happen = {{ \"4.3-no-elr\" = [\"truncaton\"] }}\n{GOOD}"),
        ),
        ("must_happen_is_no_list", format!("must_happen = \"truncation\"\n{GOOD}")),
    ];
    for (name, text) in cases {
        insta::assert_snapshot!(name, printed(name, Some(("s.toml", &text)), &["run", "s.toml"]));
    }
}

#[test]
fn what_cannot_come_of_retention_and_compaction_is_underlined() {
    let topic = |config: &str, client: &str| {
        format!("{GOOD}config = {{ {config} }}\n[clients.p1]\nproduce = \"orders\"\n{client}\n")
    };
    let purge = |config: &str, purge: &str| {
        format!(
            "{GOOD}config = {{ {config} }}\n[clients.r1]\nconsume = \"orders\"\npurge = {purge}\n"
        )
    };
    let cluster = |config: &str| format!("{GOOD}[cluster]\nconfig = {{ {config} }}\n");
    let compacted = "\"cleanup.policy\" = \"compact\"";
    let file = "records = \"r.csv\"\nkeys = 5";
    let fault = "at 2s restart b1 with log.cleanup.policy=compact";
    let cases = [
        ("compacted_without_keys", topic(compacted, "")),
        ("purge_of_a_compacted_topic", purge(compacted, "\"5s\"")),
        (
            "compaction_lags",
            topic("\"max.compaction.lag.ms\" = 10, \"min.compaction.lag.ms\" = 11", ""),
        ),
        (
            "compaction_lags_of_a_cluster",
            format!(
                "{GOOD}config = {{ \"max.compaction.lag.ms\" = 10 }}\n[cluster]\n\
                config = {{ \"log.cleaner.min.compaction.lag.ms\" = 11 }}\n"
            ),
        ),
        ("setting_with_two_names", cluster("\"log.retention.ms\" = 1, \"retention.ms\" = 2")),
        ("setting_as_a_list", topic("\"cleanup.policy\" = [\"compact\", \"delete\"]", "")),
        ("setting_without_quotes", topic("cleanup.policy = \"compact\"", "")),
        ("setting_beyond_its_type", topic("\"retention.ms\" = \"99999999999999999999\"", "")),
        ("number_beyond_toml", topic("\"retention.ms\" = 99999999999999999999", "")),
        ("keys_none", topic("", "keys = 0\ntombstones = \"10%\"")),
        ("keys_no_number", topic("", "keys = \"many\"")),
        ("keys_of_a_record_file", topic("", file)),
        ("tombstones_without_percent", topic("", "keys = 5\ntombstones = 10")),
        ("tombstones_too_fine", topic("", "keys = 5\ntombstones = \"0.5%\"")),
        ("purge_without_unit", purge("", "5")),
        (
            "fault_restart_keeping",
            format!("title = \"t\"\nfaults = [\"{fault}\"]\n{}", &GOOD[12..]),
        ),
        ("producer_settings", topic("", "config = { \"request.timeout.ms\" = 200000 }")),
    ];
    for (name, text) in cases {
        insta::assert_snapshot!(name, printed(name, Some(("s.toml", &text)), &["run", "s.toml"]));
    }
}

#[test]
fn a_record_file_that_cannot_be_read_is_named_with_its_line() {
    let folder = folder("records");
    let text =
        format!("{GOOD}[clients.p1]\nproduce = \"orders\"\nrecords = \"r.csv\"\nkey = \"x\"\n");
    fs::write(folder.join("s.toml"), text).expect("the folder is there");
    for (name, records) in [("record_key", "id,city\n1,Ulm\n"), ("record_line", "id,x\n1\n")] {
        fs::write(folder.join("r.csv"), records).expect("the folder is there");
        let said = trial(&folder, &["run", "s.toml"]);
        assert_eq!(said.status, 2, "{name}");
        insta::assert_snapshot!(name, said.err);
    }
}

#[test]
fn a_broken_failure_file_is_told_apart_from_a_whole_one() {
    let cases = [
        ("failure_no_json", "not a failure"),
        ("failure_cut_short", "{\n  \"failure\": {\n    \"schema\": 1,\n    \"vers"),
        ("failure_of_another_kind", "{ \"failure\": { \"schema\": 2, \"speed\": 3 } }"),
        ("failure_schema", "{ \"failure\": { \"schema\": 7 } }"),
    ];
    for (name, text) in cases {
        insta::assert_snapshot!(name, printed(name, Some(("f.json", text)), &["replay", "f.json"]));
    }
}

#[test]
fn a_conversation_that_cannot_be_had_is_refused_with_file_and_step() {
    let of = |step: &str| format!("{{\"name\": \"x\", \"nodes\": 1, \"steps\": [{step}]}}");
    let request = |body: &str| {
        let head = "{\"api\": \"Metadata\", \"version\": 1, \"answer\": {}";
        of(&format!("{head}, \"request\": {body}}}"))
    };
    let cases = [
        ("conform_waits", of("{\"wait_ms\": 18446744073709551615}")),
        ("conform_asks_nothing", of("")),
        ("conform_two_things", of("{\"wait_ms\": 1, \"close\": \"a\"}")),
        ("conform_no_such_field", request("{\"topcs\": []}")),
        ("conform_never_saved", request("{\"topics\": [{\"name\": \"${x}\"}]}")),
    ];
    for (name, text) in cases {
        let printed = printed(name, Some(("c.json", &text)), &["conform", "c.json"]);
        insta::assert_snapshot!(name, printed);
    }
}
