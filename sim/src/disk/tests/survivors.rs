//! What may survive a crash, by a model that is slow and plainly right.
//!
//! The model keeps, per page and for the length, every version since the last one that must be durable; and every
//! change of names since its directory was synced. It knows nothing of writeback: whatever may have reached the
//! device, may.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::super::DiskTrouble::Eio;
use super::super::names::parent;
use super::super::{Disk, DiskCall, DiskError, DiskSettings};
use super::{FAULT, contents, job, patient, stream, timed_job, trouble};
use crate::seen::CrashKind::{PowerLoss, Process};
use crate::time::{Span, Time};

const PAGE: usize = 4_096;
const SECTOR: usize = 512;
const PATHS: [&str; 6] = ["a", "b", "d/a", "d/b", "e/a", "e/b"];

#[derive(Debug, Clone)]
enum Step {
    Write(usize, usize, usize, u8),
    Append(usize, usize, u8),
    Truncate(usize, usize),
    Sync(usize),
    /// A sync that fails and forgets.
    FailedSync(usize),
    SyncDirectory(usize),
    Rename(usize, usize),
    Remove(usize),
    Wait(u64),
    /// With its power, or only the process.
    Crash(bool, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let file = || 0..PATHS.len();
    let size = || prop_oneof![1..300_usize, 4_000..4_200_usize, 1..10_000_usize];
    prop_oneof![
        4 => (file(), 0..14_000_usize, size(), 1..=255_u8)
            .prop_map(|(file, at, size, byte)| Step::Write(file, at, size, byte)),
        4 => (file(), size(), 1..=255_u8).prop_map(|(file, size, byte)| Step::Append(file, size, byte)),
        1 => (file(), 0..14_000_usize).prop_map(|(file, len)| Step::Truncate(file, len)),
        3 => file().prop_map(Step::Sync),
        1 => file().prop_map(Step::FailedSync),
        2 => (0..3_usize).prop_map(Step::SyncDirectory),
        2 => (file(), file()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => file().prop_map(Step::Remove),
        1 => (0..4_000_u64).prop_map(Step::Wait),
        1 => (any::<bool>(), any::<u64>()).prop_map(|(power, seed)| Step::Crash(power, seed)),
    ]
}

type Tree = BTreeMap<String, usize>;

/// One file of the model, whatever it is called.
#[derive(Debug, Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    /// Every version of a page since the one that must be durable, that one first.
    pages: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Every length since the one that must be durable, that one first.
    lens: Vec<usize>,
    /// Pages, and whether the length, that a failed sync has forgotten.
    forgotten: BTreeSet<usize>,
    length_forgotten: bool,
}

impl Inode {
    /// Everything is durable.
    fn durable(bytes: Vec<u8>) -> Self {
        let lens = vec![bytes.len()];
        let pages = (0..bytes.len().div_ceil(PAGE)).map(|page| (page, vec![page_of(&bytes, page)]));
        Self { pages: pages.collect(), bytes, lens, ..Self::default() }
    }

    /// It reads like this now; bytes `from..to` were written or cut.
    fn change(&mut self, from: usize, to: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let old = self.bytes.len();
        change(&mut self.bytes);
        if self.bytes.len() != old {
            self.length_forgotten = false;
            self.lens.push(self.bytes.len());
        }
        for page in from / PAGE..to.div_ceil(PAGE) {
            self.forgotten.remove(&page);
            let versions = self.pages.entry(page).or_insert_with(|| vec![vec![0; PAGE]]);
            versions.push(page_of(&self.bytes, page));
        }
    }

    /// Everything is durable, except what was forgotten.
    fn synced(&mut self) {
        for (page, versions) in &mut self.pages {
            if !self.forgotten.contains(page) {
                *versions = vec![page_of(&self.bytes, *page)];
            }
        }
        if !self.length_forgotten {
            self.lens = vec![self.bytes.len()];
        }
    }

    /// What is not durable never will be.
    fn sync_failed(&mut self) {
        let dirty = self.pages.iter().filter(|(_, versions)| versions.len() > 1);
        self.forgotten.extend(dirty.map(|(page, _)| *page));
        self.length_forgotten |= self.lens.len() > 1;
    }

    /// Whether these bytes may be what a power loss left. A patient disk has written nothing by itself.
    fn allows(&self, got: &[u8], patient: bool) -> Result<(), String> {
        let surely_old = patient && self.length_forgotten;
        let lens = if surely_old { &self.lens[..1] } else { &self.lens[..] };
        let (least, most) = (lens.iter().min(), lens.iter().max());
        let between = Some(&got.len()) >= least && Some(&got.len()) <= most;
        let whole_pages = between && got.len().is_multiple_of(PAGE);
        if !lens.contains(&got.len()) && !whole_pages {
            return Err(format!("length {} is none of {lens:?}", got.len()));
        }
        for page in 0..got.len().div_ceil(PAGE) {
            let end = (got.len() - page * PAGE).min(PAGE);
            let blank = vec![vec![0; PAGE]];
            let versions = self.pages.get(&page).unwrap_or(&blank);
            let surely_old = patient && self.forgotten.contains(&page);
            let versions = if surely_old { &versions[..1] } else { &versions[..] };
            if !is_torn_of(&page_of(got, page)[..end], versions) {
                return Err(format!("page {page} is none of {} versions", versions.len()));
            }
        }
        Ok(())
    }
}

/// A page of these bytes, with zeros where they hold none.
fn page_of(bytes: &[u8], page: usize) -> Vec<u8> {
    let start = (page * PAGE).min(bytes.len());
    let mut held = bytes[start..bytes.len().min(start + PAGE)].to_vec();
    held.resize(PAGE, 0);
    held
}

/// Some first sectors of one version, and the rest of another (or the same).
fn is_torn_of(seen: &[u8], versions: &[Vec<u8>]) -> bool {
    let cuts = (0..=seen.len().div_ceil(SECTOR)).map(|sectors| (sectors * SECTOR).min(seen.len()));
    cuts.into_iter().any(|cut| {
        versions.iter().any(|one| one[..cut] == seen[..cut])
            && versions.iter().any(|other| other[cut..seen.len()] == seen[cut..])
    })
}

/// A change of names that may not be durable.
#[derive(Debug, Clone)]
struct Pending {
    directories: BTreeSet<String>,
    before: [(String, Option<usize>); 2],
}

#[derive(Debug, Clone, Default)]
struct Model {
    names: Tree,
    inodes: Vec<Inode>,
    pending: Vec<Pending>,
}

impl Model {
    fn change(&mut self, paths: [&str; 2], change: impl FnOnce(&mut Tree)) {
        let before = paths.map(|path| (path.to_owned(), self.names.get(path).copied()));
        let directories = paths.iter().map(|path| parent(path).to_owned()).collect();
        change(&mut self.names);
        self.pending.push(Pending { directories, before });
    }

    fn open(&mut self, path: &str) -> usize {
        if let Some(inode) = self.names.get(path) {
            return *inode;
        }
        self.inodes.push(Inode::durable(Vec::new()));
        let inode = self.inodes.len() - 1;
        self.change([path, path], |names| {
            names.insert(path.to_owned(), inode);
        });
        inode
    }

    /// What happened in a directory is durable, with all that it stands on.
    fn directory_synced(&mut self, directory: &str) {
        let mut reached = BTreeSet::from([directory.to_owned()]);
        for at in (0..self.pending.len()).rev() {
            if !self.pending[at].directories.is_disjoint(&reached) {
                reached.extend(self.pending.remove(at).directories);
            }
        }
    }

    /// Every tree that a power loss may leave: of each directory the last changes may be undone, however many.
    fn allowed_names(&self) -> Vec<Tree> {
        let count = self.pending.len();
        let mut trees = Vec::new();
        for undone in 0..1_u32 << count {
            let is_undone = |at: usize| undone >> at & 1 == 1;
            let follows = |late: usize, early: usize| {
                !self.pending[late].directories.is_disjoint(&self.pending[early].directories)
            };
            let holds = (0..count).all(|late| {
                is_undone(late) || (0..late).all(|early| !is_undone(early) || !follows(late, early))
            });
            if holds {
                let mut tree = self.names.clone();
                for at in (0..count).rev().filter(|at| is_undone(*at)) {
                    for (path, inode) in &self.pending[at].before {
                        match inode {
                            Some(inode) => tree.insert(path.clone(), *inode),
                            None => tree.remove(path),
                        };
                    }
                }
                trees.push(tree);
            }
        }
        trees
    }

    /// Finds the state that the disk is in among those that are allowed, and goes on from there.
    fn follow(&mut self, disk: &Disk, patient: bool) -> Result<(), String> {
        let got: BTreeMap<String, Vec<u8>> =
            disk.files().map(|(path, _)| (path.to_string(), contents(disk, &path))).collect();
        let mut why = Vec::new();
        for tree in self.allowed_names() {
            if !tree.keys().eq(got.keys()) {
                continue;
            }
            let wrong = tree.iter().find_map(|(path, inode)| {
                self.inodes[*inode]
                    .allows(&got[path], patient)
                    .err()
                    .map(|why| format!("{path}: {why}"))
            });
            match wrong {
                Some(wrong) => why.push(wrong),
                None => {
                    for (path, inode) in &tree {
                        self.inodes[*inode] = Inode::durable(got[path].clone());
                    }
                    self.names = tree;
                    self.pending.clear();
                    return Ok(());
                }
            }
        }
        Err(format!("names {:?}: {why:?}", got.keys()))
    }
}

/// Takes one step on both.
fn both(disk: &mut Disk, model: &mut Model, now: Time, step: &Step) -> Time {
    let apply = |disk: &mut Disk,
                 path: &str,
                 call: &dyn Fn(&mut super::DiskAccess<'_>, super::super::FileId)| {
        timed_job(disk, now, |calls| {
            let file = calls.open(path, true).expect("healthy");
            call(calls, file);
        })
        .1
    };
    match *step {
        Step::Write(file, at, size, byte) => {
            let inode = model.open(PATHS[file]);
            model.inodes[inode].change(at, at + size, |bytes| {
                bytes.resize(bytes.len().max(at + size), 0);
                bytes[at..at + size].fill(byte);
            });
            apply(disk, PATHS[file], &|calls, file| {
                calls.write(file, at as u64, Bytes::from(vec![byte; size])).expect("healthy");
            })
        }
        Step::Append(file, size, byte) => {
            let inode = model.open(PATHS[file]);
            let at = model.inodes[inode].bytes.len();
            model.inodes[inode].change(at, at + size, |bytes| bytes.resize(at + size, byte));
            apply(disk, PATHS[file], &|calls, file| {
                calls.append(file, Bytes::from(vec![byte; size])).expect("healthy");
            })
        }
        Step::Truncate(file, len) => {
            let inode = model.open(PATHS[file]);
            let old = model.inodes[inode].bytes.len();
            // What makes a file longer writes no page: what a failed sync has forgotten of the last stays so.
            let (from, to) = if len < old { (len, old) } else { (0, 0) };
            model.inodes[inode].change(from, to, |bytes| bytes.resize(len, 0));
            apply(disk, PATHS[file], &|calls, file| {
                calls.truncate(file, len as u64).expect("healthy");
            })
        }
        Step::Sync(file) => {
            let inode = model.open(PATHS[file]);
            model.inodes[inode].synced();
            apply(disk, PATHS[file], &|calls, file| calls.sync(file).expect("healthy"))
        }
        Step::FailedSync(file) => {
            let inode = model.open(PATHS[file]);
            model.inodes[inode].sync_failed();
            trouble(disk, now, Eio { calls: DiskCall::Sync, once: true });
            let end = apply(disk, PATHS[file], &|calls, file| {
                assert_eq!(calls.sync(file), Err(DiskError::Io), "the fault");
            });
            disk.heal(end, FAULT);
            end
        }
        Step::SyncDirectory(directory) => {
            let directory = ["", "d", "e"][directory];
            model.directory_synced(directory);
            timed_job(disk, now, |calls| calls.sync_dir(directory).expect("healthy")).1
        }
        Step::Rename(from, to) => {
            let (from, to) = (PATHS[from], PATHS[to]);
            if from != to && model.names.contains_key(from) {
                model.change([from, to], |names| {
                    let inode = names.remove(from).expect("it is there");
                    names.insert(to.to_owned(), inode);
                });
            }
            timed_job(disk, now, |calls| calls.rename(from, to)).1
        }
        Step::Remove(file) => {
            if model.names.contains_key(PATHS[file]) {
                model.change([PATHS[file]; 2], |names| {
                    names.remove(PATHS[file]);
                });
            }
            timed_job(disk, now, |calls| calls.remove(PATHS[file])).1
        }
        Step::Wait(millis) => now + Span::from_millis(millis),
        Step::Crash(..) => unreachable!("played by `live`"),
    }
}

fn live(steps: &[Step], settings: DiskSettings) -> Result<(), String> {
    let patient = settings == patient();
    let mut disk = Disk::new(5, settings);
    let mut model = Model::default();
    let mut now = Time::ZERO;
    job(&mut disk, now, |calls| {
        for directory in ["d", "e"] {
            calls.create_dir(directory).expect("healthy");
        }
        calls.sync_dir("").expect("healthy");
    });
    for step in steps {
        now += Span::from_micros(1);
        match step {
            Step::Crash(true, seed) => {
                disk.crash(now, PowerLoss, &mut stream(*seed));
                model.follow(&disk, patient)?;
            }
            Step::Crash(false, seed) => {
                let report = disk.crash(now, Process, &mut stream(*seed));
                assert!(report.is_harmless(), "no job was running: {report:?}");
            }
            // The model tries every subset of the names that are not durable.
            Step::Rename(..) | Step::Remove(_) if model.pending.len() > 6 => {}
            _ => now = both(&mut disk, &mut model, now, step),
        }
        for (path, inode) in &model.names {
            assert!(contents(&disk, path) == model.inodes[*inode].bytes, "{path} reads as written");
        }
    }
    disk.crash(now, PowerLoss, &mut stream(now.0));
    model.follow(&disk, patient)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_power_loss_leaves_only_what_the_model_allows(steps in prop::collection::vec(step(), 1..40)) {
        for settings in [patient(), DiskSettings::default()] {
            if let Err(why) = live(&steps, settings) {
                prop_assert!(false, "{why}");
            }
        }
    }
}

#[test]
fn a_page_that_a_failed_sync_forgot_is_not_written_by_making_the_file_longer() {
    let steps = [
        Step::Append(4, 4_097, 1),
        Step::FailedSync(4),
        Step::Truncate(4, 4_098),
        Step::Sync(4),
        Step::SyncDirectory(2),
    ];
    assert_eq!(live(&steps, patient()), Ok(()));
}

#[test]
fn a_page_that_a_failed_sync_forgot_is_written_by_a_cut_through_it() {
    let steps = [
        Step::Append(5, 1, 1),
        Step::FailedSync(5),
        Step::Write(5, 4_096, 4_001, 1),
        Step::Truncate(5, 1),
        Step::Sync(5),
        Step::SyncDirectory(2),
    ];
    assert_eq!(live(&steps, patient()), Ok(()));
}

#[test]
fn a_page_that_a_failed_sync_forgot_is_gone_once_it_lies_behind_the_end() {
    let steps = [
        Step::Append(5, 2 * PAGE, 1),
        Step::Sync(5),
        Step::SyncDirectory(2),
        Step::Truncate(5, PAGE),
        Step::Write(5, 3 * PAGE, 1, 2),
        Step::FailedSync(5),
        Step::Truncate(5, 1),
        Step::Write(5, 3 * PAGE, 1, 3),
        Step::Sync(5),
    ];
    assert_eq!(live(&steps, patient()), Ok(()));
}

#[test]
fn the_model_refuses_what_no_disk_may_leave() {
    let old = vec![1; 2 * PAGE];
    let mut new = old.clone();
    new[..PAGE].fill(2);
    let mut inode = Inode::durable(old.clone());
    inode.change(0, PAGE, |bytes| bytes.clone_from(&new));
    let mut torn = old.clone();
    torn[..SECTOR].fill(2);
    for fine in [&old, &new, &torn] {
        assert_eq!(inode.allows(fine, true), Ok(()), "kept, lost or torn");
    }
    let mut half_a_sector = old.clone();
    half_a_sector[..SECTOR / 2].fill(2);
    let mut other_page = old.clone();
    other_page[PAGE..].fill(2);
    for wrong in [half_a_sector, other_page, old[..PAGE].to_vec(), vec![1; 2 * PAGE + 1]] {
        assert!(inode.allows(&wrong, true).is_err(), "no such version");
    }
    let mut forgotten = inode.clone();
    forgotten.sync_failed();
    assert_eq!(forgotten.allows(&old, true), Ok(()), "the device never had the new one");
    assert!(forgotten.allows(&new, true).is_err(), "what was forgotten does not survive");
}
