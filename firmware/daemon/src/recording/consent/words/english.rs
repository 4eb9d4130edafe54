//! Refusals in English.
//!
//! As in Chinese, a refusal is a word against it (`not`, `stop`), the recording of this call, and nothing
//! between them but who does it to what. A `record` that somebody keeps is none, nor what somebody else
//! did, nor a question.

/// What may stand between the two. Like all lists here, parted by spaces.
const BETWEEN: &str = "to be being been get getting have having my our your this that the these call calls phone \
                       conversation conversations voice chat you me us it anybody anyone on any of what i we say \
                       said talk for with about in by from out allowed permitted authorized authorised start keep feel \
                       even ever please";

/// What a speaker does not do, agree or feel where they would rather not be recorded.
const WANTED: &str = "want wanted wish like agree agreed consent consented allow allowed permit authorize authorise \
                      accept need give given giving permission approve comfortable okay ok happy fine alright";

/// What ends something.
const ENDING: &str = "stop quit cease delete erase destroy cancel disable remove discard off";

/// What is against something without a `not`.
const OPPOSING: &str =
    "refuse decline object oppose disagree hate dislike against uncomfortable opt";

/// Helping verbs before `not`.
const HELPING: &str = "do does did am are is was will would could can may must should have has be";

/// Who may mean something else, or ask.
const OTHERS: &str = "you they he she it people who everyone nobody why";

/// Who or what asks, or says what was or would be.
const ASKING: &str = "did does do if when why how who where what are is was were that whether";

/// What this call is.
const CALLS: &str =
    "call calls conversation conversations phone chat talk voice discussion session line";

/// What begins another thought, or ends this one.
const CLOSING: &str = "please okay ok thanks thank now anymore any at i i'm we you and but because so can could would \
                       right all then sir madam either until while during today again ever no not just by";

/// Whether somebody says that they do not want to be recorded.
pub fn refuses(words: &[String]) -> bool {
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| without_contraction(word))
        .collect();
    (0..words.len()).any(|at| {
        let (before, behind) = (&words[..at], &words[at + 1..]);
        match words[at] {
            "record" => {
                let last = before
                    .last()
                    .is_some_and(|last| is_in("my the a your this of on off for", last));
                !last && is_call(behind) && leads_up(before, Form::Verb)
            }
            "recording" => {
                is_recording(behind) && leads_up(before, Form::Noun) || is_taken_off(before, behind)
            }
            "recorded" => is_passive(behind) && leads_up(before, Form::Passive),
            _ => false,
        }
    })
}

/// In which form it stands there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Verb,
    Noun,
    Passive,
}

/// `don't` as two words, `i'm` as its first; a word that is heard without its apostrophe, too.
fn without_contraction(word: &str) -> Vec<&str> {
    match word {
        "dont" => vec!["do", "not"],
        "cant" | "can't" | "cannot" => vec!["can", "not"],
        "won't" | "wont" => vec!["will", "not"],
        "im" | "i'm" => vec!["i", "am"],
        "i'd" => vec!["i", "would"],
        _ => match (word.strip_suffix("n't"), word.split_once('\'')) {
            (Some(verb), _) => vec![verb, "not"],
            (None, Some((verb, _))) => vec![verb],
            (None, None) => vec![word],
        },
    }
}

/// Whether the call is what `record` is said of.
fn is_call(behind: &[&str]) -> bool {
    match behind {
        [
            "me" | "us" | "it" | "this" | "that" | "anything" | "everything" | "here",
            rest @ ..,
        ] if ends_or(
            rest,
            "please okay ok now anymore thanks at i we you and but because so can could",
        ) =>
        {
            true
        }
        [] | ["what", "i" | "we", ..] | ["any", "of", ..] => true,
        [
            "this" | "the" | "my" | "our" | "that" | "any" | "these" | "your" | "a",
            call,
            rest @ ..,
        ] => {
            let other = "number message messages mail note menu id";
            is_in(CALLS, call) && rest.first().is_none_or(|word| !is_in(other, word))
        }
        [word, ..] => is_in(CALLS, word) || is_in(CLOSING, word) && *word != "by",
    }
}

/// Whether `recording` is that of this call, or what is done to it.
fn is_recording(behind: &[&str]) -> bool {
    match behind {
        ["of", rest @ ..] => is_call(rest) && !rest.is_empty(),
        _ => is_call(behind) || behind.first() == Some(&"for"),
    }
}

/// Whether `recorded` is said of somebody, and not of a message.
fn is_passive(behind: &[&str]) -> bool {
    ends_or(behind, CLOSING)
        || matches!(behind, ["for" | "here", ..] | ["on", "this", ..])
        || behind
            .first()
            .is_some_and(|word| is_in("call line calls conversation", word))
}

fn ends_or(behind: &[&str], words: &str) -> bool {
    behind.first().is_none_or(|word| is_in(words, word))
}

/// Whether `turn the recording off` is said, or `i want it deleted`.
fn is_taken_off(before: &[&str], behind: &[&str]) -> bool {
    let lead = before.iter().rposition(|word| !is_in(BETWEEN, word));
    let Some(at) = lead else { return false };
    match (before[at], behind.first()) {
        ("turn" | "switch" | "shut" | "take", Some(&"off")) => may_end(&before[..at]),
        (
            "want" | "need",
            Some(&("off" | "stopped" | "deleted" | "erased" | "turned" | "switched")),
        ) => before[..at]
            .last()
            .is_none_or(|word| !is_in("not never you", word)),
        _ => false,
    }
}

/// Whether a word against it stands before, and is meant so.
fn leads_up(before: &[&str], form: Form) -> bool {
    let mut wanted = false;
    for at in (0..before.len()).rev() {
        let (lead, word, between) = (&before[..at], before[at], &before[at + 1..]);
        if is_in("not never", word) {
            return is_negated(lead, between, wanted, form);
        }
        if is_in(ENDING, word) && form != Form::Passive || word == "stop" {
            let lead = match (word, lead) {
                ("off", [lead @ .., "turn" | "switch" | "shut"]) => lead,
                ("off", _) => return false,
                _ => lead,
            };
            return may_end(lead);
        }
        if is_in(OPPOSING, word) {
            let is_other = lead.last().is_some_and(|last| is_in(OTHERS, last));
            return !is_other && !is_asked(lead) && !is_denied(lead);
        }
        match word {
            "without" => {
                let asks =
                    "can could may want prefer like rather please continue proceed speak talk go";
                return form != Form::Verb
                    && lead.iter().any(|word| is_in(asks, word))
                    && !is_denied(lead);
            }
            "no" => {
                let is_told = "no please want said and so but prefer rather ok okay";
                return form == Form::Noun
                    && between.is_empty()
                    && lead.last().is_none_or(|word| is_in(is_told, word));
            }
            _ => {}
        }
        if is_in(WANTED, word) {
            wanted = true;
        } else if !is_in(BETWEEN, word) && (word, form) != ("a", Form::Passive) {
            return false;
        }
    }
    false
}

/// Whether what is negated is that somebody may record, or that the speaker wants it.
fn is_negated(lead: &[&str], between: &[&str], wanted: bool, form: Form) -> bool {
    let (helping, subject) = match lead {
        [rest @ .., helping] if is_in(HELPING, helping) => (*helping, rest),
        _ => ("", lead),
    };
    let who = subject.last().copied().unwrap_or_default();
    let has = |words: &[&str], of: &str| words.iter().any(|word| is_in(of, word));
    let rather = has(subject, "rather prefer hope appreciate");
    let is_asked_back = has(&between[..between.len().min(1)], "you we they i");
    if has(subject, "why") || !rather && (who == "if" || subject.ends_with(&["if", who])) {
        return false;
    }
    // What one is allowed, and what one has, is the other side's.
    if has(between, "allowed permitted authorized authorised have") && !has(between, "want like") {
        return who == "you" && !helping.is_empty();
    }
    if wanted {
        let is_own = !is_in(OTHERS, who) && !is_in(HELPING, who) && helping != "does";
        return is_own && !is_asked_back;
    }
    match (helping, form) {
        _ if rather => form != Form::Noun || helping != "are",
        ("do", Form::Verb) => !is_asked_back && !is_in(OTHERS, who) && !is_in("i we to that", who),
        ("", Form::Verb) if subject.is_empty() => !is_asked_back,
        ("can" | "may" | "must" | "should" | "will", Form::Verb) => who == "you",
        ("may" | "must" | "should" | "will" | "be", Form::Passive) => {
            is_in(CALLS, who) || is_in("this i", who)
        }
        ("", _) => match (who, subject) {
            ("i", [.., "can" | "could", _]) => form == Form::Passive,
            ("we", [.., "can" | "could", _]) => form == Form::Verb,
            ("you", [.., "can" | "could" | "will" | "would", _])
            | ("please" | "better" | "and" | "so" | "just" | "let", _) => true,
            ("to", [.., before, _]) => is_in("want like ask asking prefer told you", before),
            _ => {
                let is_call = is_in(CALLS, who) || is_in("this it", who);
                is_call && form == Form::Passive && has(subject, "like want prefer can could")
            }
        },
        _ => false,
    }
}

/// Whether this leads up to what is to be ended, and not to what somebody ends, or must not.
fn may_end(lead: &[&str]) -> bool {
    let Some((last, rest)) = lead.split_last() else {
        return true;
    };
    let before = rest.last().copied().unwrap_or_default();
    match *last {
        "to" => {
            let is_wanted = is_in("want wanted like asked asking told tell prefer you", before)
                || matches!(rest, [.., "you", "need" | "have"]);
            is_wanted && !is_asked(rest)
        }
        "you" => !is_in(ASKING, before),
        "i" | "we" | "they" | "he" | "she" | "it" => false,
        word => {
            !is_in(ASKING, word)
                && !is_in("not never to", word)
                && !is_asked(lead)
                && !is_denied(lead)
        }
    }
}

fn is_asked(lead: &[&str]) -> bool {
    lead.iter()
        .rev()
        .take(4)
        .any(|word| is_in("how why when who if what", word))
}

fn is_denied(lead: &[&str]) -> bool {
    lead.iter()
        .rev()
        .take(3)
        .any(|word| is_in("not never no", word))
}

fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|it| it == word)
}

#[cfg(test)]
mod tests {
    fn refuses(text: &str) -> bool {
        super::refuses(&super::super::words(text))
    }

    #[test]
    fn who_does_not_want_to_be_recorded_is_understood() {
        for text in [
            "please don't record this",
            "please do not record this call",
            "don't record",
            "do not record me",
            "dont record me please",
            "i want to block my card do not record this call",
            "don't record anything i say",
            "don't you dare, and don't record our conversation",
            "stop recording",
            "stop recording me",
            "please stop recording this call",
            "can you stop recording",
            "i want you to stop recording",
            "i told you to stop recording me",
            "stop the recording",
            "please turn the recording off",
            "could you turn off the recording",
            "switch the recording off please",
            "please delete the recording",
            "erase the recording of this call",
            "i want the recording deleted",
            "i don't want to be recorded",
            "i do not want you to record me",
            "i don't want you recording this",
            "i don't want this call to be recorded",
            "i don't want this to be recorded",
            "i don't want my voice recorded",
            "i don't like being recorded",
            "i didn't agree to be recorded",
            "i never agreed to being recorded",
            "i don't consent to being recorded",
            "i do not consent to this call being recorded",
            "i don't give you permission to record this call",
            "i'm not comfortable being recorded",
            "i'm not okay with you recording this",
            "i'd rather not be recorded",
            "i would prefer not to be recorded",
            "i'd rather you didn't record this",
            "i refuse to be recorded",
            "i object to this call being recorded",
            "i am against recording",
            "i want to opt out of recording",
            "you can't record me",
            "you may not record this call",
            "you are not allowed to record me",
            "this call must not be recorded",
            "can you not record this please",
            "can we talk without being recorded",
            "can we do this without recording",
            "no recording please",
            "no recording",
            "i said no recording",
        ] {
            assert!(refuses(text), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        for text in [
            "please don't transfer money without my record",
            "i did not record the number",
            "i didn't record this call",
            "don't record this payment on my statement",
            "don't record it as a late payment",
            "don't record my phone number",
            "i don't have a record of that",
            "do you not have a record of that",
            "there is no record of my payment",
            "no i lost the record of my order",
            "i don't want this on record",
            "off the record i don't like my branch",
            "my payment was not recorded",
            "the transaction was never recorded",
            "it is not recorded in my passbook",
            "this call is not recorded",
            "is this call not recorded",
            "are you not recording this call",
            "is this call recorded",
            "are you recording this",
            "do you record calls",
            "don't you record calls",
            "why don't you record this call",
            "why did you stop recording",
            "did you stop recording",
            "don't stop recording",
            "please don't delete the recording",
            "i don't want the recording deleted",
            "how do i stop recording on my phone",
            "how do i delete a recording",
            "i can't stop recording",
            "i can't hear the recording",
            "i don't want to listen to a recording",
            "i don't want to talk to a recording",
            "i don't want a recording i want a person",
            "stop playing that recording",
            "stop sending me recorded messages",
            "stop calling me with recorded messages",
            "i don't mind being recorded",
            "i don't mind if you record this",
            "i don't object to being recorded",
            "i have no objection to recording",
            "i don't care if this is recorded",
            "i have no problem with being recorded",
            "i don't know if you are recording this",
            "i don't want to record a voice message",
            "i refuse to record a greeting",
            "there is no recording on my phone",
            "what if i don't want to be recorded",
            "if i don't want to be recorded which key is it",
            "my phone does not record calls",
            "you don't want to record this do you",
            "he doesn't want to be recorded",
            "i never record calls",
            "the world record was not broken",
            "i can't proceed without recording it",
            "stop my card i lost my medical record",
            "don't forget to record this call",
            "make sure you don't forget to record the call",
            "no",
        ] {
            assert!(!refuses(text), "{text}");
        }
    }
}
