//! A record as an HTTP request for the generated server.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chassis::call::{Budget, CallId, FromBus};
use chassis::contract::{Method, Pattern};
use chassis::timeout;
use http::{HeaderName, HeaderValue, Method as Verb, Request, Uri};
use tonic::Status;
use tonic::body::Body;

use crate::keys::KeyRing;
use crate::record::{Received, millis};
use crate::{frame, header};

/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_millis(250);

/// What is left of a request's deadline at `now`.
///
/// # Errors
/// It has passed.
pub(super) fn remaining(
    received: &Received<'_>,
    method: &Method,
    now: SystemTime,
) -> Result<Duration, Status> {
    let given = received.text(header::TIMEOUT).and_then(timeout::parse);
    let given = given.unwrap_or(method.deadline).min(method.deadline);
    let age = millis(now).saturating_sub(received.time_ms);
    // A clock that is behind the caller's makes no deadline longer.
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    if age > given + SKEW {
        return Err(Status::deadline_exceeded(
            "the request was too old when it was taken",
        ));
    }
    // What the clocks may differ by is the request's to use: the caller's own timer decides.
    Ok((given + SKEW)
        .saturating_sub(age)
        .min(given)
        .max(Duration::from_millis(1)))
}

/// What a handler is called with. It is kept in parts, so that an event can be handled again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    message: Bytes,
    id: CallId,
    budget: Duration,
}

impl Call {
    /// Opens a record that was verified.
    ///
    /// # Errors
    /// What is in it cannot be read.
    pub(super) fn open(
        received: &Received<'_>,
        method: &Method,
        keys: &KeyRing,
        budget: Duration,
    ) -> Result<Self, Status> {
        let unreadable = |what: &str| Status::invalid_argument(format!("the record has {what}"));
        if method.sealed && received.header(header::SEALED).is_none() {
            return Err(unreadable("a value in the clear that should be sealed"));
        }
        if received
            .header(header::CONTENT_TYPE)
            .is_some_and(|form| form != header::PROTOBUF)
        {
            return Err(unreadable("a content-type other than application/protobuf"));
        }
        let message = keys
            .open(received)
            .map_err(|_| unreadable("a value that does not open"))?;
        let uri = Uri::try_from(method.path.as_str()).map_err(|_| unreadable("a bad method"))?;
        let mut headers = Vec::new();
        for (name, value) in &received.headers {
            let Some(meta) = name.strip_prefix(header::META_PREFIX) else {
                continue;
            };
            let known = header::REQUEST_METADATA.contains(&meta);
            let repeated = headers.iter().any(|(own, _): &(HeaderName, _)| own == meta);
            if !known || repeated {
                continue;
            }
            let opened;
            let value = if meta == "authorization" {
                opened = keys.open_header(received, name, value);
                opened
                    .as_deref()
                    .map_err(|_| unreadable("an authorization that does not open"))?
            } else {
                value
            };
            let pair = HeaderName::from_bytes(meta.as_bytes()).ok();
            let pair = pair.zip(HeaderValue::from_bytes(value).ok());
            headers.push(pair.ok_or_else(|| unreadable("metadata that is no header"))?);
        }
        for name in header::TRACE.into_iter().chain([header::IDEMPOTENCY_KEY]) {
            let value = received
                .header(name)
                .and_then(|value| HeaderValue::from_bytes(value).ok());
            headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
        }
        let id = match method.pattern {
            Pattern::Event => received.text(header::CE_ID),
            Pattern::RequestReply => received.text(header::CORRELATION_ID),
        };
        let id = CallId(id.ok_or_else(|| unreadable("no id"))?.to_owned());
        Ok(Self {
            uri,
            headers,
            message: message.into(),
            id,
            budget,
        })
    }

    /// The request for one attempt.
    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::new(frame::request_body(&self.message));
        *request.method_mut() = Verb::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = http::Version::HTTP_2;
        let headers = request.headers_mut();
        headers.extend(self.headers.iter().cloned());
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
        if let Ok(timeout) = HeaderValue::try_from(timeout::format(self.budget)) {
            headers.insert(header::TIMEOUT, timeout);
        }
        let extensions = request.extensions_mut();
        extensions.insert(self.id.clone());
        extensions.insert(FromBus);
        extensions.insert(Budget(self.budget));
        request
    }

    pub(super) fn id(&self) -> &str {
        &self.id.0
    }

    pub(super) fn budget(&self) -> Duration {
        self.budget
    }
}
