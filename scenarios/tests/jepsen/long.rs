//! Long histories: the memory is a few bytes for each operation and value, and nothing is found where nothing is.
//!
//! `TRIAL_JUDGE_OPS=10000000 cargo test --release --test jepsen long -- --nocapture` tells the time and the peak of the
//! memory; with `TRIAL_JUDGE_FILE=FILE` the history is written there, too.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::time::Instant;

use trial_scenarios::history::check::{Anomaly, Notation, Options, Outcome, judge};

const KEYS: usize = 12;
/// Keys from here on have transactions: a marker takes an offset after every few records.
const SPARSE_FROM: usize = 8;
const PRODUCERS: usize = 8;
const CONSUMERS: usize = 3;

/// A consumer: where it stands in each key.
#[derive(Clone)]
struct Consumer {
    process: i64,
    at: [usize; KEYS],
}

/// A history of so many lines, made as it is read: producers that each send one record at a time, consumers that poll
/// several, clients that crash.
struct Generated {
    lines: u64,
    wanted: u64,
    random: u64,
    logs: Vec<Vec<(i64, i64)>>,
    /// How far each log is known to consumers; the rest is thrown away once all have read it.
    dropped: [usize; KEYS],
    ends: [i64; KEYS],
    producers: Vec<(i64, Option<(usize, i64)>)>,
    consumers: Vec<Consumer>,
    next_process: i64,
    next_value: i64,
    text: Vec<u8>,
    given: usize,
    /// At which line a record is lost, if one is.
    loses_at: Option<u64>,
}

impl Generated {
    fn new(wanted: u64, loses_at: Option<u64>) -> Self {
        let processes = i64::try_from(PRODUCERS + CONSUMERS).expect("few");
        let consumer = |place: usize| Consumer {
            process: i64::try_from(PRODUCERS + place).expect("few"),
            at: [0; KEYS],
        };
        Self {
            lines: 0,
            wanted,
            random: 0x9e37_79b9_7f4a_7c15,
            logs: vec![Vec::new(); KEYS],
            dropped: [0; KEYS],
            ends: [0; KEYS],
            producers: (0..PRODUCERS).map(|it| (i64::try_from(it).expect("few"), None)).collect(),
            consumers: (0..CONSUMERS).map(consumer).collect(),
            next_process: processes,
            next_value: 1,
            text: Vec::new(),
            given: 0,
            loses_at,
        }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).expect("31 bits") % below
    }

    fn line(&mut self, process: i64, kind: &str, f: &str, value: &str) {
        let (index, time) = (self.lines, self.lines * 1_000);
        writeln!(
            self.text,
            "{{:index {index}, :time {time}, :type :{kind}, :process {process}, :f :{f}, :value {value}}}"
        )
        .expect("memory takes everything");
        self.lines += 1;
    }

    fn produce(&mut self) {
        let producer = self.draw(PRODUCERS);
        let (process, pending) = self.producers[producer];
        let Some((key, value)) = pending else {
            let (key, value) = (self.draw(KEYS), self.next_value);
            self.next_value += 1;
            self.producers[producer].1 = Some((key, value));
            self.line(process, "invoke", "send", &format!("[[:send {key} {value}]]"));
            return;
        };
        self.producers[producer].1 = None;
        let is_lost = self.loses_at.is_some_and(|at| self.lines >= at);
        let (offset, crashes) = (self.ends[key], self.draw(2_000) == 0);
        self.ends[key] += 1;
        if key >= SPARSE_FROM && self.draw(10) == 0 {
            self.ends[key] += 1;
        }
        if is_lost && !crashes {
            self.loses_at = None;
        } else {
            self.logs[key].push((offset, value));
        }
        if crashes {
            self.line(process, "info", "send", &format!("[[:send {key} {value}]]"));
            self.producers[producer].0 = self.next_process;
            self.next_process += 1;
        } else {
            self.line(process, "ok", "send", &format!("[[:send {key} [{offset} {value}]]]"));
        }
    }

    fn poll(&mut self, consumer: usize, limit: usize) -> bool {
        let process = self.consumers[consumer].process;
        let mut polled: BTreeMap<usize, String> = BTreeMap::new();
        for _ in 0..2 {
            let key = self.draw(KEYS);
            let at = self.consumers[consumer].at[key];
            let log = &self.logs[key][at - self.dropped[key]..];
            let records: Vec<String> = log
                .iter()
                .take(limit)
                .map(|(offset, value)| format!("[{offset} {value}]"))
                .collect();
            if !records.is_empty() {
                self.consumers[consumer].at[key] += records.len();
                polled.insert(key, records.join(" "));
                break;
            }
        }
        if polled.is_empty() {
            return false;
        }
        let each: Vec<String> =
            polled.iter().map(|(key, records)| format!("{key} [{records}]")).collect();
        self.line(process, "invoke", "poll", "[[:poll]]");
        self.line(process, "ok", "poll", &format!("[[:poll {{{}}}]]", each.join(", ")));
        if self.draw(20_000) == 0 {
            self.crash(consumer);
        }
        true
    }

    /// A consumer crashes; the next one goes on where it was.
    fn crash(&mut self, consumer: usize) {
        let process = self.consumers[consumer].process;
        self.line(process, "invoke", "crash", "nil");
        self.line(process, "info", "crash", "nil");
        let next = self.next_process;
        self.next_process += 1;
        self.consumers[consumer].process = next;
        let all = (0..KEYS).map(|key| key.to_string()).collect::<Vec<_>>().join(" ");
        self.line(next, "invoke", "assign", &format!("[{all}]"));
        self.line(next, "ok", "assign", &format!("[{all}]"));
    }

    fn forget(&mut self) {
        for key in 0..KEYS {
            let read = self.consumers.iter().map(|consumer| consumer.at[key]).min().unwrap_or(0);
            if read - self.dropped[key] > 10_000 {
                self.logs[key].drain(..read - self.dropped[key]);
                self.dropped[key] = read;
            }
        }
    }

    /// Makes a few lines more; false if there are enough, and everybody has read everything.
    fn more(&mut self) -> bool {
        self.text.clear();
        self.given = 0;
        if self.lines < self.wanted {
            for _ in 0..6 {
                self.produce();
            }
            let consumer = self.draw(CONSUMERS);
            self.poll(consumer, 8);
            self.forget();
            return true;
        }
        for producer in 0..PRODUCERS {
            while self.producers[producer].1.is_some() {
                self.produce();
            }
        }
        for consumer in 0..CONSUMERS {
            for _ in 0..200 {
                self.poll(consumer, 500);
            }
        }
        let is_read = |key: usize| {
            let end = self.dropped[key] + self.logs[key].len();
            self.consumers.iter().all(|consumer| consumer.at[key] == end)
        };
        !(0..KEYS).all(is_read) || !self.text.is_empty()
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if !self.more() {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Peak of the process's memory in megabytes, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or("?".to_owned(), |line| line.split_whitespace().nth(1).unwrap_or("?").to_owned())
}

#[test]
fn a_long_history_takes_a_few_bytes_for_each_operation() {
    let wanted = std::env::var("TRIAL_JUDGE_OPS").ok().and_then(|ops| ops.parse().ok());
    let wanted: u64 = wanted.unwrap_or(200_000);
    if let Ok(file) = std::env::var("TRIAL_JUDGE_FILE") {
        let mut to = std::fs::File::create(file).expect("it can be written");
        io::copy(&mut Generated::new(wanted, None), &mut to).expect("it can be written");
    }
    let begun = Instant::now();
    let judgement = judge(Generated::new(wanted, None), Notation::Edn, &Options::default());
    let took = begun.elapsed();
    let judgement = judgement.expect("it is a history");
    let (ops, values) = judgement.held_bytes;
    println!(
        "{} operations, {} records polled: {:.1} s with making them, peak {} kB; held {ops} + {values} bytes",
        judgement.ops,
        judgement.records,
        took.as_secs_f64(),
        peak(),
    );
    assert_eq!(judgement.outcome, Outcome::Holds, "{judgement}");
    assert_eq!(judgement.findings, [], "{judgement}");
    let per_op = ops as u64 / judgement.ops;
    assert!(per_op <= 16, "{ops} bytes for {} operations", judgement.ops);
    // Every consumer has read every record.
    let records = judgement.records / CONSUMERS as u64;
    let per_value = values as u64 / records;
    assert!(per_value <= 16, "{values} bytes for {records} values");
}

#[test]
fn one_record_lost_in_many_is_found() {
    let history = Generated::new(60_000, Some(30_000));
    let judgement = judge(history, Notation::Edn, &Options::default()).expect("it is a history");
    assert_eq!(judgement.outcome, Outcome::Violated, "{judgement}");
    assert_eq!(judgement.count(Anomaly::LostWrite), 1, "{judgement}");
    assert_eq!(judgement.count(Anomaly::Unseen), 1, "{judgement}");
    // Its offset was told, and all three passed over it.
    let skips = judgement.count(Anomaly::PollSkip) + judgement.count(Anomaly::IntPollSkip);
    assert_eq!(skips, CONSUMERS as u64, "{judgement}");
}
