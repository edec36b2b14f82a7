//! Prints the JSON Schema of a run's document: `cargo run -p trial-reports --example schema > reports/run.schema.json`.

fn main() {
    print!("{}", trial_reports::run_schema());
}
