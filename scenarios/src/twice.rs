//! Plays one seed twice, keeps a record of both, and says where they part.
//!
//! Holds:      nothing; the first of the two runs is handed on.
//! Invariants: TW-1 two runs of one seed that are not the same are told with the first event in which they differ.

use std::sync::Arc;

use trial_reports::{RunDocument, Verdict};
use trial_sim::{Difference, Digest, Recording};

use crate::play::{OurFault, guarded};
use crate::run::Run;
use crate::scenario::Scenario;

/// One seed, played twice.
#[derive(Debug)]
pub struct Twice {
    /// The first run.
    pub run: Run,
    /// The digest of the second.
    pub second: Digest,
    /// The first event in which they differ; none if they are the same.
    pub difference: Option<Difference>,
}

/// Plays `scenario` under `seed` twice; `play` plays a run to its end, and hears whether it is the second.
///
/// # Errors
/// If Trial itself panics.
pub fn play_twice(
    scenario: &Arc<Scenario>,
    seed: u64,
    mut play: impl FnMut(&mut Run, bool),
) -> Result<Twice, OurFault> {
    let mut recorded = |second| -> Result<(Run, Recording), OurFault> {
        guarded(scenario, seed, || {
            let mut run = Run::new(scenario, seed);
            run.world_mut().record();
            play(&mut run, second);
            let record = run.world_mut().take_recording().expect("it was asked for");
            (run, record)
        })
    };
    let (run, first) = recorded(false)?;
    let (second, other) = recorded(true)?;
    let difference = first.first_difference(&other);
    Ok(Twice { run, second: second.digest(), difference })
}

impl Twice {
    /// Whether the two runs are not the same.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.difference.is_some() || self.second != self.run.digest()
    }

    /// If they are not the same, the document of the first says so.
    pub fn tell(&self, document: &mut RunDocument) {
        if !self.differs() {
            return;
        }
        document.verdict = Verdict::Differed;
        let place = self.difference.as_ref().map_or(String::new(), Difference::summary);
        document.unknown.push(format!(
            "two runs of seed {} differed: digests {} and {}; {place}; this is a fault of Trial",
            document.seed, document.digest, self.second
        ));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::{Twice, play_twice};
    use crate::asked::Asked;
    use crate::scenario::Scenario;
    use trial_reports::Verdict;
    use trial_sim::{Span, Time};

    pub(crate) fn short() -> Arc<Scenario> {
        let mut asked = Asked::open("departures").expect("it comes with Trial");
        asked.settings = vec!["time=3s".to_owned()];
        Arc::new(asked.scenario().expect("it can be played"))
    }

    /// Two runs of seed 50; with `tampered` a bit flips on its way in the second, half-way.
    pub(crate) fn twice(tampered: bool) -> Twice {
        let half = Time::ZERO + Span::from_millis(1_700);
        let play = |run: &mut crate::run::Run, second: bool| {
            run.play_until(half);
            for tick in 1..50_000 {
                run.play_until(half + Span::from_micros(10 * tick));
                let world = run.world_mut();
                if let Some(end) = world.in_flight().first().copied() {
                    // The last bit of what is under way: not a length, but what a frame holds.
                    let (_, _, bytes) = world.peek_in_flight(end).expect("it was just listed");
                    let last = bytes.len() as u64 * 8 - 1;
                    assert!(!(tampered && second) || world.flip_in_flight(end, last), "a byte");
                    break;
                }
            }
            run.play();
        };
        play_twice(&short(), 50, play).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn two_honest_runs_have_no_difference() {
        let mut twice = twice(false);
        assert_eq!((twice.difference.as_ref(), twice.differs()), (None, false), "D-1");
        let mut document = twice.run.document(0, String::new());
        let before = document.clone();
        twice.tell(&mut document);
        assert_eq!(document, before, "there is nothing to tell");
    }

    #[test]
    fn a_run_that_was_tampered_with_exits_with_4_and_shows_the_difference() {
        let mut twice = twice(true);
        assert!(twice.differs(), "a bit flipped");
        let mut document = twice.run.document(0, String::new());
        twice.tell(&mut document);
        assert_eq!(document.verdict, Verdict::Differed, "TW-1");
        assert_eq!(document.verdict.exit_status(), 4, "TW-1");
        let told = document.unknown.last().expect("it says why");
        let found = twice.difference.expect("both runs were recorded");
        assert!(told.contains(&found.summary()), "{told}");
        assert!(found.one.at > Time::ZERO + Span::from_millis(1_700), "after the bit: {found}");
        assert_eq!(found.before.len(), 20, "{found}");
        let received =
            |told: &[String]| told.iter().find(|told| told.contains("received")).cloned();
        let (one, other) = (received(&found.one.told), received(&found.other.told));
        assert!(one.is_some() && one != other, "the bytes that arrived: {found}");
    }
}
