//! Trunk and agent legs: SIP behind one trait, and the back-to-back call state machine.
