//! The contract as JSON Schema, generated from the types.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The JSON Schema (draft 2020-12) of what travels up: one [`Batch`](crate::Batch).
pub fn batch() -> Schema {
    schemars::schema_for!(crate::Batch)
}

/// The JSON Schema (draft 2020-12) of what answers it: one [`Ack`](crate::Ack).
pub fn ack() -> Schema {
    schemars::schema_for!(crate::Ack)
}

pub(crate) fn timestamp(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

pub(crate) fn language(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": ["zh", "yue", "en", null] })
}

pub(crate) fn emotion(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "enum": ["angry", "anxious", "dissatisfied", "neutral", "satisfied"]
    })
}

pub(crate) fn cause(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["nobody_answered", "waited_too_long", "closed"] })
}

pub(crate) fn side(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["caller", "agent"] })
}

pub(crate) fn counts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {
            "enum": ["phone", "identity", "card", "reference", "money", "date", "time", "number"]
        },
        "additionalProperties": { "type": "integer", "minimum": 0 }
    })
}
