//! One leg's RTCP (RFC 3550, section 6): what the box reports of the leg's voice, and what the far
//! end reports of the box's.

use std::time::{Duration, Instant};

use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReceiverReportBuilder, ReportBlock, RtcpPacketWriterExt,
    RtcpParseError, Sdes, SdesChunk, SdesItem, SenderReport, SenderReportBuilder,
};

use crate::relay::{Block, Sent};

/// The largest report that is written.
pub(crate) const MAX_REPORT: usize = 256;

/// The mean time between reports; each is sent half to one and a half of it after the last.
const INTERVAL: Duration = Duration::from_secs(5);

/// A longer round trip than any line has: what claims it is wrong.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(10);

/// A moment as the reports write it: seconds since 1900 and their fractions, 32 bits each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    at: Instant,
    ntp: u64,
}

impl WallClock {
    /// At this instant the time since 1970 is `unix`.
    pub(crate) const fn new(at: Instant, unix: Duration) -> Self {
        const SECONDS_FROM_1900: u64 = 2_208_988_800;
        let ntp = fixed_point(unix).wrapping_add(SECONDS_FROM_1900 << 32);
        Self { at, ntp }
    }

    fn ntp(self, now: Instant) -> u64 {
        let passed = fixed_point(now.saturating_duration_since(self.at));
        self.ntp.wrapping_add(passed)
    }

    /// The middle half, as reports refer to each other.
    fn short(self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }
}

const fn fixed_point(time: Duration) -> u64 {
    let fraction = ((time.subsec_nanos() as u64) << 32) / 1_000_000_000;
    (time.as_secs() << 32) | fraction
}

/// What the far end says of the box's voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FarReport {
    /// Packets that it never received.
    pub lost: u64,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// How long a packet takes there and back; none before it has answered a report of ours.
    pub round_trip: Option<Duration>,
}

/// The reports of one leg. Its deadlines begin with its first voice, either way.
#[derive(Debug)]
pub(crate) struct Reports {
    ssrc: u32,
    clock: WallClock,
    random: u64,
    due: Option<Instant>,
    /// The far end's last report as a sender, and when it came.
    heard: Option<(u32, Instant)>,
    /// How much had been sent at the last report.
    reported: u32,
}

impl Reports {
    /// Reports of the stream that the box sends; `random` spreads them over time.
    pub(crate) const fn new(ssrc: u32, random: u64, clock: WallClock) -> Self {
        Self {
            ssrc,
            clock,
            random,
            due: None,
            heard: None,
            reported: 0,
        }
    }

    /// Voice flows.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + self.spread() / 2);
        }
    }

    /// When the next report is due.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Writes a report into the buffer, if one is due; says how many bytes it took.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        sent: Sent,
        heard: impl FnOnce() -> Option<Block>,
        buffer: &mut [u8; MAX_REPORT],
    ) -> Option<usize> {
        self.due.filter(|&due| now >= due)?;
        self.due = Some(now + self.spread());
        self.write(now, sent, heard(), false, buffer)
    }

    /// The last report, with which the box leaves.
    pub(crate) fn farewell(
        &mut self,
        now: Instant,
        sent: Sent,
        heard: Option<Block>,
        buffer: &mut [u8; MAX_REPORT],
    ) -> Option<usize> {
        self.due.take()?;
        self.write(now, sent, heard, true, buffer)
    }

    fn write(
        &mut self,
        now: Instant,
        sent: Sent,
        heard: Option<Block>,
        leaves: bool,
        buffer: &mut [u8; MAX_REPORT],
    ) -> Option<usize> {
        let block = heard.map(|block| self.block(now, block));
        let name = format!("{:016x}", self.random_name());
        let source = SdesItem::builder(SdesItem::CNAME, &name);
        let names = Sdes::builder().add_chunk(SdesChunk::builder(self.ssrc).add_item(source));
        let mut all = Compound::builder();
        // Who has sent nothing since the last report is only a receiver.
        if sent.packets == self.reported {
            let report = ReceiverReport::builder(self.ssrc);
            all = all.add_packet(
                block
                    .into_iter()
                    .fold(report, ReceiverReportBuilder::add_report_block),
            );
        } else {
            let report = SenderReport::builder(self.ssrc)
                .ntp_timestamp(self.clock.ntp(now))
                .rtp_timestamp(sent.timestamp)
                .packet_count(sent.packets)
                .octet_count(sent.octets);
            all = all.add_packet(
                block
                    .into_iter()
                    .fold(report, SenderReportBuilder::add_report_block),
            );
        }
        self.reported = sent.packets;
        all = all.add_packet(names);
        if leaves {
            all = all.add_packet(Bye::builder().add_source(self.ssrc));
        }
        all.write_into(buffer).ok()
    }

    fn block(&self, now: Instant, block: Block) -> rtcp_types::ReportBlockBuilder {
        const MAX_LOST: u32 = 0x7f_ffff;
        let (last, delay) = self.heard.map_or((0, 0), |(short, at)| {
            let since = fixed_point(now.saturating_duration_since(at));
            (short, (since >> 16) as u32)
        });
        ReportBlock::builder(block.ssrc)
            .fraction_lost(block.fraction_lost)
            .cumulative_lost(block.lost.min(MAX_LOST))
            .extended_sequence_number(block.highest)
            .interarrival_jitter(block.jitter)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }

    /// Takes a datagram of the far end's; yields what it says of the stream that the box sends.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Result<Option<FarReport>, RtcpParseError> {
        let mut far = None;
        for packet in Compound::parse(datagram)? {
            match packet? {
                Packet::Sr(report) => {
                    self.heard = Some(((report.ntp_timestamp() >> 16) as u32, now));
                    far = report
                        .report_blocks()
                        .find_map(|b| self.read(now, &b))
                        .or(far);
                }
                Packet::Rr(report) => {
                    far = report
                        .report_blocks()
                        .find_map(|b| self.read(now, &b))
                        .or(far);
                }
                _ => {}
            }
        }
        Ok(far)
    }

    fn read(&self, now: Instant, block: &ReportBlock<'_>) -> Option<FarReport> {
        const RATE: f64 = 8_000.0;
        if block.ssrc() != self.ssrc {
            return None;
        }
        // 24 bits with a sign: duplicates make it negative.
        let lost = (block.cumulative_lost() << 8).cast_signed() >> 8;
        let jitter = f64::from(block.interarrival_jitter()) / RATE;
        Some(FarReport {
            lost: u64::try_from(lost).unwrap_or(0),
            jitter: Duration::from_secs_f64(jitter),
            round_trip: self.round_trip(now, block),
        })
    }

    fn round_trip(&self, now: Instant, block: &ReportBlock<'_>) -> Option<Duration> {
        let ours = block.last_sender_report_timestamp();
        let held = block.delay_since_last_sender_report_timestamp();
        let took = self.clock.short(now).wrapping_sub(ours).wrapping_sub(held);
        // The far end's rounding may make a short way negative.
        let took = u64::try_from(took.cast_signed()).unwrap_or(0);
        let took = Duration::from_nanos((took * 1_000_000_000) >> 16);
        (ours != 0 && took < MAX_ROUND_TRIP).then_some(took)
    }

    /// Half to one and a half of [`INTERVAL`], so that reports of many calls do not come at once.
    fn spread(&mut self) -> Duration {
        // The multiplier is Knuth's for 64 bits.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        INTERVAL / 2 + INTERVAL.mul_f64((self.random >> 40) as f64 / f64::from(1_u32 << 24))
    }

    /// The same as long as the stream lasts; it says nothing of who sends it (RFC 7022).
    const fn random_name(&self) -> u64 {
        (self.ssrc as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[cfg(test)]
mod tests;
