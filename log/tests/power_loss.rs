//! What a disk in memory loses with the power: only what was not synced, and sometimes all of that.

use bytes::Bytes;
use trial_log::{Disk, DiskError, MemoryDisk, PowerLoss};

/// What is left of a file under each seed.
fn left(prepare: impl Fn(&mut MemoryDisk), path: &str) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<_> = (0..200)
        .map(|seed| {
            let mut disk = MemoryDisk::with_cache();
            prepare(&mut disk);
            disk.lose_power(PowerLoss { seed, page_bytes: 4, sector_bytes: 2 });
            disk.contents(path).map(<[u8]>::to_vec)
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn write(disk: &mut MemoryDisk, path: &str, bytes: &'static [u8], synced: bool) {
    let file = disk.open(path, true).expect("the disk is whole");
    disk.append(file, Bytes::from_static(bytes)).expect("the disk is whole");
    if synced {
        disk.sync(file).expect("the disk is whole");
    }
}

#[test]
fn what_was_synced_is_there_under_every_seed() {
    let synced = |disk: &mut MemoryDisk| {
        write(disk, "a", b"whole", true);
        disk.sync_dir("").expect("the root is there");
    };
    assert_eq!(left(synced, "a"), [Some(b"whole".to_vec())]);
    let unnamed = |disk: &mut MemoryDisk| write(disk, "a", b"whole", true);
    assert_eq!(left(unnamed, "a"), [None, Some(b"whole".to_vec())], "its name was not synced");
}

#[test]
fn pages_that_were_not_synced_are_kept_or_lost_or_torn_one_by_one() {
    let tail = |disk: &mut MemoryDisk| {
        write(disk, "a", b"old!", true);
        disk.sync_dir("").expect("the root is there");
        write(disk, "a", b"new1new2", false);
    };
    let left = left(tail, "a");
    let has = |bytes: &[u8]| left.contains(&Some(bytes.to_vec()));
    assert!(has(b"old!"), "all of it lost");
    assert!(has(b"old!new1new2"), "all of it kept");
    assert!(has(b"old!new1"), "cut after a page");
    assert!(has(b"old!\0\0\0\0new2"), "the later page is there and the earlier is not");
    assert!(has(b"old!ne\0\0new2"), "a page torn at a sector");
    assert!(left.iter().flatten().all(|bytes| bytes.starts_with(b"old!")), "S: what was synced");
}

#[test]
fn changes_of_names_are_lost_from_the_last_one_backwards() {
    let names = |disk: &mut MemoryDisk| {
        disk.create_dir("f").expect("the disk is empty");
        disk.sync_dir("f").expect("it is there");
        write(disk, "f/a", b"1", true);
        disk.rename("f/a", "f/b").expect("it is there");
        write(disk, "f/c", b"2", true);
    };
    let seen: Vec<_> = ["f/a", "f/b", "f/c"].iter().map(|path| left(names, path).len()).collect();
    assert_eq!(seen, [2, 2, 2], "each is there under some seeds");
    for seed in 0..200 {
        let mut disk = MemoryDisk::with_cache();
        names(&mut disk);
        disk.lose_power(PowerLoss { seed, page_bytes: 4, sector_bytes: 2 });
        let there = ["f/a", "f/b", "f/c"].map(|path| disk.contents(path).is_some());
        assert!(!(there[0] && there[1]), "one file under one name: seed {seed}");
        assert!(!there[2] || there[1], "no change without the ones before: seed {seed}");
    }
}

#[test]
fn a_removed_file_may_come_back_and_is_not_open_till_then() {
    let removed = |disk: &mut MemoryDisk| {
        write(disk, "a", b"x", true);
        disk.sync_dir("").expect("the root is there");
        let file = disk.open("a", false).expect("it is there");
        disk.remove("a").expect("it is there");
        assert_eq!(disk.len(file), Err(DiskError::Stale));
    };
    assert_eq!(left(removed, "a"), [None, Some(b"x".to_vec())]);
}

#[test]
fn a_call_that_fails_leaves_as_much_of_a_write_as_it_was_told_to() {
    let mut disk = MemoryDisk::new();
    write(&mut disk, "a", b"one", true);
    let file = disk.open("a", false).expect("it is there");
    disk.tear_after(1, DiskError::NoSpace, 2);
    assert_eq!(disk.append(file, Bytes::from_static(b"two")), Ok(3));
    let three = Bytes::from_static(b"three");
    assert_eq!(disk.append(file, three.clone()), Err(DiskError::NoSpace));
    assert_eq!(disk.write(file, 0, three), Err(DiskError::NoSpace), "the next one does nothing");
    disk.repair();
    assert_eq!(disk.read(file, 0, 99), Ok(Bytes::from_static(b"onetwoth")));
}
