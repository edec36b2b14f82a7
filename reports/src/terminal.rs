//! Draws a run for the terminal: the faults and what they did, the partitions, the verdict and its story.
//!
//! Invariants: TR-1 one document, one palette, one text: nothing else is read.
//!             TR-2 what is cut short says so (`… and 12 more`).

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::document::{PartitionOutcome, PartitionPause, RunDocument, Verdict};
use crate::number::{grouped, seconds};

/// Rows of a table before the rest is only counted.
const ROWS_MAX: usize = 24;
/// Partitions of a group whose pauses are told one by one.
const PAUSES_MAX: usize = 8;
/// Violations told in full.
const STORIES_MAX: usize = 3;
/// What nobody waits is not worth a line.
const WAIT_MS_MIN: u64 = 200;
/// How wide the line of the settings may become before it is broken.
const HEAD_COLUMNS: usize = 100;

/// Whether the text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// Plain text, for files and pipes.
    Plain,
    /// ANSI colours, for terminals.
    Colour,
}

impl Palette {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        match verdict {
            Verdict::Holds => self.paint("1;32", text),
            Verdict::Violated | Verdict::Differed => self.paint("1;31", text),
            Verdict::Stuck | Verdict::Unknown => self.paint("1;33", text),
        }
    }
}

/// The whole page of a command that can write the document, too.
#[must_use]
pub fn render_run(run: &RunDocument, palette: Palette) -> String {
    page_of(run, palette, " (--json has them all)")
}

/// The same of a cluster that was served: nobody else has what is cut short.
#[must_use]
pub fn render_served(run: &RunDocument, palette: Palette) -> String {
    page_of(run, palette, "")
}

/// `elsewhere`: where all is that is cut short.
fn page_of(run: &RunDocument, palette: Palette, elsewhere: &str) -> String {
    let mut page = String::new();
    head(&mut page, run, palette);
    faults(&mut page, run, palette, elsewhere);
    partitions(&mut page, run, palette, elsewhere);
    groups(&mut page, run, palette);
    excuses(&mut page, run, palette, elsewhere);
    stories(&mut page, run, palette);
    foot(&mut page, run, palette);
    page
}

/// `writeln!` into a `String` cannot fail; this says so once.
macro_rules! line {
    ($page:expr) => { writeln!($page).expect("a String takes any text") };
    ($page:expr, $($text:tt)*) => { writeln!($page, $($text)*).expect("a String takes any text") };
}

fn head(page: &mut String, run: &RunDocument, palette: Palette) {
    line!(page, "{}", palette.bold(&run.title));
    let mut facts = vec![format!("seed {}", run.seed), format!("Kafka {}", run.profile)];
    facts.extend(run.settings.iter().map(|setting| format!("{} {}", setting.path, setting.value)));
    if !run.switches.is_empty() {
        facts.push(format!("switches: {}", run.switches.join(", ")));
    }
    let mut text = format!("{}:", run.scenario);
    for (place, fact) in facts.iter().enumerate() {
        let mark = if place == 0 { " " } else { " · " };
        if text.chars().count() + mark.chars().count() + fact.chars().count() > HEAD_COLUMNS {
            line!(page, "{}", palette.dim(&text));
            text = format!("  {fact}");
        } else {
            text.push_str(mark);
            text.push_str(fact);
        }
    }
    line!(page, "{}", palette.dim(&text));
    for pick in &run.picks {
        line!(page, "{}", palette.dim(&format!("  this seed picks {}: {}", pick.path, pick.value)));
    }
    line!(page);
}

fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for &index in right {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn faults(page: &mut String, run: &RunDocument, palette: Palette, elsewhere: &str) {
    if run.faults.is_empty() {
        return;
    }
    let mut rows = table(&["at", "fault", "what it did"], &[0]);
    // In the order of time, those that never began at the end.
    let mut in_time: Vec<_> = run.faults.iter().collect();
    in_time.sort_by_key(|fault| fault.at_ms.unwrap_or(u64::MAX));
    for fault in in_time.into_iter().take(ROWS_MAX) {
        let at = fault.at_ms.map_or_else(|| "never".to_owned(), seconds);
        rows.add_row([at, fault.text.clone(), fault.effect.text.clone()]);
    }
    put(page, &rows, palette);
    more(page, run.faults.len(), palette, elsewhere);
    line!(page);
}

fn partitions(page: &mut String, run: &RunDocument, palette: Palette, elsewhere: &str) {
    if run.partitions.is_empty() {
        return;
    }
    let header = [
        "partition",
        "leader",
        "epoch",
        "in sync",
        "log start",
        "committed",
        "log end",
        "held",
        "acked",
        "read to",
        "elections",
    ];
    let mut rows = table(&header, &[2, 4, 5, 6, 7, 8, 9, 10]);
    let (idle, told): (Vec<_>, Vec<_>) = run.partitions.iter().partition(|row| is_idle(row));
    for row in told.iter().take(ROWS_MAX) {
        rows.add_row([
            row.partition.clone(),
            row.leader.clone().unwrap_or_else(|| "none".to_owned()),
            row.leader_epoch.to_string(),
            row.in_sync.join(" "),
            row.log_start.to_string(),
            row.high_watermark.to_string(),
            row.log_end.to_string(),
            grouped(row.held),
            grouped(row.acked),
            row.read.to_string(),
            grouped(row.elections),
        ]);
    }
    put(page, &rows, palette);
    more(page, told.len(), palette, elsewhere);
    if !idle.is_empty() {
        let text =
            format!("  … and {} of Kafka's own topics that hold nothing{elsewhere}", idle.len());
        line!(page, "{}", palette.dim(&text));
    }
    line!(page);
}

/// A partition of one of Kafka's own topics in which nothing was ever written.
fn is_idle(row: &PartitionOutcome) -> bool {
    row.partition.starts_with("__") && row.log_end == 0
}

/// How long the partitions of each group were nobody's; nothing if nobody was kept waiting.
fn groups(page: &mut String, run: &RunDocument, palette: Palette) {
    paused_groups(page, run, palette);
    let ended = run.groups.iter().flat_map(|group| group.ended.iter().map(move |it| (group, it)));
    for (place, (group, end)) in ended.clone().enumerate().take(ROWS_MAX) {
        let head = if place == 0 { "ended: " } else { "       " };
        let (member, at, error) = (&end.member, seconds(end.at_ms), &end.error);
        line!(page, "{head}  {member} of group {} at {at}: its poll threw {error}", group.group);
    }
    if ended.clone().count() > ROWS_MAX {
        line!(
            page,
            "         … and {} more (--json has them all)",
            ended.clone().count() - ROWS_MAX
        );
    }
    if ended.count() > 0 {
        line!(page);
    }
}

fn paused_groups(page: &mut String, run: &RunDocument, palette: Palette) {
    let all = || run.groups.iter().flat_map(|group| &group.partitions);
    if all().all(|partition| partition.pauses == 0) {
        return;
    }
    let header = ["group", "protocol", "generations", "longest pause", "paused, by partition"];
    let mut rows = table(&header, &[2, 3]);
    for group in run.groups.iter().take(ROWS_MAX) {
        let longest = group.partitions.iter().map(|it| it.longest_ms).max().unwrap_or(0);
        rows.add_row([
            group.group.clone(),
            group.protocol.clone(),
            grouped(group.generations),
            seconds_or_none(longest),
            paused(&group.partitions),
        ]);
    }
    put(page, &rows, palette);
    line!(page);
}

fn seconds_or_none(millis: u64) -> String {
    if millis == 0 { "0s".to_owned() } else { seconds(millis) }
}

/// `orders/0 1.204s  /1 0s  /2 0.300s`, or how they lie if there are many.
fn paused(partitions: &[PartitionPause]) -> String {
    if partitions.len() > PAUSES_MAX {
        let mut times: Vec<u64> = partitions.iter().map(|it| it.paused_ms).collect();
        times.sort_unstable();
        let [least, middle, most] =
            [0, times.len() / 2, times.len() - 1].map(|at| seconds(times[at]));
        return format!("{} of them: {least} to {most}, one half up to {middle}", times.len());
    }
    let mut topic = "";
    let words = partitions.iter().map(|it| {
        let (of, number) = it.partition.rsplit_once('/').unwrap_or(("", &it.partition));
        let is_known = std::mem::replace(&mut topic, of) == of;
        let name = if is_known { format!("/{number}") } else { it.partition.clone() };
        format!("{name} {}", seconds_or_none(it.paused_ms))
    });
    words.collect::<Vec<_>>().join("  ")
}

fn put(page: &mut String, table: &Table, palette: Palette) {
    for (place, row) in table.to_string().lines().enumerate() {
        let row = row.trim_end();
        if place == 0 {
            line!(page, " {}", palette.dim(row));
        } else {
            line!(page, " {row}");
        }
    }
}

fn more(page: &mut String, rows: usize, palette: Palette, elsewhere: &str) {
    if rows > ROWS_MAX {
        let text = format!("  … and {} more{elsewhere}", rows - ROWS_MAX);
        line!(page, "{}", palette.dim(&text));
    }
}

/// `2 losses`, `1 repetition`, `3 losses and repetitions`.
fn excused_in_words(run: &RunDocument) -> String {
    let count = run.excused.len();
    let repeated = run.excused.iter().filter(|excuse| excuse.host.is_empty()).count();
    let what = match (repeated, count) {
        (0, 1) => "loss",
        (0, _) => "losses",
        (1, 1) => "repetition",
        (all, count) if all == count => "repetitions",
        _ => "losses and repetitions",
    };
    format!("{count} {what}")
}

fn excuses(page: &mut String, run: &RunDocument, palette: Palette, elsewhere: &str) {
    if run.excused.is_empty() {
        return;
    }
    let count = run.excused.len();
    let head = format!("{} that the settings allow", excused_in_words(run));
    line!(page, "{}", palette.paint("33", &head));
    for excuse in run.excused.iter().take(STORIES_MAX) {
        line!(page, "  {}", excuse.what);
        let (host, at) = (&excuse.host, seconds(excuse.at_ms));
        if host.is_empty() {
            line!(page, "    at {at}: {}", excuse.fault);
        } else {
            line!(page, "    the last copy vanished on {host} at {at}: {}", excuse.fault);
        }
        line!(page, "    allowed by {}", excuse.setting);
    }
    if count > STORIES_MAX {
        let text = format!("  … and {} more{elsewhere}", count - STORIES_MAX);
        line!(page, "{}", palette.dim(&text));
    }
    line!(page);
}

fn stories(page: &mut String, run: &RunDocument, palette: Palette) {
    for violation in run.violations.iter().take(STORIES_MAX) {
        let head = format!("{} violated at {}", violation.invariant, seconds(violation.at_ms));
        line!(page, "{}", palette.paint("1;31", &head));
        line!(page, "  {}", violation.message);
        for (place, fact) in violation.facts.iter().enumerate() {
            line!(page, "    {} {fact}", if place == 0 { "first:" } else { "then: " });
        }
        line!(page);
    }
    if run.violations.len() > STORIES_MAX {
        let text = format!("… and {} more violations", run.violations.len() - STORIES_MAX);
        line!(page, "{}\n", palette.dim(&text));
    }
    if let Some(beyond) = run.beyond_budget.as_ref().filter(|_| !run.violations.is_empty()) {
        line!(page, "{} {beyond}\n", palette.paint("33", "beyond the budget:"));
    }
    for unknown in run.unknown.iter().take(STORIES_MAX) {
        line!(page, "{} {unknown}\n", palette.paint("33", "unknown:"));
    }
    for missing in &run.liveness.missing {
        line!(page, "{} {missing}\n", palette.paint("33", "not live:"));
    }
    for probe in run.probes.iter().filter(|probe| probe.required && probe.hits == 0) {
        let text = format!("never happened, although it must: {}", probe.name);
        line!(page, "{}\n", palette.paint("33", &text));
    }
    for fault in run.faults.iter().filter(|fault| fault.is_missing()) {
        let text = format!("a fault without effect, although it must have one: {}", fault.text);
        line!(page, "{}\n", palette.paint("33", &text));
    }
}

fn foot(page: &mut String, run: &RunDocument, palette: Palette) {
    let records = run.records;
    line!(
        page,
        "records: {} sent, {} acked, {} failed, {} read",
        grouped(records.sent),
        grouped(records.acked),
        grouped(records.failed),
        grouped(records.read)
    );
    failed(page, run);
    waited(page, run);
    line!(
        page,
        "played:  {} of virtual time in {} ms, {} events, {} requests, digest {}",
        seconds(run.simulated_ms),
        grouped(run.wall_ms),
        grouped(run.events),
        grouped(run.requests),
        run.digest
    );
    if let Some(live) = run.liveness.live_ms {
        let after = live.saturating_sub(run.liveness.faults_ended_ms);
        line!(
            page,
            "live:    {} after the faults had ended at {}",
            seconds(after),
            seconds(run.liveness.faults_ended_ms)
        );
    }
    line!(page);
    let word = run.verdict.word().to_uppercase();
    let expected = if run.verdict == run.expected {
        String::new()
    } else {
        format!(" (expected: {})", run.expected.word())
    };
    line!(page, "{}{expected}{}", palette.verdict(run.verdict, &word), but(run));
    line!(page, "{}", palette.dim(&format!("again:   {}", run.replay)));
}

/// Whose records failed, and why.
fn failed(page: &mut String, run: &RunDocument) {
    let failing = run.producers.iter().filter(|told| !told.failed.is_empty());
    for (place, told) in failing.enumerate() {
        let reasons = told.failed.iter().map(|it| format!("{} {}", grouped(it.records), it.error));
        let head = if place == 0 { "failed:  " } else { "         " };
        line!(page, "{head}{}: {}", told.producer, reasons.collect::<Vec<_>>().join(", "));
    }
}

/// Who waited longest for an acknowledgement, and for what.
fn waited(page: &mut String, run: &RunDocument) {
    let waits = run.producers.iter().filter_map(|told| Some((told, told.longest_wait.as_ref()?)));
    let longest = waits.max_by_key(|(_, wait)| wait.took_ms());
    let Some((told, wait)) = longest.filter(|(_, wait)| wait.took_ms() >= WAIT_MS_MIN) else {
        return;
    };
    let (from, took) = (seconds(wait.from_ms), seconds(wait.took_ms()));
    line!(page, "waited:  {}: {took} for an acknowledgement, from {from} on:", told.producer);
    for part in &wait.parts {
        line!(page, "         {} until {}", seconds(part.took_ms), part.until);
    }
}

/// What somebody who reads the verdict alone has to know besides.
fn but(run: &RunDocument) -> String {
    let idle = run.faults.iter().any(crate::document::FaultOutcome::is_missing);
    let missed = run.probes.iter().any(|probe| probe.required && probe.hits == 0);
    let mut text = String::new();
    if missed || idle {
        text.push_str(", but it did not get where it must (see above)");
    }
    let unheard = run.producers.iter().filter(|told| told.sent > 0 && told.acked == 0);
    let unheard: Vec<&str> = unheard.map(|told| told.producer.as_str()).collect();
    if !unheard.is_empty() {
        let producers = unheard.join(", ");
        text.push_str(&format!(", but of {producers} no record was acknowledged (see above)"));
    }
    if !run.excused.is_empty() {
        text.push_str(&format!(", with {} that the settings allow", excused_in_words(run)));
    }
    text
}
