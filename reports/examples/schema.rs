//! Prints a published JSON Schema: `cargo run -p trial-reports --example schema -- run > reports/run.schema.json`, and
//! the same with `sweep`.

fn main() {
    match std::env::args().nth(1).as_deref() {
        None | Some("run") => print!("{}", trial_reports::run_schema()),
        Some("sweep") => print!("{}", trial_reports::sweep_schema()),
        Some(other) => {
            eprintln!("there is no schema `{other}`; allowed: run, sweep");
            std::process::exit(2);
        }
    }
}
