//! What can go wrong with the line.

use std::net::SocketAddr;

/// One variant for each distinct reaction.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The address cannot be listened on: free it or configure another.
    #[error("cannot listen for SIP on `{address}`; free the port or set `{key}` to another")]
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
