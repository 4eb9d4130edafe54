//! Where keys of the voice may be written: over TLS, where nobody reads them on the way.
//!
//! Descriptions are changed as text, line by line, on their way in and out; what the keys mean is
//! the call flow's affair.

use crate::sdp::Offer;
use crate::stream::Transport;

/// Whether voice is protected by SRTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SrtpPolicy {
    /// Never.
    Never,
    /// On legs over TLS, where the far end takes it.
    #[default]
    Optional,
    /// On legs over TLS always: without it such a leg is refused.
    Required,
}

/// A description that nobody can use: the call flow refuses what brings it.
const UNUSABLE: &[u8] = b"not protected";

impl SrtpPolicy {
    /// A description as the far end is to see it. An offer that takes nothing but protected voice
    /// says so in its profile (RFC 4568, section 6.1).
    pub fn outward(self, transport: Transport, is_offer: bool, sdp: Vec<u8>) -> Vec<u8> {
        match (self, transport) {
            (Self::Required, Transport::Tls) if is_offer => changed(&sdp, |line| {
                line.starts_with("m=audio ")
                    .then(|| line.replacen(" RTP/AVP ", " RTP/SAVP ", 1))
            }),
            (Self::Optional | Self::Required, Transport::Tls) => sdp,
            _ => without_keys(&sdp),
        }
    }

    /// A description of the far end as the call flow is to see it. Keys that others could read
    /// protect nothing.
    pub fn inward(self, transport: Transport, sdp: Vec<u8>) -> Vec<u8> {
        match (self, transport) {
            (Self::Required, Transport::Tls) if !sdp.is_empty() && !is_protected(&sdp) => {
                UNUSABLE.to_vec()
            }
            (Self::Optional | Self::Required, Transport::Tls) => sdp,
            _ => without_keys(&sdp),
        }
    }
}

/// Whether its voice comes with keys that the box can use.
fn is_protected(sdp: &[u8]) -> bool {
    Offer::parse(sdp).is_ok_and(|offer| offer.is_protected())
}

fn without_keys(sdp: &[u8]) -> Vec<u8> {
    changed(sdp, |line| line.starts_with("a=crypto:").then(String::new))
}

/// The description with some lines changed; a line that is empty then is left out. What is no text
/// stays as it is, and cannot be read later.
fn changed(sdp: &[u8], change: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(sdp) else {
        return sdp.to_vec();
    };
    let mut written = String::with_capacity(text.len() + 1);
    for line in text.split_inclusive('\n') {
        match change(line) {
            None => written.push_str(line),
            Some(changed) => written.push_str(&changed),
        }
    }
    written.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

    fn sdp(streams: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{streams}"
        )
    }

    fn plain() -> String {
        sdp("m=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n")
    }

    fn keyed() -> String {
        sdp(&format!("m=audio 4000 RTP/AVP 8\r\n{KEY}a=sendrecv\r\n"))
    }

    fn inward(srtp: SrtpPolicy, transport: Transport, sdp: &str) -> String {
        let seen = srtp.inward(transport, sdp.as_bytes().to_vec());
        String::from_utf8(seen).expect("text")
    }

    fn outward(srtp: SrtpPolicy, transport: Transport, sdp: &str) -> String {
        let seen = srtp.outward(transport, true, sdp.as_bytes().to_vec());
        String::from_utf8(seen).expect("text")
    }

    #[test]
    fn keys_go_over_tls_only_and_only_where_they_are_wanted() {
        use SrtpPolicy::{Never, Optional, Required};
        let (plain, keyed) = (plain(), keyed());
        for (srtp, transport) in [
            (Never, Transport::Tls),
            (Optional, Transport::Tcp),
            (Required, Transport::Udp),
        ] {
            assert_eq!(inward(srtp, transport, &keyed), plain);
            assert_eq!(outward(srtp, transport, &keyed), plain);
        }
        assert_eq!(inward(Optional, Transport::Tls, &keyed), keyed);
        assert_eq!(outward(Optional, Transport::Tls, &keyed), keyed);
        assert_eq!(inward(Optional, Transport::Tls, &plain), plain);
    }

    #[test]
    fn what_must_be_protected_is_offered_so_and_refused_otherwise() {
        let keyed = keyed();
        let offered = outward(SrtpPolicy::Required, Transport::Tls, &keyed);
        assert_eq!(offered, keyed.replace("RTP/AVP", "RTP/SAVP"));
        let voice = "m=audio 4000 RTP/AVP 8\r\n";
        for bare in [
            plain(),
            sdp(&format!("{voice}a=crypto:1 X inline:y\r\n")),
            sdp(&format!(
                "{voice}{}",
                KEY.replace("\r\n", " UNENCRYPTED_SRTP\r\n")
            )),
            sdp(&format!("{voice}m=video 4002 RTP/SAVP 31\r\n{KEY}")),
        ] {
            let refused = inward(SrtpPolicy::Required, Transport::Tls, &bare);
            assert!(Offer::parse(refused.as_bytes()).is_err(), "{bare}");
        }
        assert_eq!(inward(SrtpPolicy::Required, Transport::Tls, &keyed), keyed);
        let either = sdp(&format!("{voice}m=audio 4002 RTP/SAVP 8\r\n{KEY}"));
        assert_eq!(
            inward(SrtpPolicy::Required, Transport::Tls, &either),
            either
        );
        assert_eq!(
            inward(SrtpPolicy::Required, Transport::Tls, ""),
            "",
            "wants an offer"
        );
    }
}
