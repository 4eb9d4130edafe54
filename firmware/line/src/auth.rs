//! Who may register: digest authentication (RFC 7616 and RFC 2617) that tells a stranger nothing.
//!
//! Pure: told the time, the source and the header. A user who does not exist and a password that
//! is wrong get the same answer after the same work, and a source that keeps failing is not
//! answered for a while. One log line a failure (see [`Outcome::Refused`]) is all that a watcher
//! such as fail2ban needs.

pub(crate) mod digest;
mod limit;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use digest::{Credentials, hashed_secret, parameters};
pub use limit::{CHALLENGE, FAILURE, Limit, SourceLimit};

/// How long a nonce may be used before its holder is asked to take a new one.
const NONCE_LIFE: Duration = Duration::from_mins(5);

/// Who has been asked for a secret so often and gave none cannot.
const IN_VAIN: u8 = 4;

/// Nonces in use whose counts are remembered; the oldest go first. As many sources that have yet to answer are.
const REMEMBERED: usize = 4_096;

/// What becomes of a request that must prove who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It comes from this user.
    Accepted {
        /// The user's name.
        user: String,
    },
    /// It is to be sent again with the answer to this `WWW-Authenticate`.
    Challenged {
        /// The header's value.
        challenge: String,
        /// Whether its source has been asked a few times by now and has never proven anything; told once.
        gives_none: bool,
    },
    /// Its credentials are wrong: the same challenge, and worth a line in the log.
    Refused {
        /// The header's value.
        challenge: String,
        /// Whether they are for another realm than ours.
        of_another_realm: bool,
    },
    /// Its source has failed too often: no answer.
    Ignored(Ignored),
}

/// A source that is not answered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Whether this request is the first that is not answered.
    pub first: bool,
}

/// The secrets of the users, and what they have been challenged with.
#[derive(Debug)]
pub struct Authenticator {
    realm: String,
    /// User names with the hash of name, realm and password.
    secrets: BTreeMap<String, String>,
    /// Signs nonces, so that those not yet answered take no memory.
    key: [u8; 32],
    began: Instant,
    issued: u64,
    /// The highest count that each nonce in use has been answered with.
    counts: BTreeMap<String, u64>,
    /// How often sources have been asked that have never proven anything.
    unanswered: BTreeMap<IpAddr, u8>,
    limit: SourceLimit,
}

impl Authenticator {
    /// For these users and passwords; `key` is random and secret.
    pub fn new(
        now: Instant,
        realm: impl Into<String>,
        users: impl IntoIterator<Item = (String, String)>,
        key: [u8; 32],
        limit: Limit,
    ) -> Self {
        let mut authenticator = Self {
            secrets: BTreeMap::new(),
            realm: realm.into(),
            key,
            began: now,
            issued: 0,
            counts: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            limit: SourceLimit::new(limit),
        };
        authenticator.trust(users);
        authenticator
    }

    /// Takes these users and passwords in place of those before. Who was challenged may answer still.
    pub fn trust(&mut self, users: impl IntoIterator<Item = (String, String)>) {
        let hashed = |(user, password): (String, String)| {
            let hash = hashed_secret(&user, &self.realm, &password);
            (user, hash)
        };
        self.secrets = users.into_iter().map(hashed).collect();
    }

    /// Judges one request by its `Authorization` header.
    pub fn check(
        &mut self,
        now: Instant,
        source: IpAddr,
        method: &str,
        authorization: Option<&str>,
    ) -> Outcome {
        if let Some(first) = self.limit.is_exhausted(now, source) {
            return Outcome::Ignored(Ignored { first });
        }
        let Some(credentials) = authorization.and_then(Credentials::parse) else {
            self.limit.charge(now, source, limit::CHALLENGE);
            // A header that cannot be read is no attempt to guess.
            return Outcome::Challenged {
                challenge: self.challenge(now, source, false),
                gives_none: self.is_asked_in_vain(source),
            };
        };
        self.unanswered.remove(&source);
        let user = credentials.username.clone();
        // The same work whether the user exists or not.
        let unknown = "00000000000000000000000000000000";
        let secret = self.secrets.get(&user).map_or(unknown, String::as_str);
        let expected = credentials.expected(secret, method);
        let matches: bool = expected
            .as_bytes()
            .ct_eq(credentials.response.as_bytes())
            .into();
        let right = matches && self.secrets.contains_key(&user) && credentials.realm == self.realm;
        let fresh = self.is_fresh(now, source, &credentials.nonce);
        if !right {
            self.limit.charge(now, source, limit::FAILURE);
            let challenge = self.challenge(now, source, false);
            return Outcome::Refused {
                challenge,
                of_another_realm: credentials.realm != self.realm,
            };
        }
        if !fresh || !self.counts_up(&credentials) {
            self.limit.charge(now, source, limit::CHALLENGE);
            return Outcome::Challenged {
                challenge: self.challenge(now, source, true),
                gives_none: false,
            };
        }
        self.limit.forgive(now, source, limit::CHALLENGE);
        Outcome::Accepted { user }
    }

    /// A source that may not do what it asks, at this cost: whether it is answered at all, and if
    /// not, whether that is news.
    ///
    /// # Errors
    /// When it has asked too often.
    pub fn intrude(&mut self, now: Instant, source: IpAddr, cost: f64) -> Result<(), Ignored> {
        if let Some(first) = self.limit.is_exhausted(now, source) {
            return Err(Ignored { first });
        }
        self.limit.charge(now, source, cost);
        Ok(())
    }

    /// The realm that secrets are asked for in.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Notes that a source is asked; whether it has been asked so often without an answer that this is news.
    fn is_asked_in_vain(&mut self, source: IpAddr) -> bool {
        if self.unanswered.len() >= REMEMBERED && !self.unanswered.contains_key(&source) {
            self.unanswered.clear();
        }
        let asked = self.unanswered.entry(source).or_default();
        *asked = asked.saturating_add(1);
        *asked == IN_VAIN
    }

    fn challenge(&mut self, now: Instant, source: IpAddr, stale: bool) -> String {
        self.issued += 1;
        let stamp = format!(
            "{:x}.{:x}",
            now.saturating_duration_since(self.began).as_secs(),
            self.issued
        );
        let nonce = format!("{stamp}.{}", self.sign(&stamp, source));
        let stale = if stale { ", stale=true" } else { "" };
        format!(
            "Digest realm=\"{}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"{stale}",
            self.realm
        )
    }

    fn sign(&self, stamp: &str, source: IpAddr) -> String {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(stamp);
        hash.update(source.to_string());
        digest::hex(&hash.finalize()[..16])
    }

    /// Whether a nonce is ours, was given to this source, and is young enough.
    fn is_fresh(&self, now: Instant, source: IpAddr, nonce: &str) -> bool {
        let Some((stamp, signature)) = nonce.rsplit_once('.') else {
            return false;
        };
        let signed = self.sign(stamp, source);
        let ours: bool = signed.as_bytes().ct_eq(signature.as_bytes()).into();
        let seconds = stamp
            .split_once('.')
            .and_then(|(seconds, _)| u64::from_str_radix(seconds, 16).ok());
        let age = seconds.and_then(|seconds| {
            let elapsed = now.saturating_duration_since(self.began);
            elapsed.checked_sub(Duration::from_secs(seconds))
        });
        ours && age.is_some_and(|age| age < NONCE_LIFE)
    }

    /// A count that does not grow is a recording played back (RFC 7616, section 3.4).
    fn counts_up(&mut self, credentials: &Credentials) -> bool {
        // Without qop there is no count: such a nonce is good for one request.
        let count = credentials.count.unwrap_or(u64::MAX);
        let last = self.counts.get(&credentials.nonce).copied().unwrap_or(0);
        if count <= last {
            return false;
        }
        if self.counts.len() >= REMEMBERED && !self.counts.contains_key(&credentials.nonce) {
            let oldest = self
                .counts
                .keys()
                .min_by_key(|nonce| issue_of(nonce))
                .cloned();
            if let Some(oldest) = oldest {
                self.counts.remove(&oldest);
            }
        }
        self.counts.insert(credentials.nonce.clone(), count);
        true
    }
}

/// The running number of a nonce, by which the oldest is found.
fn issue_of(nonce: &str) -> u64 {
    let number = nonce.split('.').nth(1);
    number
        .and_then(|number| u64::from_str_radix(number, 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
