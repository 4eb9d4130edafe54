//! The gateway for boxes: their certificates, and a TLS listener before the embedded broker that
//! lets each box speak on its own topics only.

mod authority;
mod gate;
mod namesakes;
mod packets;
mod rules;

pub(crate) use authority::Authority;
pub use authority::AuthorityError;
pub(crate) use gate::Gate;
pub use rules::{Boxes, NatsNameError, RulesFor, check_for_nats, has_dot, write_rules};
