//! Boxes that join.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use trunkside_record::{ClaimAnswer, ClaimRequest, Origin, ProofKey};

use super::{App, PROBLEM, Problem};
use crate::ingest::now;

/// What a stranger is told, whatever was wrong.
const REFUSED: &str = "the claim code is wrong, used, or over; ask the operator for a new one";

/// Admits a box that knows an operator's claim code; needs no key.
#[utoipa::path(
    post,
    path = "/api/v1/claims",
    request_body(content = Object, description = "`id`, `csr` (PEM) and `proof`, as the box's `trunkside claim` sends them"),
    responses(
        (status = 200, description = "Its names, its certificate and where to connect", body = Object),
        (status = 400, description = "The request cannot be read", body = Problem, content_type = PROBLEM),
        (status = 403, description = "The code is wrong, used, or over", body = Problem, content_type = PROBLEM),
        (status = 404, description = "This cloud admits no boxes", body = Problem, content_type = PROBLEM)
    ),
    security(())
)]
pub(super) async fn claim(
    State(app): State<App>,
    request: Result<Json<ClaimRequest>, JsonRejection>,
) -> Result<Json<ClaimAnswer>, Problem> {
    let Json(request) = request.map_err(|_| {
        Problem::body("the body must be JSON with `id`, `csr` and `proof`; use `trunkside claim`")
    })?;
    let Some(admission) = app.admission.clone() else {
        let detail = "this cloud admits no boxes; set `boxes.connect_to` in its configuration";
        return Err(Problem::not_found(detail));
    };
    let id = request.id.clone();
    let found = app.ask(move |store| store.claim(&id, now())).await?;
    let refused = || Problem::forbidden(REFUSED);
    let claim = found.ok_or_else(refused)?;
    let key = ProofKey::from_hex(&claim.proof_key).ok_or_else(refused)?;
    if !key.admits(&request) {
        tracing::warn!(
            claim = claim.id,
            "somebody without the code tried to claim a box"
        );
        return Err(refused());
    }
    let origin =
        Origin::new(claim.tenant, claim.branch, claim.device).map_err(|_| Problem::internal())?;
    let signed = admission.authority.admit(&request.csr, &origin, now());
    let (certificate, serial) = signed.map_err(|error| {
        tracing::warn!(%origin, %error, "a box's certificate request was refused");
        Problem::body("the certificate request cannot be signed; use `trunkside claim`")
    })?;
    // Last, so that a bad request costs no code; whoever is second gets nothing.
    let used = app
        .ask(move |store| store.use_claim(&claim.id, &serial, now()))
        .await?;
    if !used {
        return Err(refused());
    }
    tracing::info!(%origin, "a box has joined");
    let mut answer = ClaimAnswer {
        origin,
        broker: admission.connect_to.clone(),
        certificate,
        ca: admission.authority.certificate().to_owned(),
        proof: String::new(),
    };
    answer.proof = key.prove_answer(&answer);
    Ok(Json(answer))
}
