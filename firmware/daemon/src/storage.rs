//! What the box keeps on its disk: calls, decisions, and what waits while the disk cannot.

pub mod backlog;
pub mod breaks;
pub mod decision_log;
pub mod faults;
pub mod gathering;
pub mod owner_only;
pub mod phones;
pub mod recorder;
pub mod store;
#[cfg(test)]
pub mod tight_disk;
