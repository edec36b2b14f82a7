//! `trial bench`: how fast Trial is.
use super::args::BenchArgs;
use super::print::Stop;
pub(crate) fn bench(args: &BenchArgs) -> Result<u8, Stop> {
    let _ = &args.json;
    Ok(0)
}
