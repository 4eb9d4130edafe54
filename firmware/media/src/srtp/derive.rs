//! Session keys from a master key (RFC 3711, section 4.3).

use aes::Aes128;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};

use super::KEY_BYTES;

/// What a session key is for.
#[derive(Clone, Copy)]
pub enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

pub fn cipher(key: &[u8; 16]) -> Aes128 {
    Aes128::new(key.into())
}

/// The session key of a label, with a key derivation rate of zero.
pub fn derive<const N: usize>(master: &[u8; KEY_BYTES], label: Label) -> [u8; N] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(&master[16..]);
    iv[7] ^= label as u8;
    let mut key = [0; 16];
    key.copy_from_slice(&master[..16]);
    let core =
        ctr::CtrCore::<Aes128, ctr::flavors::Ctr128BE>::inner_iv_init(cipher(&key), &iv.into());
    let mut derived = [0; N];
    StreamCipherCoreWrapper::from_core(core).apply_keystream(&mut derived);
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711, appendix B.3.
    #[test]
    fn the_keys_of_the_rfc_are_derived() {
        let master: [u8; KEY_BYTES] = [
            0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE,
            0x41, 0x39, 0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A,
            0xAB, 0xE6,
        ];
        let encryption: [u8; 16] = derive(&master, Label::Encryption);
        assert_eq!(
            encryption,
            0xC61E_7A93_744F_39EE_1073_4AFE_3FF7_A087_u128.to_be_bytes()
        );
        let salt: [u8; 14] = derive(&master, Label::Salt);
        assert_eq!(
            salt,
            [
                0x30, 0xCB, 0xBC, 0x08, 0x86, 0x3D, 0x8C, 0x85, 0xD4, 0x9D, 0xB3, 0x4A, 0x9A, 0xE1
            ]
        );
        let authentication: [u8; 20] = derive(&master, Label::Authentication);
        assert_eq!(authentication[..4], [0xCE, 0xBE, 0x32, 0x1F]);
        assert_eq!(authentication[16..], [0x6D, 0x38, 0xBA, 0xA4]);
    }
}
