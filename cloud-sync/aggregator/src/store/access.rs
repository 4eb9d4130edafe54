//! Who may read what, and who did.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use trunkside_record::{Origin, Timestamp};
use utoipa::ToSchema;

/// What somebody may do; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read calls, transcripts and figures.
    Analyst,
    /// For whoever looks after boxes; nothing over HTTP asks for it yet.
    Operator,
    /// Also read the audit log.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Analyst, Self::Operator, Self::Admin];

    /// Its name in contracts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| format!("`{name}` is no role; use analyst, operator or admin"))
    }
}

/// Whose data somebody may see; what is none is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scope {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of this branch; needs a tenant.
    pub branch: Option<String>,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self {
        tenant: None,
        branch: None,
    };

    /// Whether it is everything.
    pub const fn is_all(&self) -> bool {
        self.tenant.is_none() && self.branch.is_none()
    }

    /// Whether the branch lies within.
    pub fn covers(&self, tenant: &str, branch: &str) -> bool {
        let fits =
            |limit: &Option<String>, name: &str| limit.as_deref().is_none_or(|limit| limit == name);
        fits(&self.tenant, tenant) && fits(&self.branch, branch)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.tenant, &self.branch) {
            (None, _) => f.write_str("all tenants"),
            (Some(tenant), None) => f.write_str(tenant),
            (Some(tenant), Some(branch)) => write!(f, "{tenant}/{branch}"),
        }
    }
}

/// A key as it is kept: the secret itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Names it, also as a part of the key.
    pub id: String,
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// SHA-256 (hex) of the secret part.
    pub hash: String,
    /// What its bearer may do.
    pub role: Role,
    /// Whose data its bearer may see.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// One note of the audit log: somebody was shown a transcript, or had it exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Audit {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: a key, a token's subject, or the machine itself.
    pub subject: String,
    /// How: `transcript` or `export`.
    pub action: String,
    /// Whose call.
    pub tenant: String,
    /// The branch.
    pub branch: String,
    /// The call.
    pub call: String,
}

/// An operator's word that a box may join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first part of the code, which names it.
    pub id: String,
    /// The key that proves knowledge of the whole code, in hex.
    pub proof_key: String,
    /// The box that it admits.
    pub tenant: String,
    /// Its branch.
    pub branch: String,
    /// Its name.
    pub device: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A box's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its number, hex without leading zeros.
    pub serial: String,
    /// The box that it was made for.
    pub origin: Origin,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Whether the box was ever turned away.
    pub was_turned_away: bool,
}
