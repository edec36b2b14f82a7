//! Which aborted transactions a range of offsets overlaps with: the cases of Kafka's `TransactionIndexTest`.

mod support;

use support::{FOLDER, Fixture};
use trial_log::{AbortedTxn, Disk, MemoryDisk, Offset, TransactionIndex};

const PATH: &str = "orders-0/00000000000000000000.txnindex";

fn txn(producer_id: i64, first: i64, last: i64, stable: i64) -> AbortedTxn {
    AbortedTxn {
        producer_id,
        first_offset: Offset(first),
        last_offset: Offset(last),
        last_stable_offset: Offset(stable),
    }
}

/// Four transactions that overlap with each other.
fn four() -> [AbortedTxn; 4] {
    [txn(0, 0, 10, 11), txn(1, 5, 15, 13), txn(2, 18, 35, 25), txn(3, 32, 50, 40)]
}

fn index_of(entries: &[AbortedTxn]) -> (MemoryDisk, TransactionIndex) {
    let mut disk = MemoryDisk::new();
    disk.create_dir(FOLDER).expect("the disk is whole");
    let mut index = TransactionIndex::open(&mut disk, FOLDER, Offset::ZERO).expect("it is empty");
    for entry in entries {
        index.append(&mut disk, FOLDER, *entry).expect("the disk is whole");
    }
    (disk, index)
}

fn reopened(disk: &mut MemoryDisk, base: i64) -> TransactionIndex {
    TransactionIndex::open(disk, FOLDER, Offset(base)).expect("the disk is whole")
}

#[test]
fn an_entry_is_34_bytes_and_the_file_comes_with_the_first() {
    let (mut disk, mut index) = index_of(&[]);
    index.truncate_to(&mut disk, Offset::ZERO).expect("there is nothing to do");
    index.reset(&mut disk).expect("there is nothing to do");
    assert_eq!(disk.contents(PATH), None, "no file without an entry");
    index.append(&mut disk, FOLDER, txn(983_493, 137, 299, 200)).expect("the disk is whole");
    let mut want = vec![0, 0];
    for number in [983_493i64, 137, 299, 200] {
        want.extend(number.to_be_bytes());
    }
    assert_eq!(disk.contents(PATH), Some(&want[..]));
}

#[test]
fn what_was_entered_is_there_again_and_goes_on() {
    let (mut disk, _) = index_of(&four());
    let mut index = reopened(&mut disk, 0);
    let fifth = txn(3, 50, 60, 55);
    index.append(&mut disk, FOLDER, fifth).expect("the disk is whole");
    let want = [&four()[..], &[fifth]].concat();
    assert_eq!(index.entries(), want);
    assert_eq!(reopened(&mut disk, 0).entries(), want);
    // The beginning of an entry that a crash tore is written over.
    let torn = [disk.contents(PATH).expect("it is there"), &[0, 0, 7]].concat();
    disk.set_contents(PATH, &torn);
    let mut index = reopened(&mut disk, 0);
    assert_eq!(index.entries(), want);
    index.append(&mut disk, FOLDER, txn(3, 61, 70, 71)).expect("the disk is whole");
    assert_eq!(disk.contents(PATH).map(<[u8]>::len), Some(6 * 34));
}

#[test]
fn what_overlaps_is_found_and_where_to_stop() {
    let (_, index) = index_of(&four());
    // From, below, which of the four, and whether no later segment can have one.
    for (from, below, want, done) in [
        (0, 100, 0..4, false),
        (0, 32, 0..3, true),
        (0, 35, 0..4, true),
        (10, 35, 0..4, true),
        (11, 35, 1..4, true),
        (20, 41, 2..4, false),
        (51, 100, 0..0, false),
        (0, 0, 0..0, true),
    ] {
        let mut found = Vec::new();
        let is_complete = index.collect(Offset(from), Offset(below), &mut found);
        assert_eq!(found, four()[want], "{from}..{below}");
        assert_eq!(is_complete, done, "{from}..{below}");
    }
}

#[test]
fn what_a_truncation_leaves() {
    for (to, left) in [(51, 4), (50, 3), (36, 3), (35, 2), (15, 1), (11, 1), (10, 0), (0, 0)] {
        let (mut disk, mut index) = index_of(&four());
        index.truncate_to(&mut disk, Offset(to)).expect("the disk is whole");
        assert_eq!(index.entries(), &four()[..left], "to {to}");
        assert_eq!(reopened(&mut disk, 0).entries(), index.entries(), "to {to}: the file too");
        index.append(&mut disk, FOLDER, txn(9, to, to + 60, to + 61)).expect("and it goes on");
        assert_eq!(reopened(&mut disk, 0).entries().len(), left + 1, "to {to}");
    }
    let (mut disk, mut index) = index_of(&four());
    index.reset(&mut disk).expect("the disk is whole");
    assert!(index.entries().is_empty() && disk.contents(PATH) == Some(&[]), "all is gone");
}

#[test]
fn an_index_that_cannot_be_right_is_known() {
    let (mut disk, index) = index_of(&four());
    assert!(index.is_sane(), "as it was written");
    assert!(reopened(&mut disk, 0).is_sane(), "and read again");
    let bytes = disk.contents(PATH).expect("it is there").to_vec();
    disk.set_contents("orders-0/00000000000000000100.txnindex", &bytes);
    assert!(!reopened(&mut disk, 100).is_sane(), "its markers lie before its segment");
    let mut bytes = bytes;
    bytes[35] = 1;
    disk.set_contents(PATH, &bytes);
    assert!(!reopened(&mut disk, 0).is_sane(), "an entry of version 1");
}

#[test]
fn the_path_is_that_of_the_first_segment() {
    // The folder of the fixture is the one that the paths here name.
    assert_eq!(Fixture::path(0, ".txnindex"), PATH);
}
