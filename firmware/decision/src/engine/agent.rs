//! What each agent is doing.

use crate::OfferFailure;

/// Microseconds on the router's clock.
pub(crate) type Micros = i64;

/// Index into the engine's calls.
pub(crate) type Slot = usize;

/// What an agent does, as far as calls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Ready for a call.
    Idle,
    /// Their phone rings for a call.
    Offered(Slot),
    /// On a call.
    Talking(Slot),
    /// Writing up the last call.
    WrapUp(Micros),
    /// Left alone for a while because their phone failed.
    Resting(Micros),
}

/// A break that an agent takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnBreak {
    /// Which, by index into the policy's breaks, if it has it.
    pub kind: Option<usize>,
    /// When it is over by itself.
    pub until: Micros,
}

/// One agent of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    pub signed_in: bool,
    /// Does something that is no call, by their own report.
    pub occupied: bool,
    pub on_break: Option<OnBreak>,
    pub activity: Activity,
    /// When they last became ready, or their phone last failed; longest idle is least.
    pub idle_since: Micros,
    /// How many offers in a row they have let pass because they were not there.
    pub missed: u32,
    /// When they signed in or their day began, and how long they have talked since.
    pub since: Micros,
    pub talked: Micros,
    /// The moment under which they stand in the engine's timetable.
    pub scheduled: Option<Micros>,
}

/// Why an agent was not considered for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Absence {
    Away,
    Occupied,
    /// Which of the policy's breaks.
    OnBreak(Option<usize>),
    Ringing,
    OnCall,
    WrapUp,
    Resting,
    /// Was offered this very call.
    Tried(OfferFailure),
}

impl Agent {
    pub const fn away() -> Self {
        Self {
            signed_in: false,
            occupied: false,
            on_break: None,
            activity: Activity::Idle,
            idle_since: 0,
            missed: 0,
            since: 0,
            talked: 0,
            scheduled: None,
        }
    }

    /// Their share of the day on calls counts from now on.
    pub const fn begin_day(&mut self, now: Micros) {
        self.since = now;
        self.talked = 0;
    }

    /// A talk of theirs is over that began at `from`.
    pub fn end_talk(&mut self, from: Micros, now: Micros) {
        self.idle_since = now;
        self.talked += now - from.max(self.since);
    }

    /// Whether they can be counted on to take calls, now or after the one that they have.
    pub const fn is_there(&self) -> bool {
        self.signed_in && !self.is_kept_away() && self.missed == 0
    }

    pub fn is_free(&self) -> bool {
        self.signed_in && !self.is_kept_away() && self.activity == Activity::Idle
    }

    /// Whether something that is no call keeps them from calls, by their own report.
    const fn is_kept_away(&self) -> bool {
        self.occupied || self.on_break.is_some()
    }

    /// The share of their day so far that calls took, in thousandths; an hour of
    /// half a load is added, so that the first call of a day does not count as a full day.
    pub const fn busy_permille(&self, now: Micros) -> i64 {
        const HOUR: Micros = 3_600_000_000;
        (self.talked + HOUR / 2).saturating_mul(1000) / (now - self.since + HOUR)
    }

    /// How long they are ready, and the share of the day on calls, as if they were ready now.
    pub const fn rested(&self, now: Micros) -> (Micros, i64) {
        if !self.signed_in {
            return (0, 500);
        }
        let idle = if self.is_kept_away() {
            0
        } else {
            now - self.idle_since
        };
        (idle, self.busy_permille(now))
    }

    /// What keeps them from any call now.
    pub const fn absence(&self) -> Option<Absence> {
        if !self.signed_in {
            return Some(Absence::Away);
        }
        match (self.activity, self.on_break) {
            (Activity::Offered(_), _) => Some(Absence::Ringing),
            (Activity::Talking(_), _) => Some(Absence::OnCall),
            (_, Some(OnBreak { kind, .. })) => Some(Absence::OnBreak(kind)),
            (Activity::WrapUp(_), _) => Some(Absence::WrapUp),
            (Activity::Resting(_), _) => Some(Absence::Resting),
            (Activity::Idle, _) if self.occupied => Some(Absence::Occupied),
            (Activity::Idle, _) => None,
        }
    }

    /// When something of what keeps them is over by itself.
    pub fn due(&self) -> Option<Micros> {
        let on_break = self.on_break.map(|on_break| on_break.until);
        self.free_at().into_iter().chain(on_break).min()
    }

    /// When what a call left behind is over by itself.
    pub const fn free_at(&self) -> Option<Micros> {
        match self.activity {
            Activity::WrapUp(until) | Activity::Resting(until) => Some(until),
            Activity::Idle | Activity::Offered(_) | Activity::Talking(_) => None,
        }
    }
}
