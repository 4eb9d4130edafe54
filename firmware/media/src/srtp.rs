//! Voice and reports that nobody else can hear or change: SRTP and SRTCP (RFC 3711) with AES in
//! counter mode and HMAC-SHA1, keyed by the signalling (SDES, RFC 4568).
//!
//! Pure: bytes in, bytes out. What a packet's tag does not prove changes no state.

mod derive;
mod index;

use aes::Aes128;
use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ring::hmac;
use subtle::ConstantTimeEq;

use derive::{Label, derive};
use index::{Index, Window};

/// A master key and salt, one after the other.
pub const KEY_BYTES: usize = 30;

/// The longest tail that protecting adds to a packet: SRTCP's index, the key's name and the tag.
pub const MAX_TAIL: usize = 14 + MAX_MKI;

/// The longest name of a key.
const MAX_MKI: usize = 4;

const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
/// SRTCP's tag is of full length in both suites (RFC 4568, section 6.2.2).
const RTCP_TAG: usize = 10;
const RTCP_INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// Streams of a far end that are told apart: one that changes its SSRC keeps the old one in mind.
const STREAMS: usize = 4;

/// How long a voice packet's tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`: ten bytes.
    Sha1Of80,
    /// `AES_CM_128_HMAC_SHA1_32`: four bytes.
    Sha1Of32,
}

impl Suite {
    const fn tag(self) -> usize {
        match self {
            Self::Sha1Of80 => 10,
            Self::Sha1Of32 => 4,
        }
    }
}

/// What one end protects its packets with. It does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// How.
    pub suite: Suite,
    /// Master key and salt.
    pub bytes: [u8; KEY_BYTES],
    /// What every packet names it by.
    pub mki: Mki,
}

impl Key {
    /// Whether what this one protects is another key stream.
    pub fn is_another(&self, than: &Self) -> bool {
        (self.suite, self.bytes) != (than.suite, than.bytes)
    }
}

/// A master key identifier (RFC 3711, section 3.1), most often of no bytes. It stands before the tag, which does not
/// cover it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mki {
    value: [u8; MAX_MKI],
    bytes: usize,
}

impl Mki {
    /// So many bytes of a number, four at most.
    pub fn new(value: u32, bytes: u8) -> Self {
        Self {
            value: value.to_be_bytes(),
            bytes: usize::from(bytes).min(MAX_MKI),
        }
    }

    fn written(&self) -> &[u8] {
        &self.value[MAX_MKI - self.bytes..]
    }

    /// How long what stands before a tag is without the name; a far end may leave that out.
    fn stripped(&self, named: &[u8]) -> usize {
        let without = named.strip_suffix(self.written());
        without.unwrap_or(named).len()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, …)", self.suite)
    }
}

/// Why a packet is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too short for what it must hold, or too long for what is to be added.
    #[error("a packet of {0} bytes cannot be protected so")]
    Length(usize),
    /// Its tag is wrong: somebody else made it, or changed it.
    #[error("the tag is wrong")]
    Tag,
    /// It came before, or is too old to know.
    #[error("the packet came before")]
    Replayed,
}

/// The keys of one kind of packet.
struct Session {
    cipher: Aes128,
    salt: [u8; 14],
    auth: hmac::Key,
}

impl Session {
    fn new(key: &[u8; KEY_BYTES], labels: [Label; 3]) -> Self {
        let [encryption, authentication, salting] = labels;
        Self {
            cipher: derive::cipher(&derive::<16>(key, encryption)),
            salt: derive(key, salting),
            auth: hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                &derive::<20>(key, authentication),
            ),
        }
    }

    /// Encrypts or decrypts (RFC 3711, section 4.1.1).
    fn apply(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        let mix = |iv: &mut [u8], bytes: &[u8]| {
            for (iv, byte) in iv.iter_mut().zip(bytes) {
                *iv ^= byte;
            }
        };
        mix(&mut iv[4..8], &ssrc.to_be_bytes());
        mix(&mut iv[8..14], &index.to_be_bytes()[2..]);
        let core = ctr::CtrCore::<Aes128, ctr::flavors::Ctr128BE>::inner_iv_init(
            self.cipher.clone(),
            &iv.into(),
        );
        StreamCipherCoreWrapper::from_core(core).apply_keystream(payload);
    }

    fn tag(&self, parts: [&[u8]; 2]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.auth);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }

    fn proves(&self, parts: [&[u8]; 2], tag: &[u8]) -> bool {
        self.tag(parts).as_ref()[..tag.len()].ct_eq(tag).into()
    }
}

/// The state that both directions have.
struct Context {
    suite: Suite,
    mki: Mki,
    rtp: Session,
    rtcp: Session,
}

impl Context {
    fn new(key: &Key) -> Self {
        use Label::{Authentication, Encryption, Salt};
        use Label::{RtcpAuthentication, RtcpEncryption, RtcpSalt};
        Self {
            suite: key.suite,
            mki: key.mki,
            rtp: Session::new(&key.bytes, [Encryption, Authentication, Salt]),
            rtcp: Session::new(&key.bytes, [RtcpEncryption, RtcpAuthentication, RtcpSalt]),
        }
    }
}

/// Protects what the box sends to one far end.
pub struct Sealer {
    context: Context,
    index: Index,
    sent: Window,
    rtcp_index: u32,
}

impl Sealer {
    /// Begins with this key; one key must never begin twice.
    pub fn new(key: &Key) -> Self {
        Self {
            context: Context::new(key),
            index: Index::default(),
            sent: Window::default(),
            rtcp_index: 0,
        }
    }

    /// The same key is named otherwise from now on.
    pub const fn rename(&mut self, mki: Mki) {
        self.context.mki = mki;
    }

    /// Writes a voice packet in its protected form, and says how long that is.
    ///
    /// A sequence number that was sent before is refused: the same place of the key stream must not
    /// hide two contents.
    pub fn seal(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, Refused> {
        let length = packet.len();
        let mki = self.context.mki;
        let named = length + mki.bytes;
        let sealed = named + self.context.suite.tag();
        let (Some((start, sequence, ssrc)), true) = (parts(packet), sealed <= out.len()) else {
            return Err(Refused::Length(length));
        };
        let index = self.index.guess(sequence);
        if !self.sent.is_new(index) {
            return Err(Refused::Replayed);
        }
        out[..length].copy_from_slice(packet);
        self.context.rtp.apply(ssrc, index, &mut out[start..length]);
        let tag = self.context.rtp.tag([&out[..length], &rollover(index)]);
        out[length..named].copy_from_slice(mki.written());
        out[named..sealed].copy_from_slice(&tag.as_ref()[..sealed - named]);
        self.index.reach(index);
        self.sent.take(index);
        Ok(sealed)
    }

    /// The same for reports.
    pub fn seal_reports(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, Refused> {
        let length = packet.len();
        let tail = length + RTCP_INDEX;
        let mki = self.context.mki;
        let named = tail + mki.bytes;
        let sealed = named + RTCP_TAG;
        if length < RTCP_HEADER || sealed > out.len() {
            return Err(Refused::Length(length));
        }
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        let index = self.rtcp_index;
        out[..length].copy_from_slice(packet);
        let session = &self.context.rtcp;
        session.apply(
            ssrc_of(&packet[4..]),
            index.into(),
            &mut out[RTCP_HEADER..length],
        );
        out[length..tail].copy_from_slice(&(index | ENCRYPTED).to_be_bytes());
        let tag = session.tag([&out[..tail], &[]]);
        out[tail..named].copy_from_slice(mki.written());
        out[named..sealed].copy_from_slice(&tag.as_ref()[..RTCP_TAG]);
        Ok(sealed)
    }
}

/// Opens what one far end sends.
pub struct Opener {
    context: Context,
    /// Newest first.
    streams: [Option<Stream>; STREAMS],
}

#[derive(Clone, Copy, Default)]
struct Stream {
    ssrc: u32,
    index: Index,
    seen: Window,
    reports_seen: Window,
}

impl Opener {
    /// Begins with this key.
    pub fn new(key: &Key) -> Self {
        Self {
            context: Context::new(key),
            streams: [None; STREAMS],
        }
    }

    /// The same key is named otherwise from now on.
    pub const fn rename(&mut self, mki: Mki) {
        self.context.mki = mki;
    }

    /// Goes on with another key. What came under the one before proves nothing now, but the far end's
    /// streams are the same.
    pub fn rekey(&mut self, key: &Key) {
        self.context = Context::new(key);
        for stream in self.streams.iter_mut().flatten() {
            *stream = Stream {
                ssrc: stream.ssrc,
                index: stream.index.rekeyed(),
                ..Stream::default()
            };
        }
    }

    /// Opens a voice packet in place, and says how long it is then.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let refused = Refused::Length(packet.len());
        let named = packet.len().checked_sub(self.context.suite.tag());
        let named = named.ok_or(refused)?;
        let length = Some(self.context.mki.stripped(&packet[..named]))
            .filter(|&length| length >= RTP_HEADER)
            .ok_or(refused)?;
        let (start, sequence, ssrc) = parts(&packet[..length]).ok_or(refused)?;
        let mut stream = self.stream(ssrc);
        let likeliest = stream.index.guess(sequence);
        if !stream.seen.is_new(likeliest) {
            return Err(Refused::Replayed);
        }
        let (content, tail) = packet.split_at_mut(length);
        let tag = &tail[named - length..];
        let proven = |index: &u64| self.context.rtp.proves([content, &rollover(*index)], tag);
        let index = Some(likeliest).filter(proven);
        let index = index.or_else(|| stream.index.or_else(sequence).find(proven));
        let index = index.ok_or(Refused::Tag)?;
        self.context.rtp.apply(ssrc, index, &mut content[start..]);
        stream.index.reach(index);
        stream.seen.take(index);
        self.keep(stream);
        Ok(length)
    }

    /// The same for reports.
    pub fn open_reports(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let refused = Refused::Length(packet.len());
        let named = packet.len().checked_sub(RTCP_TAG).ok_or(refused)?;
        let tail = self.context.mki.stripped(&packet[..named]);
        let length = tail.checked_sub(RTCP_INDEX);
        let length = length
            .filter(|&length| length >= RTCP_HEADER)
            .ok_or(refused)?;
        let (signed, rest) = packet.split_at_mut(tail);
        let tag = &rest[named - tail..];
        let (content, index) = signed.split_at_mut(length);
        let index = ssrc_of(index);
        let ssrc = ssrc_of(&content[4..]);
        let mut stream = self.stream(ssrc);
        let number = u64::from(index & !ENCRYPTED);
        if !stream.reports_seen.is_new(number) {
            return Err(Refused::Replayed);
        }
        if !self
            .context
            .rtcp
            .proves([content, &index.to_be_bytes()], tag)
        {
            return Err(Refused::Tag);
        }
        if index & ENCRYPTED != 0 {
            let session = &self.context.rtcp;
            session.apply(ssrc, number, &mut content[RTCP_HEADER..]);
        }
        stream.reports_seen.take(number);
        self.keep(stream);
        Ok(length)
    }

    fn stream(&self, ssrc: u32) -> Stream {
        let known = self.streams.iter().flatten().find(|s| s.ssrc == ssrc);
        known.copied().unwrap_or(Stream {
            ssrc,
            ..Stream::default()
        })
    }

    /// Puts a stream first; the one that has been silent longest makes room for a new one.
    fn keep(&mut self, stream: Stream) {
        let known = |entry: &Option<Stream>| entry.is_some_and(|s| s.ssrc == stream.ssrc);
        let place = self.streams.iter().position(known).unwrap_or(STREAMS - 1);
        self.streams[..=place].rotate_right(1);
        self.streams[0] = Some(stream);
    }
}

/// Where a packet's encrypted part begins, its sequence number and its SSRC.
fn parts(packet: &[u8]) -> Option<(usize, u16, u32)> {
    let header = packet.get(..RTP_HEADER)?;
    let sources = usize::from(header[0] & 0x0F) * 4;
    let mut start = RTP_HEADER + sources;
    if header[0] & 0x10 != 0 {
        let words = packet.get(start + 2..start + 4)?;
        start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    let sequence = u16::from_be_bytes([header[2], header[3]]);
    (start <= packet.len()).then(|| (start, sequence, ssrc_of(&header[8..])))
}

/// The first four bytes as a number; there are four wherever this is asked.
fn ssrc_of(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests;
