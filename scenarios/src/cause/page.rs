//! The curve as a page of text, eighty columns wide: the probability against virtual time, and what happened where it
//! jumps.
//!
//! Invariants: PA-1 no line of the drawing is wider than the page.

use std::fmt::Write as _;

use super::{Cause, Curve, Jump};
use crate::explain::wrapped;

/// Columns of the page.
const COLUMNS: usize = 80;
/// Columns of the drawing.
const WIDTH: usize = 70;
/// Rows: one for ten of a hundred.
const HEIGHT: usize = 10;
/// Between two times below the drawing.
const TICK: usize = 14;
/// Events of one jump that are told.
const EVENTS_MAX: usize = 4;

/// Of a jump between two events.
const NOTHING_TOLD: &str = "No event decides: in between frames left and jobs began. How long each takes is drawn \
    as it begins; a fork before draws it anew, a fork after keeps it.";

/// What the drawing is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drawn {
    /// Blocks of eight heights.
    #[default]
    Blocks,
    /// Plain ASCII.
    Ascii,
}

/// The page.
#[must_use]
pub fn page(cause: &Cause, drawn: Drawn) -> String {
    let mut page = String::new();
    let within = 196.0 * (0.25 / f64::from(cause.futures.max(1))).sqrt();
    para(&mut page, "", &cause.fingerprint.to_string());
    let futures = cause.futures;
    para(
        &mut page,
        "",
        &format!(
            "Seed {} shows it at {}. How likely was that? The run is forked at many moments: a fork keeps the past and \
             draws all chance after it anew, {futures} times ({} runs). Drawn is how many of a hundred such futures \
             come to the same failure, give or take {within:.0}.",
            cause.seed,
            seconds(cause.shown_ms),
            cause.runs,
        ),
    );
    line(
        &mut page,
        format_args!(
            "\n  {}  if no further fault begins after the fork\n  o  if the faults that are still planned do come\n",
            cell(8, drawn)
        ),
    );
    draw(&mut page, cause, drawn);
    page.push('\n');
    let all = marked(cause);
    match all.is_empty() {
        true => line(&mut page, format_args!("No moment changes it by more than chance explains.")),
        false => {
            line(&mut page, format_args!("What changes it, by the marks below the drawing:\n"))
        }
    }
    for marked in &all {
        tell(&mut page, marked, futures);
    }
    page.push('\n');
    inevitable(cause).iter().for_each(|told| para(&mut page, "", told));
    page
}

/// A jump with its mark, and the other curve's jump at the same moment.
struct Marked<'c> {
    mark: char,
    planned: bool,
    jump: &'c Jump,
    other: Option<&'c Jump>,
}

/// Every jump: digits for those that need no further fault, letters for the others.
fn marked(cause: &Cause) -> Vec<Marked<'_>> {
    let same = |one: &Jump, other: &Jump| one.to_ms.total_cmp(&other.to_ms).is_eq();
    let (spared, planned) = (&cause.spared.jumps, &cause.planned.jumps);
    let digits = ('1'..='9').zip(spared).map(|(mark, jump)| Marked {
        mark,
        planned: false,
        jump,
        other: planned.iter().find(|other| same(other, jump)),
    });
    let alone = planned.iter().filter(|jump| !spared.iter().any(|other| same(other, jump)));
    let letters = ('a'..='z').zip(alone).map(|(mark, jump)| Marked {
        mark,
        planned: true,
        jump,
        other: None,
    });
    let mut all: Vec<_> = digits.chain(letters).collect();
    all.sort_by(|one, other| one.jump.to_ms.total_cmp(&other.jump.to_ms));
    all
}

fn inevitable(cause: &Cause) -> Vec<String> {
    let futures = cause.futures;
    let since = |curve: &Curve| {
        curve.inevitable_from_ms.map(|at| match at {
            at if at <= 0.0 => "from the beginning".to_owned(),
            at => format!("from {} on", seconds(at)),
        })
    };
    let spared = since(&cause.spared);
    let planned = since(&cause.planned).filter(|planned| Some(planned) != spared.as_ref());
    let mut told: Vec<String> = Vec::new();
    if let Some(since) = planned {
        told.push(format!("With the faults to come it was inevitable {since}."));
    }
    told.push(match spared {
        Some(since) => format!(
            "Even without a further fault it was inevitable {since}: all {futures} futures come to it."
        ),
        None => "Without a further fault some futures escape it up to the last moment.".to_owned(),
    });
    told
}

fn tell(page: &mut String, marked: &Marked<'_>, futures: u32) {
    let Marked { mark, planned, jump, other } = marked;
    let percent = |hits: u32| f64::from(hits) * 100.0 / f64::from(futures.max(1));
    let steps = |jump: &Jump| {
        let (before, after) = (percent(jump.before), percent(jump.after));
        format!("from {before:.0}% to {after:.0}%")
    };
    let given = match other {
        Some(other) => {
            format!(" if no further fault begins; {} if the planned ones come", steps(other))
        }
        None if *planned => " if the planned faults come".to_owned(),
        None => " if no further fault begins".to_owned(),
    };
    let (from, to) = (seconds(jump.from_ms), seconds(jump.to_ms));
    let when = if jump.moments == 1 { to } else { format!("{from} to {to}") };
    para(page, &format!("{mark}  "), &format!("{when}: {}{given}", steps(jump)));
    match jump.moments {
        0 => para(page, "   ", NOTHING_TOLD),
        1 => {}
        moments => para(
            page,
            "   ",
            &format!("No single event decides: each of these {moments} moments does its part."),
        ),
    }
    for event in jump.events.iter().take(EVENTS_MAX) {
        para(page, "   - ", event);
    }
    if jump.events.len() > EVENTS_MAX {
        line(page, format_args!("   - and {} more", jump.events.len() - EVENTS_MAX));
    }
    if let (true, Some((at, last))) = (jump.events.is_empty(), &jump.last) {
        para(page, "   - ", &format!("the last before, at {}: {last}", seconds(*at)));
    }
}

fn draw(page: &mut String, cause: &Cause, drawn: Drawn) {
    let of = |curve: &Curve| -> Vec<usize> {
        (0..WIDTH).map(|column| level(cause, curve, column)).collect()
    };
    let (spared, planned) = (of(&cause.spared), of(&cause.planned));
    for row in (0..HEIGHT).rev() {
        let label = match row + 1 {
            HEIGHT => "100%",
            5 => " 50%",
            _ => "    ",
        };
        let cells = spared.iter().zip(&planned).map(|(spared, planned)| {
            let here = cell(spared.saturating_sub(row * 8), drawn);
            let line = planned.saturating_sub(1) / 8 == row && *planned > spared + 4;
            if line { 'o' } else { here }
        });
        let bar: String = cells.collect();
        line(page, format_args!("{label} |{}", bar.trim_end()));
    }
    line(page, format_args!("  0% +{}", "-".repeat(WIDTH)));
    let mut times = String::new();
    for column in (0..WIDTH).step_by(TICK) {
        let at = cause.shown_ms * column as f64 / WIDTH as f64;
        write!(times, "{:<TICK$}", seconds(at)).expect("a String takes any text");
    }
    line(page, format_args!("      {}", times.trim_end()));
    let mut marks = vec![' '; WIDTH];
    for Marked { mark, jump, .. } in marked(cause) {
        let first = column_of(cause, jump.to_ms);
        if let Some(free) = (first..WIDTH).find(|column| marks[*column] == ' ') {
            marks[free] = mark;
        }
    }
    let marks: String = marks.into_iter().collect();
    if !marks.trim_end().is_empty() {
        line(page, format_args!("      {}", marks.trim_end()));
    }
}

fn column_of(cause: &Cause, at_ms: f64) -> usize {
    let share = if cause.shown_ms > 0.0 { at_ms / cause.shown_ms } else { 0.0 };
    ((share * WIDTH as f64) as usize).min(WIDTH - 1)
}

/// How high a column is, in eighths of a row: by the latest moment that falls into it or before it.
fn level(cause: &Cause, curve: &Curve, column: usize) -> usize {
    let here = curve.points.iter().rev().find(|point| column_of(cause, point.at_ms) <= column);
    let share = here.map_or(0.0, |point| f64::from(point.hits) / f64::from(point.of.max(1)));
    (share * (HEIGHT * 8) as f64).round() as usize
}

fn cell(level: usize, drawn: Drawn) -> char {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    match drawn {
        Drawn::Blocks => BLOCKS[level.min(8)],
        Drawn::Ascii if level >= 4 => '#',
        Drawn::Ascii => ' ',
    }
}

fn seconds(at_ms: f64) -> String {
    format!("{:.3}s", at_ms / 1_000.0)
}

/// A paragraph that hangs below its mark.
fn para(text: &mut String, mark: &str, what: &str) {
    wrapped(text, COLUMNS, mark, what).expect("a String takes any text");
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes any text");
}
