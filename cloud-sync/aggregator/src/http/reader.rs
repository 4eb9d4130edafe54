//! Who asks, taken from a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{App, Problem};
use crate::access::{Asker, Identity, Refusal};
use crate::ingest::now;
use crate::store::{Audit, CallFilter, Role, Scope};

/// What a proxy adds to a request (RFC 7239, RFC 9110 section 7.6.3, and what came before them).
const OF_PROXIES: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Somebody who may read.
pub(super) struct Reader(pub(super) Identity);

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let shown = match parts.headers.get(AUTHORIZATION) {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .ok()
                    .and_then(shown)
                    .ok_or_else(|| Problem::unauthorized(&Refusal::Nothing.to_string()))?,
            ),
        };
        let host = parts.headers.get(HOST);
        let host = host.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        let by_proxy = OF_PROXIES
            .iter()
            .any(|name| parts.headers.contains_key(*name));
        let asker = Asker {
            shown,
            host,
            by_proxy,
        };
        let guard = Arc::clone(&app.guard);
        let identified = tokio::task::spawn_blocking(move || guard.identify(&asker, now())).await;
        match identified.expect("identifying does not panic") {
            Ok(identity) => Ok(Self(identity)),
            Err(Refusal::Store(error)) => {
                tracing::error!(%error, "a request could not be answered");
                Err(Problem::internal())
            }
            Err(refusal) => Err(Problem::unauthorized(&refusal.to_string())),
        }
    }
}

/// The key or token of `Bearer …`, or the password of `Basic …` (RFC 7617), as browsers send it.
fn shown(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}

impl Reader {
    pub(super) fn scope(&self) -> Scope {
        self.0.scope.clone()
    }

    /// Refuses a question about somebody else's branch in so many words, rather than with silence.
    pub(super) fn check(&self, filter: &CallFilter) -> Result<(), Problem> {
        let scope = &self.0.scope;
        match filter.within(scope) {
            Some(_) => Ok(()),
            None => Err(Problem::forbidden(&format!(
                "this key reads `{scope}` only"
            ))),
        }
    }

    /// The part of what was asked for that this key may see.
    pub(super) fn narrowed(&self, asked: Scope) -> Result<Scope, Problem> {
        let filter = CallFilter {
            tenant: asked.tenant.clone(),
            branch: asked.branch.clone(),
            ..CallFilter::default()
        };
        self.check(&filter)?;
        let Scope { tenant, branch } = self.scope();
        Ok(Scope {
            tenant: tenant.or(asked.tenant),
            branch: branch.or(asked.branch),
        })
    }

    pub(super) fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.0.role >= role {
            return Ok(());
        }
        Err(Problem::forbidden(&format!("this needs the role `{role}`")))
    }

    pub(super) fn needs_everything(&self) -> Result<(), Problem> {
        if self.0.scope.is_all() {
            return Ok(());
        }
        Err(Problem::forbidden("this needs a key for all tenants"))
    }

    /// A note for the audit log.
    pub(super) fn audit(&self, action: &str, tenant: &str, branch: &str, call: &str) -> Audit {
        Audit {
            at: now(),
            subject: self.0.subject.clone(),
            action: action.to_owned(),
            tenant: tenant.to_owned(),
            branch: branch.to_owned(),
            call: call.to_owned(),
        }
    }
}
