//! What a carrier does as time passes, which no test waits for.

use std::time::Duration;

use super::*;
use crate::ports::MediaConfig;
use crate::relay::Remote;
use crate::tap;

#[test]
fn a_side_that_has_fallen_silent_is_told_of_each_minute() {
    let ports = MediaPorts::new(&MediaConfig {
        ports: 9_380..=9_399,
        ..MediaConfig::default()
    });
    let counters = Arc::new(Counters::default());
    let (tap, _copies) = tap::ring(16, Arc::clone(&ports.spare), Arc::clone(&counters));
    let (events, mut told) = mpsc::unbounded_channel();
    let carrier = Carrier::open(&ports, tap, counters, events);
    let mut carrier = carrier.expect("ports are free");
    let begin = now();
    let later = |seconds| begin + Duration::from_secs(seconds);
    let remote = Remote::new("127.0.0.1:9".parse().expect("valid"), Codec::Pcma);
    let meet = |side| Order::Remote(side, Box::new(remote));
    carrier.obey(begin, meet(Side::Caller));
    carrier.obey(later(5), meet(Side::Agent));
    for round in 0..2 {
        for (at, side) in [(60, Side::Caller), (65, Side::Agent)] {
            let at = later(at + 60 * round);
            assert_eq!(carrier.deadline(), Some(at));
            carrier.on_time(at);
            assert_eq!(told.try_recv().ok(), Some(MediaEvent::Silent(side)));
            assert!(told.try_recv().is_err(), "the other one only");
        }
    }
}
