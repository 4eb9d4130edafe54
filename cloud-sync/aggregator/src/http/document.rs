//! The OpenAPI document.

use axum::Json;
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
        export::transcripts
    ),
    components(schemas(Problem)),
    modifiers(&Keys),
    security(("key" = []), ("password" = []))
)]
pub(super) struct Document;

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
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}
