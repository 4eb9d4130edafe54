//! What one call's caller hears of recording, and the recording itself: [`Consent`] joined with the
//! call's media and its tape.
//!
//! While consent speaks, what else the caller is to hear waits; then it goes on.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{Codec, Language, PromptKey, Repeat, Side};
use trunkside_media::recording::{Deletion, Tape};
use trunkside_media::{MediaSession, Prompt, Prompts};

use crate::clock;
use crate::config::RecordingMode;
use crate::hearing::Heard;
use crate::recording::consent::{Consent, Input, Output};

type Played = (Arc<Prompt>, Repeat);

/// One call's recording.
pub struct CallRecording {
    consent: Consent,
    tape: Option<Tape>,
    prompts: Prompts,
    codec: Codec,
    /// When the call's voice begins: utterances count from there.
    heard_from: Duration,
    bridged: bool,
    playing: Option<Played>,
    /// What is played once consent has nothing more to say.
    later: Option<Played>,
    /// What consent says, and has said to its end.
    saying: Option<PromptKey>,
    said: Option<PromptKey>,
}

impl CallRecording {
    /// A call comes in. Without a tape it is not recorded.
    pub fn new(mode: RecordingMode, tape: Option<Tape>, prompts: Prompts) -> Self {
        let mode = if tape.is_some() {
            mode
        } else {
            RecordingMode::Off
        };
        Self {
            consent: Consent::new(mode),
            tape,
            prompts,
            codec: Codec::Pcma,
            heard_from: Duration::ZERO,
            bridged: false,
            playing: None,
            later: None,
            saying: None,
            said: None,
        }
    }

    /// The prompt about recording that the caller has heard to its end since this was asked last.
    pub const fn said(&mut self) -> Option<PromptKey> {
        self.said.take()
    }

    /// The law that the caller speaks: both sides are recorded in it.
    pub const fn speak(&mut self, codec: Codec) {
        self.codec = codec;
    }

    /// From now on the call is heard; returns what takes copies of its frames.
    pub fn listen(&mut self, now: Duration) -> Option<Tape> {
        self.heard_from = now;
        self.tape.clone()
    }

    /// The caller is to be greeted: first they hear of the recording.
    pub fn greet(
        &mut self,
        now: Duration,
        media: &MediaSession,
        language: Language,
        greeting: Played,
    ) {
        self.consent.handle(now, Input::Greeting);
        if self.consent.holds_back() {
            self.later = Some(greeting);
            self.settle(now, media, language);
        } else {
            self.play(media, greeting);
        }
    }

    /// The caller is to hear this.
    pub fn play(&mut self, media: &MediaSession, (prompt, repeat): Played) {
        let played = (Arc::clone(&prompt), repeat);
        if self.consent.holds_back() {
            self.later = Some(played);
        } else {
            self.playing = Some(played);
            media.play(Side::Caller, prompt, repeat);
        }
    }

    /// The caller is to hear nothing more, for an agent is there.
    pub fn stop(&mut self, now: Duration, media: &MediaSession) {
        self.consent.handle(now, Input::Cut);
        (self.playing, self.later, self.saying) = (None, None, None);
        media.stop(Side::Caller);
    }

    /// The caller speaks over what is played; whether that ends it.
    pub fn interrupt(&mut self, media: &MediaSession) -> bool {
        let stops = !self.consent.holds_back() && self.playing.take().is_some();
        if stops {
            media.stop(Side::Caller);
        }
        stops
    }

    /// Whether caller and agent are joined, so that the box cannot speak.
    pub fn bridge(&mut self, now: Duration, bridged: bool) {
        self.bridged = bridged;
        self.consent.handle(now, Input::Bridged(bridged));
    }

    /// A prompt to the caller is over; whether it was one of consent's own.
    pub fn prompted(&mut self, now: Duration, media: &MediaSession, language: Language) -> bool {
        if !self.consent.is_speaking() {
            self.playing = None;
            return false;
        }
        self.said = self.saying.take();
        self.consent.handle(now, Input::Said);
        self.settle(now, media, language);
        true
    }

    /// The caller has pressed a key; whether it was their answer about recording and nothing else.
    pub fn key(
        &mut self,
        now: Duration,
        media: &MediaSession,
        language: Language,
        key: char,
    ) -> bool {
        let answered = self.consent.handle(now, Input::Key(key));
        self.settle(now, media, language);
        answered
    }

    /// Somebody was heard; whether it was the answer to the question and nothing else.
    pub fn heard(
        &mut self,
        now: Duration,
        media: &MediaSession,
        language: Language,
        heard: &Heard,
    ) -> bool {
        let utterance = &heard.utterance;
        if utterance.side != Side::Caller {
            return false;
        }
        let text = utterance.text.as_str();
        let began = self.heard_from + utterance.start;
        let said = Input::Heard {
            began,
            text,
            language: utterance.language,
            is_final: utterance.is_final,
        };
        let answered = self.consent.handle(now, said);
        self.settle(now, media, language);
        answered
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.consent.deadline()
    }

    /// The deadline may have come.
    pub fn tick(&mut self, now: Duration, media: &MediaSession, language: Language) {
        self.consent.handle(now, Input::Tick);
        self.settle(now, media, language);
    }

    /// The call is over: nothing more is said to the caller, and nothing more is recorded.
    pub fn leave(&mut self, now: Duration, media: &MediaSession, language: Language) {
        self.bridged = true;
        self.consent.handle(now, Input::Over);
        self.settle(now, media, language);
    }

    /// All that was said until then has been heard.
    pub fn end(&self, ended_ms: i64) {
        if let Some(tape) = &self.tape {
            tape.finish(ended_ms);
        }
    }

    fn settle(&mut self, now: Duration, media: &MediaSession, language: Language) {
        while let Some(output) = self.consent.poll() {
            match output {
                Output::Say(prompt) => self.say(now, media, language, prompt),
                Output::Proceed => {
                    if let Some(later) = self.later.take() {
                        self.play(media, later);
                    }
                }
                Output::Record => {
                    if let Some(tape) = &self.tape {
                        tracing::debug!(call = %tape.call(), "recording begins");
                        tape.begin(self.codec, clock::timestamp().as_millisecond());
                    }
                }
                Output::Destroy { by_key } => {
                    if let Some(tape) = &self.tape {
                        let why = if by_key {
                            Deletion::RefusedByKey
                        } else {
                            Deletion::Refused
                        };
                        tracing::info!(call = %tape.call(), by_key, "the caller declines to be recorded");
                        tape.discard(why);
                    }
                }
            }
        }
    }

    fn say(&mut self, now: Duration, media: &MediaSession, language: Language, prompt: PromptKey) {
        if self.bridged {
            // Nobody's words are cut off for it.
            self.consent.handle(now, Input::Said);
            return;
        }
        if let Some(playing) = self.playing.take() {
            self.later.get_or_insert(playing);
        }
        self.saying = Some(prompt);
        media.play(
            Side::Caller,
            self.prompts.get(language, prompt),
            Repeat::Once,
        );
    }
}
