//! What can go wrong with the line.

use std::io::ErrorKind;
use std::net::SocketAddr;

/// One variant for each distinct reaction.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The address cannot be listened on: free it or configure another.
    #[error("cannot listen for SIP on `{address}`; {}", remedy(source, key))]
    Listen {
        /// The key that configures it.
        key: &'static str,
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS cannot be offered or used: mend the certificates.
    #[error("TLS for SIP cannot start: {0}")]
    Tls(#[from] crate::stream::TlsFault),
    /// The SIP stack would not start.
    #[error("the SIP stack did not start: {0}")]
    Stack(String),
}

/// What lets the box listen after all.
fn remedy(source: &std::io::Error, key: &str) -> String {
    match source.kind() {
        ErrorKind::PermissionDenied => format!(
            "give the box the right to ports below 1024 (`CAP_NET_BIND_SERVICE`), or set `{key}` to \
             a port from 1024 up"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "set `{key}` to an address of this machine, as `ip address` shows them, or to `0.0.0.0` \
             or `[::]` for all of them"
        ),
        _ => format!("free the port or set `{key}` to another"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_listened_on_is_told_with_what_would_help() {
        for (kind, remedy) in [
            (ErrorKind::AddrInUse, "free the port"),
            (ErrorKind::PermissionDenied, "from 1024 up"),
            (ErrorKind::AddrNotAvailable, "an address of this machine"),
        ] {
            let error = LineError::Listen {
                key: "line.listen",
                address: SocketAddr::from(([192, 0, 2, 1], 506)),
                source: kind.into(),
            };
            let said = error.to_string();
            assert!(
                said.contains("`192.0.2.1:506`")
                    && said.contains("`line.listen`")
                    && said.contains(remedy),
                "{said}"
            );
        }
    }
}
