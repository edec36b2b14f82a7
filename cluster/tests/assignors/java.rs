//! Kafka's classes, by the command that runs them: `TRIAL_ORACLE`. Without it the tests that ask say nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "tests that run another program, when they are asked to"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The command, and a folder for files that come and go.
pub struct Java {
    command: String,
    folder: PathBuf,
}

impl Java {
    /// None if nobody has named a command.
    pub fn of_environment() -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let command = std::env::var("TRIAL_ORACLE").ok()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("trial-assignors-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder for files that come and go");
        Some(Self { command, folder })
    }

    /// Whether answers are to be kept.
    pub fn keeps() -> bool {
        std::env::var_os("TRIAL_ORACLE_KEEP").is_some()
    }

    /// Writes a file of this package.
    pub fn keep(path: &str, text: &str) {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), text).expect("it can be kept");
    }

    /// Writes a file; answers its path, as an argument.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the folder is there");
        path.to_string_lossy().into_owned()
    }

    /// Runs one of the programs in `scenarios/oracle`; answers what it says.
    pub fn java(&self, program: &str, arguments: &[&str]) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/oracle");
        let program = folder.join(program);
        let run = Command::new(&self.command).arg("java").arg(program).args(arguments).output();
        let run = run.expect("TRIAL_ORACLE names a command");
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(run.stdout).expect("words")
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        // What is left behind in a temporary folder hurts nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
