//! A record as an HTTP request for the generated server.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chassis::call::{Budget, CallId, FromBus};
use chassis::contract::{Method, Pattern};
use chassis::timeout;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, Request, Uri};
use prost_reflect::DynamicMessage;
use tonic::Status;
use tonic::body::Body;

use super::dialect::Dialect;
use super::work::Served;
use crate::keys::KeyRing;
use crate::record::Received;
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
    let age = received.age(now);
    if age > given + SKEW {
        return Err(Status::deadline_exceeded(format!(
            "the request was {} ms old when it was taken, by the clocks of both machines",
            age.as_millis()
        )));
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
    headers: HeaderMap,
    /// The message, framed.
    framed: Bytes,
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
        dialect: Dialect,
        served: &Served,
        keys: &KeyRing,
        budget: Duration,
    ) -> Result<Self, Status> {
        let method = &served.method;
        let framed = if dialect.is_own() {
            open_own(received, method, keys)?
        } else {
            frame::framed(&dialect.decode(method, received.value)?)
        };
        let headers = if dialect.is_own() {
            metadata(received, keys)?
        } else {
            foreign_metadata(received)?
        };
        Ok(Self {
            uri: served.uri.clone(),
            headers: with_transport(headers, received),
            framed,
            id: id(received, dialect, method)?,
            budget,
        })
    }

    /// The request for one attempt, which may take as long as `budget`.
    pub(super) fn request(&self, budget: Duration) -> Request<Body> {
        let mut request = Request::new(frame::request_body(self.framed.clone()));
        *request.method_mut() = Verb::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = http::Version::HTTP_2;
        let mut headers = self.headers.clone();
        headers.insert(header::TIMEOUT, timeout::format(budget));
        *request.headers_mut() = headers;
        let extensions = request.extensions_mut();
        extensions.insert(self.id.clone());
        extensions.insert(FromBus);
        extensions.insert(Budget(budget));
        request
    }

    /// Why the message is none that the method takes, if that is so.
    pub(super) fn undecodable(&self, method: &Method) -> Option<Status> {
        let form = method.input();
        let name = form.full_name().to_owned();
        let decoded = DynamicMessage::decode(form, self.framed.slice(frame::PREFIX..));
        let error = decoded.err()?;
        Some(Status::invalid_argument(format!(
            "the message is no {name}: {error}"
        )))
    }

    pub(super) fn id(&self) -> &str {
        &self.id.0
    }

    pub(super) fn budget(&self) -> Duration {
        self.budget
    }

    /// The size of its message, in bytes.
    pub(super) fn size(&self) -> usize {
        self.framed.len() - frame::PREFIX
    }

    /// Whether the caller gave a key under which the call may be sent again.
    pub(super) fn has_idempotency_key(&self) -> bool {
        self.headers.contains_key(header::IDEMPOTENCY_KEY)
    }
}

fn unreadable(what: &str) -> Status {
    Status::invalid_argument(format!("the record has {what}"))
}

fn open_own(received: &Received<'_>, method: &Method, keys: &KeyRing) -> Result<Bytes, Status> {
    if method.sealed && received.header(header::SEALED).is_none() {
        return Err(unreadable("a value in the clear that should be sealed"));
    }
    if received
        .header(header::CONTENT_TYPE)
        .is_some_and(|form| form != header::PROTOBUF)
    {
        return Err(unreadable("a content-type other than application/protobuf"));
    }
    keys.open_framed(received)
        .map_err(|_| unreadable("a value that does not open"))
}

/// What identifies the call wherever it is delivered again.
fn id(received: &Received<'_>, dialect: Dialect, method: &Method) -> Result<CallId, Status> {
    let (topic, partition, offset) = received.first_place();
    let id = match (method.pattern, dialect) {
        (Pattern::Event, Dialect::Own) => received.text(header::CE_ID).map(str::to_owned),
        (Pattern::Event, _) => received
            .text(header::CE_ID)
            .map(str::to_owned)
            .or_else(|| Some(format!("{topic}-{partition}-{offset}"))),
        (Pattern::RequestReply, Dialect::Own) => {
            received.text(header::CORRELATION_ID).map(str::to_owned)
        }
        // Spring's are 16 bytes that are no text.
        (Pattern::RequestReply, _) => received.header(header::CORRELATION_ID).map(|id| {
            let hexadecimal = id.iter().map(|byte| format!("{byte:02x}"));
            hexadecimal.collect()
        }),
    };
    id.map(CallId).ok_or_else(|| unreadable("no id"))
}

/// The metadata that one of ours sent.
fn metadata(received: &Received<'_>, keys: &KeyRing) -> Result<HeaderMap, Status> {
    let mut headers = HeaderMap::new();
    for (name, value) in &received.headers {
        let Some(meta) = name.strip_prefix(header::META_PREFIX) else {
            continue;
        };
        let mut known = header::REQUEST_METADATA.into_iter();
        let Some(meta) = known.find(|known| *known == meta) else {
            continue;
        };
        let opened;
        let value = if meta == "authorization" {
            opened = keys.open_header(received, name, value);
            opened
                .as_deref()
                .map_err(|_| unreadable("an authorization that does not open"))?
        } else {
            value
        };
        add(&mut headers, meta, value)?;
    }
    Ok(headers)
}

/// The metadata of a foreign caller: headers of the same names, as they are.
fn foreign_metadata(received: &Received<'_>) -> Result<HeaderMap, Status> {
    let mut headers = HeaderMap::new();
    for (name, value) in &received.headers {
        let mut known = header::REQUEST_METADATA.into_iter();
        if let Some(name) = known.find(|known| known == name) {
            add(&mut headers, name, value)?;
        }
    }
    Ok(headers)
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &[u8]) -> Result<(), Status> {
    let value = HeaderValue::from_bytes(value);
    let value = value.map_err(|_| unreadable("metadata that is no header"))?;
    // The first of a name counts.
    headers
        .entry(HeaderName::from_static(name))
        .or_insert(value);
    Ok(())
}

/// Adds what the transport itself says.
fn with_transport(mut headers: HeaderMap, received: &Received<'_>) -> HeaderMap {
    for name in header::TRACE.into_iter().chain([header::IDEMPOTENCY_KEY]) {
        let value = received
            .header(name)
            .and_then(|value| HeaderValue::from_bytes(value).ok());
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
    headers
}
