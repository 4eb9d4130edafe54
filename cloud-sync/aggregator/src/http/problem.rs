//! Errors as JSON problem objects (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// The media type of a problem.
pub(super) const PROBLEM: &str = "application/problem+json";

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    status: u16,
    /// What kind of problem.
    title: String,
    /// What exactly, and what to do about it.
    detail: String,
    /// The query parameter that is wrong, when one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl Problem {
    /// What kind of problem, in a word or two.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What exactly, and what to do about it.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self {
            status: status.as_u16(),
            title,
            detail: detail.into(),
            parameter: None,
        }
    }

    /// A query parameter that cannot be understood.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let parameter = Some(name.to_owned());
        Self {
            parameter,
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    pub(crate) fn query() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "the query cannot be read; encode it as in a form",
        )
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn body(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this address does not answer that; see /api/openapi.json",
        )
    }

    /// Something that there is room for later.
    pub(crate) fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the store cannot be read at the moment; try again, the log says why",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let problem = self.clone();
        let body = serde_json::to_vec(&self).expect("a problem has a JSON form");
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // Browsers ask for a name and a password; the key goes into the password.
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"trunkside\", charset=\"UTF-8\", Bearer"),
            );
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("60");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        // For the pages, which show it to people.
        response.extensions_mut().insert(problem);
        response
    }
}

/// What anybody who reads may be answered instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documents what `Reader` and `App` answer")]
pub(super) enum ReaderProblems {
    /// A key is needed
    #[response(status = 401, content_type = PROBLEM)]
    Unauthorized(Problem),
    /// The store cannot be read at the moment
    #[response(status = 500, content_type = PROBLEM)]
    Internal(Problem),
    /// It takes too long, or others read or export already; try again later, or narrow it
    #[response(status = 503, content_type = PROBLEM)]
    Busy(Problem),
}

/// What who asks for more than one thing may be answered besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documents what `query.rs` and `Reader` answer")]
pub(super) enum QuestionProblems {
    /// A parameter is wrong
    #[response(status = 400, content_type = PROBLEM)]
    Parameter(Problem),
    /// The key is for another tenant or branch, or its role does not reach so far
    #[response(status = 403, content_type = PROBLEM)]
    Forbidden(Problem),
}
