//! What lies sealed on the box's disk: the key, the seal, and frames that outlive torn writes.
//!
//! Place in the sentence: under two of its stages. The outbox of the *uplink* and the recordings of
//! *media* write files from front to back with it; what is in them is theirs.
//!
//! Invariant: no nonce serves twice, a record opens only with its key and at its place, and damage
//! costs no more than the records that it touches. Bytes from a file never panic.
//!
//! ```
//! use trunkside_vault::{Sealer, frame};
//!
//! let sealer = Sealer::new(&[7; 32], "example");
//! let (salt, place, sequence) = ([3; 16], "file-1", 1);
//! let mut file = Vec::new();
//! frame::write(&mut file, 99, sequence, 0, &sealer.seal(&salt, place, sequence, b"said"));
//!
//! let mut scan = frame::Scan::default();
//! scan.extend(&file, 0, 99, 1);
//! let sealed = scan.frames[0].record(&file);
//! assert_eq!(sealer.open(&salt, place, sequence, sealed).as_deref(), Some(&b"said"[..]));
//! ```

pub mod frame;
mod key;
mod sealer;
mod whole;

pub use key::{KeyFile, KeyGone, KeyProvider, random_key};
pub use sealer::{KeyId, Salt, Sealer};
pub use whole::replace;
