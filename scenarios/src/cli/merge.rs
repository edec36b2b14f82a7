//! `trial merge`: the shards of a sweep as one.

use std::path::{Path, PathBuf};

use trial_reports::render_sweep;
use trial_scenarios::sweep::{GROUPS_FOLDER, merge};

use super::args::MergeArgs;
use super::machines::{page, tell_sweep};
use super::outputs;
use super::print::Stop;
use super::sweep::{save, unreached};

/// Joins them, and reports as the whole sweep would have.
pub(crate) fn merge_all(args: &MergeArgs) -> Result<u8, Stop> {
    let sweeps: Vec<&Path> = args.folders.iter().chain(&args.out).map(PathBuf::as_path).collect();
    outputs::check(&[("--junit", args.reports.junit.as_deref())], &[], &sweeps)?;
    let (folder, header, tally) = merge(&args.folders, args.out.as_deref())?;
    page(&args.reports, render_sweep(&header, &tally, unreached(args.probes)));
    save(&folder.join(GROUPS_FOLDER), &header, &tally, &args.reports)?;
    tell_sweep(&args.reports, &header, &tally)?;
    Ok(tally.exit_status())
}
