//! A supervisor such as systemd is told when the box takes calls, that it moves, and that it stops.

use std::os::unix::net::UnixDatagram;

use e2e::daemon::{Agent, BoxSettings, Home};
use e2e::process::DEADLINE;

#[test]
fn ready_alive_and_stopping_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let agent = Agent::registered("li_na");
    let mut settings = BoxSettings::new("127.0.0.1:9".parse().expect("an address"), vec![agent]);
    settings.environment = vec![("NOTIFY_SOCKET", path.display().to_string())];
    let home = Home::new(&settings);
    let running = home.start();
    let told = |wanted: &str| {
        let mut bytes = [0; 1_024];
        loop {
            let length = socket
                .recv(&mut bytes)
                .unwrap_or_else(|_| panic!("no {wanted}"));
            if String::from_utf8_lossy(&bytes[..length]).contains(wanted) {
                return;
            }
        }
    };
    told("READY=1");
    told("WATCHDOG=1");
    running.process.terminate();
    told("STOPPING=1");
    let (status, output) = running.process.finish();
    assert!(status.success(), "{output}");
}
