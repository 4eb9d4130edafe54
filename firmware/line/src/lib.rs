//! Trunk and agent legs: SIP behind one trait, and the back-to-back call state machine.
//!
//! Place in the sentence: ***line** → media → recognition*. A caller's INVITE comes in here, an
//! agent's goes out, and what both mean for the voice comes out as data for media.
//!
//! Invariant: a call ends in exactly one [`CallEvent::Ended`], and no leg stays up after it.
//! Whatever comes from the network is an event or is counted; it never panics.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use trunkside_line::{CallEvent, CallFlow, FlowConfig, Input, LegEvent, LegId, MediaAddresses, Output};
//! use trunkside_call::Pii;
//!
//! let addresses = MediaAddresses {
//!     caller: "192.0.2.1:20000".parse().expect("valid"),
//!     agent: "192.0.2.1:20002".parse().expect("valid"),
//! };
//! let leg = LegId::incoming(1);
//! let mut flow = CallFlow::new(FlowConfig::default(), leg, addresses);
//! let sdp = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
//! let incoming = LegEvent::Incoming {
//!     from: Pii::new("1000".into()), private: false, to: Pii::new("2000".into()), sdp: sdp.to_vec(),
//! };
//! flow.handle(Instant::now(), Input::Leg(leg, incoming));
//! let outputs: Vec<_> = std::iter::from_fn(|| flow.poll()).collect();
//! assert!(outputs.iter().any(|output| matches!(output, Output::Call(CallEvent::Offered { .. }))));
//! ```

mod auth;
mod call_flow;
mod directory;
mod error;
mod gate;
mod identity;
mod registrar;
mod rsip;
mod sdp;
mod session_timer;
mod sip_ua;
mod sources;
mod stream;
mod trunk;

pub use call_flow::{
    AgentFailure, CallEvent, CallFlow, Called, Cause, EndedBy, FlowConfig, Greeting, Input, KeyWay,
    MediaAddresses, MediaCommand, Order, Output, RemoteMedia,
};
pub use error::LineError;
pub use gate::{Gate, Verdict};
pub use identity::ShownNumber;
pub use registrar::{Registrar, Registration};
pub use rsip::{
    LineStats, NotATarget, Outside, REALM, RsipConfig, RsipUa, SrtpPolicy, TrunkConfig, TrunkTarget,
};
pub use sdp::{
    Direction, Local, MediaKey, Mki, Offer, Protection, SdpError, Secret, Suite, answer, offer,
};
pub use sip_ua::{
    AgentContact, EndCause, LegCommand, LegEvent, LegId, PhoneEvent, Phones, SipCommand, SipEvent,
    SipUa, UaEvent,
};
pub use sources::{Network, NotANetwork};
pub use stream::{ConnectionLimits, TlsFault, TlsIdentity, TlsTrust, Transport};
pub use trunk::TrunkTimes;
