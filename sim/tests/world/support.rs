//! A program made of three functions and a state, and a World with a few of them.

use std::any::Any;
use std::sync::Arc;

use trial_sim::{
    BootInfo, Context, Hasher, HostId, HostSpec, Input, Job, LaneSettings, Note, Program,
    Scheduler, Seen, Span, Time, World, WorldSettings,
};

/// A line of text that a program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(pub String);

impl Note for Line {
    fn digest(&self, into: &mut Hasher) {
        into.text(&self.0);
    }
}

pub type Cx<'a> = Context<'a, Line>;

/// What the three functions of an `Actor` are.
pub struct Acts<S> {
    pub on: fn(&mut S, Input, &mut Cx<'_>),
    pub start: fn(&mut S, Job, &mut Cx<'_>) -> Span,
    pub finish: fn(&mut S, Job, &mut Cx<'_>),
}

impl<S> Clone for Acts<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Acts<S> {}

impl<S> Acts<S> {
    /// Inputs only.
    pub fn inputs(on: fn(&mut S, Input, &mut Cx<'_>)) -> Self {
        Self { on, start: |_, job, _| panic!("{job:?}"), finish: |_, job, _| panic!("{job:?}") }
    }
}

#[derive(Clone)]
struct Actor<S> {
    state: S,
    acts: Acts<S>,
}

impl<S: Clone + Send + 'static> Program<Line> for Actor<S> {
    fn on(&mut self, input: Input, cx: &mut Cx<'_>) {
        (self.acts.on)(&mut self.state, input, cx);
    }
    fn start(&mut self, job: Job, cx: &mut Cx<'_>) -> Span {
        (self.acts.start)(&mut self.state, job, cx)
    }
    fn finish(&mut self, job: Job, cx: &mut Cx<'_>) {
        (self.acts.finish)(&mut self.state, job, cx);
    }
    fn clone_box(&self) -> Box<dyn Program<Line>> {
        Box::new(Self { state: self.state.clone(), acts: self.acts })
    }
    fn as_any(&self) -> &dyn Any {
        &self.state
    }
}

/// A host that runs these functions on this state, the same at every boot.
pub fn spec<S: Clone + Send + Sync + 'static>(state: S, acts: Acts<S>) -> HostSpec<Line> {
    HostSpec::new(Arc::new(move |_: &BootInfo| {
        Box::new(Actor { state: state.clone(), acts }) as Box<dyn Program<Line>>
    }))
}

/// Adds a host and boots it.
pub fn boot<S>(world: &mut World<Line>, name: &str, state: S, acts: Acts<S>) -> HostId
where
    S: Clone + Send + Sync + 'static,
{
    let host = world.add_host(name, spec(state, acts));
    world.boot(host);
    host
}

pub fn world(seed: u64) -> World<Line> {
    World::new(seed, WorldSettings::default())
}

/// A World whose hosts let one lane go on at a time.
pub fn pct_world(seed: u64, depth: u32, steps: u64) -> World<Line> {
    let scheduler = Scheduler::Pct { depth, steps };
    world_of_lanes(seed, LaneSettings { scheduler, ..LaneSettings::default() })
}

pub fn world_of_lanes(seed: u64, lanes: LaneSettings) -> World<Line> {
    World::new(seed, WorldSettings { lanes, ..WorldSettings::default() })
}

pub fn say(cx: &mut Cx<'_>, text: impl Into<String>) {
    cx.note(Line(text.into()));
}

pub fn ms(count: u64) -> Time {
    Time(count * 1_000_000)
}

/// The notes so far, as `host: text`.
pub fn notes(world: &mut World<Line>) -> Vec<String> {
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let line = |entry: &Seen<Line>| match entry {
        Seen::Note { host, note, .. } => Some(format!("{}: {}", world.host_name(*host), note.0)),
        _ => None,
    };
    seen.iter().filter_map(line).collect()
}

/// The notes so far, as `(time, host: text)`.
pub fn timed_notes(world: &mut World<Line>) -> Vec<(Time, String)> {
    let mut seen = Vec::new();
    world.drain_seen(&mut seen);
    let line = |entry: &Seen<Line>| match entry {
        Seen::Note { at, host, note, .. } => {
            Some((*at, format!("{}: {}", world.host_name(*host), note.0)))
        }
        _ => None,
    };
    seen.iter().filter_map(line).collect()
}
