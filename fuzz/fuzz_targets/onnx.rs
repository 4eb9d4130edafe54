//! Models of others: none panics, and what passes the checks loads or is refused within memory
//! (`-rss_limit_mb`). Begin from `models/tests/data/contracts`.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use trunkside_models::{acoustic, inspect};

fuzz_target!(|bytes: &[u8]| {
    let Ok((_, Some(contract))) = inspect(Path::new("fuzz.onnx"), bytes) else { return };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file is written");
    let Ok(network) = acoustic::load(contract, file.path()) else { return };
    let geometry = *network.geometry();
    if let Ok(mut session) = network.session() {
        let _ = session.advance(&vec![0.0; geometry.window * geometry.bands]);
    }
});
