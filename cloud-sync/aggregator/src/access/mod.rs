//! Who is asking: keys, tokens, or nobody while only this machine can ask.

use std::net::SocketAddr;
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

    /// Who shows this; blocks.
    pub(crate) fn identify(
        &self,
        shown: Option<&str>,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        match shown {
            None if self.is_open()? => Ok(Identity {
                subject: "this machine".to_owned(),
                role: Role::Admin,
                scope: Scope::ALL,
            }),
            None => Err(Refusal::Nothing),
            Some(text) => match (key::Key::parse(text), &self.tokens) {
                (Some(key), _) => self.bearer_of(&key),
                (None, Some(tokens)) => Ok(tokens.verify(text, now)?),
                (None, None) => Err(Refusal::Key),
            },
        }
    }

    /// Without keys and tokens the interface is open to this machine only.
    fn is_open(&self) -> Result<bool, StoreError> {
        Ok(self.loopback && self.tokens.is_none() && !self.store.has_keys()?)
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
