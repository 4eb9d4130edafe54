//! Numbers outside the branch that agents may hand callers on to.

use trunkside_call::Pii;

use super::{RsipUa, sip_uri};
use crate::identity;
use crate::sip_ua::AgentContact;

/// Where agents may hand callers on to numbers outside, and their phones forward calls to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The trunk that carries those calls, as the configuration names it.
    pub trunk: String,
    /// What the numbers must begin with; any number may be called where there is none.
    pub prefixes: Vec<String>,
}

impl Outside {
    fn allows(&self, number: &str) -> bool {
        let figures = number.strip_prefix('+').unwrap_or(number);
        let is_number = !figures.is_empty() && figures.bytes().all(|sign| sign.is_ascii_digit());
        let begins = |prefix: &String| number.starts_with(prefix.as_str());
        is_number && (self.prefixes.is_empty() || self.prefixes.iter().any(begins))
    }
}

impl RsipUa {
    /// The number outside that an address means: what somebody has keyed in, which their phone writes as a
    /// user of the box, or a `tel` URI.
    pub(super) fn number_outside(&self, uri: &str) -> Option<AgentContact> {
        let outside = self.outside.as_ref()?;
        let is_here = || sip_uri(uri).is_some_and(|uri| self.leads_here(&uri));
        if !is_tel(uri) && !is_here() {
            return None;
        }
        let user = identity::user_of(uri)?.replace("%2B", "+");
        // It may be written with pauses for the eye (RFC 3966).
        let number: String = user
            .chars()
            .filter(|sign| !"-.()".contains(*sign))
            .collect();
        let is_phone = self.registrar.knows(&user);
        (!is_phone && outside.allows(&number)).then(|| AgentContact::OverTrunk {
            trunk: outside.trunk.clone(),
            number: Pii::new(number),
        })
    }
}

/// Whether an address is a telephone number and nothing else.
pub(super) fn is_tel(uri: &str) -> bool {
    uri.get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}
