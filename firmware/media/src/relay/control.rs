//! The relay's reports: whose are believed, and where the box's own go.

use std::net::SocketAddr;
use std::time::Instant;

use trunkside_call::Side;

use super::{Leg, Relay};
use crate::reports::MAX_REPORT;

impl Relay {
    /// Takes a datagram of reports that came to the leg of `side`.
    pub(crate) fn control(
        &mut self,
        now: Instant,
        side: Side,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        let counters = std::sync::Arc::clone(&self.counters);
        let counters = counters.leg(side);
        let leg = self.leg_mut(side);
        // Reports come from the machine that the voice comes from; address translation may have
        // moved their port.
        let Some((voice, _)) = leg
            .destination()
            .filter(|(voice, _)| voice.ip() == source.ip())
        else {
            counters.foreign.add(1);
            return;
        };
        match leg.reports.handle(now, datagram) {
            Ok(far) => {
                leg.silence.is_broken(now);
                // A report among the voice (RFC 5761) does not say where reports are awaited.
                if source != voice {
                    leg.control = Some(source);
                }
                if let Some(far) = far {
                    counters.reported(far);
                }
            }
            Err(_) => counters.malformed.add(1),
        }
    }

    /// When [`report`](Self::report) has something for a leg.
    pub(crate) fn reports_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.caller.reports.deadline(),
            self.agent.reports.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Writes a leg's report if it is due: how many bytes, and where they go.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        side: Side,
        buffer: &mut [u8; MAX_REPORT],
    ) -> Option<(usize, SocketAddr)> {
        let leg = self.leg_mut(side);
        let sent = leg.outgoing.sent_by(now);
        let reception = &mut leg.reception;
        let bytes = leg.reports.poll(now, sent, || reception.block(), buffer)?;
        Some((bytes, leg.destination()?.1))
    }

    /// Writes a leg's last report, if it has had voice.
    pub(crate) fn farewell(
        &mut self,
        now: Instant,
        side: Side,
        buffer: &mut [u8; MAX_REPORT],
    ) -> Option<(usize, SocketAddr)> {
        let leg = self.leg_mut(side);
        let sent = leg.outgoing.sent_by(now);
        let bytes = leg
            .reports
            .farewell(now, sent, leg.reception.block(), buffer)?;
        Some((bytes, leg.destination()?.1))
    }
}

impl Leg {
    /// Where voice and reports go.
    fn destination(&self) -> Option<(SocketAddr, SocketAddr)> {
        let remote = self.remote?;
        let voice = self.source.destination(remote.address);
        let signalled = remote.control.unwrap_or_else(|| {
            let port = remote.address.port();
            SocketAddr::new(remote.address.ip(), port.checked_add(1).unwrap_or(port))
        });
        let learnt = self.control.filter(|control| control.ip() == voice.ip());
        Some((voice, learnt.unwrap_or(signalled)))
    }
}
