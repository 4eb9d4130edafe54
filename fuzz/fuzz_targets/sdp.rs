//! Session descriptions: none panics, and what we answer to a usable one can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkside_call::Codec;
use trunkside_line::{Local, Offer, Secret, answer};

fuzz_target!(|bytes: &[u8]| {
    let Ok(offer) = Offer::parse(bytes) else { return };
    let Some(codec) = offer.choose(&[Codec::Pcma, Codec::Pcmu]) else { return };
    let local = Local {
        address: std::net::SocketAddr::from(([192, 0, 2, 1], 20_000)),
        session: 1,
        version: 0,
        secret: Some(Secret::new([7; 32])),
        comfort_noise: true,
    };
    let ours = answer(local, &offer, codec, offer.direction.mirrored());
    let read = Offer::parse(&ours).expect("our own answer can be read");
    assert_eq!(read.address, local.address);
    assert!(read.codecs.contains(&codec));
});
