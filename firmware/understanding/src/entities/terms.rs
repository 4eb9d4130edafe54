//! Products and faults, by lists.

use std::collections::HashMap;
use std::sync::LazyLock;

use trunkside_call::EntityKind;

use super::Found;
use crate::numbers::Folded;

/// Terms by their first character, longest first.
type Terms = HashMap<char, Vec<(&'static str, EntityKind)>>;

fn terms() -> &'static Terms {
    static TERMS: LazyLock<Terms> = LazyLock::new(|| {
        let lists = [
            (
                include_str!("../../data/entities/products.txt"),
                EntityKind::Product,
            ),
            (
                include_str!("../../data/entities/faults.txt"),
                EntityKind::Fault,
            ),
        ];
        let mut terms = Terms::new();
        for (list, kind) in lists {
            for line in list.lines().filter(|line| !line.starts_with('#')) {
                let english = line.contains('|');
                let split: fn(char) -> bool = if english {
                    |c| c == '|'
                } else {
                    char::is_whitespace
                };
                for term in line.split(split).map(str::trim) {
                    if let Some(first) = term.chars().next() {
                        terms.entry(first).or_default().push((term, kind));
                    }
                }
            }
        }
        for terms in terms.values_mut() {
            terms.sort_by_key(|(term, _)| std::cmp::Reverse(term.chars().count()));
        }
        terms
    });
    &TERMS
}

/// All products and faults of a text, the longest first where two begin together.
pub(super) fn find(text: &Folded) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text.at(at) {
        let latin = c.is_ascii_alphabetic();
        let begins = !latin || text.is_word_start(at);
        let hit = terms().get(&c).filter(|_| begins).and_then(|terms| {
            terms.iter().find(|(term, _)| {
                let end = at + term.chars().count();
                text.starts_with(at, term)
                    && !(latin
                        && text
                            .at(end)
                            .is_some_and(|c| c.is_ascii_alphabetic() && c != 's'))
            })
        });
        at = match hit {
            Some((term, kind)) => {
                let end = at + term.chars().count();
                found.push(Found::new(*kind, (*term).to_owned(), at, end));
                end
            }
            None => at + 1,
        };
    }
    found
}
