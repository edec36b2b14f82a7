//! Kafka's classes and tools, by the command that runs them: `TRIAL_ORACLE`. Without it the tests that ask say nothing.

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
        let name = format!("trial-log-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder for files that come and go");
        Some(Self { command, folder })
    }

    /// Where a file or a folder of this name lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file, in folders that are made for it; answers its path, as an argument.
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        let folder = path.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("the temporary folder takes others");
        fs::write(&path, bytes).expect("the folder is there");
        argument(&path)
    }

    /// Runs one of the programs in `log/oracle`; answers what it says.
    pub fn java(&self, program: &str, arguments: &[&str]) -> String {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle").join(program);
        self.run(&[&["java", &argument(&program)], arguments].concat())
    }

    /// Runs the command; answers what it says.
    pub fn run(&self, arguments: &[&str]) -> String {
        let run = Command::new(&self.command).args(arguments).output();
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

/// A path as an argument of the command.
pub fn argument(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
