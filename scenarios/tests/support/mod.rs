//! What the tests of the binary share: a folder of their own, the binary in it, and what it said.

#![expect(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A scenario with a failure in every seed: no follower ever cuts its log within two seconds.
pub const CALM: &str = "title = \"a cluster without faults never cuts a log\"\ntime = \"2s\"\n\
    must_happen = [\"truncation\"]\n[topics.t]\npartitions = 1\nreplicas = 3\n\
    [clients.p]\nproduce = \"t\"\nrate = \"20/s\"\n";

/// A guard is removed: R12 is violated in every seed.
pub const CANARY: &str = include_str!("../../../.ci/canary.toml");

/// Exit status, and what was said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        let status = output.status.code().expect("it ended by itself");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{out}{err}");
        Self { status, out, err }
    }

    /// Everything that was said, without line ends and the frame of an error.
    pub fn words(&self) -> String {
        let all = format!("{} {}", self.out, self.err);
        all.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
    }

    /// It ended so, and said this, however the lines were broken.
    #[track_caller]
    pub fn is(&self, status: i32, part: &str) {
        let (out, err) = (&self.out, &self.err);
        assert_eq!(self.status, status, "{out}{err}");
        assert!(self.words().contains(part), "`{part}` is missing: {out}{err}");
    }

    /// Refused, with these words, before anything was told of a run.
    #[track_caller]
    pub fn is_refused(&self, want: &str) {
        self.is(2, want);
        assert_eq!(self.out, "", "nothing is played");
    }
}

/// A folder with everything in it, to where nothing is yet.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("there is room");
    for entry in fs::read_dir(from).expect("it is there") {
        let (path, name) = entry.map(|it| (it.path(), it.file_name())).expect("it can be read");
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("there is room");
        }
    }
}

/// An empty folder for one test.
pub fn folder(group: &str, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(group).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

/// The binary, to be started in `folder`.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trial"));
    command.current_dir(folder).args(arguments).env_remove("NO_COLOR");
    command
}

/// What the binary comes to in `folder`.
pub fn trial(folder: &Path, arguments: &[&str]) -> Said {
    Said::of(command(folder, arguments).output().expect("the binary was built"))
}

/// How many seeds a sweep's file holds.
pub fn rows(path: &Path) -> usize {
    fs::read(path).map_or(0, |text| {
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        lines.saturating_sub(1)
    })
}

/// Every file below a folder, with its bytes.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// The same of a folder of texts.
pub fn tree(folder: &Path) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    files(folder).into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
}
