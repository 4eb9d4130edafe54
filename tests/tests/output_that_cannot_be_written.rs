//! Commands whose output finds no reader or no room do all of their work all the same, and their exit
//! status is true.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use e2e::audio::recording;
use e2e::process::binary;

/// A pipe whose reader has gone.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::create("/dev/full").expect("Linux has one").into()
}

fn trunkside(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    Command::new(binary("trunkside"))
        .args(arguments)
        .stdout(stdout)
        .stderr(stderr)
        .output()
        .expect("trunkside runs")
}

#[test]
fn output_that_nobody_reads_or_that_finds_no_room_ends_a_command_in_order() {
    let models = ["models", "list"];
    let output = trunkside(&models, nobody(), Stdio::piped());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    let output = trunkside(&models, full(), Stdio::piped());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the result"), "{said}");
}

#[test]
fn a_fault_is_told_by_the_status_where_its_words_find_no_room() {
    let good = recording("balance_zh.wav");
    let files = ["/nonexistent.wav", good.to_str().expect("UTF-8")];
    let output = trunkside(
        &[&["transcribe", "--json"], &files[..]].concat(),
        Stdio::piped(),
        full(),
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stdout.is_empty(), "the other is transcribed");
}
