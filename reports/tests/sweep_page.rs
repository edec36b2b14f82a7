//! The page of a sweep, as a person sees it.

use std::collections::BTreeMap;

use trial_reports::{
    SWEEP_SCHEMA_VERSION, SeedRow, SweepHeader, SweptScenario, Tally, Unreached, Verdict,
    render_sweep,
};

/// One seed of a sweep in which there are so many probes; it has reached the first.
fn page(probes: usize, unreached: Unreached) -> String {
    let probes: Vec<String> = (0..probes).map(|probe| format!("probe_{probe:03}")).collect();
    let reached = BTreeMap::from([(probes[0].clone(), 3)]);
    let header = SweepHeader {
        schema: SWEEP_SCHEMA_VERSION,
        version: "0.1.0".into(),
        scenarios: vec![SweptScenario {
            name: "calm".into(),
            expected: Verdict::Holds,
            asked: serde_json::Value::Null,
            first_digest: "00".into(),
            replay: "trial run calm --seed {seed}".into(),
            must_happen: vec![],
        }],
        first: 0,
        end: 1,
        shard: 1,
        shards: 1,
        probes,
    };
    let mut tally = Tally::new(&header);
    tally.add(&SeedRow {
        scenario: "calm".into(),
        seed: 0,
        verdict: Some(Verdict::Holds),
        as_expected: true,
        digest: "00".into(),
        failure: None,
        violations: vec![],
        open: vec![],
        differs: None,
        twice: true,
        excused: 0,
        probes: reached,
        events: 10,
        requests: 2,
        simulated_ms: 1_000,
    });
    render_sweep(&header, &tally, unreached)
}

const BEFORE: &str = "calm: 1 seed: 1 holds\n  0 not as expected, 0 with something excused; 1 played twice\n  \
    probes, runs of 1,000 that reached them:\n    probe_000 1000\n";

#[test]
fn many_probes_that_nobody_reached_are_a_number() {
    let counted = "  never reached: 133 of 134 probes; `--probes` names them\n\n";
    assert_eq!(page(134, Unreached::Counted), format!("{BEFORE}{counted}"));
    let named = page(134, Unreached::Named);
    assert!(
        named.contains("  never reached: 133 of 134 probes:\n    probe_001, probe_002"),
        "{named}"
    );
    assert!(named.contains("probe_133\n"), "{named}");
}

#[test]
fn few_are_named() {
    let named = "  never reached: 2 of 3 probes:\n    probe_001, probe_002\n\n";
    assert_eq!(page(3, Unreached::Counted), format!("{BEFORE}{named}"));
    assert_eq!(page(1, Unreached::Counted), format!("{BEFORE}\n"));
}
