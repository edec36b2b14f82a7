//! The three disks behind one trait: in memory, simulated, of real files. One table of what each call answers.
#![cfg(feature = "binary")]

mod support;

use std::fs;

use bytes::Bytes;
use trial_cluster::storage::SimulatedDisk;
use trial_log::{Disk, DiskError, FileId, MemoryDisk};
use trial_scenarios::FileDisk;
use trial_sim::Time;
use trial_sim::disk::{self, DiskSettings, JobId};

use DiskError::{AlreadyExists, NotEmpty, NotFound, Stale, WrongKind};

/// Does the same on a disk of each kind.
fn on_each(name: &str, story: impl Fn(&str, &mut dyn Disk)) {
    story("memory", &mut MemoryDisk::new());
    story("memory with a cache", &mut MemoryDisk::with_cache());
    let mut simulated = disk::Disk::new(7, DiskSettings::default());
    story("simulated", &mut SimulatedDisk::new(simulated.access(Time::ZERO, JobId(1))));
    let folder = support::folder("disks", name);
    story("files", &mut FileDisk::open(&folder).expect("it was made"));
}

fn file(disk: &mut dyn Disk, path: &str, bytes: &'static [u8]) -> FileId {
    let file = disk.open(path, true).expect("its folder is there");
    disk.append(file, Bytes::from_static(bytes)).expect("there is room");
    file
}

fn text(disk: &mut dyn Disk, file: FileId) -> String {
    let bytes = disk.read(file, 0, usize::MAX).expect("it is open");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn contents(disk: &mut dyn Disk, path: &str) -> String {
    let file = disk.open(path, false).expect("it is there");
    text(disk, file)
}

#[test]
fn bytes_are_read_as_they_were_written() {
    on_each("bytes", |kind, disk| {
        let at = file(disk, "a", b"0123456789");
        assert_eq!(disk.append(at, Bytes::from_static(b"ab")), Ok(10), "{kind}");
        assert_eq!(disk.len(at), Ok(12), "{kind}");
        let reads = [
            (0, 4, &b"0123"[..]),
            (8, 100, b"89ab"),
            (11, 1, b"b"),
            (12, 5, b""),
            (1 << 40, 5, b""),
            (3, 0, b""),
        ];
        for (offset, length, want) in reads {
            let got = disk.read(at, offset, length).expect("it is open");
            assert_eq!(got, want, "{kind}: {length} bytes from {offset}");
        }
        disk.write(at, 2, Bytes::from_static(b"XY")).expect("over what is there");
        disk.write(at, 11, Bytes::from_static(b"cd")).expect("over the end");
        assert_eq!(text(disk, at), "01XY456789acd", "{kind}");
        disk.write(at, 15, Bytes::from_static(b"e")).expect("beyond the end");
        assert_eq!(text(disk, at), "01XY456789acd\0\0e", "{kind}");
        disk.write(at, 90, Bytes::new()).expect("nothing");
        assert_eq!(disk.len(at), Ok(16), "{kind}: nothing was written");
        disk.truncate(at, 3).expect("cut");
        disk.truncate(at, 5).expect("filled up");
        assert_eq!(text(disk, at), "01X\0\0", "{kind}");
        assert_eq!(disk.append(at, Bytes::from_static(b"f")), Ok(5), "{kind}");
        assert_eq!((disk.sync(at), disk.sync_dir("")), (Ok(()), Ok(())), "{kind}");
        assert_eq!(disk.open("a", true), Ok(at), "{kind}: it is open already");
        assert_eq!(contents(disk, "a"), "01X\0\0f", "{kind}: it is not made anew");
    });
}

#[test]
fn names_are_sorted_and_lead_to_what_was_put_there() {
    on_each("names", |kind, disk| {
        for folder in ["t-1", "t-0", "t-0/deep", "t-0"] {
            assert_eq!(disk.create_dir(folder), Ok(()), "{kind}: {folder}");
        }
        for path in ["t-0/b", "t-0/a", "t-0/deep/c", "z", "B"] {
            file(disk, path, path.as_bytes());
        }
        assert_eq!(disk.list(""), Ok(["B", "t-0", "t-1", "z"].map(str::to_owned).into()), "{kind}");
        assert_eq!(disk.list("t-0"), Ok(["a", "b", "deep"].map(str::to_owned).into()), "{kind}");
        assert_eq!(disk.list("t-1"), Ok(vec![]), "{kind}");
        assert_eq!(contents(disk, "t-0/deep/c"), "t-0/deep/c", "{kind}");
        assert_eq!(disk.sync_dir("t-0"), Ok(()), "{kind}");
    });
}

#[test]
fn a_handle_means_the_file_and_not_its_name() {
    on_each("handles", |kind, disk| {
        disk.create_dir("t-0").expect("the root is there");
        disk.create_dir("t-0/deep").expect("the folder is there");
        let (a, b) = (file(disk, "t-0/a", b"a"), file(disk, "t-0/deep/b", b"b"));
        assert_eq!(disk.rename("t-0/a", "t-0/a.deleted"), Ok(()), "{kind}");
        assert_eq!(disk.rename("t-0", "t-0.delete"), Ok(()), "{kind}");
        disk.append(a, Bytes::from_static(b"2")).expect("it is open");
        disk.append(b, Bytes::from_static(b"2")).expect("it is open");
        assert_eq!(contents(disk, "t-0.delete/a.deleted"), "a2", "{kind}");
        assert_eq!(contents(disk, "t-0.delete/deep/b"), "b2", "{kind}");
        let empty = disk.open("t-0", false);
        assert_eq!(empty, Err(NotFound), "{kind}: the old name leads nowhere");
        // A file that is replaced or removed is void; who opens the name gets the new one.
        let (old, new) = (file(disk, "x", b"old"), file(disk, "x.swap", b"new"));
        assert_eq!(disk.rename("x.swap", "x"), Ok(()), "{kind}");
        assert_eq!(disk.len(old), Err(Stale), "{kind}");
        assert_eq!((disk.open("x", false), text(disk, new)), (Ok(new), "new".to_owned()), "{kind}");
        assert_eq!(disk.remove("x"), Ok(()), "{kind}");
        let calls = [
            disk.len(new).err(),
            disk.read(new, 0, 1).err(),
            disk.append(new, Bytes::from_static(b"1")).err(),
            disk.write(new, 0, Bytes::from_static(b"1")).err(),
            disk.truncate(new, 0).err(),
            disk.sync(new).err(),
        ];
        assert_eq!(calls, [Some(Stale); 6], "{kind}: it was removed");
        let anew = file(disk, "x", b"anew");
        assert_ne!(anew, new, "{kind}: a file of its own");
        assert_eq!(disk.rename("x", "x"), Ok(()), "{kind}");
        assert_eq!(contents(disk, "x"), "anew", "{kind}");
    });
}

/// A disk with a file `f`, an empty folder `d`, a folder `full` with a file `f` in it; and what each call is refused.
#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    type Call = fn(&mut dyn Disk) -> Result<(), DiskError>;
    let table: [(&str, Call, DiskError); 26] = [
        ("open what is not there", |d| d.open("no", false).map(drop), NotFound),
        ("open below what is not there", |d| d.open("no/x", true).map(drop), NotFound),
        ("open below a file", |d| d.open("f/x", false).map(drop), NotFound),
        ("make below a file", |d| d.open("f/x", true).map(drop), WrongKind),
        ("open a folder", |d| d.open("d", false).map(drop), WrongKind),
        ("make a file over a folder", |d| d.open("d", true).map(drop), WrongKind),
        ("open the root", |d| d.open("", true).map(drop), WrongKind),
        ("list what is not there", |d| d.list("no").map(drop), NotFound),
        ("list a file", |d| d.list("f").map(drop), WrongKind),
        ("sync a folder that is not there", |d| d.sync_dir("no"), NotFound),
        ("sync a file as a folder", |d| d.sync_dir("f"), WrongKind),
        ("make a folder over a file", |d| d.create_dir("f"), AlreadyExists),
        ("make a folder below nothing", |d| d.create_dir("no/x"), NotFound),
        ("make a folder below a file", |d| d.create_dir("f/x"), WrongKind),
        ("remove what is not there", |d| d.remove("no"), NotFound),
        ("remove what is full", |d| d.remove("full"), NotEmpty),
        ("remove the root", |d| d.remove(""), NotFound),
        ("rename what is not there", |d| d.rename("no", "x"), NotFound),
        ("rename to below nothing", |d| d.rename("f", "no/x"), NotFound),
        ("rename to below a file", |d| d.rename("d", "f/x"), WrongKind),
        ("rename a file over a folder", |d| d.rename("f", "d"), WrongKind),
        ("rename a folder over a file", |d| d.rename("d", "f"), WrongKind),
        ("rename a folder over a folder", |d| d.rename("full", "d"), NotEmpty),
        ("rename a folder into itself", |d| d.rename("full", "full/x"), NotEmpty),
        ("rename nothing to itself", |d| d.rename("no", "no"), NotFound),
        ("a file of nobody", |d| d.len(FileId(77)).map(drop), Stale),
    ];
    on_each("refusals", |kind, disk| {
        for folder in ["d", "full"] {
            disk.create_dir(folder).expect("the root is there");
        }
        let (outer, inner) = (file(disk, "f", b"f"), file(disk, "full/f", b"inner"));
        for (what, call, want) in &table {
            assert_eq!(call(disk), Err(*want), "{kind}: {what}");
            assert_eq!(disk.list(""), Ok(["d", "f", "full"].map(str::to_owned).into()), "{what}");
            assert_eq!(disk.list("full"), Ok(vec!["f".to_owned()]), "{kind}: {what}");
            assert_eq!(disk.list("d"), Ok(vec![]), "{kind}: {what}");
        }
        assert_eq!((text(disk, outer).as_str(), text(disk, inner).as_str()), ("f", "inner"));
        assert_eq!(disk.remove("d"), Ok(()), "{kind}: an empty folder may go");
    });
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let folder = support::folder("disks", "escape");
    fs::create_dir_all(folder.join("disk/t-0")).expect("a folder");
    fs::write(folder.join("outside"), "mine").expect("a file");
    let mut disk = FileDisk::open(&folder.join("disk")).expect("it is there");
    let absolute = folder.join("outside").display().to_string();
    for path in ["../outside", "t-0/../../outside", ".", "t-0/.", "t-0//x", "x\0", &absolute] {
        for create in [false, true] {
            assert_eq!(disk.open(path, create), Err(NotFound), "{path:?}");
            let why = disk.last_refusal().expect("it was refused").to_owned();
            assert!(why.contains("out of the folder") && why.contains("open"), "{path:?}: {why}");
        }
        file(&mut disk, "f", b"f");
        assert_eq!(disk.rename("f", path), Err(NotFound), "{path:?}");
        let errors = [disk.remove(path).err(), disk.create_dir(path).err(), disk.list(path).err()];
        assert_eq!(errors, [Some(NotFound); 3], "{path:?}");
    }
    assert_eq!(fs::read_to_string(folder.join("outside")).expect("it is there"), "mine");
    assert_eq!(support::tree(&folder.join("disk")).len(), 1, "nothing but f was made");
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_folder() {
    let folder = support::folder("disks", "links");
    fs::create_dir_all(folder.join("disk")).expect("a folder");
    fs::create_dir_all(folder.join("elsewhere")).expect("a folder");
    fs::write(folder.join("elsewhere/f"), "mine").expect("a file");
    let link =
        |from: &str, to: &str| std::os::unix::fs::symlink(from, folder.join("disk").join(to));
    link("../elsewhere", "folder").expect("a link");
    link("../elsewhere/f", "file").expect("a link");
    let mut disk = FileDisk::open(&folder.join("disk")).expect("it is there");
    for path in ["folder/f", "file", "folder/new"] {
        assert_eq!(disk.open(path, true), Err(WrongKind), "{path}");
        assert!(disk.last_refusal().is_some_and(|why| why.contains("is a link")), "{path}");
    }
    assert_eq!(disk.list("folder"), Err(WrongKind));
    assert_eq!(disk.remove("file"), Err(WrongKind));
    assert_eq!(fs::read_dir(folder.join("elsewhere")).expect("a folder").count(), 1);
}

#[test]
fn more_files_than_are_held_open_are_all_there() {
    let folder = support::folder("disks", "many");
    let mut disk = FileDisk::open(&folder).expect("it is there");
    let files: Vec<FileId> = (0..300).map(|n| file(&mut disk, &format!("{n}"), b"x")).collect();
    for _ in 0..2 {
        for file in &files {
            disk.append(*file, Bytes::from_static(b"y")).expect("opened again");
        }
    }
    for file in files {
        assert_eq!(text(&mut disk, file), "xyy");
    }
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    assert!(open < 200, "{open} files are open");
}

#[test]
fn what_the_system_refuses_is_told() {
    let folder = support::folder("disks", "told");
    fs::write(folder.join("file"), "mine").expect("a file");
    assert!(FileDisk::open(&folder.join("no")).is_err(), "no such folder");
    assert!(FileDisk::open(&folder.join("file")).is_err(), "a file");
    let mut disk = FileDisk::open(&folder).expect("it is there");
    let gone = file(&mut disk, "gone", b"x");
    fs::remove_file(folder.join("gone")).expect("behind the disk's back");
    let again = FileDisk::open(&folder).expect("it is there").open("gone", false);
    assert_eq!(again, Err(NotFound));
    assert_eq!(disk.open("gone", false), Err(NotFound));
    assert_eq!(disk.last_refusal(), Some("open \"gone\": no such file or folder"));
    assert_eq!(text(&mut disk, gone), "x", "a file that is open is there without a name");
}
