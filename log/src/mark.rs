//! Marks: the states that matter, each named in the code where it is reached.
//!
//! Holds:      nothing that changes. A mark is a constant; the linker gathers those of all packages, so that a mark
//!             which no run has reached is in the list too.
//! Inputs:     a condition, at the place where the code decides. Effects: a note in a sink of the caller's, as every
//!             other note; nothing global is written, and a condition that is false costs one comparison.
//! Invariants: MK-1 a name is given once, in lower case with underscores. MK-2 a list of marks is in the order of
//!             their names, never in that of the linker. MK-3 a mark is its name: what compares, sorts or digests
//!             marks sees neither the file nor the line.
//!
//! `inventory` gathers them by constructors that run before `main`: it passes `unsafe_code = "deny"`, since the unsafe
//! lines are its own, and it works on WebAssembly, where `linkme` has no sections to put marks into.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

#[doc(hidden)]
pub use inventory;

pub use crate::{__reachable as reachable, __sometimes as sometimes, __unreachable as unreachable};

/// What is said of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// Its condition holds at times: in some runs, at some of the passes.
    Sometimes,
    /// The place is reached at times.
    Reachable,
    /// The place is never reached; a run that reaches it has found a fault.
    Unreachable,
}

impl MarkKind {
    /// As the macro is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sometimes => "sometimes",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A state that matters.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Its name in scenarios and reports.
    pub name: &'static str,
    /// What it means; of an unreachable one, why it cannot be.
    pub about: &'static str,
    /// What is said of it.
    pub kind: MarkKind,
    /// In which file it stands.
    pub file: &'static str,
    /// In which line.
    pub line: u32,
}

impl Mark {
    /// All marks that are linked, by name.
    #[must_use]
    pub fn all() -> Vec<&'static Self> {
        let mut all: Vec<&Self> =
            inventory::iter::<Registered>.into_iter().map(|it| it.0).collect();
        // A name that is given twice is a fault, which a test finds; till then the order is the code's.
        all.sort_by_key(|mark| (mark.name, mark.file, mark.line));
        all
    }

    /// The mark of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        inventory::iter::<Registered>.into_iter().map(|it| it.0).find(|mark| mark.name == name)
    }
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Mark {}

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mark {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

impl Hash for Mark {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// The name alone: digests and recordings are made of what this prints (MK-3).
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Where a hit goes: a list of effects, events or notes, or a host's context. `N` is what it becomes there.
pub trait Reached<N> {
    /// The mark was reached.
    fn reached(&mut self, mark: &'static Mark);
}

impl<N: From<&'static Mark>> Reached<N> for Vec<N> {
    fn reached(&mut self, mark: &'static Mark) {
        self.push(N::from(mark));
    }
}

/// An entry of the linker's list.
#[doc(hidden)]
pub struct Registered(pub &'static Mark);

inventory::collect!(Registered);

/// Declares a mark at this place, and is it.
#[doc(hidden)]
#[macro_export]
macro_rules! __mark {
    ($kind:ident, $name:literal, $about:literal) => {{
        static MARK: $crate::mark::Mark = $crate::mark::Mark {
            name: $name,
            about: $about,
            kind: $crate::mark::MarkKind::$kind,
            file: file!(),
            line: line!(),
        };
        $crate::mark::inventory::submit! { $crate::mark::Registered(&MARK) }
        &MARK
    }};
}

/// `mark::sometimes!(sink, condition, "name", "what it means")`: a state that some runs should come to.
///
/// ```
/// use trial_log::{LogEvent, mark};
///
/// let mut events: Vec<LogEvent> = Vec::new();
/// for size in [4, 9] {
///     mark::sometimes!(events, size > 7, "doc_size_above_seven", "an example's size was above seven");
/// }
/// let mark = mark::Mark::named("doc_size_above_seven").expect("it is known before it is reached");
/// assert_eq!(events, [LogEvent::Reached(mark)]);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __sometimes {
    ($sink:expr, $condition:expr, $name:literal, $about:literal $(,)?) => {{
        use $crate::mark::Reached as _;
        if $condition {
            $sink.reached($crate::__mark!(Sometimes, $name, $about));
        }
    }};
}

/// `mark::reachable!(sink, "name", "what it means")`: a place that some runs should come to.
#[doc(hidden)]
#[macro_export]
macro_rules! __reachable {
    ($sink:expr, $name:literal, $about:literal $(,)?) => {{
        use $crate::mark::Reached as _;
        $sink.reached($crate::__mark!(Reachable, $name, $about));
    }};
}

/// `mark::unreachable!(sink, "name", "why nobody comes here")`: a place that no run should come to. Unlike the macro
/// of the standard library, whose name it bears, it ends nothing: the run goes on, and is told to be a violation. So it
/// is always called by its path.
#[doc(hidden)]
#[macro_export]
macro_rules! __unreachable {
    ($sink:expr, $name:literal, $about:literal $(,)?) => {{
        use $crate::mark::Reached as _;
        $sink.reached($crate::__mark!(Unreachable, $name, $about));
    }};
}
