//! What can go wrong with media.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::wav::WavError;

/// One variant for each distinct reaction.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Every port of the range is taken: refuse the call.
    #[error(
        "no free UDP port pair on `{address}` in `{first}`-`{last}`; \
         widen `line.rtp_ports` or end some calls"
    )]
    PortsExhausted {
        /// Where sockets are opened.
        address: IpAddr,
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
    },
    /// The address is not one of this machine's, or the system refuses sockets: tell an operator.
    #[error(
        "cannot open a UDP socket on `{address}`; set `line.advertise` to one of this machine's addresses"
    )]
    Address {
        /// Where sockets are opened.
        address: IpAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread that carries voice cannot be started, or has ended: restart the box.
    #[error("a thread that carries voice is not there; restart the box")]
    NoThread(#[source] Option<std::io::Error>),
    /// A recording cannot be used: mend the file that is named.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// A piece of a recorded prompt is missing.
    #[error("`{}` is missing; record it, too (mono, 8 kHz), or remove the prompt's other pieces", path.display())]
    PromptMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
}
