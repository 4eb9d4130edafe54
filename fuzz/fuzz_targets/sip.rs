//! Datagrams at the gate: none panics, and a refusal is itself a message that the gate lets pass.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkside_line::{Gate, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let source = std::net::SocketAddr::from(([192, 0, 2, 7], 5060));
    match Gate::inspect(bytes, source) {
        Verdict::Answer { status, bytes } => {
            assert!((400..700).contains(&status));
            assert!(bytes.starts_with(b"SIP/2.0 ") && bytes.ends_with(b"\r\n\r\n"));
        }
        Verdict::PassAs(changed) => {
            assert_eq!(Gate::inspect(&changed, source), Verdict::Pass, "made explicit once");
        }
        Verdict::Pass | Verdict::Drop => {}
    }
});
