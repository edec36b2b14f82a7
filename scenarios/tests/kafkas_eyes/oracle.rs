//! The command that runs Apache Kafka and its tools.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Oracle {
    command: String,
}

/// What a tool printed, and of that what is no line of its log.
pub struct Printed {
    pub out: String,
    pub complaints: Vec<String>,
}

impl Oracle {
    pub fn of_environment() -> Option<Self> {
        std::env::var("TRIAL_ORACLE").ok().map(|command| Self { command })
    }

    pub fn run(&self, arguments: &[&str]) -> Printed {
        let run = Command::new(&self.command).args(arguments).output();
        let run = run.expect("TRIAL_ORACLE names a command");
        let (out, err) =
            (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        let logged = |line: &&str| {
            let level = line.split(' ').nth(1);
            line.trim().is_empty() || matches!(level, Some("INFO" | "WARN" | "DEBUG"))
        };
        let mut complaints: Vec<String> =
            err.lines().filter(|line| !logged(line)).map(str::to_owned).collect();
        if !run.status.success() {
            complaints.push(format!("{arguments:?}: {}", run.status));
        }
        Printed { out: out.into_owned(), complaints }
    }

    /// `DumpLogSegments` on files; these topics are compacted.
    pub fn dump(&self, options: &[&str], files: &[PathBuf], compacted: &[&str]) -> Printed {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(",");
        let arguments = [&["tool", "DumpLogSegments"], options, &["--files", &files]].concat();
        let mut printed = self.run(&arguments);
        let is_complaint = |line: &&str| {
            ["isvalid: false", "isValid: false", "invalid bytes", "ould not"]
                .iter()
                .any(|word| line.contains(word))
        };
        printed.complaints = that_count(&printed.complaints, compacted);
        printed.complaints.extend(printed.out.lines().filter(is_complaint).map(str::to_owned));
        printed
    }

    pub fn folder_of_node(&self) -> PathBuf {
        PathBuf::from(self.run(&["dir", "1"]).out.trim())
    }
}

/// The tool expects that every file begins at offset 0, and complains of each later segment, Kafka's own too; and that
/// there are no gaps, which compaction leaves.
fn that_count(complaints: &[String], compacted: &[&str]) -> Vec<String> {
    const NAMED: &str = "Non-consecutive offsets in ";
    let mut has_gaps = false;
    let counts = |line: &&String| {
        if !line.starts_with("  ") {
            let file = line.strip_prefix(NAMED);
            has_gaps = file.is_some_and(|file| compacted.iter().any(|topic| is_of(topic, file)));
        }
        let is_excused = |(before, after)| before == -1 || has_gaps && after > before;
        !followed(line).is_some_and(is_excused)
    };
    let real: Vec<&String> = complaints.iter().filter(counts).collect();
    let is_bare = |at: usize| {
        let more = real.get(at + 1).is_some_and(|next| next.starts_with("  "));
        real[at].starts_with(NAMED) && !more
    };
    (0..real.len()).filter(|at| !is_bare(*at)).map(|at| real[at].clone()).collect()
}

/// The two offsets of which one is not the other's next.
fn followed(line: &str) -> Option<(i64, i64)> {
    let (before, after) = line.strip_prefix("  ")?.split_once(" is followed by ")?;
    Some((before.parse().ok()?, after.parse().ok()?))
}

/// Whether a file lies in the folder of a partition of this topic.
fn is_of(topic: &str, file: &str) -> bool {
    let folder = Path::new(file).parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let partition = folder.and_then(|name| name.strip_prefix(topic)?.strip_prefix('-'));
    partition.is_some_and(|partition| partition.parse::<u32>().is_ok())
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn only_the_first_offset_of_a_segment_is_excused() {
    let (named, first) = ("Non-consecutive offsets in /orders-0/24.log", "  -1 is followed by 24");
    let excused = lines(&[named, first, named, first]);
    assert_eq!(that_count(&excused, &[]), Vec::<String>::new());
    let gap =
        lines(&[named, first, "  30 is followed by 32", "Mismatches in :24.index", "  Index"]);
    let want = lines(&[named, "  30 is followed by 32", "Mismatches in :24.index", "  Index"]);
    assert_eq!(that_count(&gap, &[]), want);
    assert_eq!(that_count(&gap, &["order", "orders-0", "rders"]), want, "other topics");
}

#[test]
fn gaps_of_a_compacted_topic_are_excused_and_offsets_that_fall_back_are_not() {
    let named = |topic: &str| format!("Non-consecutive offsets in /b1/{topic}-0/24.log");
    let (ours, other) = (named("a-topic"), named("orders"));
    let gap = "  30 is followed by 32";
    let all = [&ours, "  -1 is followed by 24", gap, "  40 is followed by 40", &other, gap];
    let want = lines(&[&ours, "  40 is followed by 40", &other, gap]);
    assert_eq!(that_count(&lines(&all), &["a-topic"]), want);
    let gaps = lines(&[&ours, gap, "Mismatches in :24.index", "  Index"]);
    assert_eq!(that_count(&gaps, &["a-topic"]), lines(&["Mismatches in :24.index", "  Index"]));
}

/// The files below a folder that end so, in order.
pub fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.display().to_string();
            if path.is_dir() {
                todo.push(path);
            } else if ends.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
