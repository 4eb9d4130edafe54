//! Files from the web that come whole: what was cut goes on where it ended, today or tomorrow.
//!
//! A file lies as `NAME.part` until all of it is there. Beside it, `NAME.version` holds the validator
//! that the server gave (RFC 9110, sections 8.8 and 13.1.5), so that a file that has changed since is
//! begun anew instead of being pieced together from two.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A server that says nothing for so long has gone.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Times that a cut download is taken up again without having got on.
const ATTEMPTS: u32 = 3;
const BLOCK: usize = 64 * 1024;

/// Why a file did not come, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nobody answers there: bring a network or the files.
    #[error("cannot reach `{url}`: {reason}")]
    NoNetwork {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// It answers that it has no such file, or that we may not have it.
    #[error("`{url}` answers {status}")]
    Refused {
        /// The address.
        url: String,
        /// The status, with its reason.
        status: StatusCode,
    },
    /// The connection broke, more than once: run the command again, it goes on from there.
    #[error(
        "`{url}` broke off at {have} of {} bytes: {reason}; run the command again, it goes on from \
         there",
        .whole.map_or_else(|| "unknown".to_owned(), |whole| whole.to_string())
    )]
    Cut {
        /// The address.
        url: String,
        /// Bytes that are there.
        have: u64,
        /// Bytes that the file has.
        whole: Option<u64>,
        /// What happened.
        reason: String,
    },
    /// It is no model.
    #[error("`{url}` has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The address.
        url: String,
        /// Its size.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// The disk does not take it: make room.
    #[error("cannot write `{}`: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Told how far a file is: bytes that are there, and all of them where the server says it.
pub type Progress<'a> = dyn FnMut(u64, Option<u64>) + 'a;

/// One file on its way.
struct Download<'a> {
    url: &'a str,
    part: PathBuf,
    version: PathBuf,
    limit: u64,
}

/// How one attempt ended.
enum End {
    Whole,
    Cut { whole: Option<u64>, reason: String },
}

/// What the server will send.
struct Rest {
    from: u64,
    whole: Option<u64>,
}

/// Fetches the file of an address to `file`, of at most `limit` bytes.
pub fn fetch(url: &str, file: &Path, limit: u64, progress: &mut Progress<'_>) -> Result<(), Fault> {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .http_status_as_error(false)
        .user_agent(concat!("trunkside/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::new_with_config(config);
    let beside = |what: &str| {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(what);
        file.with_file_name(name)
    };
    let download = Download {
        url,
        part: beside(".part"),
        version: beside(".version"),
        limit,
    };
    let mut idle = 0;
    loop {
        let before = download.have();
        match download.attempt(&agent, progress)? {
            End::Whole => break,
            End::Cut { whole, reason } => {
                let have = download.have();
                idle = if have > before { 0 } else { idle + 1 };
                if idle == ATTEMPTS {
                    let url = url.to_owned();
                    return Err(Fault::Cut {
                        url,
                        have,
                        whole,
                        reason,
                    });
                }
            }
        }
    }
    fs::rename(&download.part, file).map_err(|source| write_fault(file, source))?;
    // What is left of it does no harm.
    let _ = fs::remove_file(&download.version);
    Ok(())
}

impl Download<'_> {
    fn have(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |part| part.len())
    }

    /// Asks for what is missing, and writes down what comes.
    fn attempt(&self, agent: &Agent, progress: &mut Progress<'_>) -> Result<End, Fault> {
        let have = self.have();
        let version = fs::read_to_string(&self.version).unwrap_or_default();
        let resumes = have > 0 && !version.is_empty();
        let mut request = agent.get(self.url);
        if resumes {
            request = request
                .header(header::RANGE, format!("bytes={have}-"))
                .header(header::IF_RANGE, version);
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) if is_cut(&error) => {
                let reason = error.to_string();
                return Ok(End::Cut {
                    whole: None,
                    reason,
                });
            }
            Err(error) => {
                return Err(Fault::NoNetwork {
                    url: self.url.to_owned(),
                    reason: error.to_string(),
                });
            }
        };
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && resumes {
            // All of it may be there, or the file has shrunk: begin anew, and see.
            self.begin_anew()?;
            return Ok(End::Cut {
                whole: None,
                reason: "its size has changed".to_owned(),
            });
        }
        let rest = self.rest(&response, have)?;
        if rest.from == 0 {
            self.begin_anew()?;
            let version = validator(&response).unwrap_or_default();
            fs::write(&self.version, version)
                .map_err(|source| write_fault(&self.version, source))?;
        }
        self.receive(response, &rest, progress)
    }

    /// What of the file the response holds.
    fn rest(&self, response: &Response<Body>, have: u64) -> Result<Rest, Fault> {
        let status = response.status();
        let rest = match status {
            StatusCode::OK => Rest {
                from: 0,
                whole: response.body().content_length(),
            },
            StatusCode::PARTIAL_CONTENT => {
                let (from, whole) = text(response, &header::CONTENT_RANGE)
                    .and_then(content_range)
                    .filter(|(from, _)| *from == have)
                    .ok_or_else(|| self.refused(status))?;
                Rest { from, whole }
            }
            _ => return Err(self.refused(status)),
        };
        match rest.whole.filter(|&whole| whole > self.limit) {
            Some(bytes) => Err(self.too_large(bytes)),
            None => Ok(rest),
        }
    }

    fn receive(
        &self,
        response: Response<Body>,
        rest: &Rest,
        progress: &mut Progress<'_>,
    ) -> Result<End, Fault> {
        let failed = |source| write_fault(&self.part, source);
        let mut part = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.part)
            .map_err(failed)?;
        let mut body = response.into_body().into_reader();
        let mut have = rest.from;
        let mut block = vec![0; BLOCK];
        progress(have, rest.whole);
        let reason = loop {
            match body.read(&mut block) {
                Ok(0) => break None,
                Ok(read) => {
                    have += read as u64;
                    if have > self.limit {
                        return Err(self.too_large(have));
                    }
                    part.write_all(&block[..read]).map_err(failed)?;
                    progress(have, rest.whole);
                }
                Err(error) => break Some(error.to_string()),
            }
        };
        part.sync_all().map_err(failed)?;
        match reason {
            None if rest.whole.is_none_or(|whole| whole == have) => Ok(End::Whole),
            reason => Ok(End::Cut {
                whole: rest.whole,
                reason: reason.unwrap_or_else(|| "the connection ended".to_owned()),
            }),
        }
    }

    fn begin_anew(&self) -> Result<(), Fault> {
        File::create(&self.part).map_err(|source| write_fault(&self.part, source))?;
        Ok(())
    }

    fn refused(&self, status: StatusCode) -> Fault {
        Fault::Refused {
            url: self.url.to_owned(),
            status,
        }
    }

    fn too_large(&self, bytes: u64) -> Fault {
        Fault::TooLarge {
            url: self.url.to_owned(),
            bytes,
            limit: self.limit,
        }
    }
}

/// Whether somebody answered, and another try may mend what went wrong then.
fn is_cut(error: &ureq::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error {
        ureq::Error::Io(error) => matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
        ),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => false,
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

/// What tells this version of a file from another one: a strong entity tag, else its date.
fn validator(response: &Response<Body>) -> Option<&str> {
    let tag = text(response, &header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| text(response, &header::LAST_MODIFIED))
}

fn text<'a>(response: &'a Response<Body>, name: &header::HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// `bytes 5-9/10`: the first byte and the size of the whole.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, whole.trim().parse().ok()))
}

fn write_fault(file: &Path, source: io::Error) -> Fault {
    Fault::Write {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
