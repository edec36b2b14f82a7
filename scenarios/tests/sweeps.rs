//! Sweeps in files: workers that are killed, shards that are joined, and rows that do not belong together.
#![cfg(feature = "binary")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SEEDS: &str = "0..9";
const SHARDS: usize = 3;

/// A sweep with failures of its own: no follower ever cuts its log within two seconds.
const SCENARIO: &str = "title = \"a cluster without faults never cuts a log\"\ntime = \"2s\"\n\
    must_happen = [\"truncation\"]\n[topics.t]\npartitions = 1\nreplicas = 3\n\
    [clients.p]\nproduce = \"t\"\nrate = \"20/s\"\n";

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweeps").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder can be written");
    fs::write(path.join("calm.toml"), SCENARIO).expect("the folder is there");
    path
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trial"));
    command.current_dir(folder).args(arguments);
    command
}

/// Exit status, and what was said.
fn trial(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = command(folder, arguments).output().expect("the binary was built");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (output.status.code().expect("it ended by itself"), text(output.stdout), text(output.stderr))
}

fn sweep<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sweep", "calm.toml", "--jobs", "1"], more].concat()
}

fn rows(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count().saturating_sub(1))
}

/// Every file below a folder, with its content.
fn tree(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn three_shards_one_of_them_killed_and_run_again_are_what_one_sweep_is() {
    let folder = folder("killed");
    let (whole, said, _) = trial(&folder, &sweep(&["--seeds", SEEDS, "--out", "one"]));
    assert_eq!(whole, 5, "the probe is missed: {said}");
    for shard in 1..=SHARDS {
        let part = format!("{shard}/{SHARDS}");
        let arguments = sweep(&["--seeds", SEEDS, "--shard", &part, "--out", "three"]);
        if shard != 2 {
            assert_eq!(trial(&folder, &arguments).0, 5, "shard {part}");
            continue;
        }
        // Killed as soon as it has reported something.
        let file = folder.join("three/shard-2-of-3/seeds.jsonl");
        let mut worker =
            command(&folder, &arguments).stdout(Stdio::null()).spawn().expect("it starts");
        while rows(&file) == 0 && worker.try_wait().expect("it can be asked").is_none() {
            std::thread::yield_now();
        }
        worker.kill().expect("it can be killed");
        worker.wait().expect("it has ended");
        let reported = rows(&file);
        assert!(reported > 0, "it had reported something");
        if reported < 3 {
            let (status, _, why) = trial(&folder, &["merge", "three"]);
            assert_eq!(status, 2, "a gap is refused: {why}");
            assert!(why.contains("shard 2/3 was not finished"), "{why}");
        }
        let (_, again, _) = trial(&folder, &arguments);
        let known = format!("{reported} seeds had been played before");
        assert!(again.contains(&known), "nothing reported was lost: {again}");
    }
    let order = ["three/shard-3-of-3", "three/shard-1-of-3", "three/shard-2-of-3"];
    let merged = trial(&folder, &[&["merge"][..], &order, &["--out", "joined"]].concat());
    assert_eq!(merged.0, whole, "{}", merged.2);
    assert_eq!(tree(&folder.join("joined")), tree(&folder.join("one")), "byte for byte");
    let mut other = order;
    other.reverse();
    assert_eq!(trial(&folder, &[&["merge"][..], &other, &["--out", "again"]].concat()).0, whole);
    assert_eq!(tree(&folder.join("again")), tree(&folder.join("joined")), "ME-1");
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
    let good = fs::read(&file).expect("it was written");
    let line_ends: Vec<usize> =
        good.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
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
}
