//! The demo's live view: one line for everything that happens to a call.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use trunkside_call::{Action, CallId, CallbackCause, Decision, Understanding, Utterance};

use crate::notice::{Event, Notice};

/// Writes notices as a person follows them.
pub struct Screen<W> {
    output: W,
    colours: bool,
    numbers: BTreeMap<CallId, usize>,
    /// Whether a growing line stands at the bottom, which the next line overwrites.
    growing: bool,
}

const DIM: &str = "2";
const BOLD: &str = "1";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

impl Screen<std::io::Stdout> {
    /// On standard output; with colours and growing lines only on a terminal.
    pub fn stdout() -> Self {
        Self::new(std::io::stdout(), std::io::stdout().is_terminal())
    }
}

impl<W: Write> Screen<W> {
    /// On any writer.
    pub fn new(output: W, colours: bool) -> Self {
        Self {
            output,
            colours,
            numbers: BTreeMap::new(),
            growing: false,
        }
    }

    /// Shows a line of its own.
    pub fn say(&mut self, text: &str) {
        self.clear_growing();
        // A closed terminal must not end the calls.
        let _ = writeln!(self.output, "{text}");
    }

    /// Shows a heading.
    pub fn head(&mut self, text: &str) {
        let text = self.paint(BOLD, text);
        self.say(&format!("\n{text}"));
    }

    /// Shows what happened to a call.
    pub fn show(&mut self, notice: &Notice) {
        let count = self.numbers.len();
        let number = *self.numbers.entry(notice.call).or_insert(count + 1);
        match &notice.event {
            Event::Offered => self.line(number, notice.at, "rings", "the trunk offers a call"),
            Event::CalledBack => {
                self.line(
                    number,
                    notice.at,
                    "answered",
                    "the caller who was rung back",
                );
            }
            Event::Answered => {
                self.line(number, notice.at, "answered", "the box greets the caller");
            }
            Event::Heard(utterance) => self.heard(number, notice.at, utterance),
            Event::Understood(understood) => self.understood(number, notice.at, understood),
            Event::Hidden(hidden) => {
                let text = format!("{}, because: {}", hidden.intent.name, hidden.because);
                self.line(number, notice.at, "behind it", &text);
            }
            Event::Decided(decision) => self.decided(number, notice.at, decision),
            Event::Ringing(agent) => {
                self.line(number, notice.at, "rings", &format!("{agent}'s phone"));
            }
            Event::AgentFailed(agent, why) => {
                self.line(number, notice.at, "failed", &format!("{agent} {why}"));
            }
            Event::Bridged(agent) => {
                let text = self.paint(GREEN, &format!("caller and {agent} hear each other"));
                self.line(number, notice.at, "bridged", &text);
            }
            Event::Escalated(telling) => {
                let text = self.paint(YELLOW, &telling.text(""));
                self.line(number, notice.at, "angry", &text);
            }
            Event::Ended { outcome } => self.line(number, notice.at, "over", outcome),
        }
    }

    fn heard(&mut self, number: usize, at: Duration, utterance: &Utterance) {
        if utterance.text.is_empty() {
            return;
        }
        let who = utterance.side.name();
        if utterance.is_final {
            let voice = utterance
                .prosody
                .pitch_hz
                .map_or_else(String::new, |pitch| {
                    format!(
                        "  ({pitch:.0} Hz, {:.0} dBFS)",
                        utterance.prosody.level_dbfs
                    )
                });
            let text = format!(
                "{}{}",
                self.paint(CYAN, &utterance.text),
                self.paint(DIM, &voice)
            );
            self.line(number, at, who, &text);
        } else {
            // On a terminal the line grows in place: the next one overwrites it.
            let end = if self.colours { "" } else { "\n" };
            self.write(number, at, who, &format!("{} …{end}", utterance.text));
            self.growing = self.colours;
        }
    }

    fn understood(&mut self, number: usize, at: Duration, understood: &Understanding) {
        let mood = &understood.mood;
        let named: Vec<&str> = understood.entities.iter().map(|e| e.kind.name()).collect();
        let mut text = format!(
            "{} {:.2}; feels {} {:.2}, sentiment {:+.2}",
            self.paint(YELLOW, &understood.intent.name),
            understood.intent.score,
            self.paint(YELLOW, mood.emotion.name()),
            mood.emotion_score,
            mood.sentiment.score
        );
        if !named.is_empty() {
            text.push_str("; named: ");
            text.push_str(&named.join(", "));
        }
        self.line(number, at, "wants", &text);
        if !mood.reasons.is_empty() {
            let reasons = self.paint(DIM, &mood.reasons.join("; "));
            self.line(number, at, "", &reasons);
        }
    }

    fn decided(&mut self, number: usize, at: Duration, decision: &Decision) {
        let text = match &decision.action {
            Action::Offer { agent } => format!("offer it to {agent}"),
            Action::Overflow { to, .. } => format!("send it on to `{to}`"),
            Action::Wait { ahead } => format!("wait, {ahead} ahead"),
            Action::SelfService { service } => format!("play `{service}`"),
            Action::Transfer { agent } => format!("pass it from the novice to {agent}"),
            Action::Callback { cause } => format!("promise a call back: {}", cause_words(*cause)),
        };
        let text = self.paint(BOLD, &text);
        self.line(number, at, "decided", &text);
        for reason in &decision.reasons {
            self.line(
                number,
                at,
                "",
                &format!("because {}: {}", reason.rule, reason.finding),
            );
        }
        if let Some(other) = &decision.alternative {
            self.line(
                number,
                at,
                "",
                &format!("rather than {}: {}", other.agent, other.because),
            );
        }
    }

    fn line(&mut self, number: usize, at: Duration, what: &str, text: &str) {
        self.write(number, at, what, &format!("{text}\n"));
    }

    fn write(&mut self, number: usize, at: Duration, what: &str, text: &str) {
        self.clear_growing();
        let time = self.paint(DIM, &format!("{:6.2} s", at.as_secs_f64()));
        // A closed terminal must not end the calls.
        let _ = write!(self.output, "{time}  call {number}  {what:<9} {text}");
        let _ = self.output.flush();
    }

    fn clear_growing(&mut self) {
        if self.growing {
            let _ = write!(self.output, "\r\x1b[2K");
            self.growing = false;
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

const fn cause_words(cause: CallbackCause) -> &'static str {
    match cause {
        CallbackCause::NobodyAnswered => "nobody answered",
        CallbackCause::WaitedTooLong => "the wait grew too long",
        CallbackCause::Closed => "the branch is closed",
        CallbackCause::Asked => "the caller asked for it, and keeps their place",
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::AgentId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn calls_are_numbered_in_order_of_their_first_notice() {
        let mut screen = Screen::new(Vec::new(), false);
        for id in [7, 3, 7] {
            screen.show(&Notice {
                call: CallId::new(Uuid::from_u128(id)),
                at: Duration::from_millis(1_500),
                event: Event::Bridged(AgentId::new("li_na")),
            });
        }
        let shown = String::from_utf8(screen.output).unwrap();
        assert_eq!(shown.matches("call 1").count(), 2);
        assert_eq!(shown.matches("call 2").count(), 1);
        assert!(shown.contains("1.50 s"), "{shown}");
    }
}
