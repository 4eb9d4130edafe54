//! What a caller named in a call: a number that is told over several turns is one, and so is one that a later
//! turn puts right.
//!
//! Turns that may go on with a number are read as one text, so that pauses, links and corrections between them
//! mean what they mean within a turn; what is found there is mapped back to the turns. What refers to a number
//! told before (`seven not four`, `最后一位是七`) is applied to it.

mod anew;
mod refer;

use trunkside_call::{EntityKind, Pii, Side};

use anew::Retold;

use crate::entities::{Cue, cue_at_end, cue_before, entities_of, fits_cue};
use crate::numbers::{Folded, Reading, Run, measures, runs_of, skip_pauses};
use crate::redact::{says_nothing, skip_acknowledgements};

/// For so many turns that tell something else a number stays open: who dictates looks for glasses.
const OPEN_FOR: u8 = 3;

/// The most turns that one number is told in.
const MOST_TURNS: usize = 8;

/// A moment or a sum may be put right for so many turns, of either side.
const RECENT: usize = 6;

/// What stands between two turns that are read as one.
const BETWEEN: &str = ", ";

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which turn of the call, from 0.
    pub turn: usize,
    /// Where it begins in the turn's text, in characters (Unicode scalar values).
    pub start: usize,
    /// Where it ends, exclusive.
    pub end: usize,
}

/// Something that the caller named.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEntity {
    /// What it is.
    pub kind: EntityKind,
    /// Its written form, with every correction so far.
    pub value: Pii<String>,
    /// Where it was said, in order; several where it was told over turns, said again or put right.
    pub places: Vec<Place>,
}

/// Hears the ended turns of one call.
///
/// ```
/// use trunkside_call::Side;
/// use trunkside_understanding::CallEntities;
///
/// let mut call = CallEntities::default();
/// for said in ["my order number is eight eight one", "two four", "no, seven not four"] {
///     call.hear(Side::Caller, said);
/// }
/// let [order] = call.found() else { panic!("one number was told") };
/// assert_eq!((order.kind.name(), order.value.reveal().as_str()), ("order", "88127"));
/// assert_eq!(order.places.len(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallEntities {
    turns: usize,
    found: Vec<CallEntity>,
    /// The caller's number that the next turn may go on with.
    open: Option<Open>,
    /// What the agent asked for last.
    asked: Option<Cue>,
    /// The caller's latest turns.
    recent: Vec<Piece>,
}

/// A number whose end may not be told yet.
#[derive(Clone, Debug)]
struct Open {
    pieces: Vec<Piece>,
    /// Turns since that told something else.
    idle: u8,
}

/// A turn that tells a part of it.
#[derive(Clone, Debug)]
struct Piece {
    turn: usize,
    text: Pii<String>,
}

/// Something found in a text, and where.
#[derive(Clone, Debug)]
struct Found {
    kind: EntityKind,
    value: String,
    start: usize,
    end: usize,
}

impl Found {
    const fn place(&self, turn: usize) -> Place {
        Place {
            turn,
            start: self.start,
            end: self.end,
        }
    }
}

impl CallEntities {
    /// Everything that the caller named so far, in order of appearance.
    pub fn found(&self) -> &[CallEntity] {
        &self.found
    }

    /// Hears the next ended turn of the call, of either side. Only the caller's tell something; the agent's
    /// say what is asked for.
    pub fn hear(&mut self, side: Side, text: &str) {
        let turn = self.turns;
        self.turns += 1;
        let folded = Folded::new(text);
        if says_nothing(&folded) {
            return;
        }
        match side {
            Side::Agent => self.ask(&folded),
            Side::Caller => {
                let piece = Piece {
                    turn,
                    text: Pii::new(text.to_owned()),
                };
                self.recent.retain(|told| told.turn + RECENT >= turn);
                if !self.put_right(&piece, &folded) && !self.go_on(&piece, &folded) {
                    self.tell(&piece, &folded);
                }
                self.recent.push(piece);
            }
        }
    }

    /// The agent asks for something else, or talks of it.
    fn ask(&mut self, text: &Folded) {
        let asked = cue_at_end(text);
        if asked.is_some() {
            // Whoever reads a number back and asks for it goes on with it.
            let is_other = self
                .last_number(None)
                .is_none_or(|at| Some(self.found[at].kind) != asked.map(Cue::kind));
            if is_other {
                self.open = None;
            }
            self.asked = asked;
        } else if runs_of(text).iter().all(|run| !run.is_strong()) {
            self.idle();
        }
    }

    fn idle(&mut self) {
        if let Some(open) = &mut self.open {
            open.idle += 1;
        }
        self.open.take_if(|open| open.idle > OPEN_FOR);
    }

    /// Applies what only refers to a number told before; whether it did.
    fn put_right(&mut self, piece: &Piece, text: &Folded) -> bool {
        let cue = cue_before(text, text.chars().len());
        let asks_else = self.asked.is_some_and(|asked| {
            self.last_number(None).is_some_and(|at| {
                let kind = self.found[at].kind;
                kind != asked.kind() && kind != EntityKind::Number
            })
        });
        let Some(correction) = refer::correction(text) else {
            return false;
        };
        let Some(at) = self
            .last_number(cue)
            .filter(|_| !asks_else || cue.is_some())
        else {
            return false;
        };
        if !correction.is_certain && self.open.is_none() {
            return false;
        }
        let entity = &mut self.found[at];
        let Some(value) = correction.applied(entity.value.reveal()) else {
            return false;
        };
        entity.value = Pii::new(value);
        entity.places.push(Place {
            turn: piece.turn,
            start: correction.start,
            end: correction.end,
        });
        // What follows goes on with the number as it is now, which no text of a turn has.
        self.open = None;
        true
    }

    /// The last number that was told; of this kind where there is a cue.
    fn last_number(&self, cue: Option<Cue>) -> Option<usize> {
        let fits = |entity: &CallEntity| {
            is_number(entity.kind)
                && entity.value.reveal().len() > 2
                && cue.is_none_or(|cue| entity.kind == cue.kind())
        };
        self.found.iter().rposition(fits)
    }

    /// Takes a turn as going on with the open number; whether it does.
    fn go_on(&mut self, piece: &Piece, text: &Folded) -> bool {
        let Some(open) = &self.open else {
            return false;
        };
        if !continues(text, piece.text.reveal()) || open.pieces.len() >= MOST_TURNS {
            return false;
        }
        let pieces = [&open.pieces[..], std::slice::from_ref(piece)].concat();
        let joined = Joined::new(&pieces);
        let found = found_in(&joined.text);
        let last = joined.starts[pieces.len() - 1];
        let Some(whole) = found
            .iter()
            .find(|found| is_number(found.kind) && found.start < last && found.end > last)
            .cloned()
        else {
            // Behind `my order number is` alone there is nothing yet to join.
            let new = found.into_iter().filter(|found| found.start >= last);
            return self.tell_behind(&joined, &pieces, new.collect(), last);
        };
        let is_of_it = |entity: &CallEntity| {
            entity.places.iter().any(|place| {
                pieces.iter().any(|piece| piece.turn == place.turn)
                    && joined.covers(&pieces, &whole, place)
            })
        };
        let before = self.found.iter().position(is_of_it);
        let is_whole = |entity: &CallEntity| is_complete(entity.kind, entity.value.reveal());
        let told = before.map(|at| &self.found[at]);
        if told.is_some_and(|told| is_whole(told) && whole.value.len() > told.value.reveal().len())
        {
            return false;
        }
        let mut kind = whole.kind;
        if let Some(cue) = self.asked.filter(|_| kind == EntityKind::Number) {
            kind = fits_cue(cue, whole.value.len()).unwrap_or(kind);
        }
        let entity = CallEntity {
            kind,
            value: Pii::new(whole.value.clone()),
            places: joined.places(&pieces, whole.start, whole.end),
        };
        // It stands where the first of what it is made of stood.
        let at = before.unwrap_or(self.found.len());
        self.found.retain(|other| !is_of_it(other));
        self.found.insert(at, entity);
        for new in found
            .into_iter()
            .filter(|found| found.start >= whole.end.max(last))
        {
            let places = joined.places(&pieces, new.start, new.end);
            self.add(new, places, false);
        }
        self.open = ends_open(text).then_some(Open { pieces, idle: 0 });
        true
    }

    /// Tells what a turn names behind an announcement in the turn before.
    fn tell_behind(
        &mut self,
        joined: &Joined,
        pieces: &[Piece],
        new: Vec<Found>,
        last: usize,
    ) -> bool {
        let announced = cue_at_end(&Folded::new(&joined.text[..joined.bytes_before(last)]));
        if announced.is_none() || !new.iter().any(|found| is_number(found.kind)) {
            return false;
        }
        for new in new {
            let places = joined.places(pieces, new.start, new.end);
            self.add(new, places, false);
        }
        self.open = Some(Open {
            pieces: pieces.to_vec(),
            idle: 0,
        });
        true
    }

    /// Tells what a turn names by itself.
    fn tell(&mut self, piece: &Piece, text: &Folded) {
        let corrects = refer::is_correction(text);
        for mut found in found_in(piece.text.reveal()) {
            if let Some(cue) = self.asked.filter(|_| found.kind == EntityKind::Number) {
                found.kind = fits_cue(cue, found.value.len()).unwrap_or(found.kind);
            }
            if self.tell_anew(piece, text, &found) {
                continue;
            }
            let places = vec![found.place(piece.turn)];
            self.add(found, places, corrects);
        }
        if ends_open(text) || cue_at_end(text).is_some() {
            let pieces = vec![piece.clone()];
            self.open = Some(Open { pieces, idle: 0 });
        } else {
            self.idle();
        }
    }

    /// Applies what a turn says of a moment or a sum told before; whether it did.
    fn tell_anew(&mut self, piece: &Piece, text: &Folded, found: &Found) -> bool {
        let Some(said) = anew::said_of(text, found) else {
            return false;
        };
        let is_it = |entity: &CallEntity| {
            let recent = |place: &Place| (1..=RECENT).contains(&(piece.turn - place.turn));
            entity.kind == found.kind && entity.places.last().is_some_and(recent)
        };
        let Some(at) = self.found.iter().rposition(is_it) else {
            return false;
        };
        let before = self.found[at].places.iter().filter_map(|place| {
            let told = self.recent.iter().find(|told| told.turn == place.turn)?;
            Some((&told.text, *place))
        });
        let now = (&piece.text, found.place(piece.turn));
        let value = anew::in_context(before.chain([now]), found);
        let known = &mut self.found[at];
        match said {
            Retold::Right => {
                known.value = Pii::new(value);
                known.places.push(found.place(piece.turn));
            }
            Retold::Wrong if *known.value.reveal() == value => {
                self.found.remove(at);
            }
            Retold::Wrong => {}
        }
        true
    }

    /// Adds what was named, unless it was before: a number that is said again, or told anew as put right.
    fn add(&mut self, found: Found, places: Vec<Place>, corrects: bool) {
        let Found { kind, value, .. } = found;
        let same =
            |entity: &&mut CallEntity| entity.kind == kind && *entity.value.reveal() == value;
        let numbers = is_number(kind) && value.len() > 2;
        if let Some(known) = self.found.iter_mut().rfind(same).filter(|_| numbers) {
            known.places.extend(places);
            return;
        }
        let anew = self.found.iter_mut().rfind(|entity| {
            let like = entity.kind == kind || kind == EntityKind::Number && is_number(entity.kind);
            like && entity.value.reveal().len() == value.len()
        });
        if let Some(known) = anew.filter(|_| corrects && numbers) {
            known.value = Pii::new(value);
            known.places.extend(places);
            return;
        }
        let value = Pii::new(value);
        self.found.push(CallEntity {
            kind,
            value,
            places,
        });
    }
}

/// Several turns read as one text.
struct Joined {
    text: String,
    /// Where each turn begins in it, in characters, and how many it has.
    starts: Vec<usize>,
    lengths: Vec<usize>,
}

impl Joined {
    fn new(pieces: &[Piece]) -> Self {
        let (mut text, mut starts, mut lengths) = (String::new(), Vec::new(), Vec::new());
        let mut at = 0;
        for piece in pieces {
            if !text.is_empty() {
                text.push_str(BETWEEN);
                at += BETWEEN.len();
            }
            let length = piece.text.reveal().chars().count();
            starts.push(at);
            lengths.push(length);
            text.push_str(piece.text.reveal());
            at += length;
        }
        Self {
            text,
            starts,
            lengths,
        }
    }

    /// Where in the turns a stretch of the whole was said.
    fn places(&self, pieces: &[Piece], start: usize, end: usize) -> Vec<Place> {
        let turns = pieces.iter().zip(&self.starts).zip(&self.lengths);
        let places = turns.filter_map(|((piece, begins), length)| {
            let from = start.max(*begins) - begins;
            let to = end.min(begins + length).checked_sub(*begins)?;
            (from < to).then_some(Place {
                turn: piece.turn,
                start: from,
                end: to,
            })
        });
        places.collect()
    }

    /// Whether a thing that was found in the whole has a place in it.
    fn covers(&self, pieces: &[Piece], found: &Found, place: &Place) -> bool {
        let places = self.places(pieces, found.start, found.end);
        places.iter().any(|other| {
            other.turn == place.turn && other.start < place.end && place.start < other.end
        })
    }

    /// The byte before which so many characters stand, without what joins two turns.
    fn bytes_before(&self, characters: usize) -> usize {
        let end = self.text.char_indices().nth(characters);
        let end = end.map_or(self.text.len(), |(byte, _)| byte);
        end.saturating_sub(BETWEEN.len())
    }
}

fn found_in(text: &str) -> Vec<Found> {
    let found = entities_of(text).into_iter().map(|entity| Found {
        kind: entity.kind,
        value: entity.value.reveal().clone(),
        start: entity.start,
        end: entity.end,
    });
    found.collect()
}

/// Whether this is told digit by digit, and may be told over turns.
const fn is_number(kind: EntityKind) -> bool {
    matches!(
        kind,
        EntityKind::Phone
            | EntityKind::Identity
            | EntityKind::Card
            | EntityKind::Order
            | EntityKind::Account
            | EntityKind::Policy
            | EntityKind::Reference
            | EntityKind::Number
    )
}

/// Whether a number has all the digits that its kind has: only a correction goes on with it.
fn is_complete(kind: EntityKind, value: &str) -> bool {
    match kind {
        EntityKind::Phone => value.len() >= 11,
        EntityKind::Identity => value.len() >= 18,
        EntityKind::Card => value.len() >= 16,
        _ => false,
    }
}

/// Whether a turn begins with digits that may go on with a number: told one by one, and counting nothing.
fn continues(text: &Folded, said: &str) -> bool {
    let runs = runs_of(text);
    let Some(first) = runs.first().filter(|run| run.is_strong()) else {
        return false;
    };
    let counts = first.said.len() < 3 && measures(text, first.end());
    let is_else = entities_of(said).iter().any(|entity| {
        let other = matches!(
            entity.kind,
            EntityKind::Money | EntityKind::Date | EntityKind::Time
        );
        other && entity.start < first.end() && first.start() < entity.end
    });
    first.start() <= skip_acknowledgements(text, 0) && is_dictated(first) && !counts && !is_else
}

fn is_dictated(run: &Run) -> bool {
    let mut atoms = run.atoms.iter();
    atoms.all(|atom| atom.reading != Reading::Cardinal)
}

/// Whether a turn ends with digits, so that more may follow.
fn ends_open(text: &Folded) -> bool {
    let last = runs_of(text).pop();
    last.is_some_and(|last| {
        last.is_strong()
            && is_dictated(&last)
            && skip_pauses(text, last.end()) >= text.chars().len()
    })
}

#[cfg(test)]
mod tests;
