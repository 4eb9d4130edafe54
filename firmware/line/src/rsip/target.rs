//! Where requests within a dialog go: to the far end's contact, which may change (RFC 3261, section 12.2).

use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::HasHeaders;
use rsipstack::sip::{Param, Scheme, Uri};

use super::{Leg, phones, sip_uri, transports};
use crate::stream::Transport;

/// Where a message says that its sender is; none where it says nothing of SIP's.
pub(super) fn contact(message: &impl HasHeaders) -> Option<Uri> {
    sip_uri(&phones::first_contact(message)?)
}

impl Leg {
    /// The far end is there from now on; where it has not said so, it stays where it was.
    pub(super) fn follow(&self, contact: Option<Uri>) {
        let Some(mut target) = contact else { return };
        let is_named = |param: &Param| matches!(param, Param::Transport(_));
        let says = target.scheme == Some(Scheme::Sips) || target.params.iter().any(is_named);
        // Who came over a connection is reached over one.
        if self.transport != Transport::Udp && !says {
            let transport = transports::stacks(self.transport);
            target.params.push(Param::Transport(transport));
        }
        Dialog::Invite(self.dialog.clone()).set_remote_target(target, None);
    }
}
