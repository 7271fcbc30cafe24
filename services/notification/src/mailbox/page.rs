//! The page that shows captured mails.
//!
//! | Path | Answer |
//! |---|---|
//! | `GET /dev/mailbox` | the mails as HTML, newest first; loads itself again every few seconds |
//! | `GET /dev/mailbox/{id}` | one mail as HTML |
//! | `GET /dev/mailbox.json` | all mails as a JSON array, newest first |
//!
//! A mail's HTML is shown in a frame that may run nothing, load nothing and submit nothing. There
//! is no script, and no rule against reading: serve this in development only.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, middleware};
use minijinja::{Environment, Value, context};
use serde_json::json;

use super::{CapturedMail, Mailbox};
use crate::error::MAIL_NOT_FOUND;

/// How many mails the list shows whole; the older ones are one line each.
const PREVIEWS: usize = 20;

/// Frames take their rules from the page around them, so nothing in a mail is loaded either.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

#[derive(Debug)]
struct Page {
    mailbox: Mailbox,
    templates: Environment<'static>,
}

/// Serves the mailbox.
///
/// # Errors
/// A broken template.
pub fn router(mailbox: Mailbox) -> Result<Router, minijinja::Error> {
    let mut templates = Environment::new();
    templates.add_template(
        "base.html",
        include_str!("../../templates/mailbox/base.html"),
    )?;
    templates.add_template(
        "list.html",
        include_str!("../../templates/mailbox/list.html"),
    )?;
    templates.add_template(
        "mail.html",
        include_str!("../../templates/mailbox/mail.html"),
    )?;
    Ok(Router::new()
        .route("/dev/mailbox", get(list))
        .route("/dev/mailbox.json", get(list_json))
        .route("/dev/mailbox/{id}", get(one))
        .layer(middleware::map_response(secure))
        .with_state(Arc::new(Page { mailbox, templates })))
}

async fn list(State(page): State<Arc<Page>>) -> Response {
    let mails = page.mailbox.list();
    let (newest, older) = mails.split_at(mails.len().min(PREVIEWS));
    let values =
        |mails: &[Arc<CapturedMail>]| mails.iter().map(|mail| value(mail)).collect::<Value>();
    page.render(
        "list.html",
        &context! { newest => values(newest), older => values(older) },
    )
}

async fn list_json(State(page): State<Arc<Page>>) -> Response {
    let mails = page.mailbox.list();
    Json(
        mails
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&CapturedMail>>(),
    )
    .into_response()
}

async fn one(State(page): State<Arc<Page>>, Path(id): Path<String>) -> Response {
    match id.parse().ok().and_then(|id| page.mailbox.get(id)) {
        Some(mail) => page.render("mail.html", &context! { mail => value(&mail) }),
        None => not_found(),
    }
}

async fn secure(mut response: Response) -> Response {
    let headers: HeaderMap = HEADERS
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
    response.headers_mut().extend(headers);
    response
}

/// In the shape of every error of the platform, `google.rpc.Status` in JSON.
fn not_found() -> Response {
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": MAIL_NOT_FOUND.reason,
        "domain": MAIL_NOT_FOUND.domain,
    });
    let body = json!({
        "code": i32::from(MAIL_NOT_FOUND.code),
        "message": "no such mail is kept; the oldest make room for new ones",
        "details": [info],
    });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn value(mail: &CapturedMail) -> Value {
    context! {
        id => mail.id,
        message_id => mail.message_id.as_str(),
        time => format!("{:.0}", mail.time),
        from => mail.from.as_str(),
        to => mail.to.as_str(),
        subject => mail.subject.as_str(),
        text => mail.text.as_str(),
        html => mail.html.as_deref(),
    }
}

// === impl Page ===

impl Page {
    fn render(&self, template: &str, values: &Value) -> Response {
        let html = self
            .templates
            .get_template(template)
            .and_then(|page| page.render(values));
        match html {
            Ok(html) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            Err(error) => {
                tracing::error!("the mailbox page is broken: {error:#}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
