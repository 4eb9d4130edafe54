//! Which digits are hidden, whatever they are digits of.

use trunkside_call::EntityKind;

use super::acknowledged::skip_acknowledgements;
use super::opened::continued;
use super::{HIDDEN_FROM, Hidden, Opening};
use crate::entities::{Cue, Found, cue_before};
use crate::numbers::{Folded, Reading, Run, is_place_count, skip_misheard, skip_pauses};

/// Numbers this near to each other may be parts of one that other words interrupt, in characters.
const NEAR: usize = 12;

/// From this many digits on, groups that stand near each other are one number.
const CHAINED_FROM: usize = 6;

/// One of two groups that words part has at least this many digits: smaller ones count things.
const GROUP: usize = 3;

/// From this many digits on a security code is hidden.
const SECRET_FROM: usize = 2;

/// From this many digits on the end of an identity or card number is.
const ENDING_FROM: usize = 3;

/// Runs that only acknowledgements part: one number, dictated in groups.
pub(super) struct Dictation<'a> {
    pub runs: &'a [Run],
    /// How many digits it has at most.
    pub length: usize,
}

impl Dictation<'_> {
    pub(super) fn start(&self) -> usize {
        self.runs[0].start()
    }

    pub(super) fn end(&self) -> usize {
        self.runs[self.runs.len() - 1].end()
    }

    /// Whether more than radio readings and `oh` is in it.
    pub(super) fn is_strong(&self) -> bool {
        self.runs.iter().any(Run::is_strong)
    }

    /// Whether it is said digit by digit, as numbers that identify are.
    fn is_dictated(&self) -> bool {
        self.runs.iter().all(is_dictated)
    }

    /// Whether it is in words throughout.
    pub(super) fn is_spoken(&self) -> bool {
        let figures = |run: &Run| {
            run.atoms
                .iter()
                .any(|atom| atom.reading == Reading::Figures)
        };
        self.is_dictated() && !self.runs.iter().any(figures)
    }
}

/// The runs of a text, those together that acknowledgements part.
pub(super) fn dictations<'a>(text: &Folded, runs: &'a [Run]) -> Vec<Dictation<'a>> {
    let goes_on = |before: &Run, after: &Run| {
        is_dictated(before)
            && is_dictated(after)
            && !is_place_count(text, &after.atoms[0])
            && skip_acknowledgements(text, before.end()) >= after.start()
    };
    runs.chunk_by(goes_on)
        .map(|runs| Dictation {
            runs,
            length: runs.iter().map(|run| run.length).sum(),
        })
        .collect()
}

/// Whether only pauses, misheard digits and acknowledgements stand behind a position.
pub(super) fn is_end(text: &Folded, at: usize, cut: usize) -> bool {
    let end = skip_acknowledgements(text, skip_misheard(text, at));
    end + cut >= text.chars().len()
}

/// The runs that are too long, or parts of what is too long, each atom hidden within the entity
/// that it belongs to.
pub(super) fn hidden(
    text: &Folded,
    runs: &[Run],
    found: &[Found],
    opening: Opening,
    strict: bool,
) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let lead = skip_misheard(text, skip_acknowledgements(text, 0));
    let dictations = dictations(text, runs);
    let chained = chained(&dictations, opening.partial);
    let continued = continued(text, &dictations, found, opening);
    for (index, said) in dictations.iter().enumerate() {
        if said.length == 1 && is_place_count(text, &said.runs[0].atoms[0]) {
            continue;
        }
        let leads = index == 0 && said.start() <= lead;
        // A hypothesis may end within a pause.
        let ends = is_end(text, said.end(), if opening.partial { 2 } else { 0 });
        let before = if leads { opening.digits } else { 0 };
        // A year by itself, where the day was told: `eighty eight`.
        let of_birth = opening.birth && ends && said.length > 1;
        let announced = leads && (opening.cue.is_some() || of_birth) && !is_idiom(text, said);
        let dictated = said.is_dictated();
        let own = cue_before(text, said.start()).filter(|_| dictated);
        let cued = ends && own.is_some_and(identifies);
        let limit = if announced || opening.partial && cued {
            1
        } else if strict || ends && (opening.partial || cued) {
            2
        } else if ends && dictated && said.is_strong() && (before > 0 || !is_public(text, said)) {
            // The first digits of a number whose rest comes with the next turn.
            HIDDEN_FROM - 1
        } else {
            HIDDEN_FROM
        };
        let asked = opening.cue.filter(|_| dictated);
        let short = [own, asked]
            .into_iter()
            .flatten()
            .any(|cue| is_short_secret(text, said, found, cue));
        let known = before > 0 && before + said.length >= HIDDEN_FROM && !is_idiom(text, said);
        let part = dictated && said.length > 1 && is_part(&dictations, index);
        let grouped = chained[index] || continued[index];
        if known || part || short || grouped || said.length >= limit {
            let goes_on = announced || continued[index];
            let cue = goes_on.then_some(opening.cue).flatten();
            for run in said.runs {
                hide_run(text, run, found, cue, &mut hidden);
            }
        }
    }
    hidden
}

/// What has numbers that belong to nobody.
const THINGS: [&str; 32] = [
    "会议室",
    "教室",
    "课室",
    "诊室",
    "诊间",
    "包间",
    "包厢",
    "窗口",
    "柜台",
    "柜位",
    "版本",
    "利率",
    "年化",
    "收益率",
    "汇率",
    "排到",
    "排在",
    "排咗",
    "排队号",
    "排号",
    "叫到",
    "频道",
    "room",
    "queue",
    "counter",
    "gate",
    "platform",
    "channel",
    "page",
    "version",
    "boeing",
    "airbus",
];

/// Lines of three digits that everyone knows.
const PUBLIC_LINES: [&str; 8] = ["110", "112", "119", "120", "122", "911", "999", "111"];

/// With what one of them is dialled.
const DIALLED: [&str; 9] = [
    "打", "打了", "打咗", "拨", "拨打", "call", "called", "dial", "ring",
];

/// What is said of one of them.
const OF_LINES: [&str; 6] = ["报警", "急救", "来了", "来咗", "的警察", "救护车"];

/// Whether three digits surely are no beginning of a number that identifies somebody: a room's, a place in a
/// queue, a decimal, a public line.
pub(super) fn is_public(text: &Folded, said: &Dictation) -> bool {
    let ([run], 3) = (said.runs, said.length) else {
        return false;
    };
    let has_point = run.atoms.windows(2).any(|pair| {
        let between = text.slice(pair[0].end, pair[1].start);
        matches!(between.trim(), "点" | "." | "point")
    });
    let behind = |words: &[&str], at: usize| words.iter().any(|word| text.starts_with(at, word));
    let is_line = PUBLIC_LINES.contains(&run.meant.as_str())
        && (stands_before(text, said.start(), &DIALLED) || behind(&OF_LINES, said.end()));
    has_point || is_line || stands_before(text, said.start(), &THINGS)
}

/// Whether one of some words stands before a position, at most a letter and words such as 是 between.
fn stands_before(text: &Folded, at: usize, words: &[&str]) -> bool {
    let blank = usize::from(at > 0 && text.at(at - 1) == Some(' '));
    let letter = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_alphabetic());
    let alone = |at: usize| letter(at) && (at == 0 || !letter(at - 1));
    let at = match at.checked_sub(1 + blank) {
        Some(before) if alone(before) => before,
        _ => at,
    };
    words.iter().any(|word| {
        let length = word.chars().count();
        let from = at.saturating_sub(length + NEAR)..at.saturating_sub(length - 1);
        from.into_iter().any(|start| {
            text.starts_with(start, word)
                && (!word.is_ascii() || text.is_word_start(start))
                && skip_pauses(text, start + length) >= at
        })
    })
}

/// Whether a number is the first word of one that counts nothing: `一下`.
fn is_idiom(text: &Folded, said: &Dictation) -> bool {
    const BEHIND: &str = "下样直定般起些共点会";
    said.length == 1
        && text.at(said.start()) == Some('一')
        && text.at(said.end()).is_some_and(|c| BEHIND.contains(c))
}

/// Whether a number is said digit by digit, as numbers that identify are.
fn is_dictated(run: &Run) -> bool {
    run.atoms
        .iter()
        .all(|atom| atom.reading != Reading::Cardinal)
}

/// Whether a cue announces a number that identifies somebody.
const fn identifies(cue: Cue) -> bool {
    !matches!(cue, Cue::Reference | Cue::Order)
}

/// Whether less than four digits behind a cue tell a security code, or the end of a number by which
/// people prove who they are.
fn is_short_secret(text: &Folded, said: &Dictation, found: &[Found], cue: Cue) -> bool {
    let counts = |entity: &Found| {
        matches!(
            entity.kind,
            EntityKind::Money | EntityKind::Date | EntityKind::Time
        )
    };
    let amount = found
        .get(found.partition_point(|entity| entity.end <= said.start()))
        .is_some_and(|entity| entity.start <= said.start() && counts(entity));
    let linked = is_linked(text, said.start());
    // `back on the card within five to seven days`
    let spoken = said.is_spoken() && !text.slice(said.start(), said.end()).contains(" to ");
    let from = match cue {
        Cue::Secret if linked => SECRET_FROM,
        Cue::Secret => ENDING_FROM,
        // Figures beside a card may count anything: `card charged 150 twice`.
        Cue::Identity | Cue::Card if linked || spoken => ENDING_FROM,
        _ => HIDDEN_FROM,
    };
    !amount && said.is_strong() && said.length >= from
}

/// Whether the word before a position says that what follows is the number: `是`, `is`.
fn is_linked(text: &Folded, at: usize) -> bool {
    const LINKS: [&str; 7] = ["是", "系", "为", "is", "'s", "to", "was"];
    LINKS.iter().any(|link| {
        let length = link.chars().count();
        let from = at.saturating_sub(length + NEAR / 2);
        (from..at.saturating_sub(length - 1)).any(|start| {
            text.starts_with(start, link)
                && (!link.starts_with(|c: char| c.is_ascii_alphabetic())
                    || text.is_word_start(start))
                && skip_pauses(text, start + length) >= at
        })
    })
}

/// Which dictations are groups of one number that any words part: `四一五…五五五…一二`. Only numbers
/// in words count, as figures in running text tell many things.
fn chained(dictations: &[Dictation], partial: bool) -> Vec<bool> {
    let from = if partial { HIDDEN_FROM } else { CHAINED_FROM };
    let links = |before: &Dictation, after: &Dictation| {
        before.is_spoken()
            && after.is_spoken()
            && after.start() - before.end() <= NEAR
            && before.length.max(after.length) >= GROUP
            && before.is_strong()
            && after.is_strong()
    };
    dictations
        .chunk_by(links)
        .flat_map(|group| {
            let digits: usize = group.iter().map(|said| said.length).sum();
            let groups = group.iter().filter(|said| said.length > 1).count();
            let one = groups > 1 && digits >= from;
            std::iter::repeat_n(one, group.len())
        })
        .collect()
}

/// Whether a number stands near another that is long: then both may be parts of one number.
fn is_part(dictations: &[Dictation], index: usize) -> bool {
    let said = &dictations[index];
    let is_near = |other: &Dictation, gap: usize| {
        other.length >= HIDDEN_FROM && other.is_dictated() && gap <= NEAR
    };
    let before = index.checked_sub(1).map(|index| &dictations[index]);
    before.is_some_and(|other| is_near(other, said.start() - other.end()))
        || dictations
            .get(index + 1)
            .is_some_and(|other| is_near(other, other.start() - said.end()))
}

fn hide_run(text: &Folded, run: &Run, found: &[Found], cue: Option<Cue>, hidden: &mut Vec<Hidden>) {
    let mut open: Option<Hidden> = None;
    for atom in &run.atoms {
        let covering = found
            .get(found.partition_point(|entity| entity.end <= atom.start))
            .filter(|entity| entity.start < atom.end);
        let piece = match covering {
            Some(entity) => {
                let label = match (entity.kind, cue) {
                    (EntityKind::Number, Some(cue)) => cue.kind().name(),
                    (kind, _) => kind.name(),
                };
                Hidden {
                    start: entity.start,
                    end: entity.end,
                    label,
                }
            }
            None => Hidden {
                start: atom.start,
                end: atom.end,
                label: cue.map_or(EntityKind::Number, Cue::kind).name(),
            },
        };
        match &mut open {
            Some(open) if open.label == piece.label => open.end = open.end.max(piece.end),
            _ => hidden.extend(open.replace(piece)),
        }
    }
    hidden.extend(open);
    hide_letters_beside(text, run, hidden);
}

/// Single letters that stand beside a long number belong to it: `G12345678`, `a 123456`.
fn hide_letters_beside(text: &Folded, run: &Run, hidden: &mut Vec<Hidden>) {
    let letter = |at: usize| {
        text.at(at)
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '叉')
    };
    let label = hidden.last().map_or("number", |piece| piece.label);
    let blank = |at: usize| usize::from(text.at(at) == Some(' '));
    let end = run.end();
    let pause = skip_misheard(text, end);
    // The check character of a Hong Kong identity card stands in brackets.
    let bracket = text.slice(end, pause);
    let bracket = ["括", "bracket", "("]
        .iter()
        .any(|word| bracket.contains(word));
    let check =
        matches!(text.at(pause), Some('x' | '叉')) || bracket && text.at(pause) == Some('a');
    let next = if check { pause } else { end + blank(end) };
    // `in twenty twenty three i paid`
    let is_word = !check
        && next > end
        && matches!(text.at(next), Some('i' | 'a'))
        && matches!(text.at(next + 1), Some(' ' | '\''))
        && text.word_end(next + 2) > next + 3;
    if letter(next) && !letter(next + 1) && !is_word {
        match hidden.last_mut() {
            Some(last) if last.end == end => last.end = next + 1,
            _ => hidden.push(Hidden {
                label,
                start: end,
                end: next + 1,
            }),
        }
    }
    let start = run.start();
    let gap = usize::from(start > 0 && text.at(start - 1) == Some(' '));
    let alone =
        |at: usize| letter(at) && (at == 0 || !letter(at - 1) && text.at(at - 1) != Some('\''));
    if let Some(before) = start.checked_sub(1 + gap)
        && alone(before)
        && (gap == 0 || text.at(before) != Some('a'))
    {
        match hidden.iter_mut().find(|piece| piece.start == start) {
            Some(first) => first.start = before,
            None => hidden.push(Hidden {
                label,
                start: before,
                end: start,
            }),
        }
    }
}
