//! Challenges as the stack can answer them (RFC 8760): of several the best that it knows, a list of
//! qualities cut down to one, and algorithms by its words for them; and its answers as others read them.

use rsipstack::sip::{Header, Request, Response};

use super::headers;
use crate::auth::parameters;

/// The stack's words for algorithms, and everybody else's; better ones first.
const ALGORITHMS: [(&str, &str); 2] = [("SHA256", "SHA-256"), ("MD5", "MD5")];

/// Leaves of a response's challenges the best one that can be answered, and nothing if there is none.
pub fn simplify(response: &mut Response) {
    for name in ["WWW-Authenticate", "Proxy-Authenticate"] {
        let challenges = headers::values(response, name);
        let best = challenges.filter_map(|value| readable(&value)).min();
        let Some((_, text)) = best else {
            continue;
        };
        let is_of_name = |header: &Header| header.name().eq_ignore_ascii_case(name);
        response.headers.remove_all(is_of_name);
        response.headers.push(match name {
            "WWW-Authenticate" => Header::WwwAuthenticate(text.into()),
            _ => Header::ProxyAuthenticate(text.into()),
        });
    }
}

/// A challenge in the stack's words, with the place of its algorithm in the list.
fn readable(value: &str) -> Option<(usize, String)> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut rank = ALGORITHMS.len() - 1;
    let mut written = Vec::new();
    for (name, value) in parameters(rest)? {
        let value = match name.to_ascii_lowercase().as_str() {
            "algorithm" => {
                let known = |(_, word): &(&str, &str)| word.eq_ignore_ascii_case(&value);
                rank = ALGORITHMS.iter().position(known)?;
                written.push(format!("algorithm={}", ALGORITHMS[rank].0));
                continue;
            }
            "qop" => {
                let mut qualities = value.split(',').map(str::trim);
                let plain = qualities.clone().find(|q| q.eq_ignore_ascii_case("auth"));
                plain.or_else(|| qualities.next())?.to_owned()
            }
            "stale" => {
                written.push(format!("stale={value}"));
                continue;
            }
            _ => value,
        };
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        written.push(format!("{name}=\"{quoted}\""));
    }
    Some((rank, format!("Digest {}", written.join(", "))))
}

/// Writes the stack's answers to challenges as RFC 3261 and RFC 8760 do.
pub fn spell(request: &mut Request) {
    for header in request.headers.iter_mut() {
        let text = match header {
            Header::Authorization(header) => &mut header.0,
            Header::ProxyAuthorization(header) => &mut header.0,
            _ => continue,
        };
        for (stacks, word) in ALGORITHMS {
            *text = text.replace(&format!("algorithm={stacks}"), &format!("algorithm={word}"));
        }
        for quality in ["auth", "auth-int"] {
            *text = text.replace(&format!("qop=\"{quality}\""), &format!("qop={quality}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::prelude::ToTypedHeader;

    use super::*;

    fn simplified(lines: &[&str]) -> Vec<String> {
        let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
        let text = format!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n{lines}\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let mut response = Response::try_from(text.as_str()).expect("well formed");
        simplify(&mut response);
        for header in response.headers.iter() {
            if let Header::WwwAuthenticate(challenge) = header {
                assert!(challenge.typed().is_ok(), "{challenge}");
            }
        }
        headers::values(&response, "WWW-Authenticate").collect()
    }

    #[test]
    fn the_best_challenge_is_left_in_words_that_can_be_read() {
        let sha = "WWW-Authenticate: Digest realm=\"a, b\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int, auth\", stale=TRUE";
        let md5 = "WWW-Authenticate: Digest realm=\"a\", nonce=\"m\", algorithm=MD5";
        let newer = "WWW-Authenticate: Digest realm=\"a\", nonce=\"k\", algorithm=SHA-512-256";
        let expected =
            "Digest realm=\"a, b\", nonce=\"n\", algorithm=SHA256, qop=\"auth\", stale=TRUE";
        assert_eq!(simplified(&[newer, md5, sha]), [expected]);
        assert_eq!(simplified(&[newer, md5]).len(), 1);
        let bare = "WWW-Authenticate: Digest realm=\"a\", nonce=\"m\", qop=\"auth-int\"";
        assert_eq!(simplified(&[bare]), [&bare[18..]]);
    }

    #[test]
    fn what_nobody_can_answer_is_left_as_it_is() {
        let newer = "WWW-Authenticate: Digest realm=\"a\", nonce=\"k\", algorithm=SHA-512-256";
        let basic = "WWW-Authenticate: Basic realm=\"a\"";
        let text = format!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n{newer}\r\n{basic}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let mut response = Response::try_from(text.as_str()).expect("well formed");
        let before = response.to_string();
        simplify(&mut response);
        assert_eq!(response.to_string(), before);
    }
}
