//! `trial bench`: how fast Trial is, in text and as JSON.

use std::path::Path;

use trial_scenarios::bench::{Figures, MIX_ABOUT, measure};

use super::args::BenchArgs;
use super::print::{Stop, complain, say, write_to};

/// Measures and tells.
pub(crate) fn bench(args: &BenchArgs) -> Result<u8, Stop> {
    if cfg!(debug_assertions) {
        complain("this is a development build: measure with `cargo run --release -- bench`");
    }
    let figures = measure()?;
    if args.json.as_deref() != Some(Path::new("-")) {
        say(page(&figures));
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
