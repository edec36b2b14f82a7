//! A history in short: one operation a line, `PROCESS TYPE F VALUE`, and what else its map has behind a `|`.

use trial_scenarios::history::check::{Anomaly, Judgement, Notation, Options, judge};

/// The history in EDN; the index of an operation is its line's.
pub(crate) fn edn(lines: &str) -> String {
    let mut text = String::new();
    let all = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    for (index, line) in all.enumerate() {
        let (line, more) = line.split_once('|').unwrap_or((line, ""));
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("process, type, f and value");
        let (process, kind, f, value) = (word(), word(), word(), word());
        text += &format!(
            "{{:index {index}, :time {index}, :type :{kind}, :process {process}, :f :{f}, :value {value}{}}}\n",
            if more.is_empty() { String::new() } else { format!(",{more}") }
        );
    }
    text
}

pub(crate) fn judged_with(lines: &str, options: &Options) -> Judgement {
    let text = edn(lines);
    judge(text.as_bytes(), Notation::Edn, options).unwrap_or_else(|why| panic!("{why}:\n{text}"))
}

pub(crate) fn judged(lines: &str) -> Judgement {
    judged_with(lines, &Options::default())
}

/// The examples of an anomaly, as they are printed.
pub(crate) fn examples(judgement: &Judgement, anomaly: Anomaly) -> Vec<String> {
    let finding = judgement.finding(anomaly);
    finding.map_or_else(Vec::new, |it| it.examples.iter().map(ToString::to_string).collect())
}

/// What is found of an anomaly.
#[track_caller]
pub(crate) fn check(lines: &str, anomaly: Anomaly, want: &[&str]) {
    let judgement = judged(lines);
    assert_eq!(examples(&judgement, anomaly), want, "{judgement}");
    assert_eq!(judgement.count(anomaly), want.len() as u64, "{judgement}");
}
