//! The storage engine itself, on three disks, cleans and drops by its own rules, and crashes: the checkers find
//! nothing, whatever it does.
//!
//! Holds: a log on each broker, written alike by hand; what each was told of starts and high watermarks.

use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset};
use trial_cluster::storage::SimulatedDisk;
use trial_log::{
    AppendOrigin, BatchBuilder, CleanerConfig, Cleaning, CleaningStep, Disk, Log, LogConfig,
    LogEvent, LogStartReason, LogToClean, OpenLog, cleanable_offsets,
};
use trial_sim::{CrashKind, HostId};

use crate::story::{B1, B2, B3, DURABLE, Story};

const FOLDER: &str = "orders-0";
const BROKERS: [HostId; 3] = [B1, B2, B3];
const START_MS: i64 = 1_767_225_600_000;

struct Brokers {
    story: Story,
    logs: Vec<Log>,
    config: LogConfig,
    end: i64,
    draws: u64,
    /// Whether hosts may lose power: a compacted log keeps holes that this leaves, and lacks what was in them.
    loses_power: bool,
}

impl Brokers {
    fn new(seed: u64, settings: &[(&str, &str)], config: LogConfig) -> Self {
        let mut story = Story::keeping(DURABLE, settings);
        story.clocks(START_MS);
        story.ticks = true;
        let (end, draws) = (0, seed * 7_919 + 1);
        let loses_power = !(config.compacted && config.deletes);
        let mut brokers = Self { story, logs: Vec::new(), config, end, draws, loses_power };
        for host in BROKERS {
            let log = brokers.opens(host);
            brokers.logs.push(log);
        }
        brokers
    }

    /// A number below `limit`.
    fn draw(&mut self, limit: u64) -> u64 {
        self.draws = self
            .draws
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.draws >> 33) % limit
    }

    fn opens(&mut self, host: HostId) -> Log {
        let (config, now_ms) = (self.config.clone(), self.story.wall_ms());
        let mut events = Vec::new();
        let mut log = None;
        self.story.job(host, |disk| {
            let disk = &mut SimulatedDisk::new(disk);
            let open = OpenLog { config, ..OpenLog::new(FOLDER) };
            log = Some(Log::open(disk, open, now_ms, &mut events).expect("the disk works"));
        });
        self.notes(host, events);
        log.expect("it was opened just now")
    }

    fn notes(&mut self, host: HostId, events: Vec<LogEvent>) {
        for event in events {
            if !matches!(event, LogEvent::BatchAppended { .. } | LogEvent::Reached(_)) {
                self.story.log(host, event);
            }
        }
    }

    /// Does something to a log, as one job; `ends` if the job ends.
    fn job<T>(
        &mut self,
        host: HostId,
        act: impl FnOnce(&mut Log, &mut dyn Disk, i64, &mut Vec<LogEvent>) -> T,
    ) -> T {
        let place = usize::from(host.0);
        let (log, now_ms) = (&mut self.logs[place], self.story.wall_ms());
        let mut events = Vec::new();
        let mut done = None;
        self.story.job(host, |disk| {
            done = Some(act(log, &mut SimulatedDisk::new(disk), now_ms, &mut events));
        });
        self.notes(host, events);
        done.expect("it was done just now")
    }

    fn waits(&mut self, ms: u64) {
        self.story.clocks(self.story.wall_ms() + i64::try_from(ms).expect("small"));
        self.story.waits(trial_sim::Span::from_millis(ms));
    }

    /// Some records of some keys are appended everywhere, and committed.
    fn produces(&mut self) {
        let count = 1 + self.draw(3);
        let records: Vec<(u8, u64)> = (0..count)
            .map(|_| (b'a' + u8::try_from(self.draw(6)).expect("small"), self.draw(4)))
            .collect();
        let now_ms = self.story.wall_ms();
        let build = |base: i64| {
            let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(0));
            for (key, value) in &records {
                let bytes = value.to_be_bytes();
                builder.append(now_ms, Some(&[*key]), (*value > 0).then_some(&bytes[..]), &[]);
            }
            builder.build().into_bytes()
        };
        for host in BROKERS {
            let bytes = build(if host == B1 { 0 } else { self.end });
            self.job(host, |log, disk, now_ms, events| {
                if host == B1 {
                    let (epoch, origin) = (LeaderEpoch(0), AppendOrigin::Client);
                    log.append_as_leader(disk, bytes, epoch, origin, now_ms, events).map(|_| ())
                } else {
                    log.append_as_follower(disk, bytes, LeaderEpoch(0), now_ms, events).map(|_| ())
                }
                .expect("it is a good batch");
            });
        }
        self.end += i64::try_from(count).expect("small");
        self.commits();
        // What is closed is flushed, as brokers do when a segment is begun: a power loss that leaves a hole between two
        // segments is another matter.
        let all = self.draw(3) == 0;
        BROKERS.into_iter().for_each(|host| self.flushes(host, all));
    }

    fn flushes(&mut self, host: HostId, all: bool) {
        self.job(host, |log, disk, _, events| {
            let active = log.segment_base_offsets().next_back().expect("there is one");
            let end = if all { log.log_end_offset() } else { active };
            log.flush(disk, end, events).expect("the disk works");
            disk.sync_dir(FOLDER).expect("the disk works");
            log.mark_flushed(end, events);
        });
    }

    fn commits(&mut self) {
        self.story.commits(B1, 0, self.end);
        self.story.follows_to(B2, 0, self.end);
        self.story.follows_to(B3, 0, self.end);
    }

    /// A broker drops what is due.
    fn retains(&mut self, host: HostId) {
        let end = Offset(self.end);
        self.job(host, |log, disk, now_ms, events| {
            log.delete_old_segments(disk, end, now_ms, events).expect("the disk works");
        });
    }

    /// A broker cleans its log, `steps` steps at most; others write in between.
    fn cleans(&mut self, host: HostId, steps: usize) {
        let (high_watermark, place) = (Offset(self.end), usize::from(host.0));
        let (log, now_ms) = (&self.logs[place], self.story.wall_ms());
        let clean = cleanable_offsets(log, None, high_watermark, now_ms, &mut Vec::new());
        let (from, to) = (clean.first_dirty_offset, clean.first_uncleanable_dirty_offset);
        let config = CleanerConfig {
            dedupe_buffer_bytes: 24 * 64,
            read_bytes: 300,
            max_cleaned_segment_bytes: 200,
            ..CleanerConfig::default()
        };
        let to_clean = LogToClean::new(log, from, to, false);
        let mut cleaning = Cleaning::new(log, to_clean, config, now_ms);
        for step in 0..steps {
            let high_watermark = Offset(self.end);
            let done = self.job(host, |log, disk, now_ms, events| {
                cleaning.step(log, disk, high_watermark, now_ms, events).expect("the disk works")
            });
            if done != CleaningStep::More {
                return;
            }
            if step % 5 == 4 {
                self.produces();
                self.waits(3);
            }
        }
        // What a cleaning leaves behind makes the next load drop all that later ones have put above it.
        self.job(host, |log, disk, _, events| {
            cleaning.abandon(log, disk, events).expect("the disk works");
        });
    }

    /// A process ends, with the last job that it was at or without it, and the next one opens the log.
    fn dies(&mut self, host: HostId, seed: u64) {
        let kind = if self.draw(2) == 0 || !self.loses_power {
            CrashKind::Process
        } else {
            CrashKind::PowerLoss
        };
        let (place, end, now_ms) = (usize::from(host.0), Offset(self.end), self.story.wall_ms());
        let mut log = self.logs[place].clone();
        let from = log.log_start_offset();
        self.story.dies_within(host, kind, seed, |disk| {
            let disk = &mut SimulatedDisk::new(disk);
            let mut events = Vec::new();
            let _ = log.delete_old_segments(disk, end, now_ms, &mut events);
            let active = log.segment_base_offsets().next_back().expect("there is one");
            let to_clean = LogToClean::new(&log, from, active, false);
            let config = CleanerConfig {
                dedupe_buffer_bytes: 24 * 64,
                max_cleaned_segment_bytes: 200,
                ..CleanerConfig::default()
            };
            if log.config().compacted {
                let mut cleaning = Cleaning::new(&log, to_clean, config, now_ms);
                let _ = cleaning.run(&mut log, disk, end, now_ms, &mut events);
            }
        });
        self.logs[place] = self.opens(host);
        self.story.boots(host);
        self.story.follows_to(host, 0, self.logs[place].log_end_offset().0.min(self.end));
    }

    /// What a follower lacks it copies from the leader; then it is in sync again.
    fn catches_up(&mut self, host: HostId) {
        let node = i32::from(host.0) + 1;
        self.story.registers(|it| it.isr.retain(|id| id.0 != node));
        self.story.unfences(node);
        self.copies(host);
        self.story.follows_to(host, 0, self.end);
        self.story.registers(|it| it.isr.push(BrokerId(node)));
    }

    fn copies(&mut self, host: HostId) {
        let start = self.logs[0].log_start_offset();
        if self.logs[usize::from(host.0)].log_end_offset() < start {
            self.job(host, |log, disk, now_ms, events| {
                log.truncate_fully_and_start_at(disk, start, None, now_ms, events)
                    .expect("the disk works");
            });
        }
        while self.logs[usize::from(host.0)].log_end_offset() < Offset(self.end) {
            let from = self.logs[usize::from(host.0)].log_end_offset();
            let end = Offset(self.end);
            let read = self.job(B1, |log, disk, _, events| {
                log.read(disk, from, 10_000, end, true, events).expect("it is there").records
            });
            self.job(host, |log, disk, now_ms, events| {
                log.append_as_follower(disk, read, LeaderEpoch(0), now_ms, events)
                    .expect("it is good");
            });
            self.flushes(host, false);
        }
    }
}

fn play(seed: u64, settings: &[(&str, &str)], config: LogConfig) -> Brokers {
    let mut brokers = Brokers::new(seed, settings, config);
    for round in 0..60 {
        let host = BROKERS[usize::try_from(brokers.draw(3)).expect("small")];
        match brokers.draw(8) {
            0 | 1 => {
                let steps = 1 + usize::try_from(brokers.draw(60)).expect("small");
                if brokers.config.compacted {
                    brokers.cleans(host, steps);
                }
            }
            2 => brokers.retains(host),
            3 => {
                let ms = brokers.draw(400);
                brokers.waits(ms);
            }
            4 if host != B1 => {
                brokers.dies(host, seed * 1_000 + round);
                brokers.catches_up(host);
            }
            _ => brokers.produces(),
        }
    }
    let found = brokers.story.end();
    assert_eq!(found, [""; 0], "seed {seed}: {:#?}", brokers.story.judge.violations());
    brokers
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 400, index_interval_bytes: 100, ..LogConfig::default() }
}

fn reached(brokers: &Brokers, what: impl Fn(&LogEvent) -> bool) -> bool {
    brokers.story.logged.iter().any(what)
}

#[test]
fn a_log_that_is_compacted_is_silent() {
    let settings = [("cleanup.policy", "compact"), ("delete.retention.ms", "300")];
    let mut replaced = 0;
    for seed in 0..100 {
        let config =
            LogConfig { compacted: true, deletes: false, delete_retention_ms: 300, ..config() };
        let brokers = play(seed, &settings, config);
        replaced +=
            usize::from(reached(&brokers, |it| matches!(it, LogEvent::SegmentsReplaced { .. })));
    }
    assert!(replaced > 30, "{replaced} seeds cleaned");
}

#[test]
fn a_log_that_drops_what_is_old_or_large_is_silent() {
    let mut dropped = 0;
    for (name, ms, bytes) in [("retention.ms", 500, -1), ("retention.bytes", -1, 900)] {
        let value = i64::max(ms, bytes).to_string();
        let settings = [("retention.ms", "-1"), (name, value.as_str())];
        let settings = if name == "retention.ms" { &settings[1..] } else { &settings[..] };
        for seed in 0..100 {
            let config = LogConfig {
                retention_ms: ms,
                retention_bytes: bytes,
                holes_refused: true,
                ..config()
            };
            let brokers = play(seed, settings, config);
            dropped +=
                usize::from(reached(&brokers, |it| matches!(it, LogEvent::SegmentDropped { .. })));
        }
    }
    assert!(dropped > 40, "{dropped} seeds dropped something");
}

#[test]
fn a_log_that_is_compacted_and_drops_is_silent() {
    let settings = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "900"),
        ("delete.retention.ms", "50"),
    ];
    let (mut replaced, mut dropped) = (0, 0);
    for seed in 0..100 {
        let config =
            LogConfig { compacted: true, retention_ms: 900, delete_retention_ms: 50, ..config() };
        let brokers = play(seed, &settings, config);
        replaced +=
            usize::from(reached(&brokers, |it| matches!(it, LogEvent::SegmentsReplaced { .. })));
        let is_drop = |it: &LogEvent| {
            let why = LogStartReason::SegmentDeletion;
            matches!(it, LogEvent::LogStartMoved { why: found, .. } if *found == why)
        };
        dropped += usize::from(reached(&brokers, is_drop));
    }
    assert!(replaced > 40 && dropped > 20, "{replaced} seeds cleaned, {dropped} dropped");
}
