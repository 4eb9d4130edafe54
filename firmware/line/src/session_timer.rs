//! Session timers (RFC 4028): a call whose far end is gone does not stay up for ever.
//!
//! Pure: told the time and the headers, it says when to refresh and when to give up. Both roles:
//! whoever answers settles the interval, and one of the two refreshes.

use std::time::{Duration, Instant};

/// The interval that we ask for.
pub const INTERVAL: Duration = Duration::from_mins(30);

/// The shortest that we take, and the shortest that the RFC allows.
pub const SHORTEST: Duration = Duration::from_secs(90);

/// How long a re-INVITE or UPDATE that crossed one of the far end's waits before it is sent again: where we own the
/// Call-ID, RFC 3261, section 14.1, wants 2.1 to 4 s, and where we do not, 0 to 2 s. So the two do not cross again.
pub const fn after_glare(own_call_id: bool) -> Duration {
    if own_call_id {
        Duration::from_millis(3_000)
    } else {
        Duration::from_millis(1_000)
    }
}

/// Who refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The one who sent the request that settled the interval.
    Uac,
    /// The one who answered it.
    Uas,
}

/// A `Session-Expires` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub interval: Duration,
    /// Who refreshes, where it says.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a header's value; none where it is no number of seconds.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let interval = Duration::from_secs(parts.next()?.parse::<u32>().ok()?.into());
        let refresher = parts.find_map(|part| {
            let (name, who) = part.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("refresher") {
                return None;
            }
            match who.trim().to_ascii_lowercase().as_str() {
                "uac" => Some(Refresher::Uac),
                "uas" => Some(Refresher::Uas),
                _ => None,
            }
        });
        Some(Self {
            interval,
            refresher,
        })
    }

    /// The header's value.
    pub fn written(self) -> String {
        let seconds = self.interval.as_secs();
        match self.refresher {
            None => seconds.to_string(),
            Some(Refresher::Uac) => format!("{seconds};refresher=uac"),
            Some(Refresher::Uas) => format!("{seconds};refresher=uas"),
        }
    }
}

/// What a request says of session timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Its `Session-Expires`.
    pub expires: Option<SessionExpires>,
    /// Its `Min-SE`.
    pub shortest: Option<Duration>,
    /// Whether its sender knows session timers (`Supported: timer`).
    pub supported: bool,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its `Session-Expires`.
    pub expires: SessionExpires,
    /// Whether it must say `Require: timer`.
    pub require: bool,
}

/// The interval is too short for us: 422 with our `Min-SE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort;

/// What is to be done when the deadline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a refresh.
    Refresh,
    /// The far end has not refreshed: end the call.
    Expired,
}

/// What became of a refresh that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// 2xx with these.
    Accepted {
        /// Its `Session-Expires`.
        expires: Option<SessionExpires>,
    },
    /// 422 with this `Min-SE`.
    TooShort {
        /// The shortest that the far end takes.
        shortest: Duration,
    },
    /// 491: it crossed one of theirs.
    Crossed,
    /// Nothing came back, or the far end knows no such call (408, 481).
    Gone,
    /// Refused with something else: the call may still be well.
    Refused,
}

/// The timer of one leg.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionTimer {
    running: Option<Running>,
    /// The interval asked for next.
    asking: Option<Duration>,
    shortest: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    interval: Duration,
    ours: bool,
    refresh_at: Instant,
    ends_at: Instant,
    /// Our refresh is under way.
    waiting: bool,
}

impl SessionTimer {
    /// What our request (INVITE, refresh) is to ask for.
    pub fn ask(&self) -> Asked {
        let interval = self.asking.unwrap_or(INTERVAL);
        // In a refresh the roles stay as they are.
        let refresher = self.running.map(|running| {
            if running.ours {
                Refresher::Uac
            } else {
                Refresher::Uas
            }
        });
        Asked {
            expires: Some(SessionExpires {
                interval,
                refresher,
            }),
            shortest: Some(self.shortest.unwrap_or(SHORTEST)),
            supported: true,
        }
    }

    /// The far end asks (INVITE, re-INVITE, UPDATE): what our 2xx says, if anything.
    ///
    /// # Errors
    /// When the interval that it asks for is shorter than we take.
    pub fn settle(&mut self, now: Instant, asked: Asked) -> Result<Option<Settled>, TooShort> {
        let Some(expires) = asked.expires else {
            if !asked.supported {
                // A far end that knows nothing of timers, or wants none any more.
                self.running = None;
                return Ok(None);
            }
            let interval = INTERVAL.max(asked.shortest.unwrap_or(SHORTEST));
            return Ok(Some(self.run_as_answerer(now, interval, None, true)));
        };
        if expires.interval < SHORTEST {
            return Err(TooShort);
        }
        let interval = expires
            .interval
            .min(INTERVAL)
            .max(asked.shortest.unwrap_or(SHORTEST).min(expires.interval));
        Ok(Some(self.run_as_answerer(
            now,
            interval,
            expires.refresher,
            asked.supported,
        )))
    }

    fn run_as_answerer(
        &mut self,
        now: Instant,
        interval: Duration,
        wanted: Option<Refresher>,
        supported: bool,
    ) -> Settled {
        // Who does not know timers cannot refresh (RFC 4028, table 2).
        let refresher = if supported {
            wanted.unwrap_or(Refresher::Uac)
        } else {
            Refresher::Uas
        };
        self.run(now, interval, refresher == Refresher::Uas);
        Settled {
            expires: SessionExpires {
                interval,
                refresher: Some(refresher),
            },
            require: refresher == Refresher::Uac,
        }
    }

    /// Our request was answered with 2xx.
    pub fn settled(&mut self, now: Instant, expires: Option<SessionExpires>) {
        match expires {
            Some(expires) => {
                let ours = expires.refresher != Some(Refresher::Uas);
                self.run(now, expires.interval.max(SHORTEST), ours);
            }
            None => self.running = None,
        }
    }

    /// Our request was refused as too brief (422): it is to be sent again, asking for this.
    pub fn lengthen(&mut self, shortest: Duration) {
        self.shortest = Some(shortest.max(self.shortest.unwrap_or(SHORTEST)));
        self.asking = self.shortest.map(|shortest| shortest.max(INTERVAL));
    }

    /// What became of our refresh; whether the call must end.
    pub fn refreshed(&mut self, now: Instant, outcome: Refreshed, own_call_id: bool) -> bool {
        let Some(running) = &mut self.running else {
            return outcome == Refreshed::Gone;
        };
        running.waiting = false;
        match outcome {
            Refreshed::Accepted { expires } => {
                // A far end that leaves the header out keeps what was settled.
                let kept = SessionExpires {
                    interval: running.interval,
                    refresher: Some(Refresher::Uac),
                };
                self.settled(now, Some(expires.unwrap_or(kept)));
            }
            Refreshed::TooShort { shortest } => {
                running.refresh_at = now;
                self.lengthen(shortest);
            }
            Refreshed::Crossed => {
                running.refresh_at = now + after_glare(own_call_id);
            }
            Refreshed::Gone => return true,
            // Tried again half-way to the end.
            Refreshed::Refused => {
                running.refresh_at = now + running.ends_at.saturating_duration_since(now) / 2;
            }
        }
        false
    }

    /// When to ask [`SessionTimer::due`].
    pub fn deadline(&self) -> Option<Instant> {
        let running = self.running?;
        let refresh = (running.ours && !running.waiting).then_some(running.refresh_at);
        Some(refresh.map_or(running.ends_at, |refresh| refresh.min(running.ends_at)))
    }

    /// What is due now.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        let running = self.running.as_mut()?;
        if now >= running.ends_at {
            self.running = None;
            return Some(Due::Expired);
        }
        if running.ours && !running.waiting && now >= running.refresh_at {
            running.waiting = true;
            return Some(Due::Refresh);
        }
        None
    }

    fn run(&mut self, now: Instant, interval: Duration, ours: bool) {
        // RFC 4028, section 10: refreshed at half of it, ended a little before it is over.
        let margin = (interval / 3).min(Duration::from_secs(32));
        self.asking = Some(interval);
        self.running = Some(Running {
            interval,
            ours,
            refresh_at: now + interval / 2,
            ends_at: now + interval - margin,
            waiting: false,
        });
    }
}

#[cfg(test)]
mod tests;
