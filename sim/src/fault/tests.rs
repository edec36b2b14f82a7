//! Tests of the fault text, of its errors, of the swarm and of the budget.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::words::{CLOCK_FAULTS, DISK_FAULTS, EFFECTS, WHENS, is_reserved};
use super::*;
use crate::random::Plan;
use crate::time::{Span, Time};

// ---- round trip ----

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_/:-]{0,6}(\\.[a-zA-Z0-9_-]{1,3})?"
        .prop_filter("no word of the grammar", |name| !is_reserved(name))
}

fn args() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![name(), Just("at".to_owned()), Just("-1".to_owned())], 0..3)
}

fn host_name() -> impl Strategy<Value = String> {
    name().prop_filter("no label", |name| !name.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn label() -> impl Strategy<Value = String> {
    "[A-Z][a-zA-Z0-9]{0,6}"
}

fn path() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-z][a-z0-9-]{0,4}(/[0-9]{1,4}\\.log)?")
}

fn host() -> impl Strategy<Value = HostExpr> {
    prop_oneof![
        host_name().prop_map(HostExpr::Name),
        (host_name(), args()).prop_map(|(name, args)| HostExpr::Call { name, args }),
    ]
}

fn group() -> impl Strategy<Value = Group> {
    prop::collection::vec(host(), 1..4).prop_map(Group)
}

fn span() -> impl Strategy<Value = Span> {
    (1..5_000_u64, prop::sample::select(vec![1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000]))
        .prop_map(|(count, unit)| Span(count * unit))
}

fn when() -> impl Strategy<Value = When> {
    let condition =
        (name(), args(), 0..6_usize, prop_oneof![name(), Just("-7".to_owned())]).prop_map(
            |(name, args, op, value)| Condition { name, args, op: Comparison::ALL[op].1, value },
        );
    prop_oneof![
        span().prop_map(|at| When::At(Time(at.0))),
        (span(), span()).prop_map(|(from, length)| {
            let from = Time(from.0);
            When::During { from, to: from + length }
        }),
        span().prop_map(When::Every),
        (prop::collection::vec(condition, 1..3), prop_oneof![Just(Span::ZERO), span()])
            .prop_map(|(conditions, after)| When::When { conditions, after }),
    ]
}

fn host_effect() -> impl Strategy<Value = Effect> {
    let calls =
        prop::option::of(prop::sample::select(DiskCalls::ALL.map(|(_, calls)| calls).to_vec()));
    let disk = prop_oneof![
        (1..500_u32).prop_map(|factor| DiskFault::Slow(Factor(factor))),
        (1..9_999_999_u64).prop_map(|rate| DiskFault::Throttle(Rate(rate))),
        (any::<bool>(), calls, path()).prop_map(|(once, calls, path)| DiskFault::Eio {
            once,
            calls,
            path
        }),
        Just(DiskFault::Full),
        path().prop_map(|path| DiskFault::Rot { path }),
        path().prop_map(|path| DiskFault::Misread { path }),
        path().prop_map(|path| DiskFault::Misdirect { path }),
        Just(DiskFault::Hangs),
        Just(DiskFault::Dies),
    ];
    let number = || prop::option::of(0..9_u16);
    let config = prop::collection::vec(("[a-z]{1,5}(\\.[a-z]{1,5})?", "[a-z0-9]{1,5}"), 0..3);
    let clock = prop_oneof![
        span().prop_map(ClockFault::Ahead),
        (-999_999..1_000_000_i32).prop_map(ClockFault::Drift),
        any::<i32>().prop_map(|nanos| ClockFault::Step(i64::from(nanos) * 1_000)),
    ];
    prop_oneof![
        group().prop_map(|hosts| Effect::Isolate { hosts }),
        (group(), any::<bool>())
            .prop_map(|(hosts, losing_unsynced)| Effect::Crash { hosts, losing_unsynced }),
        group().prop_map(|hosts| Effect::Stop { hosts }),
        (group(), prop::option::of("[1-9]\\.[0-9]{1,2}"), config)
            .prop_map(|(hosts, profile, config)| Effect::Restart { hosts, profile, config }),
        group().prop_map(|hosts| Effect::Ring { hosts }),
        group().prop_map(|hosts| Effect::Swizzle { hosts }),
        (host(), host()).prop_map(|(one, other)| Effect::Swap { one, other }),
        group().prop_map(|hosts| Effect::Pause { hosts }),
        ("[a-z]{1,5}/[0-9]", group())
            .prop_map(|(partition, to)| Effect::Reassign { partition, to }),
        "[a-z]{1,5}/[0-9]".prop_map(|partition| Effect::Cancel { partition }),
        "[a-z]{1,5}/[0-9]".prop_map(|partition| Effect::Elect { partition }),
        ("[a-z]{1,5}", any::<u16>())
            .prop_map(|(topic, partitions)| Effect::Grow { topic, partitions }),
        configure(),
        (group(), 1..500_u32)
            .prop_map(|(hosts, factor)| Effect::Slow { hosts, factor: Factor(factor) }),
        (group(), prop::option::of(1..9_000_u64))
            .prop_map(|(hosts, millis)| Effect::Lag { hosts, by: millis.map(Span::from_millis) }),
        (number(), group()).prop_map(|(disk, hosts)| Effect::Wipe { disk, hosts }),
        (number(), group(), disk).prop_map(|(disk, hosts, fault)| Effect::Disk {
            disk,
            hosts,
            fault
        }),
        (group(), clock).prop_map(|(hosts, fault)| Effect::Clock { hosts, fault }),
    ]
}

fn configure() -> impl Strategy<Value = Effect> {
    let key = || "[a-z]{1,5}\\.[a-z]{1,5}";
    let of = prop_oneof![
        "[a-z]{1,5}".prop_map(Configured::Topic),
        host().prop_map(Configured::Broker),
        Just(Configured::Brokers),
        "[a-z]{1,5}".prop_map(Configured::Group),
    ];
    let with = prop::collection::vec((key(), "[a-z0-9]{1,5}"), 0..3);
    let changes = (with, prop::collection::vec(key(), 0..3));
    let changes =
        changes.prop_filter("nothing", |(with, without)| !(with.is_empty() && without.is_empty()));
    (of, changes).prop_map(|(of, (with, without))| Effect::Configure { of, with, without })
}

fn link_effect() -> impl Strategy<Value = Effect> {
    let link = || (group(), group());
    prop_oneof![
        link().prop_map(|(a, b)| Effect::Cut { sides: Sides::Both(a, b) }),
        link().prop_map(|(a, b)| Effect::Cut { sides: Sides::OneWay(a, b) }),
        (prop::option::of(label()), link(), span(), prop::option::of(span())).prop_map(
            |(label, (from, to), by, more)| {
                let up_to = more.map(|more| by + more);
                Effect::Delay { label, from, to, by, up_to }
            }
        ),
        (host(), link()).prop_map(|(over, (one, other))| Effect::Bridge { over, one, other }),
        link().prop_map(|(from, to)| Effect::Refuse { from, to }),
        link().prop_map(|(from, to)| Effect::Hang { from, to }),
        (link(), 1..9_999_999_u64).prop_map(|((from, to), rate)| Effect::Throttle {
            from,
            to,
            rate: Rate(rate)
        }),
        link().prop_map(|(from, to)| Effect::Stall { from, to }),
        link().prop_map(|(one, other)| Effect::Reset { one, other }),
        (label(), link()).prop_map(|(label, (from, to))| Effect::Hold { label, from, to }),
        (label(), link()).prop_map(|(label, (from, to))| Effect::Release { label, from, to }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let families: Vec<Family> = Family::ALL.iter().map(|(_, family)| *family).collect();
    let swarm =
        prop::sample::subsequence(families, 1..=8).prop_map(|families| Effect::Swarm { families });
    let effect = prop_oneof![3 => host_effect(), 3 => link_effect(), 1 => swarm];
    (when(), effect, prop::option::of(span())).prop_map(|(when, effect, lasting)| {
        // `during` and `for` exclude each other, and what happens at once has neither.
        match (when, effect.can_last()) {
            (When::During { from, .. }, false) => {
                Fault { when: When::At(from), effect, lasting: None }
            }
            (when @ When::During { .. }, true) | (when, false) => {
                Fault { when, effect, lasting: None }
            }
            (when, true) => Fault { when, effect, lasting },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn every_fault_reads_back_from_its_text(fault in fault()) {
        let text = fault.to_string();
        let read: Result<Fault, FaultError> = text.parse();
        prop_assert_eq!(read.as_ref(), Ok(&fault), "{}", text);
        let spaced = format!("  {}  ", text.replace(' ', "\t  "));
        prop_assert_eq!(spaced.parse::<Fault>(), read, "spaces do not matter");
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        words in prop::collection::vec(
            prop_oneof![
                2 => prop::sample::select([WHENS, EFFECTS, DISK_FAULTS, CLOCK_FAULTS].concat()).prop_map(str::to_owned),
                3 => prop::sample::select(vec!["b1", "leader(", ")", ",", "|", ">", "-", "..", ">=", "2s", "-2s",
                    "1MB/s", "by", "to", "for", "losing", "unsynced", "as", "with", "=", "in", "of", "over", "Fetch", "1", "99999999999999999999s", "1.0000000001s"]).prop_map(str::to_owned),
                1 => any::<String>(),
            ], 0..12),
    ) {
        let line = words.join(" ");
        if let Err(error) = line.parse::<Fault>() {
            prop_assert!(line.get(error.at.clone()).is_some(), "{error:?} is not within {line:?}");
        }
    }
}

#[test]
fn other_spellings_read_as_the_same_fault() {
    for (text, canonical) in [
        ("at 1m cut b1|b2", "at 60s cut b1 | b2"),
        ("at 1.5s cut b1>b2 for 0.25s", "at 1500ms cut b1 > b2 for 250ms"),
        ("at 0ms crash b1", "at 0s crash b1"),
        ("during 2s .. 4s pause b1", "during 2s..4s pause b1"),
        ("at 2s throttle b1 > b2 to 1000KB/s", "at 2s throttle b1 > b2 to 1MB/s"),
        ("when acked(p1)>=3 wipe b1", "when acked(p1) >= 3 wipe b1"),
        ("when log_end( b2 ,t/0 )<7 stop b1", "when log_end(b2, t/0) < 7 stop b1"),
    ] {
        let fault: Fault = text.parse().expect(text);
        assert_eq!(fault.to_string(), canonical, "{text}");
    }
}

// ---- errors ----

/// `^` marks the place under the line.
#[track_caller]
fn refuses(line: &str, marks: &str, what: &str, expected: &str) {
    let error = line.parse::<Fault>().expect_err(line);
    let start = marks.find('^').unwrap_or(line.len());
    let len = marks.trim().len();
    assert_eq!((error.at.start, error.at.len()), (start, len), "place in {line:?}: {error}");
    assert_eq!(error.what, what, "{line}");
    assert!(error.expected.join(", ").contains(expected), "{line}: {:?}", error.expected);
}

#[test]
fn errors_name_the_place_and_what_is_allowed_there() {
    refuses("", "", "the line ends too early", "at, during, every, when");
    refuses("2s crash b1", "^^", "unknown beginning `2s`", "at, during");
    refuses("at 2s", "", "the line ends too early", "cut, isolate");
    refuses(
        "at 2s issolate b1",
        "      ^^^^^^^^",
        "unknown effect `issolate`: did you mean `isolate`?",
        "crash",
    );
    refuses("at 2s cut b1", "", "the line ends too early", "`|`, `>`, another host");
    refuses(
        "at 2s cut b1 | for 2s",
        "               ^^^",
        "`for` is a word of the grammar, not a name",
        "a host",
    );
    refuses("at 2s crash b1 losing", "", "the line ends too early", "`unsynced`");
    refuses("at 2s crash b1 | b2", "               ^", "unexpected `|`", "`for`, the end");
    refuses("at 2s slow b1 10", "              ^^", "unexpected `10`", "`by`");
    refuses(
        "at 2s disk b1 slwo by 3",
        "              ^^^^",
        "unknown disk fault `slwo`: did you mean `slow`?",
        "rot",
    );
    refuses(
        "at 2s clock b1 stap -2s",
        "               ^^^^",
        "unknown clock fault `stap`: did you mean `step`?",
        "ahead",
    );
    refuses("at 2s pause b1 fro 2s", "                   ^^", "unexpected `2s`", "`for`");
    refuses("at 2s reset b1 -b2", "               ^^^", "unexpected `-b2`", "`-`");
    refuses("at 2s isolate leader(orders/0", "", "the line ends too early", "`)`");
    refuses("at 2s isolate b1 é", "                 ^^", "unexpected character `é`", "");
    refuses("when isr(t/0) crash b1", "              ^^^^^", "unexpected `crash`", "==, !=");
    refuses(
        "at 2s swarm network network",
        "                    ^^^^^^^",
        "`network` stands here twice",
        "another",
    );
}

#[test]
fn labels_paths_and_settings_have_errors_of_their_own() {
    refuses(
        "at 2s hold fetch b1 > b2",
        "           ^^^^^",
        "`fetch` does not begin with a capital letter, as labels do",
        "Fetch",
    );
    refuses(
        "at 2s crash B1",
        "            ^^",
        "`B1` begins with a capital letter: a label does, a host does not",
        "b1",
    );
    refuses(
        "at 2s delay b1 > b2 by 5ms..5ms",
        "                            ^^^",
        "this range is empty",
        "longer than 5ms",
    );
    refuses("at 2s disk x of b1 dies", "             ^^", "unknown disk fault `of`", "dies");
    refuses("at 2s disk 1x of b1 dies", "           ^^", "`1x` is no number of a disk", "from 0");
    refuses(
        "at 2s disk b1 rot in /a",
        "                     ^^",
        "a path begins and ends without a slash",
        "orders-0",
    );
    refuses("at 2s restart b1 with a", "", "the line ends too early", "`=`");
    refuses("at 2s bridge b1 b2 | b3", "                ^^", "unexpected `b2`", "`over`");
    refuses(
        "at 2s disk b1 eio once for 2s",
        "                       ^^^^^^",
        "`disk b1 eio once` happens at once and cannot last",
        "nothing",
    );
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let negative = "a duration cannot be negative";
    refuses("at -2s crash b1", "   ^^^", negative, "800ms, 2s, 1m, 35us");
    refuses("at 2s isolate b1 for -1s", "                     ^^^", negative, "800ms");
    refuses("at 2s isolate b1 for 0s", "                     ^^", "this cannot be zero", "longer");
    refuses("at 2 crash b1", "   ^", "`2` lacks a unit", "2s");
    refuses("at 2sec crash b1", "   ^^^^", "`2sec` is not a duration", "2s");
    refuses(
        "at 99999999999999999999s crash b1",
        "   ^^^^^^^^^^^^^^^^^^^^^",
        "this duration is too large",
        "",
    );
    refuses("at 6000000h crash b1", "   ^^^^^^^^", "this duration is too large", "");
    refuses(
        "at 2s throttle b1 > b2 to -1MB/s",
        "                          ^^^^^^",
        "a rate cannot be negative",
        "1MB/s",
    );
    refuses(
        "at 2s throttle b1 > b2 to 0B/s",
        "                          ^^^^",
        "a rate cannot be zero: stall or cut instead",
        "1MB/s",
    );
    refuses("at 2s slow b1 by -3", "                 ^^", "a factor cannot be negative", "from 1");
    refuses("at 2s slow b1 by 0", "                 ^", "a factor cannot be zero", "from 1");
    refuses("during 4s..2s pause b1", "           ^^", "it ends before it begins", "later than 4s");
    refuses(
        "at 2s clock b1 ahead -5s",
        "                     ^^^",
        "a clock cannot be ahead by a negative duration",
        "`step -5s`",
    );
    refuses(
        "at 2s clock b1 drift 200",
        "                     ^^^",
        "`200` is not a drift",
        "200ppm",
    );
}

#[test]
fn what_happens_at_once_cannot_last() {
    refuses(
        "at 2s reset b1 - b2 for 2s",
        "                    ^^^^^^",
        "`reset b1 - b2` happens at once and cannot last",
        "nothing",
    );
    refuses(
        "during 1s..2s wipe b1",
        "              ^^^^^^^",
        "`wipe b1` happens at once and cannot last",
        "`at`",
    );
    refuses(
        "during 1s..2s pause b1 for 3s",
        "                       ^^^^^^",
        "`during` says already how long it lasts",
        "nothing",
    );
}

#[test]
fn an_error_reads_as_one_sentence() {
    let error = "at 2s slow b1 by 0".parse::<Fault>().expect_err("zero");
    let text = "column 18: a factor cannot be zero (allowed: a whole number from 1 on)";
    assert_eq!(error.to_string(), text, "the whole message");
}

#[test]
fn every_word_of_the_grammar_is_listed_with_an_example_that_has_it() {
    let listed: Vec<&str> = WORDS.iter().map(|word| word.word).collect();
    for word in WHENS.iter().chain(EFFECTS).chain(&["for"]) {
        assert!(listed.contains(word), "`{word}` is not in the list");
    }
    for word in WORDS {
        let fault: Fault = word.example.parse().expect(word.example);
        assert_eq!(fault.to_string(), word.example, "an example prints back as itself");
        assert!(word.example.split(' ').any(|part| part == word.word), "{word:?}");
    }
}

// ---- budget ----

#[test]
fn the_budget_counts_hosts_until_they_have_caught_up() {
    let mut budget = Budget::new(1);
    assert!(budget.allows("b1") && !budget.allows_all(["b1", "b2"]), "one, not two at once");
    budget.on_lossy_crash("b1");
    assert!(budget.allows("b1"), "what is lost cannot be lost again");
    assert!(!budget.allows("b2"), "a second one");
    budget.on_caught_up("b1");
    assert!(budget.allows("b2"), "the first one is back");
    budget.on_lossy_crash("b2");
    budget.on_lossy_crash("b3");
    assert!(budget.is_exceeded() && !budget.allows("b2"), "a scenario went beyond on purpose");
    assert_eq!(budget.behind().collect::<Vec<_>>(), ["b2", "b3"], "those who lost");
    assert!(!Budget::new(0).allows("b1"), "no budget at all");
}

// ---- swarm ----

const ALL: [Family; 8] = [
    Family::Network,
    Family::Mesh,
    Family::Connect,
    Family::Crash,
    Family::Disk,
    Family::Io,
    Family::Clock,
    Family::Pause,
];

fn hosts(names: &[&str]) -> Vec<SwarmHost> {
    let host = |name: &&str| SwarmHost {
        target: HostExpr::Name((*name).to_owned()),
        families: ALL.into(),
        loses_unsynced: name.starts_with('b'),
        never_with: BTreeSet::new(),
    };
    names.iter().map(host).collect()
}

const WINDOW: (Time, Time) = (Time(2_000_000_000), Time(60_000_000_000));

fn drawn(seed: u64, families: &[Family], names: &[&str]) -> Vec<Fault> {
    swarm(Plan::new(seed), families, &hosts(names), WINDOW, &SwarmSettings::default())
}

#[test]
fn every_drawn_fault_is_text_within_the_window() {
    for seed in 0..200 {
        let mut last = Time::ZERO;
        for fault in drawn(seed, &ALL, &["b1", "b2", "b3", "c1"]) {
            assert_eq!(fault.to_string().parse::<Fault>().as_ref(), Ok(&fault), "seed {seed}");
            let When::At(at) = fault.when else { panic!("{fault} has no time of its own") };
            assert!(WINDOW.0 <= at && at < WINDOW.1 && last <= at, "{fault}");
            last = at;
            assert_eq!(fault.lasting.is_some(), fault.effect.can_last(), "{fault} ends");
            assert!(at + fault.lasting.unwrap_or_default() <= WINDOW.1, "{fault}");
            if let Effect::Crash { hosts, losing_unsynced: true } = &fault.effect {
                assert_ne!(hosts.to_string(), "c1", "seed {seed}: it must not lose anything");
            }
        }
    }
}

#[test]
fn between_two_that_never_speak_nothing_is_drawn_and_nothing_else_changes() {
    let is_between = |fault: &Fault| {
        let text = fault.effect.to_string();
        text.contains("b1") && text.contains("c1") && !text.contains("b2")
    };
    let mut between = 0;
    for seed in 0..100 {
        let mut hosts = hosts(&["b1", "b2", "c1"]);
        let all = drawn(seed, &ALL, &["b1", "b2", "c1"]);
        hosts[2].never_with.insert(HostExpr::Name("b1".to_owned()));
        let fewer = swarm(Plan::new(seed), &ALL, &hosts, WINDOW, &SwarmSettings::default());
        between += all.iter().filter(|it| is_between(it)).count();
        let left: Vec<Fault> = all.into_iter().filter(|it| !is_between(it)).collect();
        assert_eq!(left, fewer, "seed {seed}");
    }
    assert!(between > 20, "{between}");
}

#[test]
fn taking_a_host_or_a_family_away_changes_no_other_fault() {
    let about = |fault: &&Fault, name: &str| fault.effect.to_string().contains(name);
    let is_split = |fault: &&Fault| match &fault.effect {
        Effect::Cut { sides: Sides::Both(one, other) } => one.0.len() + other.0.len() > 2,
        Effect::Ring { .. } | Effect::Bridge { .. } | Effect::Swizzle { .. } => true,
        _ => false,
    };
    for seed in 0..200 {
        let all = drawn(seed, &ALL, &["b1", "b2", "b3"]);
        let fewer = drawn(seed, &ALL, &["b1", "b3"]);
        let rest = |faults: &[Fault]| -> Vec<Fault> {
            let kept = faults.iter().filter(|f| !about(f, "b2") && !is_split(f));
            kept.filter(|f| {
                f.effect.to_string() != "cut b1 | b3" && f.effect.to_string() != "cut b3 | b1"
            })
            .cloned()
            .collect()
        };
        assert_eq!(rest(&all), rest(&fewer), "seed {seed}");
        let crashes = |faults: &[Fault]| -> Vec<Fault> {
            let is_crash =
                |f: &&Fault| matches!(f.effect, Effect::Crash { .. } | Effect::Stop { .. });
            faults.iter().filter(is_crash).cloned().collect()
        };
        let two = drawn(seed, &[Family::Disk, Family::Crash], &["b1", "b2", "b3"]);
        let on = |faults: &[Fault]| !crashes(faults).is_empty();
        if on(&all) && on(&two) {
            assert_eq!(crashes(&all), crashes(&two), "seed {seed}");
        }
    }
}

#[test]
fn seeds_differ_in_what_they_draw_and_how_much() {
    let mut words: Vec<BTreeSet<String>> = Vec::new();
    for seed in 0..400 {
        let faults = drawn(seed, &ALL, &["b1", "b2", "b3", "c1", "c2", "c3"]);
        let word = |fault: &Fault| {
            let text = fault.effect.to_string();
            let lossy = if text.ends_with("losing unsynced") { " losing" } else { "" };
            format!("{}{lossy}", text.split(' ').next().expect("a word"))
        };
        words.push(faults.iter().map(word).collect());
        assert_eq!(faults, drawn(seed, &ALL, &["b1", "b2", "b3", "c1", "c2", "c3"]), "seed {seed}");
    }
    for word in [
        "cut",
        "ring",
        "bridge",
        "swizzle",
        "refuse",
        "hang",
        "isolate",
        "delay",
        "throttle",
        "stall",
        "reset",
        "crash",
        "crash losing",
        "stop",
        "disk",
        "clock",
        "pause",
        "slow",
    ] {
        let seeds = words.iter().filter(|drawn| drawn.contains(word)).count();
        assert!((50..370).contains(&seeds), "{word} in {seeds} of 400 seeds");
    }
    assert!(words.iter().filter(|drawn| drawn.is_empty()).count() < 20, "few seeds draw nothing");
}

#[test]
fn what_a_seed_chooses_is_what_it_draws_and_reads_as_a_line() {
    let names = ["b1", "b2", "b3"];
    let settings = SwarmSettings::default();
    let mut texts = BTreeSet::new();
    for seed in 0..200 {
        let choice = SwarmChoice::draw(Plan::new(seed), &ALL, &settings);
        let faults = drawn(seed, &ALL, &names);
        for family in &choice.families {
            let of = |fault: &&Fault| match (&fault.effect, family.family) {
                (Effect::Crash { .. } | Effect::Stop { .. }, Family::Crash)
                | (Effect::Clock { .. }, Family::Clock)
                | (
                    Effect::Pause { .. } | Effect::Slow { .. } | Effect::Lag { .. },
                    Family::Pause,
                )
                | (Effect::Refuse { .. } | Effect::Hang { .. }, Family::Connect) => true,
                (Effect::Disk { fault, .. }, family) => {
                    matches!(fault, DiskFault::Slow(_)) == (family == Family::Disk)
                        && matches!(family, Family::Disk | Family::Io)
                }
                _ => false,
            };
            let count = faults.iter().filter(of).count();
            assert!(family.halves.is_some() || count == 0, "seed {seed}: {choice}: {count}");
        }
        texts.insert(choice.to_string());
    }
    assert!(texts.len() > 150, "seeds choose differently");
    let one = SwarmChoice::draw(Plan::new(0), &[Family::Disk], &settings).to_string();
    assert!(one.starts_with("disk x"), "SC-2: a family that is alone stays: {one}");
}
