//! The contract as JSON Schema and AsyncAPI, generated from the types.

use std::fmt::Write as _;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{Alarm, CallSummary, DeviceHealth, Lane, Turn, VERSION};

/// The JSON Schema (draft 2020-12) of what travels up: one [`Batch`](crate::Batch).
pub fn batch() -> Schema {
    schemars::schema_for!(crate::Batch)
}

/// The JSON Schema (draft 2020-12) of what answers it: one [`Ack`](crate::Ack).
pub fn ack() -> Schema {
    schemars::schema_for!(crate::Ack)
}

/// The JSON Schemas (draft 2020-12) of what a batch brings and all that it is made of, by name. They refer
/// to each other by pointers that begin with `under`, such as `/components/schemas`.
pub fn records(under: &'static str) -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|it| it.definitions_path = under.into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<CallSummary>();
    generator.subschema_for::<Turn>();
    generator.subschema_for::<Alarm>();
    generator.subschema_for::<DeviceHealth>();
    generator.take_definitions(true)
}

/// Names what this version can read: another version, or the same with other types, has another name.
pub fn reader() -> &'static str {
    static READER: LazyLock<String> = LazyLock::new(|| {
        let schema = serde_json::to_string(&batch()).unwrap_or_default();
        let mut name = format!("{}-", env!("CARGO_PKG_VERSION"));
        for byte in &Sha256::digest(schema)[..8] {
            let _ = write!(name, "{byte:02x}");
        }
        name
    });
    &READER
}

/// The topics and what travels on them, as an AsyncAPI 3.0 document beside the two schemas.
pub fn asyncapi() -> Value {
    let format = "application/schema+json;version=2020-12";
    let message = |name: &str, summary: &str| {
        json!({
            "contentType": "application/json",
            "summary": summary,
            "payload": { "schemaFormat": format, "schema": { "$ref": format!("./{name}.json") } }
        })
    };
    let parameters = json!({
        "tenant": { "description": "Who owns the branch." },
        "branch": { "description": "The branch." },
        "device": { "description": "The box in the branch." }
    });
    let mut up_parameters = parameters.clone();
    up_parameters["lane"] = json!({
        "description": "The priority class, the most urgent first.",
        "enum": Lane::ALL.map(Lane::name)
    });
    let channel = |address: &str, parameters: &Value, message: &str| {
        let reference = json!({ "$ref": format!("#/components/messages/{message}") });
        json!({ "address": address, "parameters": parameters, "messages": { message: reference } })
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Trunkside box to cloud",
            "version": VERSION.to_string(),
            "description": "QoS 1. A batch of more than about a kilobyte is a zstd frame of the \
                            JSON. A box deletes only what a watermark covers."
        },
        "defaultContentType": "application/json",
        "channels": {
            "records":
                channel("trunkside/v1/{tenant}/{branch}/{device}/{lane}", &up_parameters, "batch"),
            "watermarks":
                channel("trunkside/v1/{tenant}/{branch}/{device}/ack", &parameters, "ack")
        },
        "operations": {
            "sendRecords": { "action": "send", "channel": { "$ref": "#/channels/records" } },
            "receiveWatermarks":
                { "action": "receive", "channel": { "$ref": "#/channels/watermarks" } }
        },
        "components": {
            "messages": {
                "batch": message("batch", "Records of one stream, in ascending sequence."),
                "ack": message("ack", "Everything of a stream up to a sequence is stored.")
            }
        }
    })
}

pub(crate) fn timestamp(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

pub(crate) fn timestamp_or_none(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}

/// The first senders always said it, and the first readers take its lack for zero.
pub(crate) fn ended(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "format": "double", "default": 0.0 })
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
    json_schema!({ "type": "string", "enum": ["nobody_answered", "waited_too_long", "closed", "asked"] })
}

pub(crate) fn destination(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["branch", "voicemail"] })
}

pub(crate) fn side(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["caller", "agent"] })
}

pub(crate) fn counts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {
            "enum": [
                "phone", "identity", "card", "order", "account", "policy", "reference", "name",
                "address", "email", "plate", "product", "fault", "money", "date", "time", "number"
            ]
        },
        "additionalProperties": { "type": "integer", "minimum": 0 }
    })
}
