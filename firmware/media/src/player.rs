//! Plays one prompt to one leg on an absolute schedule, without sockets or clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkside_call::{Codec, FRAME_DURATION, FRAME_SAMPLES, Repeat};

use crate::g711;
use crate::prompt::Prompt;

/// A stall longer than this is heard as a pause; a shorter one is caught up.
const MAX_LAG: Duration = Duration::from_millis(200);

/// How long music waits after the last that was said over it.
const YIELD: Duration = Duration::from_secs(1);

/// 20 ms of a prompt, encoded.
pub type Payload = [u8; FRAME_SAMPLES];

/// One prompt being played.
#[derive(Debug)]
pub struct Player {
    prompt: Arc<Prompt>,
    repeat: Repeat,
    /// The next sample to play, counted through the pause of a loop.
    position: usize,
    /// The next sample of what fills the pauses, which goes on where it was left.
    between: usize,
    due: Instant,
    started: bool,
    /// Silent until then, because somebody speaks.
    yields_until: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub enum Played {
    /// Send this packet; `first` opens a stretch of voice.
    Packet {
        /// The encoded voice, padded with silence.
        payload: Payload,
        /// Whether it is the prompt's first packet, or the first after a pause.
        first: bool,
    },
    /// The prompt has been heard to its end.
    Done,
}

impl Player {
    /// Begins at once.
    pub const fn new(now: Instant, prompt: Arc<Prompt>, repeat: Repeat) -> Self {
        Self {
            prompt,
            repeat,
            position: 0,
            between: 0,
            due: now,
            started: false,
            yields_until: None,
        }
    }

    /// Somebody else speaks to this side: says nothing for a while.
    pub fn yield_at(&mut self, now: Instant) {
        self.yields_until = Some(now + YIELD);
    }

    /// Whether it is silent because somebody else speaks.
    pub fn yields(&self, now: Instant) -> bool {
        self.yields_until.is_some_and(|until| now < until)
    }

    /// Nobody listens on this side: what comes next waits until somebody may.
    pub fn wait(&mut self, now: Instant) {
        self.due = now + FRAME_DURATION;
        self.started = false;
    }

    /// When [`poll`](Self::poll) has something.
    pub const fn deadline(&self) -> Instant {
        self.due
    }

    /// The next packet that is due by now, in the law of the leg.
    pub fn poll(&mut self, now: Instant, codec: Codec) -> Option<Played> {
        if now < self.due {
            return None;
        }
        if let Some(until) = self.yields_until.filter(|&until| now < until) {
            self.due = until;
            self.started = false;
            return None;
        }
        if now > self.due + MAX_LAG {
            self.due = now;
            self.started = false;
        }
        let voice = self.prompt.codes(codec);
        if self.position >= voice.len() && !self.rewind(voice.len()) {
            return Some(Played::Done);
        }
        let mut payload = [g711::silence(codec); FRAME_SAMPLES];
        let voice = self.prompt.codes(codec);
        let rest = voice.get(self.position..).unwrap_or_default();
        let taken = rest.len().min(FRAME_SAMPLES);
        payload[..taken].copy_from_slice(&rest[..taken]);
        self.fill(&mut payload[taken..], codec);
        self.position += FRAME_SAMPLES;
        self.due += FRAME_DURATION;
        let first = !std::mem::replace(&mut self.started, true);
        Some(Played::Packet { payload, first })
    }

    /// Plays what fills the pauses of a loop.
    fn fill(&mut self, pause: &mut [u8], codec: Codec) {
        let between = self.prompt.between().map(|between| between.codes(codec));
        let (Some(filler), Repeat::Loop { .. }) = (between, self.repeat) else {
            return;
        };
        if filler.is_empty() {
            return;
        }
        for code in pause {
            *code = filler[self.between];
            self.between = (self.between + 1) % filler.len();
        }
    }

    /// Past the end of the voice: goes through the pause and then back to where it begins again, or is done.
    fn rewind(&mut self, voice: usize) -> bool {
        let Repeat::Loop { pause } = self.repeat else {
            return false;
        };
        if voice == 0 {
            return false;
        }
        let pause = (pause.as_millis() as usize).saturating_mul(8);
        if self.position >= voice.saturating_add(pause) {
            self.position = self.prompt.again_from();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::{Language, PromptKey};

    use super::*;
    use crate::prompt::{Numbers, Prompts};
    use crate::tap::now;

    fn prompt(samples: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples(&vec![8_000; samples]))
    }

    fn packets(player: &mut Player, now: Instant) -> Vec<Played> {
        std::iter::from_fn(|| player.poll(now, Codec::Pcma))
            .take(1_000)
            .collect()
    }

    #[test]
    fn a_prompt_is_paced_and_its_end_told_when_it_has_been_heard() {
        let start = now();
        let mut player = Player::new(start, prompt(400), Repeat::Once);
        let mut sent = 0;
        for step in 0..3 {
            let now = start + FRAME_DURATION * step;
            assert_eq!(player.deadline(), now);
            match player.poll(now, Codec::Pcma) {
                Some(Played::Packet { first, .. }) => assert_eq!(first, step == 0),
                other => panic!("{other:?}"),
            }
            assert_eq!(player.poll(now, Codec::Pcma), None, "not before its time");
            sent += 1;
        }
        assert_eq!(sent, 3);
        let end = start + FRAME_DURATION * 3;
        assert_eq!(player.poll(end, Codec::Pcma), Some(Played::Done));
    }

    #[test]
    fn the_last_packet_is_filled_with_silence() {
        let now = now();
        let mut player = Player::new(now, prompt(100), Repeat::Once);
        let Some(Played::Packet { payload, .. }) = player.poll(now, Codec::Pcmu) else {
            panic!("no packet")
        };
        assert_eq!(payload[99], g711::encode(Codec::Pcmu, 8_000));
        assert_eq!(payload[100], g711::silence(Codec::Pcmu));
    }

    #[test]
    fn a_short_stall_is_caught_up_and_a_long_one_is_not() {
        let start = now();
        let mut player = Player::new(start, prompt(80_000), Repeat::Once);
        assert_eq!(packets(&mut player, start).len(), 1);
        assert_eq!(packets(&mut player, start + FRAME_DURATION * 5).len(), 5);
        let goes_on = packets(&mut player, start + Duration::from_secs(5));
        assert!(matches!(goes_on[..], [Played::Packet { first: true, .. }]));
    }

    #[test]
    fn a_loop_pauses_and_begins_again() {
        let start = now();
        let pause = Duration::from_millis(40);
        let mut player = Player::new(start, prompt(160), Repeat::Loop { pause });
        let voiced: Vec<bool> = (0..7)
            .map(
                |step| match player.poll(start + FRAME_DURATION * step, Codec::Pcmu) {
                    Some(Played::Packet { payload, .. }) => payload[0] != 0xff,
                    other => panic!("{other:?}"),
                },
            )
            .collect();
        assert_eq!(voiced, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn the_pauses_of_who_waits_are_filled_and_go_on_where_they_were_left() {
        let mut prompts = Prompts::embedded();
        let shipped = prompts.introduced(Language::En, &[], PromptKey::Queue);
        let comfort = shipped.between().expect("a comfort tone");
        assert!(comfort.codes(Codec::Pcma).iter().any(|&code| code != 0xd5));
        let music: Vec<i16> = (1..=1_000).collect();
        prompts.play_music(Prompt::from_samples(&music));
        let prompt = prompts.introduced(Language::En, &[], PromptKey::Queue);
        let (said, music) = (prompt.codes(Codec::Pcmu).len(), music.len());
        let pause = Duration::from_secs(1);
        let mut player = Player::new(now(), Arc::clone(&prompt), Repeat::Loop { pause });
        let mut heard = Vec::new();
        while heard.len() < 3 * (said + 8_000) {
            match player.poll(player.deadline(), Codec::Pcmu) {
                Some(Played::Packet { payload, .. }) => heard.extend(payload),
                other => panic!("{other:?}"),
            }
        }
        let round = (said + 8_000).next_multiple_of(FRAME_SAMPLES);
        let expected = (0..heard.len()).scan(0, |played, n| {
            let at = n % round;
            let codes = prompt.codes(Codec::Pcmu);
            let filler = prompt.between().expect("music").codes(Codec::Pcmu);
            Some(codes.get(at).copied().unwrap_or_else(|| {
                *played += 1;
                filler[(*played - 1) % music]
            }))
        });
        assert!(
            expected.eq(heard),
            "voice, music, voice, the rest of the music"
        );
        let once = prompts.introduced(Language::En, &[], PromptKey::Transfer);
        assert_eq!(once.between(), None);
    }

    #[test]
    fn an_introduction_is_said_once() {
        let introduction = [(PromptKey::Next, Numbers::default())];
        let prompts = Prompts::embedded();
        let prompt = prompts.introduced(Language::En, &introduction, PromptKey::Queue);
        let (codes, again) = (prompt.codes(Codec::Pcma), prompt.again_from());
        let pause = Duration::ZERO;
        let mut player = Player::new(now(), Arc::clone(&prompt), Repeat::Loop { pause });
        let mut next = || match player.poll(player.deadline(), Codec::Pcma) {
            Some(Played::Packet { payload, .. }) => payload,
            other => panic!("{other:?}"),
        };
        assert_eq!(next()[..], codes[..FRAME_SAMPLES]);
        for _ in 1..codes.len().div_ceil(FRAME_SAMPLES) {
            next();
        }
        assert_eq!(next()[..], codes[again..again + FRAME_SAMPLES]);
    }

    #[test]
    fn who_speaks_is_not_played_over() {
        let start = now();
        let pause = Duration::ZERO;
        let mut player = Player::new(start, prompt(80_000), Repeat::Loop { pause });
        assert_eq!(packets(&mut player, start).len(), 1);
        let spoken = start + FRAME_DURATION;
        player.yield_at(spoken);
        assert!(player.yields(spoken) && player.poll(spoken, Codec::Pcma).is_none());
        let after = spoken + YIELD;
        assert_eq!(player.deadline(), after, "it sleeps until then");
        assert!(!player.yields(after));
        let goes_on = player.poll(after, Codec::Pcma);
        assert!(matches!(goes_on, Some(Played::Packet { first: true, .. })));
    }

    #[test]
    fn what_nobody_listens_to_is_said_later() {
        let start = now();
        let mut player = Player::new(start, prompt(480), Repeat::Once);
        assert_eq!(packets(&mut player, start).len(), 1);
        let mut now = start;
        for _ in 0..1_000 {
            player.wait(now);
            assert_eq!(player.poll(now, Codec::Pcma), None, "no task spins for it");
            now = player.deadline();
        }
        let next = player.poll(now, Codec::Pcma);
        assert!(matches!(next, Some(Played::Packet { first: true, .. })));
        assert_eq!(packets(&mut player, now + FRAME_DURATION).len(), 1);
        let end = now + 2 * FRAME_DURATION;
        assert_eq!(player.poll(end, Codec::Pcma), Some(Played::Done));
    }

    #[test]
    fn an_empty_prompt_is_done_at_once_even_when_looped() {
        let now = now();
        let pause = Duration::from_secs(1);
        for repeat in [Repeat::Once, Repeat::Loop { pause }] {
            let mut player = Player::new(now, prompt(0), repeat);
            assert_eq!(player.poll(now, Codec::Pcma), Some(Played::Done));
        }
    }
}
