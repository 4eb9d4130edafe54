//! RTP packets (RFC 3550): read, readdressed in place, and written.

use std::ops::Range;

use rtp_types::{RtpPacket, RtpPacketBuilder, RtpPacketMut};

/// The bytes of a header without contributing sources or extension.
pub const HEADER_BYTES: usize = 12;

/// Payload types that RTCP packets show when they are multiplexed (RFC 5761, section 4).
const RTCP_PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// Why a datagram is not a packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Too short, wrong version, or lengths that do not add up.
    #[error("malformed rtp packet of {0} bytes")]
    Malformed(usize),
    /// RTCP on the RTP port.
    #[error("rtcp packet on the rtp port")]
    Rtcp,
}

/// What a packet says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// RFC 3551 payload type, 0 to 127.
    pub payload_type: u8,
    /// The first packet of a talk spurt or of a telephone event.
    pub marker: bool,
    /// Counts packets, modulo 2^16.
    pub sequence: u16,
    /// In samples, modulo 2^32.
    pub timestamp: u32,
    /// The stream that the packet belongs to.
    pub ssrc: u32,
}

/// Reads a datagram: its header, and where its payload lies without padding.
pub fn parse(datagram: &[u8]) -> Result<(Header, Range<usize>), RtpError> {
    let malformed = RtpError::Malformed(datagram.len());
    let packet = RtpPacket::parse(datagram).map_err(|_| malformed)?;
    if RTCP_PAYLOAD_TYPES.contains(&packet.payload_type()) {
        return Err(RtpError::Rtcp);
    }
    let start = packet.payload_offset();
    let padding = packet.padding().map_or(0, usize::from);
    let end = datagram
        .len()
        .checked_sub(padding)
        .filter(|&end| end >= start)
        .ok_or(malformed)?;
    let header = Header {
        payload_type: packet.payload_type(),
        marker: packet.marker_bit(),
        sequence: packet.sequence_number(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
    };
    Ok((header, start..end))
}

/// Whether a datagram looks like reports (RTCP) among the voice.
pub fn is_reports(datagram: &[u8]) -> bool {
    datagram
        .get(1)
        .is_some_and(|kind| RTCP_PAYLOAD_TYPES.contains(&(kind & 0x7F)))
}

/// Gives a packet that [`parse`] accepted another header, in place.
pub fn rewrite(datagram: &mut [u8], header: Header) -> Result<(), RtpError> {
    let bytes = datagram.len();
    let mut packet = RtpPacketMut::parse(datagram).map_err(|_| RtpError::Malformed(bytes))?;
    packet
        .set_payload_type(header.payload_type)
        .map_err(|_| RtpError::Malformed(bytes))?;
    packet.set_marker_bit(header.marker);
    packet.set_sequence_number(header.sequence);
    packet.set_timestamp(header.timestamp);
    packet.set_ssrc(header.ssrc);
    Ok(())
}

/// Writes a packet into `buffer` and says how many bytes it took.
///
/// The buffer must hold [`HEADER_BYTES`] and the payload; a smaller one is an error.
pub fn build(buffer: &mut [u8], header: Header, payload: &[u8]) -> Result<usize, RtpError> {
    RtpPacketBuilder::<_, &[u8]>::new()
        .payload_type(header.payload_type)
        .marker_bit(header.marker)
        .sequence_number(header.sequence)
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload)
        .write_into(buffer)
        .map_err(|_| RtpError::Malformed(payload.len() + HEADER_BYTES))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: Header = Header {
        payload_type: 8,
        marker: true,
        sequence: 65_535,
        timestamp: 7,
        ssrc: 0xdead_beef,
    };

    #[test]
    fn a_packet_reads_back_as_written() {
        let mut buffer = [0; 64];
        let bytes = build(&mut buffer, HEADER, &[1, 2, 3]).expect("fits");
        let (header, payload) = parse(&buffer[..bytes]).expect("well formed");
        assert_eq!((header, &buffer[payload]), (HEADER, &[1, 2, 3][..]));
    }

    #[test]
    fn rewriting_leaves_the_payload_alone() {
        let mut buffer = [0; 64];
        let bytes = build(&mut buffer, HEADER, &[9; 20]).expect("fits");
        let other = Header {
            payload_type: 101,
            marker: false,
            sequence: 3,
            timestamp: 160,
            ssrc: 4,
        };
        rewrite(&mut buffer[..bytes], other).expect("well formed");
        let (header, payload) = parse(&buffer[..bytes]).expect("well formed");
        assert_eq!((header, &buffer[payload]), (other, &[9; 20][..]));
    }

    #[test]
    fn short_foreign_and_lying_packets_are_refused() {
        assert_eq!(parse(&[]), Err(RtpError::Malformed(0)));
        assert_eq!(parse(&[0x80; 11]), Err(RtpError::Malformed(11)));
        assert!(parse(b"OPTIONS sip:x SIP/2.0").is_err(), "version 1");
        let mut padded = [0_u8; 13];
        padded[0] = 0xa0;
        padded[12] = 200;
        assert!(parse(&padded).is_err(), "more padding than packet");
        let mut sources = [0_u8; 16];
        sources[0] = 0x8f;
        assert!(parse(&sources).is_err(), "fifteen sources do not fit");
        let mut report = [0_u8; 28];
        (report[0], report[1]) = (0x80, 200);
        assert_eq!(parse(&report), Err(RtpError::Rtcp));
    }

    #[test]
    fn a_buffer_too_small_is_an_error() {
        assert!(build(&mut [0; 20], HEADER, &[0; 160]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok((header, payload)) = parse(&bytes) {
                prop_assert!(payload.end <= bytes.len());
                prop_assert!(rewrite(&mut bytes, header).is_ok());
            }
        }

        #[test]
        fn no_version_two_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..80)) {
            bytes[0] = 0x80 | (bytes[0] & 0x3f);
            let _ = parse(&bytes);
        }
    }
}
