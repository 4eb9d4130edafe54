//! Measures redaction on generated speech: `cargo run -p trunkside-understanding --example
//! measure_redaction -- [COUNT] [SEED] [--misses N]`. One JSON object; with `--misses`, what
//! survived or was hidden wrongly, a line each. The strings are made up: nothing real is shown.

#[path = "../tests/speech/mod.rs"]
mod speech;

#[path = "../tests/score/mod.rs"]
mod score;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| -> Result<u64, Box<dyn Error>> {
        match arguments.get(index) {
            Some(text) if !text.starts_with("--") => Ok(text.parse()?),
            _ => Ok(default),
        }
    };
    let shown = arguments
        .iter()
        .position(|argument| argument == "--misses")
        .map_or(Ok(0), |at| number(at + 1, 20))?;
    let report = score::measure(number(0, 100_000)? as usize, number(1, 1)?);
    #[expect(clippy::print_stdout, reason = "a command prints its result")]
    {
        for miss in report.misses.iter().take(shown as usize) {
            println!("{miss}");
        }
        println!("{}", report.to_json());
    }
    Ok(())
}
