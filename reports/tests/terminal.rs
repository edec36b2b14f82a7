//! The page of a run, as a person sees it.

use trial_reports::{
    EffectNumber, Excuse, FailedRecords, FaultEffect, FaultOutcome, GroupOutcome, Liveness,
    LongestWait, MemberEnd, Palette, PartitionOutcome, PartitionPause, ProbeOutcome,
    ProducerOutcome, RecordCounts, RunDocument, SCHEMA_VERSION, Setting, Verdict, Violation,
    WaitPart, render_run, render_served, run_schema, sweep_schema,
};

fn holding() -> RunDocument {
    RunDocument {
        schema: SCHEMA_VERSION,
        version: "0.1.0".into(),
        scenario: "kill_the_leader".into(),
        title: "replication: leader crash: acks all keeps every record".into(),
        seed: 7,
        profile: "4.3".into(),
        switches: vec![],
        settings: vec![Setting { path: "cluster.brokers".into(), value: "3".into() }],
        picks: vec![Setting { path: "swarm".into(), value: "network x2, no disk".into() }],
        digest: "00112233445566778899aabbccddeeff".into(),
        verdict: Verdict::Holds,
        expected: Verdict::Holds,
        violations: vec![],
        beyond_budget: None,
        unknown: vec![],
        excused: vec![],
        faults: vec![FaultOutcome {
            text: "at 2s cut b1 | b2 b3 for 800ms".into(),
            at_ms: Some(2_000),
            effect: FaultEffect {
                text: "held 41 writes, 12,345 bytes".into(),
                happened: true,
                numbers: vec![EffectNumber { name: "bytes_held".into(), value: 12_345 }],
            },
            required: false,
        }],
        probes: vec![],
        liveness: Liveness { faults_ended_ms: 10_000, live_ms: Some(12_345), missing: vec![] },
        partitions: vec![PartitionOutcome {
            partition: "orders/0".into(),
            leader: Some("b2".into()),
            leader_epoch: 3,
            in_sync: vec!["b1".into(), "b2".into()],
            log_start: 0,
            high_watermark: 1_200,
            log_end: 1_200,
            held: 1_200,
            acked: 1_198,
            read: 1_198,
            elections: 2,
        }],
        records: RecordCounts { sent: 1_200, acked: 1_198, failed: 2, read: 1_198 },
        producers: vec![ProducerOutcome {
            producer: "p1".into(),
            sent: 1_200,
            acked: 1_198,
            failed: vec![FailedRecords { error: "REQUEST_TIMED_OUT".into(), records: 2 }],
            longest_wait: Some(LongestWait {
                from_ms: 3_000,
                to_ms: 12_400,
                parts: vec![part(8_100, "the controller fenced b1"), part(1_300, "p1 sent to b2")],
            }),
        }],
        groups: Vec::new(),
        simulated_ms: 30_000,
        wall_ms: 41,
        events: 120_344,
        requests: 34_000,
        replay: "trial run kill_the_leader --seed 7".into(),
    }
}

fn part(took_ms: u64, until: &str) -> WaitPart {
    WaitPart { took_ms, until: until.into() }
}

#[test]
fn a_run_that_holds_fits_on_a_screen() {
    insta::assert_snapshot!(render_run(&holding(), Palette::Plain));
}

#[test]
fn a_violation_tells_its_two_facts_and_an_excuse_its_fault_and_setting() {
    let mut run = holding();
    run.verdict = Verdict::Violated;
    run.violations.push(Violation {
        invariant: "R4".into(),
        at_ms: 9_100,
        message: "orders/0 offset 17 was committed and is now different on its leader b3".into(),
        facts: vec![
            "4.000s b1 committed offset 17 (epoch 1) with value v-203".into(),
            "9.100s b3 leads epoch 2 and holds v-207 there".into(),
        ],
    });
    run.excused.push(Excuse {
        what: "v-31, acked by b1 at orders/2 offset 5 under acks=1".into(),
        fault: "at 3s crash b1 losing unsynced".into(),
        setting: "acks=1 of producer p1".into(),
        host: "b1".into(),
        at_ms: 3_000,
    });
    run.probes.push(ProbeOutcome { name: "truncation".into(), hits: 0, required: true });
    insta::assert_snapshot!(render_run(&run, Palette::Plain));
}

#[test]
fn a_producer_whose_records_all_fail_is_named_beside_the_verdict_with_the_reasons() {
    let mut run = holding();
    let failed = |error: &str, records| FailedRecords { error: error.into(), records };
    let reasons = vec![failed("MESSAGE_TOO_LARGE", 1_150), failed("REQUEST_TIMED_OUT", 50)];
    run.producers.push(ProducerOutcome {
        producer: "p2".into(),
        sent: 1_200,
        acked: 0,
        failed: reasons,
        longest_wait: None,
    });
    let page = render_run(&run, Palette::Plain);
    let failed = "failed:  p1: 2 REQUEST_TIMED_OUT\n         \
        p2: 1,150 MESSAGE_TOO_LARGE, 50 REQUEST_TIMED_OUT\n";
    assert!(page.contains(failed), "{page}");
    let verdict = "HOLDS, but of p2 no record was acknowledged (see above)\n";
    assert!(page.contains(verdict), "{page}");
}

#[test]
fn groups_tell_how_long_each_partition_was_nobodys() {
    let mut run = holding();
    let pause = |partition: &str, paused_ms, longest_ms| PartitionPause {
        partition: partition.into(),
        pauses: u64::from(paused_ms > 0),
        paused_ms,
        longest_ms,
    };
    let group = |name: &str, partitions: Vec<PartitionPause>| GroupOutcome {
        group: name.into(),
        protocol: "classic, range".into(),
        generations: 3,
        partitions,
        ended: Vec::new(),
    };
    run.groups = vec![group("idle", vec![pause("orders/0", 0, 0)])];
    assert!(!render_run(&run, Palette::Plain).contains("longest pause"), "nobody waited");
    let few = vec![pause("orders/0", 1_204, 900), pause("orders/1", 0, 0), pause("r/0", 5, 5)];
    let many = (0..9).map(|number| pause(&format!("orders/{number}"), number, number));
    run.groups.extend([group("few", few), group("many", many.collect())]);
    let page = render_run(&run, Palette::Plain);
    let rows: Vec<&str> =
        page.lines().skip_while(|line| !line.contains("longest pause")).take(4).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn members_that_ended_are_told() {
    let mut run = holding();
    let end = |member: &str, at_ms| MemberEnd {
        member: member.into(),
        at_ms,
        error: "INVALID_SESSION_TIMEOUT".into(),
    };
    let ended = vec![end("m1", 1_600), end("m2", 2_000)];
    run.groups = vec![GroupOutcome { group: "readers".into(), ended, ..GroupOutcome::default() }];
    let page = render_run(&run, Palette::Plain);
    let told = "ended:   m1 of group readers at 1.600s: its poll threw INVALID_SESSION_TIMEOUT\n         \
        m2 of group readers at 2.000s: its poll threw INVALID_SESSION_TIMEOUT\n\n";
    assert!(page.contains(told), "{page}");
}

#[test]
fn kafkas_own_partitions_that_hold_nothing_are_counted() {
    let mut run = holding();
    let idle = PartitionOutcome {
        partition: "__consumer_offsets/3".into(),
        high_watermark: 0,
        log_end: 0,
        held: 0,
        acked: 0,
        read: 0,
        ..run.partitions[0].clone()
    };
    let used =
        PartitionOutcome { log_end: 7, partition: "__consumer_offsets/4".into(), ..idle.clone() };
    run.partitions.extend([idle, used]);
    let page = render_run(&run, Palette::Plain);
    assert!(
        !page.contains("__consumer_offsets/3") && page.contains("__consumer_offsets/4"),
        "{page}"
    );
    let told = "  … and 1 of Kafka's own topics that hold nothing (--json has them all)\n";
    assert!(page.contains(told), "{page}");
}

#[test]
fn what_is_cut_short_is_counted() {
    let mut run = holding();
    run.faults = vec![run.faults[0].clone(); 30];
    let page = render_run(&run, Palette::Plain);
    assert!(page.contains("  … and 6 more (--json has them all)\n"), "TR-2: {page}");
    let page = render_served(&run, Palette::Plain);
    assert!(page.contains("  … and 6 more\n"), "TR-2, where there is no --json: {page}");
}

#[test]
fn the_published_schema_is_that_of_the_document() {
    let published = include_str!("../run.schema.json");
    assert_eq!(published, run_schema(), "write run_schema() to reports/run.schema.json");
    let published = include_str!("../sweep.schema.json");
    assert_eq!(published, sweep_schema(), "write sweep_schema() to reports/sweep.schema.json");
}

#[test]
fn a_document_reads_back_as_itself() {
    let text = serde_json::to_string(&holding()).expect("plain data");
    assert_eq!(serde_json::from_str::<RunDocument>(&text).expect("our own"), holding());
}
