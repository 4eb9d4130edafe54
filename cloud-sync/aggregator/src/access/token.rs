//! Tokens of an `OpenID` Connect issuer: JSON Web Tokens (RFC 7519) under its published keys
//! (RFC 7517).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

/// How long fetched keys serve.
const FRESH: Duration = Duration::from_hours(1);

/// Between two fetches because of a key that is not known: a stranger can ask for one.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a fetch may take, and how much it may bring.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
const MOST_BYTES: u64 = 1024 * 1024;

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no token, or its signature, time, issuer or audience is wrong.
    #[error("{0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its algorithm is not one of the asymmetric ones.
    #[error("its algorithm is not accepted; use RS256, PS256, ES256 or EdDSA")]
    Algorithm,
    /// No published key signed it.
    #[error("the issuer has no such key")]
    Key,
    /// The issuer's keys.
    #[error("the issuer's keys cannot be read: {0}")]
    Keys(String),
    /// A claim that decides what its bearer may do.
    #[error("its claim `{0}` is missing or not understood")]
    Claim(String),
}

/// Verifies tokens of one issuer.
pub(super) struct Tokens {
    config: OidcConfig,
    keys: Mutex<Option<Keys>>,
}

struct Keys {
    set: JwkSet,
    fetched_at: Timestamp,
}

impl Tokens {
    pub(super) const fn new(config: OidcConfig) -> Self {
        let keys = Mutex::new(None);
        Self { config, keys }
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

    /// The issuer's key of this name, or its only one.
    fn key(&self, name: Option<&str>, now: Timestamp) -> Result<Jwk, TokenError> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let age = keys
            .as_ref()
            .map(|keys| now.duration_since(keys.fetched_at).unsigned_abs());
        let found = keys.as_ref().and_then(|keys| find(&keys.set, name));
        let is_file = !self.config.jwks.contains("://");
        match (found, age) {
            (Some(key), Some(age)) if age < FRESH => return Ok(key),
            // A fetch has just been tried.
            (None, Some(age)) if age < PATIENCE && !is_file => return Err(TokenError::Key),
            _ => {}
        }
        let set = fetch(&self.config.jwks)?;
        let found = find(&set, name);
        *keys = Some(Keys {
            set,
            fetched_at: now,
        });
        found.ok_or(TokenError::Key)
    }
}

fn find(set: &JwkSet, name: Option<&str>) -> Option<Jwk> {
    match (name, &set.keys[..]) {
        (Some(name), _) => set.find(name).cloned(),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    }
}

fn fetch(place: &str) -> Result<JwkSet, TokenError> {
    let text = if place.contains("://") {
        download(place).map_err(|error| TokenError::Keys(error.to_string()))?
    } else {
        std::fs::read_to_string(place)
            .map_err(|error| TokenError::Keys(format!("{place}: {error}")))?
    };
    serde_json::from_str(&text).map_err(|error| TokenError::Keys(format!("{place}: {error}")))
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
