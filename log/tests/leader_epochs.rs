//! Which epochs a log remembers, how far each reaches, and its file. Kafka's own cases: `leader_epochs_of_kafka.rs`.

use trial_log::{EpochEndOffset, LeaderEpoch, LeaderEpochCache, LogError, MemoryDisk, Offset};

const FILE: &str = "orders-0/leader-epoch-checkpoint";

#[test]
fn an_entry_is_made_once_and_conflicting_ones_go() {
    assigned(&[(2, 10)], &[(2, 10)]);
    assigned(&[(2, 9), (2, 10)], &[(2, 9)]);
    assigned(&[(2, 9), (3, 9)], &[(3, 9)]);
    assigned(&[(5, 11), (6, 12), (7, 13), (7, 12)], &[(5, 11), (7, 12)]);
    assigned(&[(1, 5), (2, 6), (1, 7)], &[(1, 7)]);
    assigned(&[(2, 6), (3, 5)], &[(3, 5)]);
    assigned(&[(0, 0), (1, 0), (2, 5)], &[(1, 0), (2, 5)]);
}

#[test]
fn an_epoch_ends_where_the_next_one_begins() {
    let none = None;
    ends(&[], 0, 7, none);
    ends(&[], -1, 73, none);
    ends(&[(2, 11), (3, 12)], -1, 0, none);
    ends(&[(2, 10)], 2, 11, Some((2, 11)));
    ends(&[(2, 100)], 3, 100, none);
    ends(&[(5, 11), (6, 12), (7, 13)], 4, 0, Some((4, 11)));
    ends(&[(5, 11), (7, 12)], 5, 0, Some((5, 12)));
    ends(&[(5, 11), (7, 12)], 6, 0, Some((5, 12)));
    ends(&[(1, 11), (2, 13), (3, 15)], 2, 17, Some((2, 15)));
    ends(&[(0, 10), (2, 13), (4, 17)], 1, 0, Some((0, 13)));
    ends(&[(0, 10), (2, 13), (4, 17)], 2, 0, Some((2, 17)));
    ends(&[(0, 10), (2, 13), (4, 17)], 3, 0, Some((2, 17)));
    ends(&[(0, 10), (2, 13), (4, 17)], 5, 30, none);
    ends(&[(1, 0)], 0, 5, Some((0, 0)));
}

#[test]
fn truncation_from_the_end_drops_what_begins_there() {
    truncated(|cache| cache.truncate_from_end(Offset(8)), &[(2, 6)]);
    truncated(|cache| cache.truncate_from_end(Offset(9)), &[(2, 6), (3, 8)]);
    truncated(|cache| cache.truncate_from_end(Offset(11)), &[(2, 6), (3, 8)]);
    truncated(|cache| cache.truncate_from_end(Offset(12)), &[(2, 6), (3, 8), (4, 11)]);
    truncated(|cache| cache.truncate_from_end(Offset(-1)), &[(2, 6), (3, 8), (4, 11)]);
    truncated(|cache| cache.truncate_from_end(Offset(0)), &[]);
}

#[test]
fn truncation_from_the_start_keeps_the_epoch_it_falls_into() {
    truncated(|cache| cache.truncate_from_start(Offset(8)), &[(3, 8), (4, 11)]);
    truncated(|cache| cache.truncate_from_start(Offset(9)), &[(3, 9), (4, 11)]);
    truncated(|cache| cache.truncate_from_start(Offset(1)), &[(2, 6), (3, 8), (4, 11)]);
    truncated(|cache| cache.truncate_from_start(Offset(6)), &[(2, 6), (3, 8), (4, 11)]);
    truncated(|cache| cache.truncate_from_start(Offset(11)), &[(4, 11)]);
    truncated(|cache| cache.truncate_from_start(Offset(15)), &[(4, 15)]);
    truncated(|cache| cache.truncate_from_start(Offset(-1)), &[(2, 6), (3, 8), (4, 11)]);
}

#[test]
fn offsets_and_epochs_are_found_from_each_other() {
    let (_, cache) = cache_of(&[(2, 6), (4, 11)]);
    let epochs = [5, 6, 10, 11, 99].map(|at| cache.epoch_for_offset(Offset(at)).map(|e| e.0));
    assert_eq!(epochs, [None, Some(2), Some(2), Some(4), Some(4)]);
    let previous = [2, 3, 4, 5].map(|epoch| cache.previous_epoch(LeaderEpoch(epoch)).map(|e| e.0));
    assert_eq!(previous, [None, Some(2), Some(2), Some(4)]);
    assert_eq!(cache.latest_epoch(), Some(LeaderEpoch(4)));
    assert_eq!(cache.earliest_entry().map(|entry| entry.start_offset), Some(Offset(6)));
}

#[test]
fn the_checkpoint_has_kafkas_form_and_an_assignment_is_in_it_at_once() {
    let (mut disk, mut cache) = cache_of(&[(2, 6), (4, 11)]);
    assert_eq!(disk.contents(FILE), Some(&b"0\n2\n2 6\n4 11\n"[..]));
    cache.truncate_from_end(Offset(11));
    assert_eq!(disk.contents(FILE), Some(&b"0\n2\n2 6\n4 11\n"[..]), "not written yet");
    cache.write(&mut disk).expect("the disk is whole");
    assert_eq!(disk.contents(FILE), Some(&b"0\n1\n2 6\n"[..]));
    cache.clear(&mut disk).expect("the disk is whole");
    assert_eq!(disk.contents(FILE), Some(&b"0\n0\n"[..]));
}

#[test]
fn a_checkpoint_that_is_not_whole_is_an_error_at_its_line() {
    loads(b"", Ok(0));
    loads(b"0\n", Ok(0));
    loads(b"0\n2\n1 0\n2 5\n", Ok(2));
    loads(b"1\n0\n", Err(1));
    loads(b"0\nx\n", Err(2));
    loads(b"0\n2\n1 0\n", Err(4));
    loads(b"0\n1\n1 0\n2 5\n", Err(5));
    loads(b"0\n1\n1\n", Err(3));
    loads(b"0\n1\n1 0 3\n", Err(3));
    loads(b"0\n1\n-1 0\n", Err(3));
    loads(b"0\n99999999999999999999\n", Err(2));
    loads(&[0xff, 0xfe], Err(1));
}

#[track_caller]
fn assigned(given: &[(i32, i64)], want: &[(i32, i64)]) {
    let (mut disk, cache) = cache_of(given);
    assert_eq!(entries(&cache), want, "{given:?} were assigned");
    let again = LeaderEpochCache::load(&mut disk, "orders-0").expect("the file is whole");
    assert_eq!(entries(&again), want, "{given:?} come back from the file");
}

#[track_caller]
fn ends(given: &[(i32, i64)], epoch: i32, log_end_offset: i64, want: Option<(i32, i64)>) {
    let (_, cache) = cache_of(given);
    let got = cache.end_offset_for(LeaderEpoch(epoch), Offset(log_end_offset));
    let want = want.map(|(epoch, end)| EpochEndOffset {
        leader_epoch: LeaderEpoch(epoch),
        end_offset: Offset(end),
    });
    assert_eq!(got, want, "the end of {epoch} in {given:?}, the log ends at {log_end_offset}");
}

#[track_caller]
fn truncated(truncate: impl Fn(&mut LeaderEpochCache) -> usize, want: &[(i32, i64)]) {
    let (_, mut cache) = cache_of(&[(2, 6), (3, 8), (4, 11)]);
    truncate(&mut cache);
    assert_eq!(entries(&cache), want, "after the truncation");
    let (_, mut empty) = cache_of(&[]);
    assert_eq!(truncate(&mut empty), 0, "nothing to truncate");
}

#[track_caller]
fn loads(contents: &[u8], want: Result<usize, usize>) {
    let (mut disk, _) = cache_of(&[]);
    disk.set_contents(FILE, contents);
    let got = LeaderEpochCache::load(&mut disk, "orders-0").map(|cache| cache.entries().count());
    let want = want.map_err(|line| LogError::CorruptFile { path: FILE.to_owned(), line });
    assert_eq!(got, want, "{:?}", String::from_utf8_lossy(contents));
}

fn cache_of(given: &[(i32, i64)]) -> (MemoryDisk, LeaderEpochCache) {
    use trial_log::Disk;
    let mut disk = MemoryDisk::new();
    disk.create_dir("orders-0").expect("the disk is empty");
    let mut cache = LeaderEpochCache::load(&mut disk, "orders-0").expect("there is no file");
    for &(epoch, start) in given {
        cache.assign(&mut disk, LeaderEpoch(epoch), Offset(start)).expect("the disk is whole");
    }
    (disk, cache)
}

fn entries(cache: &LeaderEpochCache) -> Vec<(i32, i64)> {
    cache.entries().map(|entry| (entry.leader_epoch.0, entry.start_offset.0)).collect()
}
