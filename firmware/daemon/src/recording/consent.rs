//! Whether one call may be recorded: the notice or the question before the greeting, the caller's
//! answer by voice or key, and a refusal at any time.
//!
//! Pure: it is told what happens and says what to play, and when to record and to destroy. It fails
//! closed: a notice that was not heard to its end, or a question without a yes, records nothing.

use std::collections::VecDeque;
use std::time::Duration;

use trunkside_call::{Language, PromptKey};

use crate::config::RecordingMode;

mod words;

/// The key that agrees, as the question says.
const AGREE: char = '1';

/// The key that declines, as notice and question say.
pub const DECLINE: char = '9';

/// How long the question waits for its answer, and how long after the notice a mere "I do not agree"
/// is about recording.
const TIMEOUT: Duration = Duration::from_secs(6);

/// While caller and agent talk, keys are also for them: figures of a card, a menu behind the agent. Then the key
/// declines only where no other comes for so long before it and after it.
const ALONE: Duration = Duration::from_secs(3);

/// What a call's consent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The caller is about to be greeted.
    Greeting,
    /// What it asked to be played has been heard to its end.
    Said,
    /// What it asked to be played was cut off: caller and agent hear each other.
    Cut,
    /// Whether caller and agent hear each other from now on.
    Bridged(bool),
    /// The call is over.
    Over,
    /// The caller pressed a key.
    Key(char),
    /// The caller says something, so far or to the end.
    Heard {
        /// When they began.
        began: Duration,
        /// What.
        text: &'a str,
        /// In which language.
        language: Language,
        /// Whether that is all of it.
        is_final: bool,
    },
    /// The deadline has come.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Play this to the caller, before all else.
    Say(PromptKey),
    /// Go on with whatever else the caller is to hear.
    Proceed,
    /// Record from now on.
    Record,
    /// Destroy what was recorded, and record no more.
    Destroy {
        /// Whether a key asked for it, rather than words.
        by_key: bool,
    },
}

/// Where a call's consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Announcing,
    Asking,
    Waiting {
        since: Duration,
    },
    Recording {
        since: Duration,
    },
    /// Says that nothing is recorded.
    Confirming,
    Never,
}

/// One call's consent.
#[derive(Debug)]
pub struct Consent {
    mode: RecordingMode,
    state: State,
    bridged: bool,
    /// When the caller pressed a key last.
    pressed: Option<Duration>,
    /// When the key that declines will have stood alone for long enough.
    declines_at: Option<Duration>,
    outputs: VecDeque<Output>,
}

impl Consent {
    /// A call comes in.
    pub fn new(mode: RecordingMode) -> Self {
        let state = match mode {
            RecordingMode::Off => State::Never,
            RecordingMode::Notice | RecordingMode::Consent => State::Fresh,
        };
        Self {
            mode,
            state,
            bridged: false,
            pressed: None,
            declines_at: None,
            outputs: VecDeque::new(),
        }
    }

    /// Whether something of its own is played, which nothing else may cut short.
    pub const fn is_speaking(&self) -> bool {
        matches!(
            self.state,
            State::Announcing | State::Asking | State::Confirming
        )
    }

    /// Whether nothing else may be played yet.
    pub const fn holds_back(&self) -> bool {
        self.is_speaking() || matches!(self.state, State::Waiting { .. })
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Tick`].
    pub fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { since } => Some(since + TIMEOUT),
            State::Recording { .. } => self.declines_at,
            _ => None,
        }
    }

    /// Takes one input; whether it was an answer about recording, which means nothing else.
    pub fn handle(&mut self, now: Duration, input: Input) -> bool {
        match (self.state, input) {
            (State::Fresh, Input::Greeting) => self.announce(),
            (State::Announcing, Input::Said) => self.record(now),
            (State::Asking | State::Waiting { .. }, Input::Key(AGREE)) => {
                self.record(now);
                return true;
            }
            (State::Asking, Input::Said) => self.state = State::Waiting { since: now },
            (State::Confirming, Input::Said) => {
                self.state = State::Never;
                self.outputs.push_back(Output::Proceed);
            }
            (_, Input::Bridged(bridged)) => self.bridged = bridged,
            // No key can follow any more.
            (State::Recording { .. }, Input::Over) => self.decline_by_lone_key(|_| true),
            (state, Input::Cut | Input::Over) => self.cut(state),
            (State::Recording { .. }, Input::Key(key)) if self.bridged => {
                let alone = self.pressed.is_none_or(|before| now >= before + ALONE);
                self.declines_at = (key == DECLINE && alone).then(|| now + ALONE);
                self.pressed = Some(now);
            }
            (State::Recording { .. }, Input::Tick) => self.decline_by_lone_key(|at| now >= at),
            (
                State::Announcing | State::Asking | State::Waiting { .. } | State::Recording { .. },
                Input::Key(DECLINE),
            ) => {
                self.decline(true);
                return true;
            }
            (_, Input::Key(_)) => self.pressed = Some(now),
            // What began earlier may be the echo of the question, whose words are the answers.
            (
                State::Waiting { since },
                Input::Heard {
                    began,
                    text,
                    language,
                    is_final,
                },
            ) if began >= since => return self.answer(now, text, language, is_final),
            (
                State::Announcing | State::Recording { .. },
                Input::Heard {
                    began,
                    text,
                    is_final,
                    ..
                },
            ) => return self.objection(began, text, is_final),
            (State::Waiting { since }, Input::Tick) if now >= since + TIMEOUT => self.give_up(),
            _ => {}
        }
        false
    }

    fn announce(&mut self) {
        let (state, prompt) = match self.mode {
            RecordingMode::Consent => (State::Asking, PromptKey::RecordingConsent),
            _ => (State::Announcing, PromptKey::RecordingNotice),
        };
        self.state = state;
        self.outputs.push_back(Output::Say(prompt));
    }

    fn record(&mut self, now: Duration) {
        self.state = State::Recording { since: now };
        self.outputs.extend([Output::Record, Output::Proceed]);
    }

    /// A key that was pressed alone declines, where its time is over.
    fn decline_by_lone_key(&mut self, is_over: impl FnOnce(Duration) -> bool) {
        if self.declines_at.is_some_and(is_over) {
            self.declines_at = None;
            self.decline(true);
        }
    }

    fn decline(&mut self, by_key: bool) {
        if matches!(self.state, State::Recording { .. }) {
            self.outputs.push_back(Output::Destroy { by_key });
        }
        self.state = State::Confirming;
        self.outputs.push_back(Output::Say(PromptKey::NotRecorded));
    }

    /// Somebody speaks of recording where nobody has asked them; whether of nothing else.
    fn objection(&mut self, began: Duration, text: &str, is_final: bool) -> bool {
        let fresh = match self.state {
            State::Recording { since } => began < since + TIMEOUT,
            _ => true,
        };
        // `不同意` may yet become `不同意这个方案`, and nothing brings back what is destroyed.
        let disagrees = is_final && fresh && words::disagrees(text);
        if disagrees || is_final && words::refuses(text) {
            self.decline(false);
        }
        disagrees
    }

    fn answer(&mut self, now: Duration, text: &str, language: Language, is_final: bool) -> bool {
        match words::answer(text) {
            // The hum that makes a Cantonese no of it (`唔`) is too often not heard: that yes takes a key.
            Some(true) if language == Language::Yue => {}
            Some(true) => self.record(now),
            Some(false) => self.decline(false),
            // Whoever says something else has not agreed; they are heard out. `我` may yet become `我同意`.
            None if is_final && !text.is_empty() => {
                self.give_up();
                return false;
            }
            None => return false,
        }
        true
    }

    fn give_up(&mut self) {
        self.state = State::Never;
        self.outputs.push_back(Output::Proceed);
    }

    fn cut(&mut self, state: State) {
        match state {
            State::Announcing | State::Asking | State::Waiting { .. } | State::Confirming => {
                self.state = State::Never;
            }
            State::Fresh | State::Recording { .. } | State::Never => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    fn told(consent: &mut Consent, input: Input) -> Vec<Output> {
        consent.handle(NOW, input);
        std::iter::from_fn(|| consent.poll()).collect()
    }

    fn greeted(mode: RecordingMode) -> Consent {
        let mut consent = Consent::new(mode);
        let said = told(&mut consent, Input::Greeting);
        assert!(matches!(said[..], [Output::Say(_)]), "{said:?}");
        consent
    }

    fn heard(text: &str) -> Input<'_> {
        Input::Heard {
            began: NOW,
            text,
            language: Language::Zh,
            is_final: true,
        }
    }

    #[test]
    fn where_nothing_is_recorded_nothing_is_said_of_it() {
        let mut consent = Consent::new(RecordingMode::Off);
        assert_eq!(told(&mut consent, Input::Greeting), []);
        assert_eq!(told(&mut consent, Input::Key(DECLINE)), []);
        assert!(!consent.holds_back());
    }

    #[test]
    fn a_notice_is_heard_to_its_end_before_anything_is_recorded() {
        let mut consent = greeted(RecordingMode::Notice);
        assert!(consent.is_speaking());
        assert_eq!(told(&mut consent, heard("我要查余额")), []);
        let said = told(&mut consent, Input::Said);
        assert_eq!(said, [Output::Record, Output::Proceed]);
        assert!(!consent.holds_back());
    }

    #[test]
    fn a_notice_that_is_cut_off_records_nothing() {
        for mode in [RecordingMode::Notice, RecordingMode::Consent] {
            let mut consent = greeted(mode);
            assert_eq!(told(&mut consent, Input::Cut), []);
            assert_eq!(told(&mut consent, Input::Said), []);
            assert_eq!(told(&mut consent, Input::Key(AGREE)), []);
        }
    }

    #[test]
    fn the_key_declines_during_the_notice_and_at_any_time_after_it() {
        let mut consent = greeted(RecordingMode::Notice);
        let confirm = Output::Say(PromptKey::NotRecorded);
        assert_eq!(told(&mut consent, Input::Key('5')), []);
        assert_eq!(told(&mut consent, Input::Key(DECLINE)), [confirm]);
        assert_eq!(told(&mut consent, Input::Said), [Output::Proceed]);

        let mut consent = greeted(RecordingMode::Notice);
        told(&mut consent, Input::Said);
        let declined = [Output::Destroy { by_key: true }, confirm];
        assert_eq!(told(&mut consent, Input::Key(DECLINE)), declined);
        assert_eq!(told(&mut consent, Input::Key(DECLINE)), []);
        assert_eq!(told(&mut consent, heard("不要录音")), []);
    }

    #[test]
    fn a_spoken_refusal_destroys_and_a_question_about_recording_does_not() {
        let mut consent = greeted(RecordingMode::Notice);
        told(&mut consent, Input::Said);
        assert_eq!(told(&mut consent, heard("你们有没有录音")), []);
        let outputs = told(&mut consent, heard("请不要录音"));
        assert_eq!(outputs[0], Output::Destroy { by_key: false });
    }

    #[test]
    fn what_is_not_yet_said_to_its_end_destroys_nothing() {
        let mut consent = greeted(RecordingMode::Notice);
        told(&mut consent, Input::Said);
        let begun = Input::Heard {
            began: NOW,
            text: "请不要录音",
            language: Language::Zh,
            is_final: false,
        };
        assert_eq!(told(&mut consent, begun), []);
        assert_eq!(told(&mut consent, heard("请不要录音文件给别人")), []);
    }

    #[test]
    fn a_refusal_is_heard_during_the_notice_and_a_plain_one_soon_after_it() {
        let confirm = Output::Say(PromptKey::NotRecorded);
        for words in ["不要录音", "我不同意", "i do not agree"] {
            let mut consent = greeted(RecordingMode::Notice);
            assert_eq!(told(&mut consent, heard(words)), [confirm], "{words}");

            let mut consent = greeted(RecordingMode::Notice);
            told(&mut consent, Input::Said);
            let declined = [Output::Destroy { by_key: false }, confirm];
            assert_eq!(told(&mut consent, heard(words)), declined, "{words}");
        }
        // Later it is about something else.
        let mut consent = greeted(RecordingMode::Notice);
        told(&mut consent, Input::Said);
        let later = Input::Heard {
            began: NOW + TIMEOUT,
            text: "我不同意",
            language: Language::Zh,
            is_final: true,
        };
        assert_eq!(told(&mut consent, later), []);
    }

    #[test]
    fn a_cantonese_yes_takes_a_key() {
        let mut consent = greeted(RecordingMode::Consent);
        told(&mut consent, Input::Said);
        let yes = Input::Heard {
            began: NOW,
            text: "我同意",
            language: Language::Yue,
            is_final: true,
        };
        assert_eq!(told(&mut consent, yes), []);
        assert!(consent.holds_back(), "it still waits");
        let agreed = [Output::Record, Output::Proceed];
        assert_eq!(told(&mut consent, Input::Key(AGREE)), agreed);
    }

    #[test]
    fn a_question_records_only_after_a_yes() {
        for yes in [Input::Key(AGREE), heard("我同意"), heard("yes")] {
            let mut consent = greeted(RecordingMode::Consent);
            assert_eq!(told(&mut consent, Input::Said), []);
            assert!(consent.holds_back() && !consent.is_speaking());
            assert_eq!(told(&mut consent, yes), [Output::Record, Output::Proceed]);
        }
        for no in [Input::Key(DECLINE), heard("不同意"), heard("no")] {
            let mut consent = greeted(RecordingMode::Consent);
            told(&mut consent, Input::Said);
            let confirm = Output::Say(PromptKey::NotRecorded);
            assert_eq!(told(&mut consent, no), [confirm]);
        }
    }

    #[test]
    fn a_key_that_answers_means_nothing_else() {
        let mut consent = greeted(RecordingMode::Consent);
        told(&mut consent, Input::Said);
        assert!(consent.handle(NOW, Input::Key(AGREE)));
        assert!(!consent.handle(NOW, Input::Key(AGREE)), "it was answered");
        assert!(consent.handle(NOW, Input::Key(DECLINE)));
        assert!(!consent.handle(NOW, Input::Key(DECLINE)));
    }

    #[test]
    fn silence_and_a_wish_are_no_yes() {
        let mut consent = greeted(RecordingMode::Consent);
        told(&mut consent, Input::Said);
        assert_eq!(consent.deadline(), Some(NOW + TIMEOUT));
        assert_eq!(told(&mut consent, Input::Tick), []);
        assert!(!consent.handle(NOW + TIMEOUT, Input::Tick));
        assert_eq!(consent.poll(), Some(Output::Proceed));

        let mut consent = greeted(RecordingMode::Consent);
        told(&mut consent, Input::Said);
        assert!(
            !consent.handle(NOW, heard("我的卡可以挂失吗")),
            "it is a wish"
        );
        assert_eq!(consent.poll(), Some(Output::Proceed));
        assert_eq!(told(&mut consent, Input::Key(AGREE)), []);
    }

    #[test]
    fn the_echo_of_the_question_is_no_answer() {
        let mut consent = greeted(RecordingMode::Consent);
        assert_eq!(told(&mut consent, heard("同意")), []);
        told(&mut consent, Input::Said);
        let began = NOW.saturating_sub(Duration::from_millis(500));
        let echo = Input::Heard {
            began,
            text: "同意",
            language: Language::Zh,
            is_final: true,
        };
        assert_eq!(told(&mut consent, echo), []);
        assert!(consent.holds_back(), "it still waits");
    }

    #[test]
    fn an_answer_is_waited_for_while_it_is_said() {
        let mut consent = greeted(RecordingMode::Consent);
        told(&mut consent, Input::Said);
        let begun = Input::Heard {
            began: NOW,
            text: "我",
            language: Language::Zh,
            is_final: false,
        };
        assert_eq!(told(&mut consent, begun), []);
        assert!(consent.holds_back(), "it still waits");
        let agreed = [Output::Record, Output::Proceed];
        assert_eq!(told(&mut consent, heard("我同意")), agreed);
    }

    #[test]
    fn while_caller_and_agent_talk_the_key_declines_only_where_it_stands_alone() {
        let second = |seconds: f32| NOW + Duration::from_secs_f32(seconds);
        let declined = [
            Output::Destroy { by_key: true },
            Output::Say(PromptKey::NotRecorded),
        ];
        // The keys with their times, and when the recording is destroyed.
        let cases = [
            (vec![('9', 1.0)], Some(4.0)),
            (vec![('6', 1.0), ('2', 1.5), ('9', 2.0), ('1', 2.4)], None),
            (vec![('9', 1.0), ('9', 1.4), ('5', 1.8)], None),
            (vec![('5', 1.0), ('9', 3.9)], None),
            (vec![('9', 1.0), ('5', 3.9)], None),
            (vec![('5', 1.0), ('9', 4.0)], Some(7.0)),
        ];
        for (keys, destroyed) in cases {
            let mut consent = greeted(RecordingMode::Notice);
            told(&mut consent, Input::Said);
            told(&mut consent, Input::Bridged(true));
            for &(key, at) in &keys {
                consent.handle(second(at), Input::Tick);
                assert!(!consent.handle(second(at), Input::Key(key)), "{keys:?}");
            }
            assert_eq!(consent.poll(), None, "{keys:?}");
            assert_eq!(consent.deadline(), destroyed.map(second), "{keys:?}");
            consent.handle(second(60.0), Input::Tick);
            let outputs: Vec<_> = std::iter::from_fn(|| consent.poll()).collect();
            let expected = destroyed.map_or(&[][..], |_| &declined[..]);
            assert_eq!(outputs, expected, "{keys:?}");
        }
        // Who hangs up after it meant it; and where the box speaks again it counts at once.
        for left in [true, false] {
            let mut consent = greeted(RecordingMode::Notice);
            told(&mut consent, Input::Said);
            told(&mut consent, Input::Bridged(true));
            let outputs = if left {
                assert_eq!(told(&mut consent, Input::Key(DECLINE)), []);
                told(&mut consent, Input::Over)
            } else {
                told(&mut consent, Input::Bridged(false));
                told(&mut consent, Input::Key(DECLINE))
            };
            assert_eq!(outputs, declined);
        }
    }
}
