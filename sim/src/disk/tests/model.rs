//! Without crashes a disk is a map from names to bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::super::DiskCall::Any;
use super::super::DiskTrouble::{self, Eio};
use super::super::names::parent;
use super::super::{Disk, DiskError, DiskSeen, DiskSettings};
use super::{contents, job, synced_file, trouble};
use crate::time::{Span, Time};

#[derive(Debug, Clone)]
enum Call {
    Write { file: usize, offset: u64, bytes: Vec<u8> },
    Append { file: usize, bytes: Vec<u8> },
    Truncate { file: usize, len: u64 },
    Read { file: usize, offset: u64, count: u64 },
    Sync { file: usize },
    Rename { from: usize, to: usize },
    Remove { file: usize },
    Fork,
}

const PATHS: [&str; 5] = ["a", "b", "d/a", "d/b", "d"];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (
        prop_oneof![Just(0_usize), 1..600_usize, 4_090..4_100_usize, 12_000..12_001_usize],
        any::<u8>(),
    )
        .prop_map(|(len, first)| (0..len).map(|i| first.wrapping_add(i as u8) | 1).collect())
}

fn call() -> impl Strategy<Value = Call> {
    let file = || 0..PATHS.len();
    let offset = || prop_oneof![0..300_u64, 4_000..4_200_u64, 0..20_000_u64];
    prop_oneof![
        3 => (file(), offset(), bytes())
            .prop_map(|(file, offset, bytes)| Call::Write { file, offset, bytes }),
        5 => (file(), bytes()).prop_map(|(file, bytes)| Call::Append { file, bytes }),
        1 => (file(), offset()).prop_map(|(file, len)| Call::Truncate { file, len }),
        4 => (file(), offset(), offset())
            .prop_map(|(file, offset, count)| Call::Read { file, offset, count }),
        1 => file().prop_map(|file| Call::Sync { file }),
        1 => (file(), file()).prop_map(|(from, to)| Call::Rename { from, to }),
        1 => file().prop_map(|file| Call::Remove { file }),
        1 => Just(Call::Fork),
    ]
}

/// The simplest disk.
#[derive(Debug, Default)]
struct Simple {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
}

impl Simple {
    fn open(&mut self, path: &str) -> Result<&mut Vec<u8>, DiskError> {
        if self.directories.contains(path) {
            return Err(DiskError::IsADirectory);
        }
        self.is_directory(parent(path))?;
        Ok(self.files.entry(path.to_owned()).or_default())
    }

    fn is_directory(&self, path: &str) -> Result<(), DiskError> {
        match (path.is_empty() || self.directories.contains(path), self.files.contains_key(path)) {
            (true, _) => Ok(()),
            (false, true) => Err(DiskError::NotADirectory),
            (false, false) => Err(DiskError::NotFound),
        }
    }

    fn below(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let all = self.files.keys().chain(&self.directories);
        all.filter(|name| name.starts_with(&prefix)).cloned().collect()
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.is_directory(parent(to))?;
        let is_directory = self.directories.contains(from);
        if from == to && (is_directory || self.files.contains_key(from)) {
            return Ok(());
        }
        if is_directory {
            if self.files.contains_key(to) {
                return Err(DiskError::NotADirectory);
            }
            if self.directories.contains(to) || to.starts_with(&format!("{from}/")) {
                return Err(DiskError::NotEmpty);
            }
            for name in self.below(from) {
                let bytes = self.files.remove(&name).expect("only files within");
                self.files.insert(format!("{to}{}", &name[from.len()..]), bytes);
            }
            self.directories.remove(from);
            self.directories.insert(to.to_owned());
            return Ok(());
        }
        if !self.files.contains_key(from) {
            return Err(DiskError::NotFound);
        }
        if self.directories.contains(to) {
            return Err(DiskError::IsADirectory);
        }
        let bytes = self.files.remove(from).expect("just seen");
        self.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        if self.directories.contains(path) {
            if !self.below(path).is_empty() {
                return Err(DiskError::NotEmpty);
            }
            self.directories.remove(path);
            return Ok(());
        }
        self.files.remove(path).map(|_| ()).ok_or(DiskError::NotFound)
    }
}

/// Makes the call on both; wants the same answer.
fn both(disk: &mut Disk, simple: &mut Simple, now: Time, call: &Call) {
    let mut calls = disk.access(now, super::JobId(9));
    match call {
        Call::Write { file, offset, bytes } => {
            let got = calls.open(PATHS[*file], true);
            let got = got.and_then(|f| calls.write(f, *offset, Bytes::from(bytes.clone())));
            let want = simple.open(PATHS[*file]).map(|held| {
                let (at, end) = (*offset as usize, *offset as usize + bytes.len());
                if !bytes.is_empty() {
                    held.resize(held.len().max(end), 0);
                    held[at..end].copy_from_slice(bytes);
                }
            });
            assert_eq!(got, want, "{call:?}");
        }
        Call::Append { file, bytes } => {
            let got = calls.open(PATHS[*file], true);
            let got = got.and_then(|f| calls.append(f, Bytes::from(bytes.clone())));
            let want = simple.open(PATHS[*file]).map(|held| {
                held.extend_from_slice(bytes);
                (held.len() - bytes.len()) as u64
            });
            assert_eq!(got, want, "{call:?}");
        }
        Call::Truncate { file, len } => {
            let got = calls.open(PATHS[*file], true).and_then(|f| calls.truncate(f, *len));
            let want = simple.open(PATHS[*file]).map(|held| held.resize(*len as usize, 0));
            assert_eq!(got, want, "{call:?}");
        }
        Call::Read { file, offset, count } => {
            let got = calls.open(PATHS[*file], true).and_then(|f| calls.read(f, *offset, *count));
            let want = simple.open(PATHS[*file]).map(|held| {
                let end = held.len().min((offset + count) as usize);
                Bytes::copy_from_slice(&held[(*offset as usize).min(end)..end])
            });
            assert_eq!(got, want, "{call:?}");
        }
        Call::Sync { file } => {
            let got = calls.open(PATHS[*file], true).and_then(|f| calls.sync(f));
            assert_eq!(got, simple.open(PATHS[*file]).map(|_| ()), "{call:?}");
        }
        Call::Rename { from, to } => {
            let got = calls.rename(PATHS[*from], PATHS[*to]);
            assert_eq!(got, simple.rename(PATHS[*from], PATHS[*to]), "{call:?}");
        }
        Call::Remove { file } => {
            assert_eq!(calls.remove(PATHS[*file]), simple.remove(PATHS[*file]), "{call:?}");
        }
        Call::Fork => {}
    }
    disk.settle(now, super::JobId(9));
}

fn all(disk: &Disk) -> BTreeMap<String, Vec<u8>> {
    disk.files().map(|(path, _)| (path.to_string(), contents(disk, &path))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn without_crashes_a_disk_is_a_map_of_bytes(calls in prop::collection::vec(call(), 1..60)) {
        let settings = DiskSettings { writeback_min: Span::ZERO, ..DiskSettings::default() };
        let mut disk = Disk::new(1, settings);
        let mut simple = Simple::default();
        let mut forks = Vec::new();
        simple.directories.insert("d".to_owned());
        job(&mut disk, Time::ZERO, |calls| calls.create_dir("d")).expect("a healthy disk");
        for (i, call) in calls.iter().enumerate() {
            if matches!(call, Call::Fork) {
                forks.push((disk.clone(), all(&disk)));
            }
            both(&mut disk, &mut simple, Time::ZERO + Span::from_millis(i as u64 * 150), call);
            prop_assert_eq!(all(&disk), simple.files.clone());
        }
        let used: usize = simple.files.values().map(Vec::len).sum();
        prop_assert_eq!(disk.used_bytes(), used as u64);
        for (fork, then) in forks {
            prop_assert_eq!(all(&fork), then, "a clone does not change with its origin");
        }
    }
}

#[test]
fn an_observer_that_follows_every_change_holds_the_same_bytes() {
    let mut disk = Disk::new(1, DiskSettings::default());
    disk.set_observed(true);
    synced_file(&mut disk, "a", b"one");
    job(&mut disk, Time::ZERO, |calls| -> Result<(), DiskError> {
        calls.create_dir("d")?;
        calls.rename("a", "d/b")?;
        let file = calls.open("d/b", false)?;
        calls.truncate(file, 2)?;
        calls.remove("d/b")
    })
    .expect("a healthy disk");
    let (a, b): (std::sync::Arc<str>, std::sync::Arc<str>) = ("a".into(), "d/b".into());
    let want = vec![
        DiskSeen::Created { path: a.clone() },
        DiskSeen::Wrote { path: a.clone(), offset: 0, bytes: Bytes::from_static(b"one") },
        DiskSeen::Synced { path: a.clone() },
        DiskSeen::Synced { path: "".into() },
        DiskSeen::Created { path: "d".into() },
        DiskSeen::Renamed { from: a, to: b.clone() },
        DiskSeen::Truncated { path: b.clone(), len: 2 },
        DiskSeen::Removed { path: b },
    ];
    assert_eq!(disk.drain_seen().collect::<Vec<_>>(), want, "in the order of the calls");
}

#[test]
fn a_directory_lists_what_is_in_it_and_nothing_further_down() {
    let mut disk = Disk::new(1, DiskSettings::default());
    let (root, inner) = job(&mut disk, Time::ZERO, |calls| -> Result<_, DiskError> {
        calls.create_dir("t-0")?;
        calls.create_dir("t-0/x")?;
        for path in ["t-0/b", "t-0/a", "t-0/x/c", "t-00"] {
            calls.open(path, true)?;
        }
        Ok((calls.list("")?, calls.list("t-0")?))
    })
    .expect("a healthy disk");
    assert_eq!(
        (root.join(" "), inner.join(" ")),
        ("t-0 t-00".to_owned(), "a b x".to_owned()),
        "names"
    );
}

#[test]
fn calls_on_a_faulty_disk_answer_its_fault_and_change_nothing() {
    type Case = (DiskTrouble, [Result<(), DiskError>; 3]);
    let cases: [Case; 4] = [
        (Eio { calls: Any, once: true }, [Err(DiskError::Io), Ok(()), Ok(())]),
        (
            Eio { calls: Any, once: false },
            [Err(DiskError::Io), Err(DiskError::Io), Err(DiskError::Io)],
        ),
        (DiskTrouble::Full, [Err(DiskError::Full), Err(DiskError::Full), Ok(())]),
        (DiskTrouble::Dead, [Err(DiskError::Dead), Err(DiskError::Dead), Err(DiskError::Dead)]),
    ];
    for (fault, want) in cases {
        let mut disk = Disk::new(1, DiskSettings::default());
        synced_file(&mut disk, "a", b"one");
        let file = job(&mut disk, Time::ZERO, |calls| calls.open("a", false)).expect("healthy");
        trouble(&mut disk, Time::ZERO, fault);
        let got = job(&mut disk, Time::ZERO, |calls| {
            let appended =
                [(); 2].map(|()| calls.append(file, Bytes::from_static(b"two")).map(|_| ()));
            [appended[0], appended[1], calls.sync(file)]
        });
        assert_eq!(got, want, "append, append, sync");
        let failed = want[..2].iter().filter(|answer| answer.is_err()).count();
        assert_eq!(contents(&disk, "a").len(), 3 + 3 * (2 - failed), "only what was answered well");
    }
}

#[test]
fn a_flipped_bit_changes_the_mark_of_the_next_read_and_only_that() {
    let mut disk = Disk::new(1, DiskSettings::default());
    synced_file(&mut disk, "a", &[7; 9_000]);
    let mut flipped = disk.clone();
    assert!(flipped.flip("a", 8_999, 3), "the byte is there");
    assert!(!flipped.flip("a", 9_000, 3), "no byte beyond the end");
    let read = |disk: &mut Disk| {
        job(disk, Time::ZERO, |calls| {
            let file = calls.open("a", false)?;
            calls.read(file, 8_000, 2_000)
        })
        .expect("healthy")
    };
    assert_eq!(disk.mark(), flipped.mark(), "nobody has looked yet");
    assert_eq!((read(&mut disk)[999], read(&mut flipped)[999]), (7, 7 ^ 8), "the bit");
    assert_ne!(disk.mark(), flipped.mark(), "somebody has");
}
