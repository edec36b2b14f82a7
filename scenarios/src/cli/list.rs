//! `trial list`: what there is, as tables.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use trial_cluster::rules::Switch;
use trial_scenarios::invariants::INVARIANTS;
use trial_scenarios::probe;
use trial_scenarios::scenario::{CONDITIONS, HOST_FUNCTIONS, Scenario, builtin};
use trial_sim::fault::WORDS;

use super::args::Listed;
use super::print::say;

/// Columns of a table where the terminal's width is unknown.
const WIDTH: u16 = 120;

/// Shows one table.
pub(crate) fn list(what: Listed) -> u8 {
    match what {
        Listed::Scenarios => scenarios(),
        Listed::Faults => faults(),
        Listed::Invariants => invariants(),
        Listed::Probes => probes(),
        Listed::Bugs => bugs(),
    }
    0
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table.set_header(header);
    table
}

fn show(table: &Table, closing: &str) {
    let mut page = String::new();
    for row in table.to_string().lines() {
        page.push_str(row.trim_end());
        page.push('\n');
    }
    say(format_args!("{page}\n{closing}\n"));
}

fn scenarios() {
    let mut rows = table(&["scenario", "expects", "title"]);
    for name in builtin::names() {
        let scenario = Scenario::open(name, &[]).expect("a test plays each built-in scenario");
        let expect = scenario.expect.word();
        rows.add_row([name, expect, scenario.title.as_str()]);
    }
    show(
        &rows,
        "play one: trial run NAME --seed N. Or a file of your own: trial run FILE.toml.\n\
         see also: trial list faults, invariants, probes, bugs.",
    );
}

fn faults() {
    let mut rows = table(&["word", "form", "what it does", "example"]);
    for word in WORDS {
        rows.add_row([word.word, word.shape, word.does, word.example]);
    }
    let mut closing = String::from("a condition is NAME(ARGUMENTS) COMPARISON NUMBER:\n");
    for (_, about) in CONDITIONS {
        closing.push_str(&format!("  {about}\n"));
    }
    closing.push_str("a host is a name (b1, c1, a client's) or:\n");
    let hosts: Vec<String> = HOST_FUNCTIONS.iter().map(|(_, about)| format!("  {about}")).collect();
    closing.push_str(&hosts.join("\n"));
    show(&rows, &closing);
}

fn invariants() {
    let mut rows = table(&["id", "what it says", "must hold"]);
    for known in INVARIANTS {
        rows.add_row([known.id, known.says, known.holds.text()]);
    }
    show(&rows, "a breach is a violation; what the settings allow to be lost is excused by name.");
}

fn probes() {
    let mut rows = table(&["probe", "reached when; what is said of it, and where"]);
    for probe in probe::all() {
        let (kind, place) = (probe.kind.name(), format!("{}:{}", probe.file, probe.line));
        rows.add_row([probe.name, &format!("{}\n{kind}, {place}", probe.about)]);
    }
    if let Some(names) = rows.column_mut(0) {
        // A name is there to be copied.
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    show(
        &rows,
        "a scenario demands them: must_happen = [\"truncation\"]. An unreachable one says why nobody comes there:\n\
         a run that does breaks the invariant `unreachable`.",
    );
}

fn bugs() {
    let mut rows = table(&["bug", "what happens without the guard"]);
    for switch in Switch::ALL {
        rows.add_row([switch.name(), switch.about()]);
    }
    show(&rows, "remove a guard: trial sweep everything_at_once --seeds 0..100 --switch BUG.");
}
