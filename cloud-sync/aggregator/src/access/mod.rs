//! Who is asking: keys, tokens, or nobody while only this machine can ask.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use trunkside_record::Timestamp;

use crate::config::OidcConfig;
use crate::store::{Role, Scope, Store, StoreError};

pub mod key;
mod token;

pub(crate) use token::TokenError;
use token::Tokens;

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What the audit log calls them.
    pub(crate) subject: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing was shown.
    #[error("a key is needed; send it as `Authorization: Bearer KEY`, or as the password")]
    Nothing,
    /// A name that another site could have given this machine.
    #[error(
        "without a key only `localhost` or a loopback address in the address line is answered; \
         make a key with `trunkside-cloud keys add` to use another name"
    )]
    Host,
    /// A proxy asks, for whoever asked it.
    #[error(
        "a proxy asks for somebody else, and without a key only this machine is answered; make a key \
         with `trunkside-cloud keys add`"
    )]
    Proxy,
    /// The key is unknown, revoked or mistyped.
    #[error("the key is not in force")]
    Key,
    /// The token does not hold.
    #[error("the token is refused: {0}")]
    Token(#[from] TokenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a `Host` header names this machine in a way that nobody else can.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a request says of who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker {
    /// The key or token.
    pub(crate) shown: Option<String>,
    /// The name by which it calls us.
    pub(crate) host: Option<String>,
    /// Whether a proxy says that it asks for another.
    pub(crate) by_proxy: bool,
}

/// Decides who may ask.
pub(crate) struct Guard {
    store: Arc<dyn Store>,
    tokens: Option<Tokens>,
    /// Whether only this machine reaches the address.
    loopback: bool,
}

impl Guard {
    pub(crate) fn new(store: Arc<dyn Store>, oidc: Option<OidcConfig>, listen: SocketAddr) -> Self {
        Self {
            store,
            tokens: oidc.map(Tokens::new),
            loopback: listen.ip().is_loopback(),
        }
    }

    /// Whether nobody else could be let in: other machines can ask and there is nothing to show.
    pub(crate) fn shuts_everybody_out(&self) -> Result<bool, StoreError> {
        Ok(!self.loopback && self.tokens.is_none() && !self.store.has_keys()?)
    }

    /// Who asks; blocks.
    pub(crate) fn identify(&self, asker: &Asker, now: Timestamp) -> Result<Identity, Refusal> {
        match asker.shown.as_deref() {
            None if self.is_open()? => {
                // A page of another site that resolves its own name to this machine reaches us
                // through a browser here, and would read all.
                if asker
                    .host
                    .as_deref()
                    .is_some_and(|host| !is_this_machine(host))
                {
                    return Err(Refusal::Host);
                }
                // So would whoever reaches a proxy on this machine.
                if asker.by_proxy {
                    return Err(Refusal::Proxy);
                }
                Ok(Identity {
                    subject: "this machine".to_owned(),
                    role: Role::Admin,
                    scope: Scope::ALL,
                })
            }
            None => Err(Refusal::Nothing),
            Some(text) => match (key::Key::parse(text), &self.tokens) {
                (Some(key), _) => self.bearer_of(&key),
                (None, Some(tokens)) => Ok(tokens.verify(text, now)?),
                (None, None) => Err(Refusal::Key),
            },
        }
    }

    /// Before the first key, and without tokens, the interface is open to this machine only. It does
    /// not open again when the last key is revoked: that is when somebody shall be kept out.
    fn is_open(&self) -> Result<bool, StoreError> {
        Ok(self.loopback && self.tokens.is_none() && !self.store.ever_had_keys()?)
    }

    fn bearer_of(&self, key: &key::Key) -> Result<Identity, Refusal> {
        let found = self.store.key(&key.id)?.filter(|kept| key.fits(&kept.hash));
        let kept = found.ok_or(Refusal::Key)?;
        Ok(Identity {
            subject: format!("key {} ({})", kept.id, kept.name),
            role: kept.role,
            scope: kept.scope,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_give_are_this_machine() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "",
            "192.0.2.7",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
