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

    /// `DumpLogSegments` on files.
    pub fn dump(&self, options: &[&str], files: &[PathBuf]) -> Printed {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(",");
        let arguments = [&["tool", "DumpLogSegments"], options, &["--files", &files]].concat();
        let mut printed = self.run(&arguments);
        let is_complaint = |line: &&str| {
            ["isvalid: false", "isValid: false", "invalid bytes", "ould not"]
                .iter()
                .any(|word| line.contains(word))
        };
        printed.complaints = without_first_offsets(&printed.complaints);
        printed.complaints.extend(printed.out.lines().filter(is_complaint).map(str::to_owned));
        printed
    }

    pub fn folder_of_node(&self) -> PathBuf {
        PathBuf::from(self.run(&["dir", "1"]).out.trim())
    }
}

/// The tool expects that every file begins at offset 0, and complains of each later segment, Kafka's own too.
fn without_first_offsets(complaints: &[String]) -> Vec<String> {
    let real = complaints.iter().filter(|line| !line.starts_with("  -1 is followed by "));
    let real: Vec<&String> = real.collect();
    let is_bare = |at: usize| {
        let more = real.get(at + 1).is_some_and(|next| next.starts_with("  "));
        real[at].starts_with("Non-consecutive offsets in ") && !more
    };
    (0..real.len()).filter(|at| !is_bare(*at)).map(|at| real[at].clone()).collect()
}

#[test]
fn only_the_first_offset_of_a_segment_is_excused() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let (named, first) = ("Non-consecutive offsets in 24.log", "  -1 is followed by 24");
    let excused = lines(&[named, first, named, first]);
    assert_eq!(without_first_offsets(&excused), Vec::<String>::new());
    let gap =
        lines(&[named, first, "  30 is followed by 32", "Mismatches in :24.index", "  Index"]);
    let want = lines(&[named, "  30 is followed by 32", "Mismatches in :24.index", "  Index"]);
    assert_eq!(without_first_offsets(&gap), want);
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
