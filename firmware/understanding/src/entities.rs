//! What was named: numbers, money, dates and times.

use trunkside_call::Entity;

/// Everything named in a text, in order of appearance, without overlap.
pub fn entities_of(_text: &str) -> Vec<Entity> {
    Vec::new()
}
