//! Whether anybody reads the log changes nothing.
//!
//! Alone in its file, hence in its process: `tracing` asks whichever thread first comes by a line whether anybody
//! listens, so runs on other threads could keep it silent.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use trial_scenarios::asked::Asked;
use trial_scenarios::run::Run;
use trial_sim::{Digest, Span, Time};

/// Four seconds of a swarm, and two without.
fn played() -> (Digest, u64) {
    let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
    asked.settings = vec!["time=4s".to_owned()];
    let mut scenario = asked.scenario().expect("it can be played");
    let swarm = "during 1s..4s swarm network crash disk clock pause";
    scenario.faults = vec![swarm.parse().expect("a fault")];
    let mut run = Run::new(&Arc::new(scenario), 2);
    run.play_until(Time::ZERO + Span::from_secs(6));
    (run.digest(), run.world().events())
}

/// Hears everything, and throws it away once it is text.
struct Sink {
    lines: Arc<AtomicUsize>,
}

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, _field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{value:?}").expect("a String takes any text");
    }
}

impl Subscriber for Sink {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        assert!(!words.0.is_empty(), "a line says something");
        self.lines.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn whether_anybody_reads_the_log_changes_nothing() {
    let silent = played();
    let lines = Arc::new(AtomicUsize::new(0));
    let sink = Sink { lines: Arc::clone(&lines) };
    let heard = tracing::subscriber::with_default(sink, played);
    assert_eq!(heard, silent, "a listener");
    let lines = lines.load(Ordering::Relaxed);
    assert!(lines > 500, "it has heard the notes: {lines} lines");
    assert_eq!(played(), silent, "nor that there was one");
}
