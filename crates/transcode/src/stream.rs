//! Streams of messages as HTTP bodies: a JSON array, lines of JSON, or server-sent events.

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderValue;
use prost_reflect::{DynamicMessage, Kind};

use crate::accept;
use crate::binding::{Binding, is_http_body};
use crate::error::ResponseError;
use crate::plan::Shapes;
use crate::response::Response;

/// How the messages of a stream follow each other in a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamForm {
    /// `application/json`: one array.
    #[default]
    JsonArray,
    /// `application/x-ndjson`: a line each.
    Ndjson,
    /// `text/event-stream`: an event each, as `EventSource` of the HTML standard reads them. An event
    /// `end` or `error` comes last: without one a client cannot tell an end from a lost connection, and
    /// would connect again.
    Events,
}

/// Encodes the messages of one response.
pub struct StreamEncoder {
    binding: Arc<Binding>,
    shapes: Arc<Shapes>,
    form: StreamForm,
    begun: bool,
}

impl fmt::Debug for StreamEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEncoder")
            .field("route", &self.binding.to_string())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

// === impl StreamForm ===

impl StreamForm {
    /// In the order of our preference.
    const ALL: [Self; 3] = [Self::JsonArray, Self::Ndjson, Self::Events];

    /// The form that a client likes best, by its `Accept` header (RFC 9110, 12.5.1); several such
    /// headers are one, with commas between. A client that says nothing gets an array. `None` if it
    /// takes none of them.
    #[must_use]
    pub fn negotiate(accept: &str) -> Option<Self> {
        let types = Self::ALL.map(Self::media_type);
        accept::best(accept, &types).map(|index| Self::ALL[index])
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::JsonArray => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    /// One element, with what comes before and after it.
    fn element(self, first: bool, event: Option<&str>, id: Option<&str>, json: &[u8]) -> Bytes {
        let mut bytes = BytesMut::with_capacity(json.len() + 32);
        match self {
            Self::JsonArray => {
                bytes.put_u8(if first { b'[' } else { b',' });
                bytes.put_slice(json);
            }
            Self::Ndjson => {
                bytes.put_slice(json);
                bytes.put_u8(b'\n');
            }
            // JSON as it is printed here has no line breaks, which would end the data.
            Self::Events => {
                for (field, value) in [("event", event), ("id", id)] {
                    if let Some(value) = value {
                        bytes.put_slice(field.as_bytes());
                        bytes.put_slice(b": ");
                        bytes.put_slice(value.as_bytes());
                        bytes.put_u8(b'\n');
                    }
                }
                bytes.put_slice(b"data: ");
                bytes.put_slice(json);
                bytes.put_slice(b"\n\n");
            }
        }
        bytes.freeze()
    }
}

// === impl StreamEncoder ===

impl StreamEncoder {
    pub(crate) fn new(binding: Arc<Binding>, shapes: Arc<Shapes>, form: StreamForm) -> Self {
        Self {
            binding,
            shapes,
            form,
            begun: false,
        }
    }

    /// The next message, encoded. Its piece of the body; where it is the first, its status and content
    /// type are those of the whole answer. The chunks of a stream of `google.api.HttpBody` follow each
    /// other as they are, whatever the form.
    ///
    /// # Errors
    /// When the bytes are not the response message, or the message has no JSON form.
    pub fn message(&mut self, message: &[u8]) -> Result<Response, ResponseError> {
        let mut piece = Response::new(&self.binding, &self.shapes, message)?;
        let first = !std::mem::replace(&mut self.begun, true);
        if !self.is_raw() {
            piece.content_type = self.content_type();
            let id = self.id(message);
            piece.body = self.form.element(first, None, id.as_deref(), &piece.body);
        }
        Ok(piece)
    }

    /// What the stream ends with after its last message. Where none came, it is the whole body.
    #[must_use]
    pub fn end(self) -> Bytes {
        match self.form {
            _ if self.is_raw() => Bytes::new(),
            StreamForm::JsonArray if self.begun => Bytes::from_static(b"]"),
            StreamForm::JsonArray => Bytes::from_static(b"[]"),
            StreamForm::Ndjson => Bytes::new(),
            StreamForm::Events => self.form.element(false, Some("end"), None, b"{}"),
        }
    }

    /// What the stream ends with after an error: its last element is the error, as
    /// [`error_body`](crate::error_body) writes it. `None` where the body has no place for it: then it
    /// has to be broken off, so that it is not taken for whole.
    #[must_use]
    pub fn error(self, error: &[u8]) -> Option<Bytes> {
        if self.is_raw() {
            return None;
        }
        let last = self.form.element(!self.begun, Some("error"), None, error);
        let mut last = BytesMut::from(&*last);
        if self.form == StreamForm::JsonArray {
            last.put_u8(b']');
        }
        Some(last.freeze())
    }

    /// The content type of an answer without a message. Any other has that of its first message.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        if self.is_raw() {
            return HeaderValue::from_static("application/octet-stream");
        }
        HeaderValue::from_static(self.form.media_type())
    }

    /// The id of an event, by which its client can come again.
    fn id(&self, message: &[u8]) -> Option<String> {
        let resume = self.binding.resume.as_ref();
        let resume = resume.filter(|_| self.form == StreamForm::Events)?;
        let output = self.binding.method.output();
        resume.id(&DynamicMessage::decode(output, message).ok()?)
    }

    /// Whether the messages are chunks of bytes.
    pub(crate) fn is_raw(&self) -> bool {
        is_raw(&self.binding)
    }
}

/// Whether what a method answers is bytes with a content type of their own, in place of JSON.
pub(crate) fn is_raw(binding: &Binding) -> bool {
    match &binding.response_body {
        None => is_http_body(&Kind::Message(binding.method.output())),
        Some(field) => is_http_body(&field.kind()) && !field.is_list(),
    }
}
