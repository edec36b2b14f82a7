//! The page: what is named, what happened, what follows from it, and the contradiction.
//!
//! Holds:      at most ten events, oldest first; arguments that refer to them.
//! Invariants: EX-1 every event stands on entries of the record. EX-2 no argument refers to an event that is not there.

use std::fmt;

/// The most events that an explanation has.
pub const EVENTS_MAX: usize = 10;

/// One event, a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The sentence, without its full stop; it begins with its time.
    pub text: String,
    /// The entries of the record on which it stands.
    pub entries: Vec<usize>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What is explained: an invariant and its sentence, or what is missing.
    pub title: String,
    /// Batches by their letters.
    pub names: Vec<String>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What follows from what; `(E1, E2)` refers to events.
    pub arguments: Vec<String>,
    /// The two facts that contradict each other; none if nothing contradicts.
    pub contradiction: Option<[String; 2]>,
    /// What would have prevented it, if a removed guard says so.
    pub guard: Option<String>,
    /// Whether no rule of its own was there: a selection of events.
    pub is_generic: bool,
    /// Other things that are wrong with the run.
    pub others: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        if self.is_generic {
            writeln!(
                f,
                "No rule tells this story yet: these are the last events about what the two facts name.\n"
            )?;
        }
        if !(self.names.is_empty() && self.events.is_empty()) {
            writeln!(f, "Let:")?;
        }
        let width = format!("E{}", self.events.len()).len();
        for name in &self.names {
            let (letter, what) = name.split_once(" = ").unwrap_or(("", name));
            wrapped_to(f, &format!("  {letter:width$} = "), what)?;
        }
        for (place, event) in self.events.iter().enumerate() {
            let name = format!("E{}", place + 1);
            wrapped_to(f, &format!("  {name:width$} = "), &event.text)?;
        }
        if !self.arguments.is_empty() {
            writeln!(f, "\nThen:")?;
        }
        for argument in &self.arguments {
            wrapped_to(f, "  - ", argument)?;
        }
        if let Some([first, then]) = &self.contradiction {
            writeln!(f, "\nThe two facts that contradict each other:")?;
            wrapped_to(f, "  first: ", first)?;
            wrapped_to(f, "  then:  ", then)?;
        }
        if let Some(guard) = &self.guard {
            writeln!(f)?;
            wrapped_to(f, "Guard:   ", guard)?;
        }
        if !self.others.is_empty() {
            writeln!(f)?;
            wrapped_to(f, "Also:    ", &self.others.join("; "))?;
        }
        Ok(())
    }
}

/// Columns of the page.
const COLUMNS: usize = 100;

fn wrapped_to(f: &mut fmt::Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    wrapped(f, COLUMNS, mark, text)
}

/// Writes a paragraph that hangs below its mark.
pub(crate) fn wrapped(
    to: &mut impl fmt::Write,
    columns: usize,
    mark: &str,
    text: &str,
) -> fmt::Result {
    let indent = " ".repeat(mark.chars().count());
    let mut line = mark.to_owned();
    let mut begun = false;
    for word in text.split_whitespace() {
        if begun && line.chars().count() + 1 + word.chars().count() > columns {
            writeln!(to, "{line}")?;
            (line, begun) = (indent.clone(), false);
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    writeln!(to, "{line}")
}
