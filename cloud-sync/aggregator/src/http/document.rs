//! The OpenAPI document.

use axum::Json;
use serde_json::Value;
use trunkside_record::schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{Problem, api, claims, export, figures};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trunkside cloud",
        description = "What branches' calls come to: anonymised records of many boxes.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        api::calls,
        api::call,
        api::transcripts,
        api::transcript,
        api::devices,
        api::alarms,
        api::audit,
        claims::claim,
        figures::hourly,
        figures::intents,
        figures::moods,
        figures::health,
        figures::metrics,
        export::calls,
        export::transcripts,
        export::quality
    ),
    components(schemas(Problem)),
    modifiers(&Keys),
    security(("key" = []), ("password" = []))
)]
struct Document;

/// The interface's OpenAPI document, also served at `/api/openapi.json`. What boxes record it describes by
/// the contract's own schemas.
pub fn openapi() -> Value {
    const RECORDS: &str = "/components/schemas";
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(Value::Object(schemas)) = document.pointer_mut(RECORDS) {
        schemas.extend(schema::records(RECORDS));
    }
    document
}

/// How keys and tokens are shown.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of `trunkside-cloud keys add`, or a token of the configured issuer. \
                 Without either, the interface answers this machine only.",
            ))
            .build();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        let basic = Http::builder()
            .scheme(HttpAuthScheme::Basic)
            .description(Some(
                "The same as the password, with any name, for browsers.",
            ))
            .build();
        components.add_security_scheme("password", SecurityScheme::Http(basic));
    }
}

/// The OpenAPI document.
pub(super) async fn document() -> Json<Value> {
    Json(openapi())
}
