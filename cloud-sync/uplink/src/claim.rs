//! How the box joins a cloud: it makes its key, shows with an operator's code that it was meant,
//! and gets a certificate.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use trunkside_record::{ClaimAnswer, ClaimCode, ClaimRequest};

/// How long the cloud may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The most that an answer may hold.
const MOST_BYTES: u64 = 64 * 1024;

/// The files that a claim leaves in its folder.
pub const CA_FILE: &str = "cloud-ca.pem";
/// The box's certificate.
pub const CERTIFICATE_FILE: &str = "box.pem";
/// The box's key; readable by its owner only.
pub const KEY_FILE: &str = "box.key";

/// Why a claim failed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The key or the request.
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The network.
    #[error("cannot reach `{address}`: {source}; give the address of the aggregator's web page")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The cloud said no.
    #[error("the cloud refuses: {0}")]
    Refused(String),
    /// Somebody answered who does not know the code.
    #[error("the answer does not come from the cloud that made the code; nothing was changed")]
    Forged,
    /// The files.
    #[error("cannot write `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Claims this box at `address`, such as `http://cloud.example.net:8080`, and writes certificates
/// and key into `folder`. Blocks.
pub fn claim(address: &str, code: &ClaimCode, folder: &Path) -> Result<ClaimAnswer, ClaimError> {
    let pair = KeyPair::generate()?;
    let csr = CertificateParams::new(Vec::new())?
        .serialize_request(&pair)?
        .pem()?;
    let key = code.key();
    let request = ClaimRequest {
        id: code.id().to_owned(),
        proof: key.prove_request(code.id(), &csr),
        csr,
    };
    let answer = ask(address, &request)?;
    if !key.trusts(&answer) {
        return Err(ClaimError::Forged);
    }
    let file = |path: PathBuf| |source| ClaimError::File { path, source };
    fs::create_dir_all(folder).map_err(file(folder.to_owned()))?;
    for (name, content, mode) in [
        (KEY_FILE, pair.serialize_pem(), 0o600),
        (CA_FILE, answer.ca.clone(), 0o644),
        (CERTIFICATE_FILE, answer.certificate.clone(), 0o644),
    ] {
        let path = folder.join(name);
        write(&path, &content, mode).map_err(file(path))?;
    }
    Ok(answer)
}

/// What the cloud says when it refuses (RFC 9457).
#[derive(serde::Deserialize)]
struct Problem {
    detail: String,
}

fn ask(address: &str, request: &ClaimRequest) -> Result<ClaimAnswer, ClaimError> {
    let unreachable = |source| ClaimError::Unreachable {
        address: address.to_owned(),
        source: Box::new(source),
    };
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_WITHIN))
        .build()
        .new_agent();
    let url = format!("{}/api/v1/claims", address.trim_end_matches('/'));
    let mut response = agent.post(url).send_json(request).map_err(unreachable)?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    let text = body.read_to_string().map_err(unreachable)?;
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|_| ClaimError::Forged);
    }
    let problem: Result<Problem, _> = serde_json::from_str(&text);
    Err(ClaimError::Refused(problem.map_or_else(
        |_| format!("HTTP status {status}"),
        |problem| problem.detail,
    )))
}

/// Replaces a file whole, so that a failure leaves the old one.
fn write(path: &Path, content: &str, mode: u32) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut out = options.open(&new)?;
    out.write_all(content.as_bytes())?;
    out.sync_all()?;
    fs::rename(new, path)
}
