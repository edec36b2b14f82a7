//! Sweeps in files: workers that are killed, shards that are joined, and rows that do not belong together.
#![cfg(feature = "binary")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{CALM, CANARY, command, rows, tree};

const SEEDS: &str = "0..6";
const SHARDS: usize = 3;

/// With a scenario that misses a probe in every seed, and one that is violated in every seed.
fn folder(name: &str) -> PathBuf {
    let path = support::folder("sweeps", name);
    fs::write(path.join("calm.toml"), CALM).expect("the folder is there");
    fs::write(path.join("canary.toml"), CANARY).expect("the folder is there");
    path
}

/// Exit status, and what was said.
fn trial(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let said = support::trial(folder, arguments);
    (said.status, said.out, said.err)
}

fn sweep<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sweep", "calm.toml", "--jobs", "1"], more].concat()
}

/// The file of a sweep's rows, and the place of each line's end.
fn lines(file: &Path) -> (Vec<u8>, Vec<usize>) {
    let text = fs::read(file).expect("it was written");
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let ends = ends.collect();
    (text, ends)
}

#[test]
fn three_shards_one_of_them_killed_and_run_again_are_what_one_sweep_is() {
    let folder = folder("killed");
    let both = |more: &[&'static str]| {
        [&["sweep", "calm.toml", "canary.toml", "--jobs", "1", "--seeds", SEEDS], more].concat()
    };
    let (whole, said, _) = trial(&folder, &both(&["--out", "one"]));
    assert_eq!(whole, 1, "the canary is violated: {said}");
    for part in ["1/3", "3/3"] {
        assert_eq!(trial(&folder, &both(&["--shard", part, "--out", "three"])).0, 1, "{part}");
    }
    // The second is killed as soon as it has reported something.
    let second = both(&["--shard", "2/3", "--out", "three"]);
    let file = folder.join("three/shard-2-of-3/seeds.jsonl");
    let mut worker = command(&folder, &second).stdout(Stdio::null()).spawn().expect("it starts");
    while rows(&file) == 0 && worker.try_wait().expect("it can be asked").is_none() {
        std::thread::yield_now();
    }
    worker.kill().expect("it can be killed");
    worker.wait().expect("it has ended");
    let reported = rows(&file);
    assert!(reported > 0, "it had reported something");
    // However far it came: of a copy one row is left, and a torn one.
    let (text, ends) = lines(&file);
    fs::create_dir_all(folder.join("gap/shard-2-of-3")).expect("a folder");
    let torn = [&text[..=ends[1]], b"{\"scenario\":\"canary\""].concat();
    fs::write(folder.join("gap/shard-2-of-3/seeds.jsonl"), torn).expect("it can be written");

    let gap = ["merge", "three/shard-1-of-3", "gap", "three/shard-3-of-3", "--out", "joined"];
    support::trial(&folder, &gap).is(2, "shard 2/3 was not finished");
    let others = ["merge", "three/shard-1-of-3", "three/shard-3-of-3", "--out", "joined"];
    support::trial(&folder, &others).is(2, "shard 2/3 is missing");
    assert!(!folder.join("joined").exists(), "ME-2: nothing is written");
    let resumed = both(&["--shard", "2/3", "--out", "gap"]);
    let known = "1 seed had been played before; 1 of them again now";
    support::trial(&folder, &resumed).is(1, known);
    let known = format!("{reported} seed{} had been", if reported == 1 { "" } else { "s" });
    support::trial(&folder, &second).is(1, &known);
    let own = |of: &str| tree(&folder.join(of).join("shard-2-of-3"));
    assert!(own("gap") == own("three"), "JO-2: byte for byte");

    let order = ["three/shard-3-of-3", "three/shard-1-of-3", "three/shard-2-of-3"];
    assert_eq!(order.len(), SHARDS, "all of them");
    let merged = trial(&folder, &[&["merge"][..], &order, &["--out", "joined"]].concat());
    assert_eq!(merged.0, whole, "{}", merged.2);
    assert!(tree(&folder.join("joined")) == tree(&folder.join("one")), "byte for byte");
    let mut other = order;
    other.reverse();
    assert_eq!(trial(&folder, &[&["merge"][..], &other, &["--out", "again"]].concat()).0, whole);
    assert!(tree(&folder.join("again")) == tree(&folder.join("joined")), "ME-1");
}

#[test]
fn every_shard_that_is_missing_is_named() {
    let folder = folder("missing");
    for shard in ["1/5", "4/5"] {
        let part = sweep(&["--seeds", "0..5", "--shard", shard, "--out", "five"]);
        assert_eq!(trial(&folder, &part).0, 5, "{shard}");
    }
    let (text, ends) = lines(&folder.join("five/shard-4-of-5/seeds.jsonl"));
    fs::write(folder.join("five/shard-4-of-5/seeds.jsonl"), &text[..=ends[0]]).expect("a file");
    let said = support::trial(&folder, &["merge", "five"]);
    said.is(2, "shards 2/5, 3/5 and 5/5 are missing");
    said.is(2, "shard 4/5 was not finished");
    assert!(!folder.join("five/seeds.jsonl").exists(), "ME-2: nothing is written");
}

#[test]
fn another_number_of_shards_is_refused_before_anything_is_played() {
    let folder = folder("counts");
    let part = |seeds, shard, more: &[&'static str]| {
        let part = ["--seeds", seeds, "--shard", shard, "--out", "n"];
        support::trial(&folder, &sweep(&[&part[..], more].concat()))
    };
    let whole = || support::trial(&folder, &sweep(&["--seeds", "0..4", "--out", "n"]));
    part("0..4", "1/2", &[]).is(5, "(shard 1/2)");
    let before = tree(&folder.join("n"));
    let other = part("0..4", "1/3", &[]);
    other.is(2, "holds shard 1/2 of a sweep, and this is shard 1/3: 2 shards, and not 3");
    whole().is(2, "holds shard 1/2 of a sweep, and this is one in one piece");
    part("0..5", "2/2", &[]).is(2, "seeds 0..4, and not seeds 0..5");
    part("0..4", "2/2", &["--set", "time=1s"]).is(2, "has other text or settings");
    assert!(tree(&folder.join("n")) == before, "NE-2: nothing is left behind");
    part("0..4", "2/2", &[]).is(5, "(shard 2/2)");
    support::trial(&folder, &["merge", "n"]).is(5, "calm: 4 seeds");
    // What was joined may be played again, and another number of shards still does not belong here.
    part("0..4", "2/2", &[]).is(5, "2 seeds had been played before");
    whole().is(5, "4 seeds had been played before");
    part("0..4", "1/3", &[]).is(2, "2 shards, and not 3");
    let inside = ["--seeds", "0..4", "--shard", "1/3", "--out", "n/shard-1-of-2"];
    support::trial(&folder, &sweep(&inside)).is(2, "2 shards, and not 3");
}

#[test]
fn what_does_not_belong_together_is_not_joined() {
    let folder = folder("apart");
    let part = |seeds: &str, shard: &str, out: &str| {
        let (status, _, why) =
            trial(&folder, &sweep(&["--seeds", seeds, "--shard", shard, "--out", out]));
        assert_eq!(status, 5, "{why}");
    };
    part("0..4", "1/2", "a");
    part("0..4", "2/2", "b");
    part("0..4", "1/2", "c");
    part("0..5", "2/2", "d");
    part("0..4", "2/3", "e");
    let cases: [(&[&str], &str); 6] = [
        (&["a"], "shard 2/2 is missing"),
        (&["a", "b", "c"], "shard 1/2 is there twice"),
        (&["a", "d"], "seeds 0..4, and not seeds 0..5"),
        (&["a", "e"], "one of 2 shards"),
        (&["a", "nothing"], "cannot read nothing"),
        (&["a", "."], "holds no sweep"),
    ];
    for (folders, want) in cases {
        let (status, out, why) = trial(&folder, &[&["merge"], folders, &["--out", "x"]].concat());
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ").replace(" │ ", " ");
        assert_eq!((status, out.as_str()), (2, ""), "{folders:?}: {why}");
        assert!(why.contains(want), "{folders:?}: {why}");
        assert!(!folder.join("x").exists(), "{folders:?}: nothing is written");
    }
    // Nothing that is there is written over.
    assert_eq!(trial(&folder, &sweep(&["--seeds", "7..8", "--out", "taken"])).0, 5);
    let taken = fs::read(folder.join("taken/seeds.jsonl")).expect("it was written");
    let (status, _, why) = trial(&folder, &["merge", "a", "b", "--out", "taken"]);
    assert_eq!(status, 2, "{why}");
    assert!(fs::read(folder.join("taken/seeds.jsonl")).expect("it is there") == taken, "{why}");
    fs::create_dir_all(folder.join("mine")).expect("a folder");
    fs::write(folder.join("mine/seeds.jsonl"), "my precious line").expect("a file");
    let (status, _, why) = trial(&folder, &sweep(&["--seeds", "7..8", "--out", "mine"]));
    assert_eq!(status, 2, "{why}");
    let last = ["--seeds", "18446744073709551613..18446744073709551615", "--shard", "9/10"];
    let last = sweep(&[&last[..], &["--out", "last"]].concat());
    assert_eq!(trial(&folder, &last).0, 0, "a shard without seeds is no panic");
    // The shard's own folder, with another seed range, or another text of the scenario.
    let other = sweep(&["--seeds", "0..5", "--shard", "1/2", "--out", "a"]);
    let (status, _, why) = trial(&folder, &other);
    assert_eq!(status, 2, "{why}");
    assert!(why.contains("holds another sweep"), "{why}");
    let changed = sweep(&["--seeds", "0..4", "--shard", "1/2", "--out", "a", "--set", "time=1s"]);
    assert!(trial(&folder, &changed).2.contains("has other text or settings"), "JO-3");
}

#[test]
fn a_torn_end_is_played_again_and_a_torn_middle_is_an_error() {
    let folder = folder("torn");
    let arguments = sweep(&["--seeds", "0..3", "--out", "one"]);
    assert_eq!(trial(&folder, &arguments).0, 5);
    let file = folder.join("one/seeds.jsonl");
    let (good, line_ends) = lines(&file);
    // In the header, at its end, in a row, at a row's end but for its line end.
    for cut in
        [0, 10, line_ends[0], line_ends[0] + 1, line_ends[1] + 30, line_ends[2], good.len() - 1]
    {
        fs::write(&file, &good[..cut]).expect("it can be written");
        assert_eq!(trial(&folder, &arguments).0, 5, "cut at {cut}");
        assert!(fs::read(&file).expect("it is there") == good, "JO-1: cut at {cut}");
    }
    let mut bad = good.clone();
    bad[line_ends[0] + 5] = b'!';
    fs::write(&file, &bad).expect("it can be written");
    let (status, _, why) = trial(&folder, &arguments);
    assert_eq!(status, 2, "{why}");
    assert!(why.contains("line 2"), "{why}");
    assert!(fs::read(&file).expect("it is there") == bad, "nothing is lost");
    let twice: Vec<u8> = [&good[..], &good[line_ends[0] + 1..=line_ends[1]]].concat();
    fs::write(&file, &twice).expect("it can be written");
    assert!(trial(&folder, &arguments).2.contains("stands here twice"), "an overlap");
}

/// The line with other JSON in it, and a checksum that fits.
fn resealed(line: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut row: serde_json::Value = serde_json::from_slice(line).expect("a row is JSON");
    row.as_object_mut().expect("an object").shift_remove("crc32").expect("it is sealed");
    change(&mut row);
    let text = row.to_string();
    let content = text.strip_suffix('}').expect("an object");
    format!("{content},\"crc32\":\"{:08x}\"}}\n", crc32fast::hash(content.as_bytes())).into_bytes()
}

#[test]
fn a_damaged_row_is_named_and_can_be_taken_out() {
    let folder = folder("damaged");
    let arguments = sweep(&["--seeds", "0..3", "--out", "one"]);
    assert_eq!(trial(&folder, &arguments).0, 5);
    let file = folder.join("one/seeds.jsonl");
    let (good, ends) = lines(&file);
    let second = String::from_utf8(good[ends[1] + 1..=ends[2]].to_vec()).expect("text");
    // Still JSON, and still a row of this seed.
    let worse = second.replace("\"as_expected\":false", "\"as_expected\":true");
    assert_ne!(second, worse, "it is another row");
    let bad = [&good[..=ends[1]], worse.as_bytes(), &good[ends[2] + 1..]].concat();
    fs::write(&file, &bad).expect("it can be written");
    let said = support::trial(&folder, &arguments);
    said.is(2, "one/seeds.jsonl, line 3 is damaged: its checksum is");
    said.is(2, "take the line out");
    support::trial(&folder, &["merge", "one", "--out", "m"]).is(2, "line 3 is damaged");
    assert!(fs::read(&file).expect("it is there") == bad, "nothing is lost");
    fs::write(&file, [&good[..=ends[1]], &good[ends[2] + 1..]].concat()).expect("a file");
    assert_eq!(trial(&folder, &arguments).0, 5, "as the error says");
    assert!(fs::read(&file).expect("it is there") == good, "JO-2: the seed was played again");
    // A header of another schema, and none.
    let old = resealed(&good[..ends[0]], |header| header["schema"] = 1.into());
    for (header, want) in [(&old[..], "it has schema 1;"), (b"{}\n", "no header of a sweep")] {
        fs::write(&file, [header, &good[ends[0] + 1..]].concat()).expect("a file");
        support::trial(&folder, &arguments).is(2, want);
    }
}

#[test]
fn another_build_is_noticed_by_rows_that_are_played_again() {
    let folder = folder("build");
    let arguments = sweep(&["--seeds", "0..14", "--out", "one"]);
    assert_eq!(trial(&folder, &arguments).0, 5);
    let file = folder.join("one/seeds.jsonl");
    let (good, ends) = lines(&file);
    // Seeds 0 to 12 are left, so that there is one to be played.
    let with = |seed: usize, change: &dyn Fn(&mut serde_json::Value)| {
        let line = resealed(&good[ends[seed] + 1..=ends[seed + 1]], change);
        let rest = &good[ends[seed + 1] + 1..=ends[13]];
        fs::write(&file, [&good[..=ends[seed]], &line, rest].concat()).expect("a file");
    };
    let digest = |row: &mut serde_json::Value| row["digest"] = "00".into();
    for seed in [0, 6, 12] {
        with(seed, &digest);
        let want = format!("played by another build: calm seed {seed} has the digest 00 there");
        support::trial(&folder, &arguments).is(2, &want);
    }
    with(3, &|row| row["failure"]["id"] = "R4-rare".into());
    let said = support::trial(&folder, &arguments);
    said.is(2, "calm seed 3 is the same run and is judged otherwise, holds (R4-rare) there");
    with(5, &|row| row["probes"]["a_rare_place"] = 1.into());
    support::trial(&folder, &arguments)
        .is(2, "calm seed 5 is the same run and is judged otherwise");
    // The control.
    with(3, &|_| {});
    let said = support::trial(&folder, &arguments);
    said.is(5, "13 seeds had been played before;");
    assert!(said.words().contains("again now, which came to the same"), "{}", said.out);
    assert!(fs::read(&file).expect("it is there") == good, "JO-2");
}

#[test]
fn a_sweep_stops_at_the_first_failure_or_when_its_time_is_over() {
    let folder = folder("stops");
    let (status, said, _) = trial(&folder, &sweep(&["--seeds", "7..", "--failures", "1"]));
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("calm: 1 seed: 1 holds"), "{said}");
    assert!(said.contains("stopped: so many failures were found"), "{said}");
    let (_, said, _) = trial(&folder, &sweep(&["--seeds", "7..", "--for", "1ms"]));
    assert!(said.contains("stopped: the time is over"), "{said}");
    let (status, _, why) = trial(&folder, &sweep(&["--seeds", "7.."]));
    assert_eq!(status, 2, "it would never end: {why}");
    // A part of a shard is never joined.
    for (seeds, more, want) in [
        ("7..", &["--for", "1s"][..], "--seeds 7.. and --shard do not go together"),
        ("7..9", &["--for", "1s"], "--for 1s and --shard"),
        ("7..9", &["--failures", "2"], "--failures 2 and --shard"),
    ] {
        let shard = ["--seeds", seeds, "--shard", "1/2", "--out", "o"];
        let said = support::trial(&folder, &sweep(&[&shard[..], more].concat()));
        said.is(2, want);
        said.is(2, "A..B or COMMIT:N");
        assert!(!folder.join("o").exists(), "nothing was begun");
    }
}

#[test]
fn so_many_failures_are_enough_the_second_time_too() {
    let folder = folder("enough");
    let most = |most: &'static str| {
        trial(&folder, &sweep(&["--seeds", "7..", "--failures", most, "--out", "o"]))
    };
    let page = |said: &str| {
        let own = |line: &&str| !line.starts_with("stopped") && !line.contains("seeds/s");
        said.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
    };
    let (status, first, _) = most("2");
    assert_eq!(status, 5, "{first}");
    let before = tree(&folder.join("o"));
    let (status, second, _) = most("2");
    assert_eq!(status, 5, "{second}");
    assert!(second.contains("stopped: 2 failures are there already; with a larger"), "{second}");
    assert!(tree(&folder.join("o")) == before, "nothing is played");
    let mut again = page(&second);
    again.retain(|line| line != "2 seeds had been played before");
    assert_eq!(again, page(&first), "the same page");
    let (_, third, _) = most("3");
    assert!(third.contains("calm: 3 seeds: 3 holds"), "{third}");
}
