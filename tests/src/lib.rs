//! Harness for the end-to-end tests: the real binaries, real SIP peers and a real broker.
//!
//! Nothing here sleeps: every wait is for a line, a message or an exit, with a deadline. Every
//! process is killed when its handle is dropped, and every port was free before its process began.

pub mod audio;
pub mod baresip;
pub mod branch;
pub mod broker;
pub mod daemon;
pub mod kamailio;
pub mod linphone;
pub mod ports;
pub mod process;
pub mod sipp;
pub mod small_disk;
pub mod tls;
pub mod voice;
