//! Tokens of an `OpenID` Connect issuer: JSON Web Tokens (RFC 7519) under its published keys
//! (RFC 7517).

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use trunkside_record::Timestamp;

use super::Identity;
use crate::config::OidcConfig;
use crate::store::{Role, Scope};

/// Signatures that only the issuer can make; what a shared secret signs is not among them.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How long fetched keys serve before they are fetched again.
const FRESH: Duration = Duration::from_hours(1);

/// How long they serve while that fails.
const STALE: Duration = Duration::from_hours(24);

/// Between two fetches: a stranger can ask for one with the name of a key that is not known.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Requests that wait for the keys while another fetches them; each takes a thread from the others.
const MOST_WAITING: usize = 16;

/// How long a fetch may take, and how much it may bring.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
const MOST_BYTES: u64 = 1024 * 1024;

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no token, or its signature, time, issuer or audience is wrong.
    #[error("{}", fault(.0.kind()))]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its algorithm is not one of the asymmetric ones.
    #[error("its algorithm is not accepted; use RS256, PS256, ES256 or EdDSA")]
    Algorithm,
    /// No published key signed it.
    #[error("the issuer has no such key; get a new token from the issuer that `oidc` names")]
    Key,
    /// The issuer's keys.
    #[error("the issuer's keys cannot be read: {0}")]
    Keys(String),
    /// A claim that decides what its bearer may do.
    #[error("its claim `{0}` is missing or not understood; have the issuer put it into tokens")]
    Claim(String),
}

/// What is wrong with a token, and what mends it.
fn fault(kind: &ErrorKind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        ErrorKind::ExpiredSignature => "its time is over (`exp`); get a new one",
        ErrorKind::ImmatureSignature => {
            "it is not good yet (`nbf`); see whether the clocks here and at the issuer are right"
        }
        ErrorKind::InvalidIssuer => "it is from another issuer (`iss`) than `oidc.issuer` names",
        ErrorKind::InvalidAudience => {
            "it is meant for somebody else (`aud`); ask the issuer for one for `oidc.audience`"
        }
        ErrorKind::MissingRequiredClaim(claim) => {
            return Cow::Owned(TokenError::Claim(claim.clone()).to_string());
        }
        ErrorKind::InvalidSignature => {
            "its signature is not that of the issuer's key; send it as the issuer gave it"
        }
        _ => {
            "it cannot be read, or its algorithm is not accepted; send it whole, signed with RS256, PS256, ES256 \
             or EdDSA"
        }
    })
}

/// Verifies tokens of one issuer.
pub(super) struct Tokens {
    config: OidcConfig,
    known: Mutex<Known>,
    /// Held by whoever fetches.
    fetching: Mutex<()>,
    waiting: AtomicUsize,
}

/// What is known of the issuer's keys.
#[derive(Default)]
struct Known {
    keys: Option<Keys>,
    /// When a fetch last began.
    tried_at: Option<Timestamp>,
    /// Why that one failed, if it did.
    fault: Option<String>,
}

struct Keys {
    set: JwkSet,
    fetched_at: Timestamp,
}

impl Known {
    /// A key that was fetched within `age`.
    fn find(&self, name: Option<&str>, now: Timestamp, age: Duration) -> Option<Jwk> {
        let keys = self.keys.as_ref()?;
        (between(now, keys.fetched_at) < age).then(|| find(&keys.set, name))?
    }

    /// What there is without another fetch.
    fn settle(&self, name: Option<&str>, now: Timestamp) -> Result<Jwk, TokenError> {
        let found = self.find(name, now, STALE);
        found.ok_or_else(|| match (&self.fault, &self.keys) {
            (Some(fault), _) => TokenError::Keys(fault.clone()),
            (None, None) => TokenError::Keys("they are being read; try again".to_owned()),
            (None, Some(_)) => TokenError::Key,
        })
    }
}

fn between(one: Timestamp, other: Timestamp) -> Duration {
    one.duration_since(other).unsigned_abs()
}

impl Tokens {
    pub(super) fn new(config: OidcConfig) -> Self {
        Self {
            config,
            known: Mutex::default(),
            fetching: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who bears the token; blocks while keys are fetched.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenError> {
        let header = decode_header(token)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Algorithm);
        }
        let key = self.key(header.kid.as_deref(), now)?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let key = DecodingKey::from_jwk(&key)?;
        let claims: Map<String, Value> = decode(token, &key, &validation)?.claims;
        self.identity(&claims)
    }

    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, TokenError> {
        let missing = |name: &str| TokenError::Claim(name.to_owned());
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let role_claim = &self.config.role_claim;
        let roles: Vec<Role> = match claims.get(role_claim) {
            Some(Value::String(role)) => role.parse().into_iter().collect(),
            Some(Value::Array(roles)) => roles
                .iter()
                .filter_map(|role| role.as_str()?.parse().ok())
                .collect(),
            _ => Vec::new(),
        };
        let role = roles.into_iter().max().ok_or_else(|| missing(role_claim))?;
        let tenant_claim = &self.config.tenant_claim;
        let tenant = text(tenant_claim).ok_or_else(|| missing(tenant_claim))?;
        let scope = Scope {
            tenant: (tenant != "*").then(|| tenant.to_owned()),
            branch: None,
        };
        let subject = text("sub").ok_or_else(|| missing("sub"))?;
        Ok(Identity {
            subject: format!("token {subject}"),
            role,
            scope,
        })
    }

    /// The issuer's key of this name, or its only one. While the issuer does not answer, the keys of
    /// before serve, and nobody waits for it but who fetches and a few beside.
    fn key(&self, name: Option<&str>, now: Timestamp) -> Result<Jwk, TokenError> {
        if let Some(key) = self.known().find(name, now, FRESH) {
            return Ok(key);
        }
        let _fetching = match self.fetching.try_lock() {
            Ok(fetching) => fetching,
            Err(TryLockError::Poisoned(fetching)) => fetching.into_inner(),
            Err(TryLockError::WouldBlock) => return self.key_of_another_fetch(name, now),
        };
        let is_file = !self.config.jwks.contains("://");
        {
            let mut known = self.known();
            let rests = |tried_at| between(now, tried_at) < RETRY_AFTER;
            if !is_file && known.tried_at.is_some_and(rests) {
                return known.settle(name, now);
            }
            known.tried_at = Some(now);
        }
        let fetched = fetch(&self.config.jwks);
        let mut known = self.known();
        match fetched {
            Ok(set) => {
                known.fault = None;
                known.keys = Some(Keys {
                    set,
                    fetched_at: now,
                });
            }
            Err(error) => {
                if known.fault.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "cannot read the issuer's keys; those of before serve for a day"
                    );
                }
                known.fault = Some(error);
            }
        }
        known.settle(name, now)
    }

    /// While another fetches, a key of before serves; where there is none, a few wait.
    fn key_of_another_fetch(&self, name: Option<&str>, now: Timestamp) -> Result<Jwk, TokenError> {
        if let Some(key) = self.known().find(name, now, STALE) {
            return Ok(key);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            drop(self.fetching.lock());
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.known().settle(name, now)
    }
}

fn find(set: &JwkSet, name: Option<&str>) -> Option<Jwk> {
    match (name, &set.keys[..]) {
        (Some(name), _) => set.find(name).cloned(),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    }
}

/// The keys, or why there are none.
fn fetch(place: &str) -> Result<JwkSet, String> {
    let text = if place.contains("://") {
        download(place).map_err(|error| error.to_string())?
    } else {
        std::fs::read_to_string(place).map_err(|error| format!("{place}: {error}"))?
    };
    serde_json::from_str(&text).map_err(|error| format!("{place}: {error}"))
}

fn download(address: &str) -> Result<String, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH_WITHIN))
        .https_only(true)
        .build()
        .new_agent();
    let mut response = agent.get(address).call()?;
    response
        .body_mut()
        .with_config()
        .limit(MOST_BYTES)
        .read_to_string()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use jiff::SignedDuration;

    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;
    const LATER: SignedDuration = SignedDuration::from_hours(2);

    /// The longest that anything here may take.
    const WITHIN: Duration = Duration::from_secs(30);

    fn tokens(jwks: &str) -> Tokens {
        Tokens::new(OidcConfig {
            issuer: "https://id.example.net".into(),
            audience: "trunkside".into(),
            jwks: jwks.to_owned(),
            role_claim: "role".into(),
            tenant_claim: "tenant".into(),
        })
    }

    /// A set with one key.
    fn set(name: &str) -> JwkSet {
        let key = serde_json::json!({ "kty": "oct", "k": "AAAA", "kid": name });
        serde_json::from_value(serde_json::json!({ "keys": [key] })).unwrap()
    }

    fn knows(tokens: &Tokens, name: &str) {
        tokens.known().keys = Some(Keys {
            set: set(name),
            fetched_at: START,
        });
    }

    /// An issuer that tells of every connection and leaves it when it is told to.
    struct Mute {
        address: SocketAddr,
        came: mpsc::Receiver<()>,
        leave: mpsc::Sender<()>,
    }

    impl Mute {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let ((tell, came), (leave, left)) = (mpsc::channel(), mpsc::channel());
            thread::spawn(move || {
                for connection in listener.incoming() {
                    if tell.send(()).is_err() || left.recv().is_err() {
                        return;
                    }
                    drop(connection);
                }
            });
            Self {
                address,
                came,
                leave,
            }
        }

        fn tokens(&self) -> Tokens {
            tokens(&format!("https://{}/keys", self.address))
        }
    }

    #[test]
    fn an_issuer_that_does_not_answer_is_asked_now_and_then() {
        let issuer = Mute::start();
        let tokens = issuer.tokens();
        let after = |seconds| START + SignedDuration::from_secs(seconds);
        for _ in 0..2 {
            issuer.leave.send(()).unwrap();
        }
        for (at, connections) in [(0, 1), (1, 0), (29, 0), (31, 1), (32, 0)] {
            let refused = tokens.key(Some("first"), after(at)).unwrap_err();
            assert!(matches!(refused, TokenError::Keys(_)), "{at}: {refused}");
            assert_eq!(issuer.came.try_iter().count(), connections, "{at}");
        }
    }

    #[test]
    fn keys_of_before_serve_for_a_day_and_nobody_waits_beside_who_fetches() {
        let issuer = Mute::start();
        let tokens = issuer.tokens();
        knows(&tokens, "first");
        thread::scope(|scope| {
            let fetches = scope.spawn(|| tokens.key(Some("first"), START + LATER));
            issuer.came.recv_timeout(WITHIN).unwrap();
            // It holds the connection still.
            assert!(tokens.key(Some("first"), START + LATER).is_ok());
            let known = START + SignedDuration::from_mins(1);
            assert!(tokens.key(Some("first"), known).is_ok());
            issuer.leave.send(()).unwrap();
            assert!(fetches.join().unwrap().is_ok());
        });
        issuer.leave.send(()).unwrap();
        let day = START + SignedDuration::from_hours(25);
        assert!(matches!(
            tokens.key(Some("first"), day),
            Err(TokenError::Keys(_))
        ));
    }

    #[test]
    fn only_a_few_wait_for_the_first_keys() {
        let issuer = Mute::start();
        let tokens = issuer.tokens();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let fetches = scope.spawn(|| tokens.key(None, START));
            issuer.came.recv_timeout(WITHIN).unwrap();
            for _ in 0..MOST_WAITING + 3 {
                let (tokens, tell) = (&tokens, tell.clone());
                scope.spawn(move || {
                    assert!(tokens.key(None, START).is_err());
                    tell.send(()).unwrap();
                });
            }
            for _ in 0..3 {
                told.recv_timeout(WITHIN).unwrap();
            }
            issuer.leave.send(()).unwrap();
            assert!(fetches.join().unwrap().is_err());
        });
        assert_eq!(issuer.came.try_iter().count(), 0);
    }

    #[test]
    fn a_file_that_is_gone_leaves_its_keys_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, serde_json::to_string(&set("first")).unwrap()).unwrap();
        let tokens = tokens(path.to_str().unwrap());
        assert!(tokens.key(Some("first"), START).is_ok());
        std::fs::remove_file(&path).unwrap();
        assert!(tokens.key(Some("first"), START + LATER).is_ok());
        assert!(tokens.key(Some("second"), START + LATER).is_err());
        let day = START + SignedDuration::from_hours(25);
        assert!(tokens.key(Some("first"), day).is_err());
        std::fs::write(&path, serde_json::to_string(&set("second")).unwrap()).unwrap();
        assert!(tokens.key(Some("second"), day).is_ok());
        assert!(tokens.key(Some("first"), day).is_err());
    }
}
