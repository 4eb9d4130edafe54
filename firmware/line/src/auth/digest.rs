//! The arithmetic of digest authentication, and its header.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// What an `Authorization` header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Who it claims to be.
    pub username: String,
    /// For which realm.
    pub realm: String,
    /// Which challenge it answers.
    pub nonce: String,
    /// The URI that it is for.
    pub uri: String,
    /// The proof, in lower-case hexadecimal.
    pub response: String,
    /// The count of uses of the nonce; none where `qop` is not used.
    pub count: Option<u64>,
    count_text: String,
    client_nonce: String,
}

impl Credentials {
    /// Reads a header's value; none where it is no usable MD5 digest.
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut credentials = Self::default();
        let mut quality = None;
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "username" => credentials.username = value,
                "realm" => credentials.realm = value,
                "nonce" => credentials.nonce = value,
                "uri" => credentials.uri = value,
                "response" => credentials.response = value.to_ascii_lowercase(),
                "cnonce" => credentials.client_nonce = value,
                "nc" => credentials.count_text = value,
                "qop" => quality = Some(value),
                "algorithm" if !value.eq_ignore_ascii_case("MD5") => return None,
                _ => {}
            }
        }
        match quality.as_deref() {
            None => {}
            Some("auth") => {
                credentials.count = Some(u64::from_str_radix(&credentials.count_text, 16).ok()?);
            }
            Some(_) => return None,
        }
        let complete = [
            &credentials.username,
            &credentials.nonce,
            &credentials.uri,
            &credentials.response,
        ];
        complete
            .iter()
            .all(|part| !part.is_empty())
            .then_some(credentials)
    }

    /// What the response must be, given the hash of user, realm and password.
    pub fn expected(&self, secret: &str, method: &str) -> String {
        let request = md5(&format!("{method}:{}", self.uri));
        let Self {
            nonce,
            count_text,
            client_nonce,
            ..
        } = self;
        match self.count {
            Some(_) => md5(&format!(
                "{secret}:{nonce}:{count_text}:{client_nonce}:auth:{request}"
            )),
            None => md5(&format!("{secret}:{nonce}:{request}")),
        }
    }
}

/// The hash of user, realm and password that a server keeps in place of the password.
pub fn hashed_secret(user: &str, realm: &str, password: &str) -> String {
    md5(&format!("{user}:{realm}:{password}"))
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `name=value` pairs parted by commas; values may be quoted, and commas stand inside quotes.
pub fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        pairs.push((name.trim().to_owned(), value));
        let left = left.trim_start();
        rest = match left.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if left.is_empty() => left,
            None => return None,
        };
    }
    Some(pairs)
}

/// A quoted string after its opening quote, and what follows the closing one.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}
