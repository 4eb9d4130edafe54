//! Keys in session descriptions (SDES, RFC 4568): which protection of the voice is offered, and
//! which is taken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sdp_types::{Attribute, Media};
use sha2::{Digest, Sha256};

/// Bytes of a master key with its salt.
pub const KEY_BYTES: usize = 30;

/// How voice is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Sha1Of80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Sha1Of32,
}

impl Suite {
    /// Most preferred first.
    const ALL: [Self; 2] = [Self::Sha1Of80, Self::Sha1Of32];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1Of80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Sha1Of32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// What one end protects its voice with. It does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MediaKey {
    /// How.
    pub suite: Suite,
    /// Master key and salt, one after the other.
    pub bytes: [u8; KEY_BYTES],
    /// What every packet names it by.
    pub mki: Mki,
}

/// A master key identifier (RFC 3711, section 3.1): so many bytes of a number, most often none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mki {
    /// The number.
    pub value: u32,
    /// How many bytes it takes, 0 to 4.
    pub bytes: u8,
}

impl Mki {
    /// `VALUE:BYTES`; none where the number does not fit, or is longer than anybody makes it.
    fn parse(text: &str) -> Option<Self> {
        let (value, bytes) = text.split_once(':')?;
        let (value, bytes) = (value.parse().ok()?, bytes.parse().ok()?);
        let fits = (1..=4).contains(&bytes) && u64::from(value) >> (8 * u32::from(bytes)) == 0;
        fits.then_some(Self { value, bytes })
    }
}

impl std::fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MediaKey({:?}, …)", self.suite)
    }
}

/// What the keys of a leg or a call are made from. It does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// From bytes that nobody can guess.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The n-th secret made from this one; none tells of another.
    #[must_use]
    pub fn branch(&self, n: u32) -> Self {
        Self(self.hash(&n.to_be_bytes()))
    }

    /// Our key for a suite: one key must not serve two.
    pub(super) fn key(&self, suite: Suite) -> MediaKey {
        let hash = self.hash(suite.name().as_bytes());
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(&hash[..KEY_BYTES]);
        MediaKey {
            suite,
            bytes,
            mki: Mki::default(),
        }
    }

    fn hash(&self, what: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.0)
            .chain_update(what)
            .finalize()
            .into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The keys that both ends of a session have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Of what the box sends.
    pub send: MediaKey,
    /// Of what the far end sends.
    pub receive: MediaKey,
}

/// One `a=crypto` line that the box can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub key: MediaKey,
}

impl Crypto {
    /// The first usable line of a stream.
    pub fn of(media: &Media) -> Option<Self> {
        let lines = media.attributes.iter();
        lines
            .filter(|line| line.attribute == "crypto")
            .find_map(|line| Self::parse(line.value.as_deref()?))
    }

    /// `TAG SUITE inline:KEY[|LIFETIME][|MKI:BYTES]`. With several keys or session parameters it is one that the
    /// box cannot use; the lifetime exceeds any call.
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let named = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.name() == named)?;
        let (method, rest) = words.next()?.split_once(':')?;
        let fits = method.eq_ignore_ascii_case("inline") && !rest.contains(';');
        if !fits || words.any(|parameter| !parameter.starts_with("WSH=")) {
            return None;
        }
        let mut parts = rest.split('|');
        let bytes = STANDARD.decode(parts.next()?).ok()?.try_into().ok()?;
        let mki = match parts.find(|part| part.contains(':')) {
            Some(named) => Mki::parse(named)?,
            None => Mki::default(),
        };
        let key = MediaKey { suite, bytes, mki };
        Some(Self { tag, key })
    }

    fn written(self) -> Attribute {
        let key = STANDARD.encode(self.key.bytes);
        let Mki { value, bytes } = self.key.mki;
        let mki = if bytes == 0 {
            String::new()
        } else {
            format!("|{value}:{bytes}")
        };
        let value = format!("{} {} inline:{key}{mki}", self.tag, self.key.suite.name());
        Attribute {
            attribute: "crypto".into(),
            value: Some(value),
        }
    }
}

/// The lines that offer every suite.
pub fn offered(secret: &Secret) -> impl Iterator<Item = Attribute> {
    (1..).zip(Suite::ALL).map(|(tag, suite)| {
        let key = secret.key(suite);
        Crypto { tag, key }.written()
    })
}

impl MediaKey {
    /// Our key beside one of theirs. It is named where theirs is: many a far end that names its key wants all named.
    pub(super) fn beside(secret: &Secret, theirs: Self) -> Self {
        Self {
            mki: theirs.mki,
            ..secret.key(theirs.suite)
        }
    }
}

/// The line that takes one of theirs.
pub fn taken(secret: &Secret, theirs: Crypto) -> Attribute {
    let key = MediaKey::beside(secret, theirs.key);
    let tag = theirs.tag;
    Crypto { tag, key }.written()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn lines_that_can_be_used_are_told_from_others() {
        let suite = "AES_CM_128_HMAC_SHA1_80";
        let parse = |line: &str| Crypto::parse(line).map(|crypto| (crypto.tag, crypto.key.suite));
        for usable in [
            format!("1 {suite} inline:{KEY}"),
            format!("1 {suite} inline:{KEY}|2^20"),
            format!("1 {suite} INLINE:{KEY}|2^20 WSH=64"),
            format!("1 {suite} inline:{KEY}|2^31|1:1"),
            format!("1 {suite} inline:{KEY}|255:1"),
            format!("1 {suite} inline:{KEY}|2^20|4294967295:4"),
        ] {
            assert_eq!(parse(&usable), Some((1, Suite::Sha1Of80)), "{usable}");
        }
        for useless in [
            format!("x {suite} inline:{KEY}"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 {suite} inline:{KEY}|2^20|1:0"),
            format!("1 {suite} inline:{KEY}|1:5"),
            format!("1 {suite} inline:{KEY}|256:1"),
            format!("1 {suite} inline:{KEY}|x:1"),
            format!("1 {suite} inline:{KEY};inline:{KEY}"),
            format!("1 {suite} inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 {suite} inline:{KEY} KDR=1"),
            format!("1 {suite} inline:AAAA"),
            format!("1 {suite} uri:{KEY}"),
            String::new(),
        ] {
            assert_eq!(parse(&useless), None, "{useless}");
        }
    }

    #[test]
    fn a_key_that_is_named_is_answered_with_one_of_the_same_name() {
        let theirs = |mki| {
            let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31{mki}");
            Crypto::parse(&line).expect("usable")
        };
        let ours = |theirs| taken(&Secret::new([7; 32]), theirs).value.expect("a line");
        let named = ours(theirs("|258:2"));
        assert!(named.ends_with("|258:2"), "{named}");
        let mki = Mki {
            value: 258,
            bytes: 2,
        };
        assert_eq!(Crypto::parse(&named).map(|ours| ours.key.mki), Some(mki));
        assert!(!ours(theirs("")).contains('|'));
    }

    #[test]
    fn no_two_keys_are_the_same_and_none_prints() {
        let secret = Secret::new([7; 32]);
        let keys = [
            secret.key(Suite::Sha1Of80),
            secret.key(Suite::Sha1Of32),
            secret.branch(1).key(Suite::Sha1Of80),
            secret.branch(2).key(Suite::Sha1Of80),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(keys[..n].iter().all(|other| other.bytes != key.bytes));
        }
        let printed = format!("{:?} {secret:?}", keys[0]);
        assert_eq!(printed, "MediaKey(Sha1Of80, …) Secret(…)");
    }
}
