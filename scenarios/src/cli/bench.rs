//! `trial bench`: how fast Trial is, in text and as JSON.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use trial_scenarios::bench::kafka::{Figures, MIX_ABOUT};
use trial_scenarios::bench::{ROUNDS, contest, measure, room};

use super::args::BenchArgs;
use super::outputs;
use super::print::{Stop, complain, say, write_to};

/// Measures and tells.
pub(crate) fn bench(args: &BenchArgs) -> Result<u8, Stop> {
    if cfg!(debug_assertions) {
        complain("this is a development build: measure with `cargo run --release -- bench`");
    }
    outputs::check(&[("--json", args.json.as_deref())], &[], &[])?;
    let figures = measure()?;
    if args.json.as_deref() != Some(Path::new("-")) {
        say(page(&figures.kafka) + &room_page(&figures.room) + &contest_page(&figures.contest));
    }
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&figures).expect("figures are plain JSON");
        text.push('\n');
        write_to(path, &text)?;
    }
    Ok(0)
}

fn page(figures: &Figures) -> String {
    let memory = figures
        .standard_memory_mib
        .map_or_else(|| "unknown".to_owned(), |memory| format!("{memory} MiB"));
    format!(
        "one core\n\
         mix:         {:.0} requests/s ({} requests, {} records: {MIX_ABOUT})\n\
         standard-0:  {:.0} times real time, {:.2} runs/s, {} requests a run, {memory} at most\n\
         fork:        {:.1} us to clone a run that holds {} MB of records; a step after it takes {:.2} times as long\n",
        figures.requests_per_s,
        figures.mix_requests,
        figures.mix_records,
        figures.standard_ratio,
        figures.standard_runs_per_s,
        figures.standard_requests,
        figures.fork_us,
        figures.fork_mb,
        figures.step_after_fork_ratio,
    )
}

fn room_page(figures: &room::Figures) -> String {
    let memory =
        figures.host_memory_kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{kib:.1} KiB"));
    format!(
        "simulator:   {:.0} events/s with 3 hosts, {:.0} with 30, {:.0} with 300; a host takes {memory}\n",
        figures.events_per_s_3, figures.events_per_s_30, figures.events_per_s_300,
    )
}

/// The simulator beside its peers: rates, and how many times as fast Trial is.
fn contest_page(figures: &contest::Figures) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let names = figures.rows.first().map_or(&[][..], |row| &row.rates);
    let headings = names.iter().enumerate().flat_map(|(place, (name, _))| {
        let rate = std::iter::once((*name).to_owned());
        rate.chain((place > 0).then(|| "ratio".to_owned()))
    });
    table.set_header(std::iter::once(format!("best of {ROUNDS} rounds")).chain(headings));
    for row in &figures.rows {
        let dash = || "-".to_owned();
        let cells = row.rates.iter().enumerate().flat_map(|(place, &(_, rate))| {
            let shown = rate.map_or_else(dash, |rate| format!("{rate:.0}"));
            let ratio = row.ratio(rate).map_or_else(dash, |ratio| format!("{ratio:.1}x"));
            std::iter::once(shown).chain((place > 0).then_some(ratio))
        });
        table.add_row(std::iter::once(row.task.about().to_owned()).chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut page = table.to_string();
    page.push('\n');
    if names.len() < 2 {
        page.push_str("beside madsim and turmoil: cargo run --release --features peers -- bench\n");
    }
    page
}
