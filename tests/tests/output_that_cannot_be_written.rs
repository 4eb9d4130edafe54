//! Commands whose output finds no reader or no room do all of their work all the same, and their exit
//! status is true.

use std::fs::File;
use std::path::Path;
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

/// What a box keeps of three calls, each with a promise to call back, and a configuration that is warned of.
fn three_calls(folder: &Path) -> [String; 3] {
    let settings = "[box]\ndata_dir = '.'\ncolour = 'red'\n";
    std::fs::write(folder.join("config.toml"), settings).expect("written");
    let store = rusqlite::Connection::open(folder.join("calls.db")).expect("a database");
    let tables =
        "CREATE TABLE call (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, caller TEXT NOT NULL,
            summary TEXT, transcript TEXT, exported INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE callback (call TEXT PRIMARY KEY REFERENCES call (id), number TEXT NOT NULL,
            cause TEXT NOT NULL, done_ms INTEGER) STRICT;";
    store.execute_batch(tables).expect("made");
    [1, 2, 3].map(|number| {
        let call = format!("01990000-0000-7000-8000-{number:012}");
        let row = "INSERT INTO call VALUES (?1, 1780000000000, '13912345678', '{}', NULL, 1)";
        store.execute(row, [&call]).expect("a call");
        let row = "INSERT INTO callback VALUES (?1, '13912345678', 'no_agent', NULL)";
        store.execute(row, [&call]).expect("a promise");
        call
    })
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
fn what_nobody_can_be_told_of_is_done_nevertheless() {
    for (output, status) in [(nobody as fn() -> Stdio, 0), (full as fn() -> Stdio, 1)] {
        let folder = tempfile::tempdir().expect("a folder");
        let calls = three_calls(folder.path());
        let config = folder.path().join("config.toml");
        let end = |command: [&str; 2]| {
            let calls = calls.each_ref().map(String::as_str);
            let of = ["--config", config.to_str().expect("UTF-8")];
            let words = [&command[..], &calls, &of].concat();
            trunkside(&words, output(), full()).status.code()
        };
        let store = rusqlite::Connection::open(folder.path().join("calls.db")).expect("the store");
        let left = |rows: &str| -> u32 {
            let count = format!("SELECT count(*) FROM {rows}");
            store
                .query_row(&count, [], |row| row.get(0))
                .expect("a count")
        };
        assert_eq!(end(["callbacks", "done"]), Some(status));
        assert_eq!(left("callback WHERE done_ms IS NULL"), 0);
        assert_eq!(end(["calls", "delete"]), Some(status));
        assert_eq!(left("call WHERE caller <> ''"), 0);
    }
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
    let output = trunkside(&[&["transcribe"], &files[..]].concat(), nobody(), full());
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_report_is_written_though_nobody_reads_the_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/decision/scenarios/branch.toml");
    let report = folder.path().join("report.html");
    let words = [
        "simulate",
        "--scenario",
        scenario.to_str().expect("UTF-8"),
        "--policy",
        "fcfs",
        "--report",
        report.to_str().expect("UTF-8"),
    ];
    let output = trunkside(&words, full(), Stdio::null());
    assert_eq!(output.status.code(), Some(1));
    assert!(report.exists());
}
