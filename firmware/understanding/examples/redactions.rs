//! What is hidden of each line of standard input, as JSON: a list of `[label, start, end]` a line,
//! in characters. `\n` in a line stands for a line break. For measuring beside other tools.

use std::io::BufRead;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        let text = line?.replace("\\n", "\n");
        let hidden: Vec<_> = trunkside_understanding::redactions(&text)
            .into_iter()
            .map(|piece| (piece.label, piece.start, piece.end))
            .collect();
        #[expect(clippy::print_stdout, reason = "a command prints its result")]
        {
            println!("{}", serde_json::to_string(&hidden)?);
        }
    }
    Ok(())
}
