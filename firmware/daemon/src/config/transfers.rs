//! `line.transfer_to`: the numbers outside that agents may hand callers on to.

use std::str::FromStr;

use trunkside_line::Outside;

use super::TRUNK;
use super::layers::Layers;
use super::trunks::Trunk;

/// The key.
pub const KEY: &str = "line.transfer_to";

/// One entry of the list.
enum Entry {
    Trunk(String),
    Prefix(String),
}

impl FromStr for Entry {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(name) = text.strip_prefix(TRUNK) {
            return Ok(Self::Trunk(name.to_owned()));
        }
        let figures = text.strip_prefix('+').unwrap_or(text);
        let is_prefix = !figures.is_empty() && figures.bytes().all(|sign| sign.is_ascii_digit());
        is_prefix.then(|| Self::Prefix(text.to_owned())).ok_or(())
    }
}

/// Nobody is called where the list is empty, or anything of it cannot be used.
pub fn resolve(layers: &mut Layers, trunks: &[Trunk]) -> Option<Outside> {
    let rule = "must be a list of what numbers may begin with, such as `[\"0571\", \"+86\"]`, and of \
                `trunk:NAME` for the trunk that carries them";
    let entries: Vec<Entry> = layers.list(KEY, rule);
    if entries.is_empty() {
        return None;
    }
    let (mut named, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Trunk(name) => named.push(name),
            Entry::Prefix(prefix) => prefixes.push(prefix),
        }
    }
    let trunk = match &named[..] {
        [] => trunks.first(),
        [name] => trunks.iter().find(|trunk| trunk.name == *name),
        [..] => None,
    };
    let Some(trunk) = trunk.map(|trunk| trunk.name.clone()) else {
        let message = format!(
            "`{KEY}` must name no more than one trunk (`{TRUNK}NAME`), and one that there is; add its section \
             `[trunk.NAME]` or mend the name"
        );
        layers.report(KEY, &message);
        return None;
    };
    Some(Outside { trunk, prefixes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;
    use crate::config::tests::loaded;

    fn of(list: &str) -> (Option<Outside>, usize) {
        let trunks = "[trunk.b]\ntargets = [\"192.0.2.2\"]\n[trunk.a]\ntargets = [\"192.0.2.1\"]\n";
        let loaded = loaded(&format!("[line]\ntransfer_to = {list}\n{trunks}"));
        let of_key = |problem: &&Problem| problem.message.contains("`line.transfer_to` must");
        let problems = loaded.problems.iter().filter(of_key).count();
        (loaded.config.line.transfer_to, problems)
    }

    #[test]
    fn agents_hand_callers_on_to_what_the_list_allows_and_nothing_without_it() {
        let over = |trunk: &str, prefixes: &[&str]| {
            let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
            let trunk = trunk.to_owned();
            (Some(Outside { trunk, prefixes }), 0)
        };
        assert_eq!(of("[]"), (None, 0));
        assert_eq!(of("[\"trunk:b\"]"), over("b", &[]));
        let both = "[\"0571\", \"trunk:b\", \"+86\"]";
        assert_eq!(of(both), over("b", &["0571", "+86"]));
        assert_eq!(of("[\"139\"]"), over("a", &["139"]));
        let none = loaded("[line]\ntransfer_to = [\"139\"]\n");
        assert_eq!(none.config.line.transfer_to, None, "there is no trunk");
        for bad in [
            "[\"trunk:c\"]",
            "[\"trunk:a\", \"trunk:b\"]",
            "[\"trunk:a\", \"13x\"]",
            "[\"\"]",
            "\"139\"",
        ] {
            assert_eq!(of(bad), (None, 1), "{bad}");
        }
    }
}
