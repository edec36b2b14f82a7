//! How long a producer waits for an acknowledgement under six faults: Trial over 20 seeds, beside Apache Kafka.
//!
//! Holds: what was measured (`scenarios/timings/README.md` says how), and what may differ from it: 10 % of its median,
//!        or its range where that is wider. `TRIAL_TIMINGS=write` writes the page's table anew.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use trial_reports::{LongestWait, Verdict};
use trial_scenarios::play::play;
use trial_scenarios::scenario::Scenario;

const SEEDS: std::ops::Range<u64> = 0..20;

/// The scenario, the fault in words, and the longest wait of each run of Apache Kafka, in milliseconds.
const KAFKA: [(&str, &str, &[u64]); 6] = [
    (
        "leader_crashes",
        "the leader's node crashes, another is the active controller",
        &[9_300, 9_400, 9_400, 10_400],
    ),
    (
        "follower_crashes",
        "a follower's node crashes, neither leader nor active controller",
        &[7_600, 7_800, 9_400],
    ),
    (
        "leader_is_paused",
        "the leader's node is paused, another is the active controller",
        &[30_000, 30_000],
    ),
    ("leader_stops", "the leader's node is stopped in good order", &[100, 400, 1_000]),
    (
        "leader_is_cut_off",
        "the leader's node is cut off from both others, the client reaches all",
        &[30_000, 30_100],
    ),
    (
        "follower_is_cut_off",
        "a follower's node is cut off from the leader's, and reaches the active controller",
        &[30_400, 39_400],
    ),
];

/// The longest wait of each seed, shortest first, with the seed.
fn waits(name: &str) -> Vec<(LongestWait, u64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("timings/{name}.toml"));
    let path = path.to_str().expect("it is text");
    let scenario = Arc::new(Scenario::open(path, &[]).expect("it can be played"));
    let wait = |seed| {
        let mut run = play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
        assert!(run.missed_probes().is_empty(), "{name}, seed {seed}: {:?}", run.missed_probes());
        let document = run.document(0, String::new());
        assert_eq!(document.verdict, Verdict::Holds, "{name}, seed {seed}");
        assert_eq!(document.records.failed, 0, "{name}, seed {seed}: no send fails");
        let [shop] = &document.producers[..] else { panic!("one producer") };
        let wait = shop.longest_wait.clone().expect("it was acknowledged more than once");
        let sum: u64 = wait.parts.iter().map(|part| part.took_ms).sum();
        assert_eq!(sum, wait.took_ms(), "{name}, seed {seed}: the parts are the whole: {wait:?}");
        (wait, seed)
    };
    let mut all: Vec<(LongestWait, u64)> = SEEDS.map(wait).collect();
    all.sort_by_key(|(wait, seed)| (wait.took_ms(), *seed));
    all
}

/// Of an even number the lower one of the two in the middle, so that it is a run.
fn middle<T>(sorted: &[T]) -> &T {
    &sorted[(sorted.len() - 1) / 2]
}

fn median(sorted: &[u64]) -> u64 {
    u64::midpoint(*middle(sorted), sorted[sorted.len() / 2])
}

/// Within what our median has to lie.
fn bounds(kafka: &[u64]) -> (u64, u64) {
    let median = median(kafka);
    let (low, high) = (median * 9 / 10, median * 11 / 10);
    let (least, most) = (kafka[0], kafka[kafka.len() - 1]);
    if most - least > high - low { (least, most) } else { (low, high) }
}

#[track_caller]
fn check(name: &str) {
    let (_, _, kafka) = KAFKA.iter().find(|(known, ..)| *known == name).expect("it was measured");
    let waits = waits(name);
    let took: Vec<u64> = waits.iter().map(|(wait, _)| wait.took_ms()).collect();
    let (low, high) = bounds(kafka);
    let median = median(&took);
    assert!(
        (low..=high).contains(&median),
        "{name}: a median of {median} ms, not {low} to {high}: {took:?}"
    );
}

macro_rules! as_kafka {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_fault_that_was_measured_is_played() {
            assert_eq!([$(stringify!($name)),*], KAFKA.map(|(name, ..)| name));
        }
    };
}

as_kafka! {
    leader_crashes,
    follower_crashes,
    leader_is_paused,
    leader_stops,
    leader_is_cut_off,
    follower_is_cut_off,
}

#[test]
fn a_median_may_differ_by_a_tenth_or_lie_within_the_range() {
    for (kafka, want) in [
        (&[9_300, 9_400, 9_400, 10_400][..], (8_460, 10_340)),
        (&[7_600, 7_800, 9_400][..], (7_600, 9_400)),
        (&[30_000, 30_000][..], (27_000, 33_000)),
    ] {
        assert_eq!(bounds(kafka), want, "{kafka:?}");
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

fn finer(ms: u64) -> String {
    format!("{}.{:02}", ms / 1_000, ms % 1_000 / 10)
}

fn table() -> String {
    let mut rows = String::new();
    let mut made_of = String::new();
    rows.push_str("| fault | Kafka, s | may be | Trial: median | range | scenario |\n|---|---|---|---|---|---|\n");
    for (name, fault, kafka) in KAFKA {
        let waits = waits(name);
        let took: Vec<u64> = waits.iter().map(|(wait, _)| wait.took_ms()).collect();
        let (low, high) = bounds(kafka);
        let runs: Vec<String> = kafka.iter().map(|ms| seconds(*ms)).collect();
        let (least, most) = (took[0], took[took.len() - 1]);
        writeln!(
            rows,
            "| {fault} | {} | {} to {} | **{}** | {} to {} | `{name}` |",
            runs.join(", "),
            finer(low),
            finer(high),
            finer(median(&took)),
            finer(least),
            finer(most),
        )
        .expect("a String takes any text");
        let (wait, seed) = middle(&waits);
        writeln!(made_of, "\n`{name}`, seed {seed}: {} s", finer(wait.took_ms()))
            .expect("as before");
        for part in &wait.parts {
            writeln!(made_of, "- {} s until {}", finer(part.took_ms), part.until)
                .expect("as before");
        }
    }
    format!("{rows}\nWhat the wait in the middle was made of:\n{made_of}")
}

/// The page has a row for each fault with what was measured; its own figures are written anew on demand.
#[test]
fn the_page_shows_what_was_measured() {
    const BEGIN: &str = "<!-- table -->\n";
    const END: &str = "<!-- end of the table -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("timings/README.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (rows, after) = rest.split_once(END).expect("where it ends");
    if std::env::var("TRIAL_TIMINGS").is_ok_and(|what| what == "write") {
        let page = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(&path, page).expect("it can be written");
        return;
    }
    for (name, fault, kafka) in KAFKA {
        let runs: Vec<String> = kafka.iter().map(|ms| seconds(*ms)).collect();
        let begin = format!("| {fault} | {} |", runs.join(", "));
        let row = rows.lines().find(|row| row.starts_with(&begin));
        assert!(row.is_some_and(|row| row.ends_with(&format!("`{name}` |"))), "no row: {begin}");
    }
}
