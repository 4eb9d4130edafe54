//! How a listener would grade the voice: the E-model (ITU-T G.107) for G.711, simplified.
//!
//! R = 93.2 - Id - Ie,eff, with everything but loss and delay at its default:
//! - Ie,eff = 95 P / (P / B + Bpl), of P per cent lost packets in bursts B times as long as chance
//!   makes them; Bpl = 25.1 is that of G.711 whose listener conceals losses (G.113, appendix I);
//! - Id = 0.024 d + 0.11 (d - 177.3) [d > 177.3], of d ms from mouth to ear (R. G. Cole and
//!   J. H. Rosenbluth, Voice over IP performance monitoring, 2001);
//! - MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R) (G.107, annex B).

use std::time::Duration;

use crate::relay::BUFFER;

/// How well G.711 with concealment stands losses.
const ROBUSTNESS: f64 = 25.1;

/// How long it takes to fill a packet.
const PACKET: Duration = Duration::from_millis(20);

/// What never came or came in vain, over all streams that a leg has received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Packets that should have come.
    pub expected: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Gaps that these lie in.
    pub bursts: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
}

/// The mean opinion score, 1 to 4.4, of voice that came over this way; none when none came.
///
/// Only the way between the far end and the box counts: half the round trip where that is known.
pub(crate) fn mos(losses: Losses, round_trip: Option<Duration>) -> Option<f32> {
    if losses.expected == 0 {
        return None;
    }
    let unheard = losses.lost + losses.late;
    let share = (unheard as f64 / losses.expected as f64).min(1.0);
    let gaps = losses.bursts + losses.late;
    // How long gaps are, compared with those that chance alone would make (G.107, section 7.2.4).
    let burst_ratio = (unheard as f64 / gaps.max(1) as f64 * (1.0 - share)).max(1.0);
    let way = round_trip.unwrap_or_default() / 2;
    let rating =
        93.2 - delay_impairment(way + BUFFER + PACKET) - loss_impairment(share, burst_ratio);
    Some(score(rating) as f32)
}

fn loss_impairment(share: f64, burst_ratio: f64) -> f64 {
    let percent = share * 100.0;
    95.0 * percent / (percent / burst_ratio + ROBUSTNESS)
}

fn delay_impairment(delay: Duration) -> f64 {
    let ms = delay.as_secs_f64() * 1_000.0;
    0.024 * ms + 0.11 * (ms - 177.3).max(0.0)
}

fn score(rating: f64) -> f64 {
    let rating = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(lost: u64, bursts: u64) -> Losses {
        Losses {
            expected: 10_000,
            lost,
            bursts,
            late: 0,
        }
    }

    fn graded(losses: Losses, round_trip_ms: u64) -> f32 {
        mos(losses, Some(Duration::from_millis(round_trip_ms))).expect("voice came")
    }

    #[test]
    fn the_recommendations_own_values() {
        // G.107, annex B: R and MOS.
        for (rating, expected) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (50.0, 2.58)] {
            assert!((score(rating) - expected).abs() < 0.01, "{rating}");
        }
        // G.113, appendix I: G.711 with concealment at 3 % random loss has Ie,eff of about 10.
        assert!((loss_impairment(0.03, 1.0) - 10.1).abs() < 0.1);
        assert!((delay_impairment(Duration::from_millis(400)) - 34.1).abs() < 0.1);
    }

    #[test]
    fn a_clean_line_is_good_and_losses_lateness_bursts_and_delay_make_it_worse() {
        let clean = graded(lost(0, 0), 0);
        assert!((4.3..4.4).contains(&clean), "{clean}");
        let three_percent = graded(lost(300, 291), 0);
        assert!((4.0..4.2).contains(&three_percent), "{three_percent}");
        assert!(graded(lost(300, 60), 0) < three_percent, "in bursts");
        assert!(graded(lost(0, 0), 600) < three_percent, "from far away");
        let late = Losses {
            late: 300,
            ..lost(0, 0)
        };
        assert!((graded(late, 0) - three_percent).abs() < 0.02);
        assert!(graded(lost(9_999, 1), 2_000) >= 1.0);
        assert_eq!(mos(Losses::default(), None), None);
    }
}
