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

/// How long finding the cloud's address may take, and then how long connecting to it may: together
/// less than the whole, so that a request which had no time to leave is known as such.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

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
    /// The network; nothing was asked of the cloud yet.
    #[error(
        "cannot reach `{address}`: {source}; give the address of the aggregator's web page; the code \
         is still good"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The request was sent, and no answer of the cloud came back.
    #[error(
        "`{address}` was asked and did not answer: {why}; the code may be used up by that: run the \
         command again, and ask the operator for a new code if the cloud refuses this one"
    )]
    Unanswered {
        /// Where.
        address: String,
        /// What came instead.
        why: String,
    },
    /// The cloud said no.
    #[error("the cloud refuses: {0}")]
    Refused(String),
    /// Somebody answered who does not know the code.
    #[error("the answer does not come from the cloud that made the code; nothing was changed")]
    Forged,
    /// The cloud gives what this box cannot be told.
    #[error(
        "the cloud's answer does not serve this box: {0}; nothing was changed here: have it mended there, or \
         use a newer box program, and ask the operator for a new code: this one is used up"
    )]
    Unfit(String),
    /// The files; nothing was asked of the cloud yet.
    #[error(
        "cannot write `{}`: {source}; run the command as the box's own user (`sudo -u trunkside \
         trunkside claim …`) or name another folder with --out; the code is still good",
        path.display()
    )]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The files, when the cloud had answered.
    #[error(
        "cannot write `{}`: {source}; make room or name another folder with --out, and ask the \
         operator for a new code: this one is used up",
        path.display()
    )]
    Late {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Claims this box at `address`, such as `http://cloud.example.net:8080`, and writes certificates
/// and key into `folder`, once `check` finds that the box can use them. Blocks. The key is on the disk
/// before the code is used up; a failure leaves the files of an earlier claim as they were.
pub fn claim(
    address: &str,
    code: &ClaimCode,
    folder: &Path,
    check: impl FnOnce(&ClaimAnswer) -> Result<(), String>,
) -> Result<ClaimAnswer, ClaimError> {
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
    let mut files = Files::begin(folder)?;
    files.write(KEY_FILE, &pair.serialize_pem(), 0o600, Files::early)?;
    let answer = ask(address, &request)?;
    if !key.trusts(&answer) {
        return Err(ClaimError::Forged);
    }
    check(&answer).map_err(ClaimError::Unfit)?;
    files.write(CA_FILE, &answer.ca, 0o644, Files::late)?;
    files.write(CERTIFICATE_FILE, &answer.certificate, 0o644, Files::late)?;
    files.finish()?;
    Ok(answer)
}

/// Files on their way into a folder: beside the old ones until all are there, and gone if they never
/// are.
struct Files<'a> {
    folder: &'a Path,
    was_there: bool,
    names: Vec<&'static str>,
}

impl<'a> Files<'a> {
    fn begin(folder: &'a Path) -> Result<Self, ClaimError> {
        let was_there = folder.exists();
        fs::create_dir_all(folder).map_err(|source| Self::early(folder.to_owned(), source))?;
        Ok(Self {
            folder,
            was_there,
            names: Vec::new(),
        })
    }

    fn early(path: PathBuf, source: std::io::Error) -> ClaimError {
        ClaimError::File { path, source }
    }

    fn late(path: PathBuf, source: std::io::Error) -> ClaimError {
        ClaimError::Late { path, source }
    }

    fn new_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.new"))
    }

    fn write(
        &mut self,
        name: &'static str,
        content: &str,
        mode: u32,
        fault: fn(PathBuf, std::io::Error) -> ClaimError,
    ) -> Result<(), ClaimError> {
        let path = self.new_of(name);
        self.names.push(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let written = options.open(&path).and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| fault(self.folder.join(name), source))
    }

    /// Puts all of them in place, one right after the other.
    fn finish(mut self) -> Result<(), ClaimError> {
        for name in std::mem::take(&mut self.names) {
            let path = self.folder.join(name);
            fs::rename(self.new_of(name), &path).map_err(|source| Self::late(path, source))?;
        }
        let synced = fs::File::open(self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| Self::late(self.folder.to_owned(), source))
    }
}

impl Drop for Files<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = fs::remove_file(self.new_of(name));
        }
        if !self.was_there {
            // It stays where there is something in it.
            let _ = fs::remove_dir(self.folder);
        }
    }
}

/// What the cloud says when it refuses (RFC 9457).
#[derive(serde::Deserialize)]
struct Problem {
    detail: String,
}

fn ask(address: &str, request: &ClaimRequest) -> Result<ClaimAnswer, ClaimError> {
    let unanswered = |why: String| ClaimError::Unanswered {
        address: address.to_owned(),
        why,
    };
    let failed = |source: ureq::Error| {
        if may_have_been_sent(&source) {
            unanswered(source.to_string())
        } else {
            ClaimError::Unreachable {
                address: address.to_owned(),
                source: Box::new(source),
            }
        }
    };
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(CONNECT_WITHIN))
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_global(Some(ANSWER_WITHIN))
        .build()
        .new_agent();
    let url = format!("{}/api/v1/claims", address.trim_end_matches('/'));
    let mut response = agent.post(url).send_json(request).map_err(failed)?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(MOST_BYTES);
    let text = body
        .read_to_string()
        .map_err(|error| unanswered(error.to_string()))?;
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|_| ClaimError::Forged);
    }
    Err(match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => ClaimError::Refused(problem.detail),
        // A proxy that has lost the cloud's answer.
        Err(_) if status.is_server_error() => unanswered(format!("HTTP status {status}")),
        Err(_) => ClaimError::Refused(format!("HTTP status {status}")),
    })
}

/// Whether the request may have reached the cloud: anything but a connection that was never made.
fn may_have_been_sent(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable,
    };
    use ureq::{Error, Timeout};
    match error {
        Error::Io(error) => !matches!(
            error.kind(),
            AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkUnreachable
        ),
        Error::Timeout(Timeout::Resolve | Timeout::Connect)
        | Error::BadUri(_)
        | Error::Http(_)
        | Error::HostNotFound
        | Error::RedirectFailed
        | Error::InvalidProxyUrl
        | Error::ConnectionFailed
        | Error::Tls(_)
        | Error::Rustls(_) => false,
        _ => true,
    }
}
