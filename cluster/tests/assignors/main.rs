//! The consumer's assignors against Java's: the same partitions in the same order, and the same bytes.
//!
//! Plain `cargo test` plays the groups in `../data/assignors-4.3.0.txt`, with what Apache Kafka 4.3.0 has answered.
//! `TRIAL_ORACLE=COMMAND cargo test` runs `COMMAND java scenarios/oracle/Assignors.java ...` as well, with Kafka's jars
//! on its class path, for ten thousand random groups of each assignor; with `TRIAL_ORACLE_KEEP=1` its answers to the
//! small ones are kept in that file.

mod groups;
mod java;
mod player;
mod properties;
mod words;

use groups::{Draws, History, Size};
use java::Java;
use player::Player;
use trial_cluster::client::consumer::assignor::Assignor;

/// Groups of each assignor that Kafka is asked about.
const GROUPS: u64 = 10_000;
/// Small ones of each assignor whose answers are kept.
const KEPT: u64 = 60;

const TABLE: &str = include_str!("../data/assignors-4.3.0.txt");

#[test]
fn groups_that_kafka_has_assigned_are_assigned_the_same() {
    let mut player = Player::default();
    let (mut rounds, mut ours) = (0, Vec::new().into_iter());
    let lines = TABLE.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    for (number, line) in lines {
        match line.strip_prefix("= ") {
            Some(kafkas) => assert_eq!(ours.next().as_deref(), Some(kafkas), "line {}", number + 1),
            None => {
                assert_eq!(ours.next(), None, "line {}: Kafka has said less", number + 1);
                ours = player.line(line).into_iter();
                rounds += usize::from(line == "assign");
            }
        }
    }
    assert!(rounds >= 500, "only {rounds} rounds are in the table");
    for name in Assignor::NAMES {
        assert!(TABLE.contains(&format!("group {name}\n")), "no {name}");
    }
}

/// What is asked, and what we say, line by line; `at` has the line that is answered.
#[derive(Default)]
struct Asked {
    lines: Vec<String>,
    ours: Vec<(usize, String)>,
}

impl Asked {
    fn groups(name: &'static str, seeds: std::ops::Range<u64>, size: Size) -> Self {
        let mut asked = Self::default();
        for seed in seeds {
            let mut player = Player::default();
            let mut history = History::new(name, seed, size);
            while let Some(lines) = history.round(player.assigned()) {
                for line in lines {
                    let at = asked.lines.len();
                    asked.ours.extend(player.line(&line).into_iter().map(|said| (at, said)));
                    asked.lines.push(line);
                }
            }
        }
        asked
    }

    fn odd() -> Self {
        let mut asked = Self::default();
        for (what, lines) in groups::ODD {
            let mut player = Player::default();
            asked.lines.push(format!("# {what}"));
            for line in *lines {
                let at = asked.lines.len();
                asked.ours.extend(player.line(line).into_iter().map(|said| (at, said)));
                asked.lines.push((*line).to_owned());
            }
        }
        asked
    }

    /// Asks Kafka; answers what it says to each of ours.
    fn kafkas(&self, oracle: &Java) -> Vec<String> {
        let path = oracle.write("groups", &(self.lines.join("\n") + "\n"));
        let said = oracle.java("Assignors.java", &["assign", &path]);
        said.lines().map(str::to_owned).collect()
    }

    fn compare(&self, kafkas: &[String]) {
        for ((at, ours), kafkas) in self.ours.iter().zip(kafkas) {
            if ours != kafkas {
                let head = self.lines[..*at].iter().rposition(|line| line.starts_with("group "));
                let story = self.lines[head.unwrap_or(0)..=*at].join("\n");
                panic!("{story}\nKafka: {kafkas}\nours:  {ours}");
            }
        }
        assert_eq!(self.ours.len(), kafkas.len(), "as many answers");
    }
}

#[test]
fn kafka_assigns_as_we_do() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    for name in Assignor::NAMES {
        let asked = Asked::groups(name, 0..GROUPS, Size::Any);
        asked.compare(&asked.kafkas(&oracle));
        let thrown = asked.ours.iter().filter(|(_, said)| said.contains(" !")).count();
        let rounds = asked.lines.iter().filter(|line| *line == "assign").count();
        assert!(rounds > 30_000, "{name}: only {rounds} rounds");
        let can_throw = name.contains("sticky");
        assert_eq!(thrown > 1_000, can_throw, "{name}: Kafka throws at {thrown} members");
    }
}

#[test]
fn the_table_is_what_kafka_says() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut table = String::from(
        "# Groups, and behind `=` what the assignors of Apache Kafka 4.3.0 make of them. The words are those of\n\
         # scenarios/oracle/Assignors.java; TRIAL_ORACLE_KEEP=1 (tests/assignors/main.rs) writes this file again.\n",
    );
    let kept = Assignor::NAMES.map(|name| Asked::groups(name, 0..KEPT, Size::Small));
    for asked in [Asked::odd()].into_iter().chain(kept) {
        let kafkas = asked.kafkas(&oracle);
        asked.compare(&kafkas);
        let mut kafkas = kafkas.into_iter();
        let mut answered = asked.ours.iter().map(|(at, _)| *at).peekable();
        for (at, line) in asked.lines.iter().enumerate() {
            table += &format!("{line}\n");
            while answered.next_if_eq(&at).is_some() {
                table += &format!("= {}\n", kafkas.next().expect("as many answers"));
            }
        }
    }
    if Java::keeps() {
        Java::keep("tests/data/assignors-4.3.0.txt", &table);
    } else {
        assert!(
            table == TABLE,
            "Kafka says something else than the table, or the groups are others"
        );
    }
}

#[test]
fn kafka_reads_bytes_as_we_do() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut draws = Draws::new(4);
    let asked: Vec<String> = (0..10_000).map(|_| groups::bytes(&mut draws)).collect();
    let path = oracle.write("bytes", &(asked.join("\n") + "\n"));
    let kafkas = oracle.java("Assignors.java", &["read", &path]);
    let (mut good, mut bad, mut stricter) = (0, 0, 0);
    for (line, kafkas) in asked.iter().zip(kafkas.lines()) {
        match player::read(line) {
            Ok(ours) => {
                assert_eq!(format!("ok {ours}"), kafkas, "{line}");
                good += 1;
            }
            // Java takes text that is not UTF-8, and null for any negative length where null is allowed.
            Err(error) if player::is_stricter(&error) => stricter += 1,
            Err(error) => {
                assert_eq!(kafkas, "error", "{line}: {error}");
                bad += 1;
            }
        }
    }
    assert_eq!(kafkas.lines().count(), asked.len(), "as many answers");
    assert!(good > 3_000 && bad > 2_000 && stricter < 1_000, "{good} {bad} {stricter}");
}
