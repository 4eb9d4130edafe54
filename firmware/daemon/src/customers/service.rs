//! The branch's customer system, asked over HTTP: `GET` of an address with the caller's number in it, answered
//! with JSON, `{"tier": "gold", "facts": ["wealth_product_view:3"], "agent": "li_na"}`, of which nothing is required.
//! 404 and 204 say that nobody is known by the number.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use trunkside_call::{AgentId, Pii};
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::{Customer, FACTS_MOST, event, name};
use crate::config::{CustomerService, NUMBER, Problem};

/// A longer answer is none.
const MOST_BYTES: u64 = 64 << 10;

/// Why a customer system did not answer. No text of it holds a number.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It cannot be reached, or not in time.
    #[error("the customer system cannot be reached: {0}")]
    Unreachable(String),
    /// It refuses.
    #[error("the customer system answers {0}")]
    Refused(StatusCode),
    /// It says something else than what is understood.
    #[error("the customer system's answer is not understood: {0}")]
    Unreadable(String),
    /// What the settings name cannot be used.
    #[error("{0}")]
    Unusable(Problem),
}

/// The answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    facts: Vec<String>,
    #[serde(default)]
    agent: Option<String>,
}

/// A customer system.
#[derive(Clone, Debug)]
pub struct Service {
    config: CustomerService,
}

impl Service {
    /// Nobody is asked yet.
    pub const fn new(config: CustomerService) -> Self {
        Self { config }
    }

    /// How long it may take to answer.
    pub const fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// What it knows of a number. Blocks.
    ///
    /// Token and certificates are read for each question, so that new ones count at once, and no connection is
    /// kept, which the other side could close just as the next call comes in.
    pub fn ask(&self, number: &Pii<String>) -> Result<Customer, Unanswered> {
        let agent = agent(&self.config).map_err(Unanswered::Unusable)?;
        let number = utf8_percent_encode(number.reveal(), NON_ALPHANUMERIC).to_string();
        let url = self.config.url.replace(NUMBER, &number);
        let mut request = agent.get(url).header("Accept", "application/json");
        if let Some(file) = &self.config.token_file {
            let token = token(file).map_err(Unanswered::Unusable)?;
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        // The errors of the library name hosts and causes, never the address that was asked.
        let unreachable = |error: ureq::Error| Unanswered::Unreachable(said(&error));
        let mut response = request.call().map_err(unreachable)?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(Customer::default()),
            status if !status.is_success() => return Err(Unanswered::Refused(status)),
            _ => {}
        }
        let body = response.body_mut().with_config().limit(MOST_BYTES);
        let text = body.read_to_vec().map_err(unreachable)?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let kind = error.classify();
            Unanswered::Unreadable(format!("{kind:?} at line {line}, column {column}"))
        })?;
        let history = answer.facts.iter().filter_map(|fact| event(fact));
        Ok(Customer {
            tier: answer.tier.as_deref().and_then(name),
            history: history.take(FACTS_MOST).collect(),
            last_agent: answer.agent.as_deref().and_then(name).map(AgentId::new),
            talked_to: None,
        })
    }
}

/// What went wrong, without the address, in which the number stands.
fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            "its address cannot be used with this number".to_owned()
        }
        other => other.to_string(),
    }
}

/// What is wrong with the token and the certificates.
pub fn check(config: &CustomerService) -> Vec<Problem> {
    let token = config.token_file.as_deref().map(token);
    let token = token.and_then(Result::err);
    token.into_iter().chain(agent(config).err()).collect()
}

fn agent(config: &CustomerService) -> Result<Agent, Problem> {
    let mut tls = TlsConfig::builder();
    if let Some(file) = &config.ca_file {
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates(file)?));
    }
    let config = Agent::config_builder()
        .timeout_global(Some(config.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .tls_config(tls.build())
        .user_agent(concat!("trunkside/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(Agent::new_with_config(config))
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Problem> {
    let wrong = |why: String| Problem::error(file.display().to_string(), why);
    let pem = std::fs::read(file)
        .map_err(|error| wrong(format!("cannot be read: {error}; create it")))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => {
                let why = format!("is no list of certificates: {error}; write them in PEM");
                return Err(wrong(why));
            }
        }
    }
    if found.is_empty() {
        return Err(wrong(
            "holds no certificate; write one in PEM into it".to_owned(),
        ));
    }
    Ok(found)
}

fn token(file: &Path) -> Result<String, Problem> {
    let wrong = |why: String| Problem::error(file.display().to_string(), why);
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("cannot be read: {error}; create it")))?;
    let token = text.trim();
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let why = "must hold the token that the customer system asks for, and nothing else";
    fits.then(|| token.to_owned())
        .ok_or_else(|| wrong(why.to_owned()))
}
