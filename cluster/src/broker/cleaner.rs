//! The cleaners: threads that compact logs piece by piece, and drop the old segments of compacted ones.
//!
//! In Kafka:   `LogCleaner.CleanerThread`; `LogManager.truncateTo` and `asyncDelete`, which stop them.
//! Holds:      what is done with which log (`LogCleanerManager`), and what each thread is at.
//! Inputs:     the time; who cuts, drops or reconfigures a log that is being cleaned.
//! Invariants: CN-1 a thread goes round: it looks for the filthiest log, cleans it, then drops the old segments of all
//!             compacted logs; when there was nothing to clean it waits `log.cleaner.backoff.ms`.
//!             CN-2 whoever cuts a log that is being cleaned ends the cleaning before: it holds the log's lock, so the
//!             thread is between two pieces. (In Kafka it waits for the thread to notice.) The thread hears of it with
//!             its next piece.
//!             CN-3 the checkpoint is read and written within one first half.
//! Left out:   `log.cleaner.io.max.bytes.per.second`.

use std::collections::BTreeSet;
use std::sync::Arc;

use trial_log::{
    CleanerCandidate, CleanerConfig, Cleaning, CleaningStep, GrabError, LastBatchKept,
    LogCleanerManager, LogError, LogEvent, Offset, Pause, PreCleanStats,
};
use trial_sim::{Span, Time};

use super::replicas::{Replica, Replicas};
use super::task::Task;
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, costs};
use crate::config::broker::NodeSettings;
use crate::mark;
use crate::note::Note;
use crate::partition::Effect;
use crate::storage::SimulatedDisk;

/// A log by its topic and the number of its partition.
type Name = (Arc<str>, i32);

/// All cleaners of a broker.
#[derive(Debug, Clone)]
pub struct Cleaners {
    pub(super) manager: LogCleanerManager,
    config: CleanerConfig,
    backoff: Span,
    threads: Vec<Thread>,
    /// How many of them are wanted.
    wanted: usize,
    /// Whether they have begun.
    begun: bool,
}

/// One of them.
#[derive(Debug, Clone, Default)]
struct Thread {
    work: Work,
    /// Whether it has cleaned something in this round.
    cleaned: bool,
    wake_at: Option<Time>,
    /// Whether it has ended, since fewer are wanted.
    ended: bool,
}

/// What a thread is at.
#[derive(Debug, Clone, Default)]
enum Work {
    /// It waits, or is about to look for a log.
    #[default]
    Nothing,
    Cleaning(Box<UnderWay>),
    /// It drops old segments of these, the first one now.
    Retaining(Vec<Name>, usize),
}

/// A cleaning.
#[derive(Debug, Clone)]
struct UnderWay {
    name: Name,
    slot: u32,
    cleaning: Cleaning,
    /// Up to where the log is clean, once that is known.
    end_offset: Option<Offset>,
}

impl Cleaners {
    /// Those that the settings ask for.
    #[must_use]
    pub fn new(node: &NodeSettings) -> Self {
        let wanted = if node.log_cleaner_enable { node.log_cleaner_threads } else { 0 };
        Self {
            manager: LogCleanerManager::default(),
            config: cleaner_config(node),
            backoff: node.log_cleaner_backoff,
            threads: vec![Thread::default(); wanted],
            wanted,
            begun: false,
        }
    }

    /// Others are asked for: they hold from the next look of each thread on. Answers the threads that begin.
    pub(super) fn reconfigure(&mut self, node: &NodeSettings) -> Vec<u16> {
        self.config = cleaner_config(node);
        self.backoff = node.log_cleaner_backoff;
        if self.wanted == 0 {
            return Vec::new();
        }
        self.wanted = node.log_cleaner_threads;
        let mut begin = Vec::new();
        let known = self.threads.len();
        self.threads.resize(known.max(self.wanted), Thread::default());
        for (index, thread) in self.threads.iter_mut().enumerate() {
            if index >= self.wanted {
                thread.ended |= thread.wake_at.take().is_some();
            } else if std::mem::take(&mut thread.ended) || index >= known {
                begin.push(number(index));
            }
        }
        if self.begun { begin } else { Vec::new() }
    }

    /// Whether a thread that is about to look again is one too many, and so ends.
    fn ends(&mut self, thread: u16) -> bool {
        let index = usize::from(thread);
        self.threads[index].ended = index >= self.wanted;
        self.threads[index].ended
    }

    /// When a thread that waits looks again.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.threads.iter().filter_map(|thread| thread.wake_at).min()
    }

    /// A log is not compacted any more: its cleaning ends with the next piece (`abortCleaning`).
    pub(super) fn ask_to_stop(&mut self, name: &Name) {
        if self.manager.is_aborted(name) {
            return;
        }
        if self.manager.abort_and_pause_cleaning(name) == Pause::Paused {
            self.manager.resume_cleaning(name);
        }
    }

    fn under_way(&mut self, thread: u16) -> Option<&mut UnderWay> {
        match &mut self.threads[usize::from(thread)].work {
            Work::Cleaning(work) => Some(work),
            Work::Nothing | Work::Retaining(..) => None,
        }
    }
}

fn cleaner_config(node: &NodeSettings) -> CleanerConfig {
    let threads = node.log_cleaner_threads;
    CleanerConfig {
        dedupe_buffer_bytes: node.log_cleaner_dedupe_buffer_size / threads,
        dedupe_buffer_load_percent: node.log_cleaner_io_buffer_load_factor.percent(),
        read_bytes: (node.log_cleaner_io_buffer_size / threads / 2).max(1),
        last_batch_kept: LastBatchKept::OfCleaning,
        ..CleanerConfig::default()
    }
}

/// The round of a thread.
impl Broker {
    /// The threads begin.
    pub(super) fn start_cleaners(&mut self, cx: &mut Cx<'_>) {
        self.cleaners.begun = true;
        for thread in 0..self.cleaners.wanted {
            self.then(Task::Grab(number(thread)), cx);
        }
    }

    /// Threads that have waited long enough look again.
    pub(super) fn wake_cleaners(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        for index in 0..self.cleaners.threads.len() {
            if self.cleaners.threads[index].wake_at.is_some_and(|at| at <= now) {
                self.cleaners.threads[index].wake_at = None;
                self.then(Task::Grab(number(index)), cx);
            }
        }
    }

    /// First half: the log that is to be cleaned next.
    pub(super) fn start_grab(&mut self, thread: u16, cx: &mut Cx<'_>) -> Span {
        let now_ms = cx.wall_ms();
        if self.closing || self.cleaners.ends(thread) {
            return costs::HOUSEKEEPING;
        }
        let compacted = self.replicas.iter_mut().filter(|(_, it)| it.log.config().compacted);
        let candidates = compacted.map(|(_, replica)| CleanerCandidate {
            partition: replica.name(),
            high_watermark: replica.partition.offsets().high_watermark(),
            log: &mut replica.log,
        });
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let (mut stats, mut events) = (PreCleanStats::default(), Vec::new());
        let manager = &mut self.cleaners.manager;
        let found = manager.grab_filthiest_compacted_log(
            &mut disk,
            candidates,
            now_ms,
            &mut stats,
            &mut events,
        );
        let mut work = Work::Nothing;
        match found {
            Ok(Some((name, to_clean))) => {
                let (slot, replica) =
                    slot_of(&mut self.replicas, &name).expect("it was a candidate just now");
                let config = self.cleaners.config;
                let cleaning = Cleaning::new(&replica.log, to_clean, config, now_ms);
                work =
                    Work::Cleaning(Box::new(UnderWay { name, slot, cleaning, end_offset: None }));
            }
            Ok(None) => {}
            Err(GrabError::Log(_, LogError::CorruptSegment { .. })) => mark::reachable!(
                cx,
                "cleaner_gives_up_a_log",
                "a cleaner met a log that it cannot clean, and leaves it alone from then on"
            ),
            Err(GrabError::Checkpoint(_) | GrabError::Log(..)) => {
                cx.halt(LOG_DIRECTORY_FAILED);
            }
        }
        for event in events {
            if let LogEvent::Reached(mark) = event {
                cx.note(Note::Reached(mark));
            }
        }
        let thread = &mut self.cleaners.threads[usize::from(thread)];
        (thread.cleaned, thread.work) = (matches!(work, Work::Cleaning(_)), work);
        costs::HOUSEKEEPING
    }

    /// Second half: the first piece, or on to the old segments.
    pub(super) fn finish_grab(&mut self, thread: u16, cx: &mut Cx<'_>) {
        if self.cleaners.threads[usize::from(thread)].ended {
            return;
        }
        match self.cleaners.under_way(thread).map(|work| work.slot) {
            Some(slot) => self.then(Task::Clean(thread, slot), cx),
            None => self.begin_cleaner_retention(thread, cx),
        }
    }

    /// First half: a piece is read, copied, or put in its place.
    pub(super) fn start_clean(&mut self, thread: u16, slot: u32, cx: &mut Cx<'_>) -> Span {
        let now_ms = cx.wall_ms();
        if self.closing {
            return costs::HOUSEKEEPING;
        }
        let Cleaners { manager, threads, .. } = &mut self.cleaners;
        let Work::Cleaning(work) = &mut threads[usize::from(thread)].work else {
            return costs::HOUSEKEEPING;
        };
        let Some(replica) = self.replicas.get_mut(slot) else { return costs::HOUSEKEEPING };
        let high_watermark = replica.partition.offsets().high_watermark();
        let dirty = work.cleaning.to_clean().first_dirty_offset;
        let done = |work: &UnderWay| {
            let stats = work.cleaning.stats();
            stats.map_bytes_read + stats.bytes_read + stats.bytes_written
        };
        let before = done(work);
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let (log, events) = (&mut replica.log, &mut replica.events);
        if manager.is_aborted(&work.name) {
            // A log that the disk refuses says so in its events.
            let _ = work.cleaning.abandon(log, &mut disk, events);
            work.end_offset = Some(dirty);
            return costs::HOUSEKEEPING;
        }
        match work.cleaning.step(log, &mut disk, high_watermark, now_ms, events) {
            Ok(CleaningStep::More) => {}
            Ok(CleaningStep::Done { end_offset }) => work.end_offset = Some(end_offset),
            Ok(CleaningStep::Stopped) => work.end_offset = Some(dirty),
            Err(LogError::CorruptSegment { .. }) => {
                manager.mark_partition_uncleanable(work.name.clone());
                work.end_offset = Some(dirty);
            }
            Err(_) => work.end_offset = Some(dirty),
        }
        let bytes = usize::try_from(done(work) - before).expect("a piece fits into memory");
        costs::HOUSEKEEPING + costs::bytes(bytes)
    }

    /// Second half: the next piece, or the checkpoint.
    pub(super) fn finish_clean(&mut self, thread: u16, slot: u32, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        self.on_log_events(slot, cx);
        match self.cleaners.under_way(thread).map(|work| work.end_offset) {
            Some(None) => self.then(Task::Clean(thread, slot), cx),
            // Done, or ended by somebody who cut the log meanwhile.
            Some(Some(_)) | None => self.then(Task::Cleaned(thread), cx),
        }
    }

    /// First half: the checkpoint says up to where the log is clean, unless the cleaning was ended early.
    pub(super) fn start_cleaned(&mut self, thread: u16, cx: &mut Cx<'_>) -> Span {
        if self.closing {
            return costs::HOUSEKEEPING;
        }
        let work = std::mem::take(&mut self.cleaners.threads[usize::from(thread)].work);
        if let Work::Cleaning(work) = work {
            let dirty = work.cleaning.to_clean().first_dirty_offset;
            match self.done_cleaning(&work.name, work.end_offset.unwrap_or(dirty), cx) {
                // Whoever asked for the end did not wait for it.
                Ok(true) => self.cleaners.manager.resume_cleaning(&work.name),
                Ok(false) => {}
                Err(_) => cx.halt(LOG_DIRECTORY_FAILED),
            }
        }
        costs::HOUSEKEEPING
    }

    /// Second half: on to the old segments.
    pub(super) fn finish_cleaned(&mut self, thread: u16, cx: &mut Cx<'_>) {
        self.begin_cleaner_retention(thread, cx);
    }

    fn begin_cleaner_retention(&mut self, thread: u16, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        let logs = self.replicas.iter().map(|replica| (replica.name(), &replica.log));
        let names = self.cleaners.manager.deletable_logs(logs);
        self.cleaners.threads[usize::from(thread)].work = Work::Retaining(names, 0);
        self.next_cleaner_retained(thread, cx);
    }

    fn next_cleaner_retained(&mut self, thread: u16, cx: &mut Cx<'_>) {
        let now = cx.now();
        let Cleaners { manager, threads, backoff, .. } = &mut self.cleaners;
        let own = &mut threads[usize::from(thread)];
        let Work::Retaining(names, next) = &mut own.work else { return };
        while let Some(name) = names.get(*next) {
            *next += 1;
            if let Some((slot, _)) = slot_of(&mut self.replicas, name) {
                self.then(Task::CleanerRetain(thread, slot), cx);
                return;
            }
        }
        for name in std::mem::take(names) {
            manager.done_deleting(&name);
        }
        own.work = Work::Nothing;
        let exists = names_of(&self.replicas);
        manager.maintain_uncleanable_partitions(|name| exists.contains(name));
        if std::mem::take(&mut own.cleaned) {
            self.then(Task::Grab(thread), cx);
        } else {
            own.wake_at = Some(now + *backoff);
        }
    }

    /// Second half of `Task::CleanerRetain`; the first one is that of any log.
    pub(super) fn finish_cleaner_retain(&mut self, thread: u16, slot: u32, cx: &mut Cx<'_>) {
        if self.closing {
            return;
        }
        self.publish_log_start(slot, cx);
        self.next_cleaner_retained(thread, cx);
    }
}

/// Whoever stops it.
impl Broker {
    /// Before a log is cut: nobody cleans it then. Answers its name if it has to be resumed.
    pub(super) fn pause_cleaning_before(
        &mut self,
        slot: u32,
        effect: &Effect,
        cx: &mut Cx<'_>,
    ) -> Option<Name> {
        let replica = self.replicas.get(slot)?;
        let stops = match effect {
            Effect::Truncate { to } => LogCleanerManager::stops_cleaner(&replica.log, *to),
            Effect::RestartLog { .. } => true,
            _ => false,
        };
        if !stops {
            return None;
        }
        let name = replica.name();
        self.stop_cleaning(slot, cx);
        Some(name)
    }

    /// After it was cut: what is clean ends where its active segment begins.
    pub(super) fn resume_cleaning_after(&mut self, slot: u32, name: &Name, cx: &mut Cx<'_>) {
        if let Some(replica) = self.replicas.get(slot) {
            let mut disk = SimulatedDisk::new(cx.disk(DISK));
            let active = replica.log.segment_base_offsets().next_back();
            let active = active.expect("LOG-1: there is an active segment");
            let manager = &mut self.cleaners.manager;
            let done = manager.maybe_truncate_checkpoint(&mut disk, (name, &replica.log), active);
            if done.is_err() {
                cx.halt(LOG_DIRECTORY_FAILED);
            }
        }
        self.resume_cleaning(name);
    }

    /// Ends what a cleaner does with a log (CN-2), and pauses it. The caller has the log's lock.
    pub(super) fn stop_cleaning(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let Some(name) = self.replicas.get(slot).map(Replica::name) else { return };
        let manager = &mut self.cleaners.manager;
        let is_at_it =
            manager.is_aborted(&name) || manager.abort_and_pause_cleaning(&name) == Pause::Aborting;
        if !is_at_it {
            return;
        }
        mark::reachable!(
            cx,
            "cleaning_aborted",
            "a log was cut or dropped while a cleaner was at it, which was ended"
        );
        for thread in 0..self.cleaners.threads.len() {
            self.end_work(thread, &name, slot, cx);
        }
    }

    fn end_work(&mut self, thread: usize, name: &Name, slot: u32, cx: &mut Cx<'_>) {
        match &mut self.cleaners.threads[thread].work {
            Work::Cleaning(work) if work.name == *name => {
                let work = std::mem::take(&mut self.cleaners.threads[thread].work);
                let Work::Cleaning(mut work) = work else { unreachable!("it was looked at") };
                if let Some(replica) = self.replicas.get_mut(slot) {
                    let mut disk = SimulatedDisk::new(cx.disk(DISK));
                    // A log that the disk refuses says so in its events.
                    let _ = work.cleaning.abandon(&mut replica.log, &mut disk, &mut replica.events);
                }
                let dirty = work.cleaning.to_clean().first_dirty_offset;
                if self.done_cleaning(name, dirty, cx).is_err() {
                    cx.halt(LOG_DIRECTORY_FAILED);
                }
            }
            Work::Retaining(names, next) => {
                if let Some(place) = names.iter().position(|it| it == name) {
                    names.remove(place);
                    *next -= usize::from(place < *next);
                    self.cleaners.manager.done_deleting(name);
                }
            }
            Work::Cleaning(_) | Work::Nothing => {}
        }
    }

    /// Undoes one pause.
    pub(super) fn resume_cleaning(&mut self, name: &Name) {
        self.cleaners.manager.resume_cleaning(name);
    }

    /// The checkpoint says nothing of a log that is gone.
    pub(super) fn forget_cleaned(&mut self, name: &Name, cx: &mut Cx<'_>) -> Result<(), LogError> {
        let exists = names_of(&self.replicas);
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let manager = &mut self.cleaners.manager;
        manager.update_checkpoints(&mut disk, None, Some(name), |name| exists.contains(name))
    }

    fn done_cleaning(
        &mut self,
        name: &Name,
        end_offset: Offset,
        cx: &mut Cx<'_>,
    ) -> Result<bool, LogError> {
        let exists = names_of(&self.replicas);
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let manager = &mut self.cleaners.manager;
        manager.done_cleaning(&mut disk, name, end_offset, |name| exists.contains(name))
    }
}

fn names_of(replicas: &Replicas) -> BTreeSet<Name> {
    replicas.iter().map(Replica::name).collect()
}

fn slot_of<'a>(replicas: &'a mut Replicas, name: &Name) -> Option<(u32, &'a mut Replica)> {
    replicas.iter_mut().find(|(_, replica)| replica.name() == *name)
}

fn number(thread: usize) -> u16 {
    u16::try_from(thread).expect("bounded when it is read")
}
