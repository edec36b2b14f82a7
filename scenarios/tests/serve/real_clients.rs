//! Real clients make a topic, produce with acks=all across a leader crash, and read everything back.
//!
//! Opt-in, with `TRIAL_GUESTS=1`: librdkafka by way of confluent-kafka (python3 with venv, and PyPI), the producer,
//! consumer and Admin of Apache Kafka (Java 17 and Maven: `scenarios/oracle/oracle` fetches them), kcat (in the path,
//! or named by `TRIAL_KCAT`). Without the variable, and where a client cannot be had, a test says so and passes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::served::Served;
use super::support;

/// The version that was tried.
pub const CONFLUENT_KAFKA: &str = "confluent-kafka==2.16.1";
const CRASH: &str = "crash leader(orders/0) losing unsynced for 3s";

pub fn wanted(test: &str) -> bool {
    let wanted = std::env::var("TRIAL_GUESTS").is_ok_and(|value| value == "1");
    if !wanted {
        println!("{test}: skipped, since TRIAL_GUESTS=1 is not set");
    }
    wanted
}

pub fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Whether a command can be run and succeeds; else what it said is printed.
pub fn can(what: &str, command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("skipped, {what} cannot be had: {said}");
            false
        }
        Err(why) => {
            println!("skipped, {what} cannot be had: {why}");
            false
        }
    }
}

/// A Python that has a package; its folder is named for the package.
pub fn python(package: &str) -> Option<PathBuf> {
    let folder = support::folder("guests", &package.replace("==", "-"));
    let python = folder.join("venv/bin/python");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder.join("venv"));
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", package]);
    let is_there = can("python3 with venv", &mut venv) && can(package, &mut install);
    is_there.then_some(python)
}

/// Where kcat is.
pub fn kcat() -> Option<String> {
    let kcat = std::env::var("TRIAL_KCAT").unwrap_or_else(|_| "kcat".to_owned());
    can("kcat", Command::new(&kcat).arg("-V")).then_some(kcat)
}

/// A Java with the classes of Apache Kafka.
pub fn java() -> Option<Command> {
    let oracle = std::env::var("TRIAL_ORACLE").map_or(here("oracle/oracle"), PathBuf::from);
    let is_there = can("Java with Maven", Command::new(&oracle).args(["java", "--version"]));
    let mut command = Command::new(&oracle);
    command.arg("java");
    is_there.then_some(command)
}

/// Runs a client that says `half` when it is time for the crash; it finds that nothing is lost, and so does Trial.
#[track_caller]
fn survives_a_crash(mut client: Command) {
    let mut served = Served::quick();
    client.arg(&served.bootstrap).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().expect("it was tried before");
    let errors = child.stderr.take().expect("it is piped");
    let errors = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.expect("it writes UTF-8");
        if line == "half" {
            served.type_line(CRASH);
        }
        said.push(line);
    }
    let ended = child.wait().expect("it ends");
    let errors = errors.join().expect("it reads");
    assert!(ended.success(), "{said:#?}\n{errors}\n{:#?}", served.lines);
    println!("{said:#?}");
    served.wait_for("is down");
    acknowledged_is_heard(served, 3_000);
}

#[track_caller]
fn acknowledged_is_heard(served: Served, records: u64) {
    let run = served.holds();
    let facts = run.judge().facts();
    let acked: u64 = facts.partitions().map(|partition| partition.records_acked).sum();
    assert!(acked >= records, "the taps heard of {acked} records");
    assert!(facts.partitions().any(|partition| partition.elections > 0), "another leader");
}

#[test]
fn librdkafka_loses_nothing() {
    if !wanted("librdkafka_loses_nothing") {
        return;
    }
    let Some(python) = python(CONFLUENT_KAFKA) else { return };
    let mut client = Command::new(python);
    client.arg(here("tests/serve/guest.py"));
    survives_a_crash(client);
}

#[test]
fn the_clients_of_apache_kafka_lose_nothing() {
    if !wanted("the_clients_of_apache_kafka_lose_nothing") {
        return;
    }
    let Some(mut client) = java() else { return };
    client.arg(here("tests/serve/Guest.java"));
    survives_a_crash(client);
}

#[test]
fn kcat_loses_nothing() {
    const LINES: usize = 1_500;
    if !wanted("kcat_loses_nothing") {
        return;
    }
    let Some(kcat) = kcat() else { return };
    let mut served = Served::quick();
    assert_eq!(served.guest(1).create("orders", 3), 0);
    served.wait_for("topic orders");
    let listed = Command::new(&kcat).args(["-L", "-b", &served.bootstrap]).output().expect("kcat");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("3 brokers") && listed.contains("with 3 partitions"), "{listed}");

    let mut produce = Command::new(&kcat);
    produce.args(["-P", "-t", "orders", "-K", ":", "-X", "acks=all"]);
    produce.args(["-X", "enable.idempotence=true", "-b", &served.bootstrap]);
    let produce = produce.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut produce = produce.expect("it was tried before");
    let mut input = produce.stdin.take().expect("it is piped");
    for number in 0..LINES {
        writeln!(input, "{}:{number}", number % 7).expect("it reads");
        std::thread::sleep(Duration::from_millis(3));
        if number == LINES / 3 {
            served.type_line(CRASH);
        }
    }
    drop(input);
    let produced = produce.wait_with_output().expect("it ends");
    assert!(produced.status.success(), "{}", String::from_utf8_lossy(&produced.stderr));
    served.wait_for("is down");

    let arguments = ["-C", "-t", "orders", "-o", "beginning", "-e", "-q", "-f", "%s\n", "-b"];
    let read = Command::new(&kcat).args(arguments).arg(&served.bootstrap).output().expect("kcat");
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    let mut numbers: Vec<usize> = text.lines().map(|line| line.parse().expect("ours")).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    // An idempotent producer may write twice after a broker's restart, in Kafka too: `duplicate` judges that.
    numbers.dedup();
    println!("kcat: {count} records, {} of {LINES} numbers", numbers.len());
    assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "nothing is lost");
    served.holds();
}
