//! Session descriptions (RFC 8866) in the offer/answer model (RFC 3264): one voice stream of G.711.

mod crypto;

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, MediaType, Origin, Session, Time, TransportProto};
use trunkside_call::Codec;

use crypto::Crypto;
pub use crypto::{MediaKey, Mki, Protection, Secret, Suite};

/// The profiles of voice that is not protected, and of voice that is; the second of each is for who could take
/// feedback (RFC 4585, section 3.1; RFC 5124), which is not sent.
const PLAIN: [&str; 2] = ["RTP/AVP", "RTP/AVPF"];
const PROTECTED: [&str; 2] = ["RTP/SAVP", "RTP/SAVPF"];

/// The payload type that we offer telephone events under.
const TELEPHONE_EVENT: u8 = 101;

/// The payload type of comfort noise (RFC 3389, section 4).
const COMFORT_NOISE: u8 = 13;

/// Which way voice flows, as the one who writes it sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer only sends: it holds the other.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From what the writer does.
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer listens.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// What the other end answers when it agrees (RFC 3264, section 6.1).
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn in_attributes(attributes: &[Attribute]) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|direction| attributes.iter().any(|a| a.attribute == direction.name()))
    }
}

/// Why a session description cannot be used; the call is refused with 488.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It cannot be read.
    #[error("malformed session description: {0}")]
    Malformed(String),
    /// It has no voice over RTP, or none over SRTP whose keys can be used.
    #[error("no audio stream over `RTP/AVP`, or over `RTP/SAVP` with keys")]
    NoAudio,
    /// Its address is not an IP address.
    #[error("connection address `{0}` is not an IP address")]
    Address(String),
    /// It has neither law of G.711.
    #[error("no G.711 payload type")]
    NoCodec,
}

/// What a far end offers, or answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where it wants to be sent to.
    pub address: SocketAddr,
    /// The laws it takes, most preferred first.
    pub codecs: Vec<Codec>,
    /// Its payload type for telephone events (RFC 4733).
    pub telephone_event: Option<u8>,
    /// Whether it takes comfort noise (RFC 3389) in place of silence.
    pub comfort_noise: bool,
    /// Where it wants reports of the voice (RFC 3605), if not at the port after the voice's.
    pub control: Option<SocketAddr>,
    /// Which way voice flows, as the far end sees it.
    pub direction: Direction,
    /// The packet time it asks for, in ms.
    pub ptime_ms: Option<u32>,
    /// How its voice is protected.
    crypto: Option<Crypto>,
    /// Every stream of it, for an answer must have as many.
    streams: Vec<Stream>,
    voice: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    media: String,
    proto: String,
    formats: String,
}

impl Offer {
    /// Reads a description; its first voice stream with keys that can be used counts, else its
    /// first.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        let session =
            Session::parse(bytes).map_err(|error| SdpError::Malformed(error.to_string()))?;
        let is_keyed = |media: &Media| Crypto::of(media).is_some() && !codecs_of(media).is_empty();
        let medias = &session.medias;
        let voice = medias
            .iter()
            .position(|media| is_voice(media) && is_keyed(media))
            .or_else(|| medias.iter().position(is_voice))
            .ok_or(SdpError::NoAudio)?;
        let media = &medias[voice];
        let ip = address_of(&session, media)?;
        let codecs = codecs_of(media);
        if codecs.is_empty() {
            return Err(SdpError::NoCodec);
        }
        let direction = Direction::in_attributes(&media.attributes)
            .or_else(|| Direction::in_attributes(&session.attributes))
            .unwrap_or_default();
        // The way to hold of RFC 2543: an address that nothing can be sent to.
        let reachable = direction.receives() && !ip.is_unspecified();
        let direction = Direction::new(direction.sends(), reachable);
        Ok(Self {
            address: SocketAddr::new(ip, media.port),
            codecs,
            telephone_event: telephone_event_of(media),
            comfort_noise: payload_types(media).any(|format| format == COMFORT_NOISE),
            control: control_of(media, ip),
            direction,
            ptime_ms: value(media, "ptime").and_then(|ms| ms.trim().parse().ok()),
            crypto: Crypto::of(media),
            streams: session.medias.iter().map(Stream::of).collect(),
            voice,
        })
    }

    /// The keys of both ends, where the far end has any: an answer with our secret makes them ours.
    pub fn protection(&self, secret: Option<&Secret>) -> Option<Protection> {
        let theirs = self.crypto?.key;
        Some(Protection {
            send: MediaKey::beside(secret?, theirs),
            receive: theirs,
        })
    }

    /// Whether its voice comes with keys that the box can use.
    pub const fn is_protected(&self) -> bool {
        self.crypto.is_some()
    }

    /// Whether its voice can be had unprotected.
    pub fn takes_plain(&self) -> bool {
        PLAIN.contains(&&*self.streams[self.voice].proto)
    }

    /// The first law of ours that the far end takes too.
    pub fn choose(&self, preferred: &[Codec]) -> Option<Codec> {
        preferred
            .iter()
            .copied()
            .find(|codec| self.codecs.contains(codec))
    }
}

impl Stream {
    fn of(media: &Media) -> Self {
        Self {
            media: media.media.clone(),
            proto: media.proto.clone(),
            formats: media.fmt.clone(),
        }
    }
}

fn is_voice(media: &Media) -> bool {
    let is_carried = |proto: &str| {
        PLAIN.contains(&proto) || PROTECTED.contains(&proto) && Crypto::of(media).is_some()
    };
    media.media == "audio" && is_carried(&media.proto) && media.port != 0
}

fn address_of(session: &Session, media: &Media) -> Result<IpAddr, SdpError> {
    let connection = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .ok_or_else(|| SdpError::Malformed("no connection address".into()))?;
    let address = connection.try_address();
    address
        .map(|a| a.ip)
        .map_err(|_| SdpError::Address(connection.connection_address.clone()))
}

fn payload_types(media: &Media) -> impl Iterator<Item = u8> {
    media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|format| format.parse().ok())
}

fn codecs_of(media: &Media) -> Vec<Codec> {
    payload_types(media)
        .filter_map(Codec::from_payload_type)
        .collect()
}

fn value<'a>(media: &'a Media, name: &str) -> Option<&'a str> {
    media
        .attributes
        .iter()
        .find(|a| a.attribute == name)?
        .value
        .as_deref()
}

/// `a=rtcp:PORT` or `a=rtcp:PORT IN IP4 ADDRESS`; an address of another machine than the voice's is
/// not believed, for reports must not be turned on strangers.
fn control_of(media: &Media, voice: IpAddr) -> Option<SocketAddr> {
    let mut words = value(media, "rtcp")?.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
    let named = words.nth(2).map(str::parse);
    let fits = named.is_none_or(|address| address == Ok(voice));
    fits.then_some(SocketAddr::new(voice, port))
}

fn telephone_event_of(media: &Media) -> Option<u8> {
    let mapped = |attribute: &Attribute| {
        let value = attribute
            .value
            .as_deref()
            .filter(|_| attribute.attribute == "rtpmap")?;
        let (payload_type, name) = value.split_once(' ')?;
        let event = name
            .trim()
            .to_ascii_lowercase()
            .starts_with("telephone-event/8000");
        event.then(|| payload_type.parse().ok())?
    };
    let payload_type = media.attributes.iter().find_map(mapped)?;
    payload_types(media).find(|&offered| offered == payload_type)
}

/// Our end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we want to be sent to.
    pub address: SocketAddr,
    /// The same for as long as the session lasts.
    pub session: u64,
    /// One more with every description.
    pub version: u64,
    /// What our keys of this session are made from, where voice may be protected.
    pub secret: Option<Secret>,
    /// Whether an offer names comfort noise: for whoever may be joined to somebody who takes it.
    pub comfort_noise: bool,
}

/// An offer of these laws, most preferred first.
pub fn offer(local: Local, codecs: &[Codec], direction: Direction) -> Vec<u8> {
    let beside = Beside {
        telephone_event: Some(TELEPHONE_EVENT),
        comfort_noise: local.comfort_noise,
    };
    let mut voice = voice_stream(local, codecs, beside, direction);
    let keys = local.secret.iter().flat_map(crypto::offered);
    voice.attributes.extend(keys);
    written(local, vec![voice])
}

/// The answer that takes one law of an offer and refuses its other streams.
///
/// `direction` is ours; [`Direction::mirrored`] agrees to all that was offered.
pub fn answer(local: Local, offer: &Offer, codec: Codec, direction: Direction) -> Vec<u8> {
    let streams = offer.streams.iter().enumerate().map(|(n, stream)| {
        if n == offer.voice {
            let beside = Beside {
                telephone_event: offer.telephone_event,
                comfort_noise: offer.comfort_noise,
            };
            let mut voice = voice_stream(local, &[codec], beside, direction);
            voice.proto.clone_from(&stream.proto);
            let taken = local.secret.zip(offer.crypto);
            let taken = taken.map(|(secret, theirs)| crypto::taken(&secret, theirs));
            voice.attributes.extend(taken);
            voice
        } else {
            let mut refused = Media::new(MediaType::Audio, 0, TransportProto::RtpAvp, "");
            refused.media.clone_from(&stream.media);
            refused.proto.clone_from(&stream.proto);
            refused.fmt.clone_from(&stream.formats);
            refused
        }
    });
    written(local, streams.collect())
}

/// What a stream carries beside voice.
#[derive(Clone, Copy, Debug)]
struct Beside {
    telephone_event: Option<u8>,
    comfort_noise: bool,
}

fn voice_stream(local: Local, codecs: &[Codec], beside: Beside, direction: Direction) -> Media {
    let Beside {
        telephone_event,
        comfort_noise,
    } = beside;
    let voices = codecs.iter().map(|codec| codec.payload_type());
    let formats: Vec<String> = voices
        .chain(comfort_noise.then_some(COMFORT_NOISE))
        .chain(telephone_event)
        .map(|format| format.to_string())
        .collect();
    let port = local.address.port();
    let mut media = Media::new(
        MediaType::Audio,
        port,
        TransportProto::RtpAvp,
        formats.join(" "),
    );
    let mut add = |name: &str, value: String| {
        let attribute = Attribute {
            attribute: name.into(),
            value: Some(value),
        };
        media.attributes.push(attribute);
    };
    for codec in codecs {
        add(
            "rtpmap",
            format!("{} {}/8000", codec.payload_type(), codec.encoding_name()),
        );
    }
    if comfort_noise {
        add("rtpmap", format!("{COMFORT_NOISE} CN/8000"));
    }
    if let Some(payload_type) = telephone_event {
        add("rtpmap", format!("{payload_type} telephone-event/8000"));
        add("fmtp", format!("{payload_type} 0-16"));
    }
    add("ptime", "20".into());
    let direction = Attribute {
        attribute: direction.name().into(),
        value: None,
    };
    media.attributes.push(direction);
    media
}

fn written(local: Local, medias: Vec<Media>) -> Vec<u8> {
    let ip = local.address.ip();
    let origin = Origin::with_ip_addr(local.session, local.version, ip);
    let mut session = Session::new(origin, "trunkside");
    session.connection = Some(Connection::from_ip_addr(ip));
    session.times = vec![Time {
        start_time: 0,
        stop_time: 0,
        repeats: Vec::new(),
    }];
    session.medias = medias;
    let mut bytes = Vec::new();
    session
        .write(&mut bytes)
        .expect("writing to memory cannot fail");
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local() -> Local {
        Local {
            address: "192.0.2.1:20000".parse().expect("valid"),
            session: 7,
            version: 3,
            secret: None,
            comfort_noise: false,
        }
    }

    fn sdp(media: &str) -> String {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{media}")
    }

    fn parse(media: &str) -> Result<Offer, SdpError> {
        Offer::parse(sdp(media).as_bytes())
    }

    #[test]
    fn an_offer_says_where_what_and_which_way() {
        let offer = parse(
            "m=audio 4000 RTP/AVP 18 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n\
             a=ptime:20\r\na=sendonly\r\n",
        )
        .expect("usable");
        assert_eq!(offer.address, "192.0.2.9:4000".parse().expect("valid"));
        assert_eq!(offer.codecs, [Codec::Pcmu, Codec::Pcma]);
        assert_eq!(
            (offer.telephone_event, offer.ptime_ms),
            (Some(96), Some(20))
        );
        assert_eq!(offer.direction, Direction::SendOnly);
        assert_eq!(offer.choose(&[Codec::Pcma, Codec::Pcmu]), Some(Codec::Pcma));
    }

    #[test]
    fn reports_go_where_the_offer_says_on_its_own_machine() {
        let control = |attribute: &str| {
            let offer = parse(&format!("m=audio 4000 RTP/AVP 8\r\n{attribute}"));
            offer.expect("usable").control.map(|to| to.to_string())
        };
        let there = Some("192.0.2.9:53020".to_owned());
        assert_eq!(control(""), None);
        assert_eq!(control("a=rtcp:53020\r\n"), there);
        assert_eq!(control("a=rtcp:53020 IN IP4 192.0.2.9\r\n"), there);
        for wrong in [
            "53020 IN IP4 192.0.2.10",
            "53020 IN IP4 x",
            "0",
            "x",
            "99999",
        ] {
            assert_eq!(control(&format!("a=rtcp:{wrong}\r\n")), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        assert!(matches!(
            Offer::parse(b"hello"),
            Err(SdpError::Malformed(_))
        ));
        assert!(matches!(Offer::parse(b""), Err(SdpError::Malformed(_))));
        assert_eq!(parse("m=video 4000 RTP/AVP 31\r\n"), Err(SdpError::NoAudio));
        assert_eq!(parse("m=audio 4000 RTP/SAVP 8\r\n"), Err(SdpError::NoAudio));
        assert_eq!(parse("m=audio 0 RTP/AVP 8\r\n"), Err(SdpError::NoAudio));
        assert_eq!(
            parse("m=audio 4000 RTP/AVP 18 101\r\n"),
            Err(SdpError::NoCodec)
        );
        let named = parse("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 phone.example.com\r\n");
        assert_eq!(named, Err(SdpError::Address("phone.example.com".into())));
    }

    #[test]
    fn hold_is_answered_the_other_way_round() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        for (offered, answered) in [
            (SendRecv, SendRecv),
            (SendOnly, RecvOnly),
            (RecvOnly, SendOnly),
            (Inactive, Inactive),
        ] {
            assert_eq!(offered.mirrored(), answered);
        }
        let offered = parse("m=audio 4000 RTP/AVPF 8\r\n").expect("usable");
        let text = answer(local(), &offered, Codec::Pcma, SendRecv);
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("m=audio 20000 RTP/AVPF 8"), "{text}");
        let old = parse("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n").expect("usable");
        assert_eq!(old.direction, SendOnly);
        let session = Offer::parse(
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
              a=inactive\r\nm=audio 4000 RTP/AVP 8\r\n",
        );
        assert_eq!(session.map(|offer| offer.direction), Ok(Inactive));
    }

    #[test]
    fn an_answer_has_as_many_streams_as_the_offer_and_one_law() {
        let offered = parse(
            "m=video 6000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0 8 97\r\n\
             a=rtpmap:97 telephone-event/8000\r\n",
        )
        .expect("usable");
        let text = String::from_utf8(answer(
            local(),
            &offered,
            Codec::Pcma,
            offered.direction.mirrored(),
        ))
        .expect("text");
        assert!(text.contains("m=video 0 RTP/AVP 31\r\n"), "{text}");
        assert!(text.contains("m=audio 20000 RTP/AVP 8 97\r\n"), "{text}");
        assert!(text.contains("a=rtpmap:8 PCMA/8000\r\n") && text.contains("a=sendrecv"));
        assert!(text.contains("o=- 7 3 IN IP4 192.0.2.1\r\n"), "{text}");
    }

    #[test]
    fn protected_voice_of_who_could_take_feedback_is_taken_and_its_key_s_name_kept() {
        let offered = parse(
            "m=audio 4000 RTP/SAVPF 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
             inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:1\r\n",
        )
        .expect("usable");
        assert!(offered.is_protected() && !offered.takes_plain());
        let ours = Secret::new([1; 32]);
        let local = Local {
            secret: Some(ours),
            ..local()
        };
        let answered = answer(local, &offered, Codec::Pcma, Direction::SendRecv);
        let text = String::from_utf8(answered).expect("text");
        assert!(text.contains("m=audio 20000 RTP/SAVPF 8"), "{text}");
        let keys = offered.protection(Some(&ours)).expect("agreed");
        assert_eq!(
            (keys.send.mki, keys.receive.mki.value),
            (keys.receive.mki, 1)
        );
        assert!(text.contains("|1:1\r\n"), "{text}");
    }

    #[test]
    fn keys_are_agreed_on_where_both_have_some() {
        let ours = Secret::new([1; 32]);
        let theirs = Secret::new([2; 32]);
        let with = |secret: Secret| Local {
            secret: Some(secret),
            ..local()
        };
        let offered = offer(with(theirs), &[Codec::Pcma], Direction::SendRecv);
        let optional = Offer::parse(&offered).expect("well formed");
        assert!(optional.takes_plain());
        let text = String::from_utf8(offered).expect("text");
        let demanded = text.replace("RTP/AVP", "RTP/SAVP");
        let demanded = Offer::parse(demanded.as_bytes()).expect("well formed");
        assert!(!demanded.takes_plain());
        for offered in [optional, demanded] {
            let answered = answer(with(ours), &offered, Codec::Pcma, Direction::SendRecv);
            let answered = Offer::parse(&answered).expect("well formed");
            assert_eq!(answered.takes_plain(), offered.takes_plain());
            let here = offered.protection(Some(&ours)).expect("agreed");
            let there = answered.protection(Some(&theirs)).expect("agreed");
            assert_eq!((here.send, here.receive), (there.receive, there.send));
            assert_eq!(offered.protection(None), None);
            let plain = answer(local(), &offered, Codec::Pcma, Direction::SendRecv);
            assert!(!String::from_utf8(plain).expect("text").contains("crypto"));
        }
        let keyless = sdp("m=audio 4000 RTP/SAVP 8\r\na=crypto:1 X inline:y\r\n");
        assert_eq!(Offer::parse(keyless.as_bytes()), Err(SdpError::NoAudio));
    }

    #[test]
    fn of_two_voice_streams_the_protected_one_is_taken() {
        let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                   inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
        let taken = |streams: &str| parse(streams).map(|offer| offer.address.port());
        let plain = "m=audio 4000 RTP/AVP 8\r\n";
        let protected = |formats: &str| format!("{plain}m=audio 4002 RTP/SAVP {formats}\r\n{key}");
        assert_eq!(taken(&protected("8")), Ok(4_002));
        assert_eq!(taken(&protected("18")), Ok(4_000), "no law of ours");
        let unusable = format!("{plain}m=audio 4002 RTP/AVP 8\r\na=crypto:1 X inline:y\r\n");
        assert_eq!(taken(&unusable), Ok(4_000));
    }

    #[test]
    fn comfort_noise_is_taken_from_whoever_has_it_and_offered_where_it_is_wanted() {
        let text = |sdp: Vec<u8>| String::from_utf8(sdp).expect("text");
        let offered = parse("m=audio 4000 RTP/AVP 8 13 101\r\na=rtpmap:13 CN/8000\r\n");
        let offered = offered.expect("usable");
        assert!(offered.comfort_noise);
        let answered = text(answer(local(), &offered, Codec::Pcma, Direction::SendRecv));
        assert!(
            answered.contains("m=audio 20000 RTP/AVP 8 13\r\n"),
            "{answered}"
        );
        assert!(answered.contains("a=rtpmap:13 CN/8000\r\n"), "{answered}");
        let wants = Local {
            comfort_noise: true,
            ..local()
        };
        for (local, is_named) in [(wants, true), (local(), false)] {
            let offered = offer(local, &[Codec::Pcma], Direction::SendRecv);
            let read = Offer::parse(&offered).expect("well formed");
            assert_eq!(read.comfort_noise, is_named);
        }
        let without = parse("m=audio 4000 RTP/AVP 8\r\n").expect("usable");
        let plain = text(answer(wants, &without, Codec::Pcma, Direction::SendRecv));
        assert!(plain.contains("m=audio 20000 RTP/AVP 8\r\n"), "{plain}");
    }

    #[test]
    fn our_own_offer_reads_back() {
        let ours = offer(local(), &[Codec::Pcma], Direction::SendRecv);
        let read = Offer::parse(&ours).expect("well formed");
        assert_eq!(read.address, local().address);
        assert_eq!(read.codecs, [Codec::Pcma]);
        assert_eq!(read.telephone_event, Some(TELEPHONE_EVENT));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Offer::parse(&bytes);
        }

        #[test]
        fn no_lines_panic(lines in "([vosctma]=[ -~]{0,40}\r\n){0,12}") {
            let _ = Offer::parse(lines.as_bytes());
        }
    }
}
