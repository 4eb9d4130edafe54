//! The watchdog's device is fed while calls are taken, disarmed by an orderly stop, and left armed
//! when the box dies, so that the hardware resets it.

use std::path::PathBuf;

use e2e::daemon::{Agent, BoxSettings, Home, RunningBox};
use tempfile::TempDir;

/// The files of a box whose cloud and agent are away.
fn lonely_box() -> Home {
    let nobody = "127.0.0.1:9".parse().expect("an address");
    let agent = Agent {
        senior: true,
        ..Agent::registered("li_na")
    };
    Home::new(&BoxSettings::new(nobody, vec![agent]))
}

/// A box whose watchdog is a file that keeps all that is written to it.
fn watched_box() -> (TempDir, PathBuf, Home, RunningBox) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let device = folder.path().join("watchdog");
    std::fs::File::create(&device).expect("a file");
    let home = lonely_box();
    home.add_settings(&format!("[board]\nwatchdog = \"{}\"\n", device.display()));
    let running = home.start();
    (folder, device, home, running)
}

#[test]
fn an_orderly_stop_disarms_it() {
    let (_folder, device, _home, running) = watched_box();
    running.process.terminate();
    let (status, output) = running.process.finish();
    assert!(status.success(), "{output}");
    let fed = std::fs::read(device).expect("the file is there");
    assert_eq!(fed.first(), Some(&0), "fed by the time calls are taken");
    assert_eq!(fed.last(), Some(&b'V'), "disarmed");
}

#[test]
fn a_box_that_dies_leaves_it_armed() {
    let (_folder, device, _home, mut running) = watched_box();
    running.process.kill();
    let fed = std::fs::read(device).expect("the file is there");
    assert!(!fed.is_empty() && !fed.contains(&b'V'), "{fed:?}");
}

#[test]
fn a_watchdog_that_is_not_there_costs_no_call_and_is_fed_once_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let device = folder.path().join("watchdog");
    let home = lonely_box();
    home.add_settings(&format!("[board]\nwatchdog = \"{}\"\n", device.display()));
    let mut running = home.start();
    std::fs::File::create(&device).expect("a file");
    let process = &mut running.process;
    process.find("the watchdog", |line| {
        line.contains("works again").then_some(())
    });
    running.process.terminate();
    let (status, output) = running.process.finish();
    assert!(status.success(), "{output}");
    let name = device.display().to_string();
    assert!(
        output.contains(&name) && output.contains("kernel module"),
        "{output}"
    );
    let fed = std::fs::read(device).expect("the file is there");
    assert_eq!((fed.first(), fed.last()), (Some(&0), Some(&b'V')));
}
