//! The aggregator as a program.
fn main() {}
