//! The curve as a page of text, eighty columns wide: the probability against virtual time, and what happened where it
//! jumps.
//!
//! Invariants: PA-1 no line of the drawing is wider than the page.

use std::fmt::Write as _;

use super::{Cause, Jump};

/// Columns of the drawing.
const WIDTH: usize = 70;
/// Rows: one for ten of a hundred.
const HEIGHT: usize = 10;
/// Between two times below the drawing.
const TICK: usize = 14;
/// Events of one jump that are told.
const EVENTS_MAX: usize = 4;

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
    line(&mut page, format_args!("{}: {}", cause.fingerprint.what, cause.fingerprint.shape));
    let within = 196.0 * (0.25 / f64::from(cause.futures.max(1))).sqrt();
    line(
        &mut page,
        format_args!(
            "seed {} shows it at {}. {} moments, {} futures of each ({} runs); a point is within\n\
             {within:.0} of a hundred of the truth, 19 times of 20.\n",
            cause.seed,
            seconds(cause.shown_ms),
            cause.points.len(),
            cause.futures,
            cause.runs
        ),
    );
    draw(&mut page, cause, drawn);
    page.push('\n');
    for (place, jump) in cause.jumps.iter().enumerate() {
        tell(&mut page, place + 1, jump, cause.futures);
    }
    if cause.jumps.is_empty() {
        line(&mut page, format_args!("no moment changes it by more than chance explains"));
    }
    line(&mut page, format_args!("\n{}", inevitable(cause)));
    page
}

fn inevitable(cause: &Cause) -> String {
    let all = cause.futures;
    match cause.inevitable_from_ms {
        Some(at) if at <= 0.0 => {
            format!(
                "It was inevitable from the beginning: all {all} futures of every moment come to it."
            )
        }
        Some(at) => format!(
            "From {} on it was inevitable: all {all} futures of every later moment come to it.",
            seconds(at)
        ),
        None => "It was never inevitable: up to the last moment some futures escape it.".to_owned(),
    }
}

fn tell(page: &mut String, number: usize, jump: &Jump, futures: u32) {
    let percent = |hits: u32| f64::from(hits) * 100.0 / f64::from(futures.max(1));
    let (before, after) = (percent(jump.before), percent(jump.after));
    line(page, format_args!("{number}  {}  from {before:.0}% to {after:.0}%", seconds(jump.to_ms)));
    for event in jump.events.iter().take(EVENTS_MAX) {
        line(page, format_args!("     {event}"));
    }
    if jump.events.len() > EVENTS_MAX {
        line(page, format_args!("     and {} more", jump.events.len() - EVENTS_MAX));
    }
    if let (true, Some((at, last))) = (jump.events.is_empty(), &jump.last) {
        line(
            page,
            format_args!("     nothing that is told; the last before, at {}:", seconds(*at)),
        );
        line(page, format_args!("     {last}"));
    }
}

fn draw(page: &mut String, cause: &Cause, drawn: Drawn) {
    let levels: Vec<usize> = (0..WIDTH).map(|column| level(cause, column)).collect();
    for row in (0..HEIGHT).rev() {
        let label = match row + 1 {
            HEIGHT => "100%",
            6 => " 50%",
            _ => "    ",
        };
        let bar: String =
            levels.iter().map(|level| cell(level.saturating_sub(row * 8), drawn)).collect();
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
    for (place, jump) in cause.jumps.iter().enumerate() {
        let mark = char::from_digit(u32::try_from(place + 1).unwrap_or(0), 10).unwrap_or('*');
        let first = column_of(cause, jump.to_ms);
        if let Some(free) = (first..WIDTH).find(|column| marks[*column] == ' ') {
            marks[free] = mark;
        }
    }
    let marks: String = marks.into_iter().collect();
    if !cause.jumps.is_empty() {
        line(page, format_args!("      {}", marks.trim_end()));
    }
}

fn column_of(cause: &Cause, at_ms: f64) -> usize {
    let share = if cause.shown_ms > 0.0 { at_ms / cause.shown_ms } else { 0.0 };
    ((share * WIDTH as f64) as usize).min(WIDTH - 1)
}

/// How high a column is, in eighths of a row: by the latest moment that falls into it or before it.
fn level(cause: &Cause, column: usize) -> usize {
    let here = cause.points.iter().rev().find(|point| column_of(cause, point.at_ms) <= column);
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

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes any text");
}
