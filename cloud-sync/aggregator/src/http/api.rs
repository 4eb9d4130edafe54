//! The interface for programs: calls, transcripts, boxes, the audit log.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::query::{AlarmsQuery, AuditQuery, CallsQuery, DevicesQuery};
use super::reader::Reader;
use super::{App, PROBLEM, Problem, QuestionProblems, ReaderProblems};
use crate::store::{
    AlarmPage, Audit, CallDetail, DevicePage, Page, Role, Scope, TranscriptItem, TranscriptPage,
};

/// Which calls; every parameter is optional.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `query.rs` reads")]
pub(super) struct CallFilterParameters {
    /// Of this tenant.
    tenant: Option<String>,
    /// Of this branch.
    branch: Option<String>,
    /// Of this device.
    device: Option<String>,
    /// In this language: `zh`, `yue` or `en`.
    language: Option<String>,
    /// With this intent.
    intent: Option<String>,
    /// With a caller who felt so at the end: `angry`, `anxious`, `dissatisfied`, `neutral` or `satisfied`.
    emotion: Option<String>,
    /// With this outcome: `bridged`, `callback`, `abandoned`, `self_served`, `overflowed` or `failed`.
    outcome: Option<String>,
    /// Begun at this time (RFC 3339) or later; a day such as `2026-11-21` is the time when it begins.
    since: Option<String>,
    /// Begun before this time (RFC 3339), or before this day begins.
    until: Option<String>,
    /// The time zone in which the days of `since` and `until` begin, such as `Asia/Shanghai`, and the hours of
    /// figures by the hour; UTC.
    tz: Option<String>,
}

/// Which page; every parameter is optional.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `query.rs` reads")]
pub(super) struct PageParameters {
    /// Items on a page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    cursor: Option<String>,
}

/// Calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/calls",
    params(CallFilterParameters, PageParameters),
    responses(
        (status = 200, description = "Calls", body = Page),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn calls(
    reader: Reader,
    State(app): State<App>,
    query: CallsQuery,
) -> Result<Json<Page>, Problem> {
    let CallsQuery {
        filter,
        limit,
        cursor,
    } = query;
    reader.check(&filter)?;
    let scope = reader.scope();
    app.read(move |store| store.calls(&scope, &filter, limit, cursor))
        .await
        .map(Json)
}

/// One call with what was said, redacted; the audit log tells who read it.
#[utoipa::path(
    get,
    path = "/api/v1/calls/{id}",
    params(("id" = String, Path, description = "The call's name")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        (status = 404, description = "No such call", body = Problem, content_type = PROBLEM),
        ReaderProblems
    )
)]
pub(super) async fn call(
    reader: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<CallDetail>, Problem> {
    detail(&app, &reader, id).await.map(Json)
}

/// A call, after its reading was noted; without the note there is no answer.
pub(super) async fn detail(app: &App, reader: &Reader, id: String) -> Result<CallDetail, Problem> {
    let scope = reader.scope();
    let found = app.read(move |store| store.call(&scope, &id)).await?;
    let detail = found.ok_or_else(|| Problem::not_found("there is no call of this name"))?;
    if detail.transcript.is_some() {
        let item = &detail.call;
        let name = item.summary.call.to_string();
        let note = reader.audit("transcript", &item.tenant, &item.branch, &name);
        app.read(move |store| store.audit(&[note])).await?;
    }
    Ok(detail)
}

/// What was said in calls, redacted, newest first; the audit log tells who read it.
#[utoipa::path(
    get,
    path = "/api/v1/transcripts",
    params(CallFilterParameters, PageParameters),
    responses(
        (status = 200, description = "Transcripts", body = TranscriptPage),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn transcripts(
    reader: Reader,
    State(app): State<App>,
    query: CallsQuery,
) -> Result<Json<TranscriptPage>, Problem> {
    let CallsQuery {
        filter,
        limit,
        cursor,
    } = query;
    reader.check(&filter)?;
    app.read(move |store| {
        let page = store.transcripts(&reader.scope(), &filter, limit, cursor)?;
        let note = |item: &TranscriptItem| {
            reader.audit("transcript", &item.tenant, &item.branch, &item.call)
        };
        let notes: Vec<Audit> = page.transcripts.iter().map(note).collect();
        store.audit(&notes)?;
        Ok(page)
    })
    .await
    .map(Json)
}

/// What was said in one call, redacted; the audit log tells who read it.
#[utoipa::path(
    get,
    path = "/api/v1/transcripts/{id}",
    params(("id" = String, Path, description = "The call's name")),
    responses(
        (status = 200, description = "The transcript", body = TranscriptItem),
        (status = 404, description = "No such call, or its words have not come", body = Problem, content_type = PROBLEM),
        ReaderProblems
    )
)]
pub(super) async fn transcript(
    reader: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<TranscriptItem>, Problem> {
    let CallDetail {
        call,
        transcript,
        transcript_more,
    } = detail(&app, &reader, id).await?;
    let turns = transcript.ok_or_else(|| Problem::not_found("this call's words have not come"))?;
    Ok(Json(TranscriptItem {
        tenant: call.tenant,
        branch: call.branch,
        device: call.device,
        call: call.summary.call.to_string(),
        started_at: call.started_at,
        clock_trusted: call.clock_trusted,
        turns,
        more: transcript_more,
    }))
}

/// Boxes by name, and how they do.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    params(
        ("tenant" = Option<String>, Query, description = "Of this tenant"),
        ("branch" = Option<String>, Query, description = "Of this branch"),
        PageParameters
    ),
    responses(
        (status = 200, description = "Boxes", body = DevicePage),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn devices(
    reader: Reader,
    State(app): State<App>,
    query: DevicesQuery,
) -> Result<Json<DevicePage>, Problem> {
    let DevicesQuery {
        tenant,
        branch,
        limit,
        cursor,
    } = query;
    let scope = reader.narrowed(Scope { tenant, branch })?;
    app.read(move |store| store.devices(&scope, limit, cursor.as_ref()))
        .await
        .map(Json)
}

/// Alarms of boxes, newest first: each as it was raised and as it was cleared, or only those that stand.
#[utoipa::path(
    get,
    path = "/api/v1/alarms",
    params(
        ("tenant" = Option<String>, Query, description = "Of this tenant"),
        ("branch" = Option<String>, Query, description = "Of this branch"),
        ("device" = Option<String>, Query, description = "Of this device"),
        ("standing" = Option<bool>, Query, description = "Only the last of each code of a box, where it is not cleared"),
        PageParameters
    ),
    responses(
        (status = 200, description = "Alarms", body = AlarmPage),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn alarms(
    reader: Reader,
    State(app): State<App>,
    query: AlarmsQuery,
) -> Result<Json<AlarmPage>, Problem> {
    let AlarmsQuery {
        mut filter,
        limit,
        cursor,
    } = query;
    filter.scope = reader.narrowed(filter.scope)?;
    app.read(move |store| store.alarms(&filter, limit, cursor))
        .await
        .map(Json)
}

/// Notes of the audit log, and where to go on.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// The notes, newest first.
    entries: Vec<Audit>,
    /// The `cursor` of the next page; null at the end.
    next: Option<i64>,
}

/// Who read which transcript, newest first; needs the role `admin`.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(PageParameters),
    responses(
        (status = 200, description = "Notes", body = AuditPage),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn audit(
    reader: Reader,
    State(app): State<App>,
    query: AuditQuery,
) -> Result<Json<AuditPage>, Problem> {
    reader.needs(Role::Admin)?;
    let AuditQuery { limit, cursor } = query;
    let scope = reader.scope();
    let mut rows = app
        .read(move |store| store.audits(&scope, limit + 1, cursor))
        .await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(Json(AuditPage {
        next: rows.last().filter(|_| more).map(|(id, _)| *id),
        entries: rows.into_iter().map(|(_, note)| note).collect(),
    }))
}
