//! Kamailio as a carrier: registrar, proxy and authenticator.

use std::path::Path;
use std::process::Command;

use crate::process::Process;

/// A carrier by `tests/kamailio/carrier.cfg` with its definitions, each `NAME=value`.
pub fn carrier(definitions: &[String]) -> Process {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio/carrier.cfg");
    Process::start_family(
        Command::new("kamailio")
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
            .arg(config)
            .args(definitions.iter().flat_map(|define| ["-A", define]))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    )
}
