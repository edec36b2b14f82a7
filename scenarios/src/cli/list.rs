//! `trial list`: what there is, as tables.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use trial_cluster::rules::Switch;
use trial_scenarios::asked::quoted;
use trial_scenarios::invariants::INVARIANTS;
use trial_scenarios::probe;
use trial_scenarios::scenario::{
    CONDITIONS, HOST_FUNCTIONS, Scenario, ScenarioError, builtin, did_you_mean,
};
use trial_sim::fault::WORDS;

use super::args::{ListArgs, Listed};
use super::print::{Stop, say};

/// Columns of a table where the terminal's width is unknown.
const WIDTH: u16 = 120;

/// Shows one table, or one row of it and all that is known about it.
pub(crate) fn list(args: &ListArgs) -> Result<u8, Stop> {
    let name = args.name.as_deref();
    match args.what {
        Listed::Scenarios => match name {
            Some(name) => lesson(name)?,
            None => scenarios(),
        },
        Listed::Faults => faults(&Only::new("fault", name, WORDS.iter().map(|word| word.word))?),
        Listed::Invariants => {
            let ids = INVARIANTS.iter().map(|known| known.id);
            invariants(&Only::new("invariant", name, ids)?);
        }
        Listed::Probes => {
            probes(&Only::new("probe", name, probe::all().iter().map(|known| known.name))?);
        }
        Listed::Bugs => {
            bugs(&Only::new("bug", name, Switch::ALL.iter().map(|switch| switch.name()))?);
        }
    }
    Ok(0)
}

/// Which rows of a table: all, or those of one name.
struct Only<'a>(Option<&'a str>);

impl<'a> Only<'a> {
    /// Whether a letter is small or not does not matter.
    fn new(
        kind: &str,
        name: Option<&str>,
        known: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Stop> {
        let Some(given) = name else { return Ok(Self(None)) };
        let known: Vec<&str> = known.collect();
        if let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(given)) {
            return Ok(Self(Some(found)));
        }
        let help = if let Some(family) = family_of(given, &known) {
            format!("there are {}", family.join(", "))
        } else if let Some(near) = did_you_mean(given, known.iter().copied()) {
            format!("did you mean `{near}`?")
        } else {
            format!("there are {}", known.join(", "))
        };
        Err(ScenarioError::plain(format!("there is no {kind} `{given}`"), Some(help)).into())
    }

    fn has(&self, name: &str) -> bool {
        self.0.is_none_or(|only| only == name)
    }
}

/// The ids with the letter of `given`, or all if there is no such letter; none if nothing here has ids. That K1 is near
/// to K99 says nothing.
fn family_of<'a>(given: &str, known: &[&'a str]) -> Option<Vec<&'a str>> {
    let letter = |id: &str| {
        let number = id.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let is_id = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        is_id.then(|| id[..id.len() - number.len()].to_ascii_uppercase())
    };
    let wanted = letter(given).filter(|letter| !letter.is_empty())?;
    if known.iter().all(|id| letter(id).is_none()) {
        return None;
    }
    let family = known.iter().copied().filter(|id| letter(id).as_ref() == Some(&wanted));
    let family: Vec<&str> = family.collect();
    Some(if family.is_empty() { known.to_vec() } else { family })
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
         read one, as a lesson: trial list scenarios NAME.\n\
         see also: trial list faults, invariants, probes, bugs.",
    );
}

/// A scenario as a lesson: what happens in it, what to look at, what to change.
fn lesson(name: &str) -> Result<(), Stop> {
    let scenario = Scenario::open(name, &[])?;
    let story = scenario.story.trim();
    let story = if story.is_empty() { "it says nothing else about itself" } else { story };
    let play = quoted(name);
    say(format_args!(
        "{}\n\n{story}\n\nplay it: trial run {play} --seed 1, or many seeds: trial sweep {play} --seeds 0..100\n",
        scenario.title
    ));
    Ok(())
}

fn faults(only: &Only<'_>) {
    let mut rows = table(&["word", "form", "what it does", "example"]);
    for word in WORDS.iter().filter(|word| only.has(word.word)) {
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

fn invariants(only: &Only<'_>) {
    let mut rows = table(&["id", "what it says", "must hold"]);
    for known in INVARIANTS.iter().filter(|known| only.has(known.id)) {
        rows.add_row([known.id, known.says, known.holds.text()]);
    }
    show(&rows, "a breach is a violation; what the settings allow to be lost is excused by name.");
}

fn probes(only: &Only<'_>) {
    let mut rows = table(&["probe", "reached when; what is said of it, and where"]);
    for probe in probe::all().iter().filter(|probe| only.has(probe.name)) {
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

fn bugs(only: &Only<'_>) {
    let mut rows = table(&["bug", "what happens without the guard", "breaks"]);
    for switch in Switch::ALL.iter().copied().filter(|switch| only.has(switch.name())) {
        let (about, issue) = (switch.about(), switch.issue());
        let of = format!("{about}\n{issue}; fixed in: {}; {}", switch.fixed_in(), switch.guard());
        rows.add_row([switch.name(), &of, &switch.breaks().join(" ")]);
    }
    show(
        &rows,
        "remove a guard: trial run BUG --switch BUG plays the scenario that is made for it,\n\
         trial sweep everything_moves --seeds 0..100 --switch BUG the swarm; trial hunt BUG does both.",
    );
}
