//! Time travel: a run that is played with a clone kept every so often, and goes back to any time.
//!
//! Holds:      the run at its latest time, and clones of it at earlier ones (checkpoints), which share what is large.
//! Invariants: TL-1 whoever goes back to a time has the run that was played straight to it, by digest;
//!             TL-2 the number of checkpoints is bounded: of the older half every second one goes when there are too
//!             many, so that the far past is kept more coarsely, and the beginning always.

use trial_sim::{Span, Time};

use super::trial_run::{Phase, Run};

/// How often a clone is kept, unless told otherwise: in virtual time.
const EVERY: Span = Span::from_secs(1);
/// How many clones are kept at most.
const CHECKPOINTS_MAX: usize = 256;

/// A run and its past.
#[derive(Debug, Clone)]
pub struct Timeline {
    every: Span,
    /// By time; the first is where the timeline begins.
    checkpoints: Vec<Run>,
    latest: Run,
}

impl Timeline {
    /// A timeline that begins where `run` stands, with a checkpoint each second.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self::with_checkpoints(run, EVERY)
    }

    /// The same with a checkpoint every so often.
    ///
    /// # Panics
    /// If `every` is zero.
    #[must_use]
    pub fn with_checkpoints(run: Run, every: Span) -> Self {
        assert!(every > Span::ZERO, "checkpoints lie apart");
        Self { every, checkpoints: vec![run.clone()], latest: run }
    }

    /// The run at its latest time.
    #[must_use]
    pub fn latest(&self) -> &Run {
        &self.latest
    }

    /// The times that are kept, in order.
    pub fn checkpoints(&self) -> impl Iterator<Item = Time> {
        self.checkpoints.iter().map(Run::now)
    }

    /// Plays to the end of the run.
    pub fn play(&mut self) {
        self.play_until(Time::MAX);
    }

    /// Plays until `limit` or the end, whatever comes first; nothing if that is past.
    pub fn play_until(&mut self, limit: Time) {
        while self.latest.now() < limit && !matches!(self.latest.phase(), Phase::Over { .. }) {
            let last = self.checkpoints.last().expect("the first is never dropped").now();
            self.latest.play_until((last + self.every).min(limit));
            if self.latest.now() >= last + self.every {
                self.keep();
            }
        }
    }

    /// The run as it stood after everything up to and including `time`, to be played on, forked or looked at: from the
    /// nearest checkpoint before it. A time before the timeline is its beginning; one after the run's end is its end;
    /// one that was not reached yet is played to.
    #[must_use]
    pub fn at(&self, time: Time) -> Run {
        let next = self.checkpoints.partition_point(|kept| kept.now() <= time);
        let nearest = &self.checkpoints[next.saturating_sub(1)];
        let mut run = if self.latest.now() <= time { &self.latest } else { nearest }.clone();
        // Also at the checkpoint's own time: where the timeline begins, nothing has happened yet.
        if run.now() <= time {
            run.play_until(time);
        }
        run
    }

    /// TL-2.
    fn keep(&mut self) {
        self.checkpoints.push(self.latest.clone());
        if self.checkpoints.len() <= CHECKPOINTS_MAX {
            return;
        }
        let older = self.checkpoints.len() / 2;
        let mut place = 0;
        self.checkpoints.retain(|_| {
            place += 1;
            place > older || place % 2 == 1
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{CHECKPOINTS_MAX, Timeline};
    use crate::asked::Asked;
    use crate::run::{Phase, Run};
    use trial_sim::{Digest, Span, Time};

    fn run() -> Run {
        let mut asked = Asked::open("departures").expect("it comes with Trial");
        asked.settings = vec!["time=10s".to_owned()];
        Run::new(&Arc::new(asked.scenario().expect("it can be played")), 3)
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    fn state(run: &Run) -> (Digest, u64, Time, Phase) {
        (run.digest(), run.world().events(), run.now(), run.phase())
    }

    /// The run that is played to `time` in one go.
    fn straight(time: Time) -> Run {
        let mut run = run();
        run.play_until(time);
        run
    }

    #[test]
    fn every_time_is_reached_as_if_the_run_had_been_played_straight_to_it() {
        let mut timeline = Timeline::new(run());
        timeline.play();
        let end = timeline.latest().now();
        assert!(end > at(12_000), "it heals and settles after ten seconds: {end}");
        let kept: Vec<Time> = timeline.checkpoints().collect();
        let seconds = end.as_millis() / 1_000;
        let seconds_kept: Vec<Time> = (0..11).map(|second| at(second * 1_000)).collect();
        assert_eq!(kept[..11], seconds_kept, "one a second");
        assert!(kept.len() as u64 >= seconds, "one for each second: {kept:?}");
        // At a checkpoint, just beside one, among faults, where they end, while it heals, while it settles.
        let odd = [0, 1, 2_000, 3_999, 4_001, 9_000, 9_777, 10_000, 10_001, 11_111];
        let late = [end.as_millis() - 950, end.as_millis() - 101, end.as_millis() - 1];
        for millis in odd.into_iter().chain(late) {
            let time = at(millis);
            let (back, straight) = (timeline.at(time), straight(time));
            assert_eq!(state(&back), state(&straight), "TL-1: at {time}");
            assert_eq!(back.now(), time, "exactly there");
        }
        let mut whole = run();
        whole.play();
        assert_eq!(state(timeline.latest()), state(&whole), "checkpoints change nothing");
        assert_eq!(state(&timeline.at(Time::MAX)), state(&whole), "after the end: the end");
    }

    #[test]
    fn who_goes_back_and_plays_on_comes_to_the_same_end() {
        let mut timeline = Timeline::with_checkpoints(run(), Span::from_millis(1_300));
        timeline.play();
        for millis in [0, 5_000, 10_050, 11_950] {
            let mut back = timeline.at(at(millis));
            back.play();
            assert_eq!(state(&back), state(timeline.latest()), "from {millis} ms");
        }
    }

    #[test]
    fn a_limit_stops_after_its_last_event_and_before_the_next() {
        let mut stepped = straight(at(5_000));
        let next = stepped.world().next_time().expect("a cluster never rests");
        let before = stepped.digest();
        stepped.play_until(Time(next.0 - 1));
        assert_eq!(stepped.digest(), before, "nothing happens in between");
        stepped.play_until(next);
        assert_eq!(state(&stepped), state(&straight(next)), "all that is due then");
        assert_ne!(stepped.digest(), before, "it has happened");
        let here = state(&stepped);
        stepped.play_until(at(1_000));
        assert_eq!(state(&stepped), here, "a limit that is past handles nothing");
    }

    #[test]
    fn the_far_past_is_kept_more_coarsely() {
        let mut timeline = Timeline::with_checkpoints(run(), Span::from_millis(5));
        timeline.play_until(at(3_000));
        let kept: Vec<Time> = timeline.checkpoints().collect();
        assert!(kept.len() <= CHECKPOINTS_MAX, "TL-2: {}", kept.len());
        assert_eq!(kept[0], Time::ZERO, "the beginning stays");
        assert!(kept.is_sorted(), "in order");
        let gaps: Vec<Span> = kept.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert_eq!(gaps[gaps.len() - 1], Span::from_millis(5), "the near past is dense");
        assert!(gaps[0] > gaps[gaps.len() - 1], "the far past is not: {gaps:?}");
        assert_eq!(state(&timeline.at(at(333))), state(&straight(at(333))), "TL-1 all the same");
    }

    #[test]
    fn a_rekeyed_run_has_the_same_past_and_another_future() {
        let mut timeline = Timeline::new(run());
        timeline.play_until(at(5_000));
        let future = |salt: Option<u64>| {
            let mut fork = timeline.at(at(5_000));
            assert_eq!(fork.digest(), timeline.latest().digest(), "the same past");
            if let Some(salt) = salt {
                fork.rekey(salt);
            }
            fork.play_until(at(8_000));
            (fork.digest(), fork.world().events())
        };
        let (one, again, other) = (future(Some(1)), future(Some(1)), future(Some(2)));
        assert_eq!(one, again, "equal salts, equal futures");
        assert_ne!(one.1, other.1, "two salts: not even so many events");
        let never_cloned = straight(at(8_000));
        assert_eq!(future(None), (never_cloned.digest(), never_cloned.world().events()), "none");
        assert_ne!(one.1, never_cloned.world().events(), "another future");
        timeline.play_until(at(8_000));
        assert_eq!(state(timeline.latest()), state(&never_cloned), "the original is untouched");
    }
}
