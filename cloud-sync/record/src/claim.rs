//! How a box that nobody knows yet is admitted: an operator's claim code, a certificate request, and
//! proofs that both sides know the code without saying it.
//!
//! A code is `ID-SECRET`, in groups for people to type. Box and cloud derive one key from the
//! secret; the box authenticates its request with it, the cloud its answer (HMAC-SHA256, RFC 2104).
//! So neither side need trust the way between them, and the code itself never travels.

use std::fmt::{self, Write as _};
use std::net::Ipv6Addr;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Origin;

/// Letters that cannot be taken for each other (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters that name the claim, and letters that are its secret: 20 and 80 bits.
const ID_LETTERS: usize = 4;
const SECRET_LETTERS: usize = 16;

/// A claim code.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimCode {
    id: String,
    secret: String,
}

impl ClaimCode {
    /// Random bytes that a code is made of.
    pub const BYTES: usize = ID_LETTERS + SECRET_LETTERS;

    /// The code of these random bytes.
    pub fn new(random: &[u8; Self::BYTES]) -> Self {
        let text: String = random
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect();
        let (id, secret) = text.split_at(ID_LETTERS);
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The part that names the claim and may be told.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key that both sides derive.
    pub fn key(&self) -> ProofKey {
        let digest = Sha256::new()
            .chain_update("trunkside claim v1 ")
            .chain_update(&self.secret)
            .finalize();
        ProofKey(digest.into())
    }

    /// The whole code, to be shown once: groups of four.
    pub fn reveal(&self) -> String {
        let text = format!("{}{}", self.id, self.secret);
        let groups: Vec<&str> = (0..text.len() / 4)
            .map(|at| &text[at * 4..at * 4 + 4])
            .collect();
        groups.join("-")
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimCode")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Text that is no claim code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a claim code has five groups of four letters and digits, such as `7K3M-…`; type it as it was shown"
)]
pub struct ClaimCodeError;

impl FromStr for ClaimCode {
    type Err = ClaimCodeError;

    /// Reads what people type: small letters, blanks, and letters that look like digits.
    fn from_str(text: &str) -> Result<Self, ClaimCodeError> {
        let typed = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let letters = typed.map(|c| match c.to_ascii_uppercase() {
            'O' => Some('0'),
            'I' | 'L' => Some('1'),
            c if c.is_ascii() && LETTERS.contains(&(c as u8)) => Some(c),
            _ => None,
        });
        let text: String = letters.collect::<Option<_>>().ok_or(ClaimCodeError)?;
        if text.len() != Self::BYTES {
            return Err(ClaimCodeError);
        }
        let (id, secret) = text.split_at(ID_LETTERS);
        Ok(Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

/// What proves knowledge of a claim code.
#[derive(Clone, PartialEq, Eq)]
pub struct ProofKey([u8; 32]);

impl ProofKey {
    /// As it is kept: hex.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads what was kept; none when it is something else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The box's proof for its request.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn prove_request(&self, id: &str, csr: &str) -> String {
        hex(&self.mac(&["request", id, csr]).finalize().into_bytes())
    }

    /// Whether the request comes from who knows the code; takes the same time either way.
    pub fn admits(&self, request: &ClaimRequest) -> bool {
        self.verify(&["request", &request.id, &request.csr], &request.proof)
    }

    /// The cloud's proof for its answer.
    pub fn prove_answer(&self, answer: &ClaimAnswer) -> String {
        hex(&self.mac(&answer.parts()).finalize().into_bytes())
    }

    /// Whether the answer comes from who knows the code.
    pub fn trusts(&self, answer: &ClaimAnswer) -> bool {
        self.verify(&answer.parts(), &answer.proof)
    }

    fn verify(&self, parts: &[&str], proof: &str) -> bool {
        unhex(proof).is_some_and(|proof| self.mac(parts).verify_slice(&proof).is_ok())
    }

    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("keys of any length do");
        for part in parts {
            // The length first: what ends one part must not begin the next.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey")
    }
}

/// What a box sends to `POST /api/v1/claims`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The code's first part.
    pub id: String,
    /// The certificate request, PEM; the key stays on the box.
    pub csr: String,
    /// [`ProofKey::prove_request`].
    pub proof: String,
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimAnswer {
    /// Who the box is from now on.
    #[serde(flatten)]
    pub origin: Origin,
    /// Where it connects to, `host:port`.
    pub broker: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// The certificates that the broker's descends from, PEM.
    pub ca: String,
    /// [`ProofKey::prove_answer`].
    pub proof: String,
}

impl ClaimAnswer {
    fn parts(&self) -> [&str; 7] {
        let Origin {
            tenant,
            branch,
            device,
        } = &self.origin;
        [
            "answer",
            tenant.as_str(),
            branch.as_str(),
            device.as_str(),
            &self.broker,
            &self.certificate,
            &self.ca,
        ]
    }
}

/// The parts of a `host:port` that a box can connect to; none when it is something else. An IPv6 address
/// stands in brackets and keeps them.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    is_host(host).then_some((host, port))
}

/// Whether this can be a host's name or address.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']');
        return inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    (1..=253).contains(&host.len())
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let code = ClaimCode::new(&std::array::from_fn(|at| at as u8 * 7));
        let shown = code.reveal();
        assert_eq!(shown.len(), 24);
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            shown.replace('0', "o"),
        ] {
            assert_eq!(typed.parse(), Ok(code.clone()), "{typed}");
        }
        for wrong in [
            "",
            "7K3M",
            &shown[1..],
            "UUUU-UUUU-UUUU-UUUU-UUUU",
            "７K3M-7K3M-7K3M-7K3M-7K3M",
        ] {
            assert_eq!(wrong.parse::<ClaimCode>(), Err(ClaimCodeError), "{wrong}");
        }
        assert!(!format!("{code:?} {:?}", code.key()).contains(&code.secret));
    }

    #[test]
    fn only_who_knows_the_code_can_ask_or_answer() {
        let key = ClaimCode::new(&[3; ClaimCode::BYTES]).key();
        let kept = ProofKey::from_hex(&key.to_hex()).unwrap();
        let mut request = ClaimRequest {
            id: "3333".into(),
            csr: "csr".into(),
            proof: key.prove_request("3333", "csr"),
        };
        assert!(kept.admits(&request));
        request.csr = "another".into();
        assert!(!kept.admits(&request));
        let mut answer = ClaimAnswer {
            origin: Origin::new("acme", "harbour", "box1").unwrap(),
            broker: "cloud:8883".into(),
            certificate: "c".into(),
            ca: "a".into(),
            proof: String::new(),
        };
        answer.proof = kept.prove_answer(&answer);
        assert!(key.trusts(&answer));
        (answer.certificate, answer.ca) = ("ca".into(), String::new());
        assert!(!key.trusts(&answer));
        for proof in ["", "zz", "é", "0"] {
            answer.proof = proof.into();
            assert!(!key.trusts(&answer));
        }
    }
}
