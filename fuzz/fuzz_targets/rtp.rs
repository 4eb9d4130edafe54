//! Datagrams on the ports of voice, plain and protected.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkside_media::rtp;
use trunkside_media::srtp::{KEY_BYTES, Key, Opener, Sealer, Suite};

const KEY: Key = Key { suite: Suite::Sha1Of80, bytes: [7; KEY_BYTES] };

fuzz_target!(|bytes: &[u8]| {
    let mut opener = Opener::new(&KEY);
    assert!(opener.open(&mut bytes.to_vec()).is_err(), "nobody guesses ten bytes of tag");
    assert!(opener.open_reports(&mut bytes.to_vec()).is_err());
    let Ok((header, payload)) = rtp::parse(bytes) else { return };
    let mut copy = bytes.to_vec();
    rtp::rewrite(&mut copy, header).expect("it was read");
    assert_eq!(copy, bytes);
    let mut sealed = vec![0; bytes.len() + 64];
    let length = Sealer::new(&KEY).seal(bytes, &mut sealed).expect("there is room");
    let opened = opener.open(&mut sealed[..length]).expect("our own key proves it");
    assert_eq!(&sealed[..opened][payload.clone()], &bytes[payload]);
});
