//! Response messages to HTTP answers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use prost_reflect::{DynamicMessage, Kind};

use crate::binding::{Binding, is_http_body};
use crate::error::ResponseError;
use crate::json::{self, Defaults, Unprintable};
use crate::plan::Shapes;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// As the policy says.
    pub status: StatusCode,
    /// `application/json`, or what a `google.api.HttpBody` says.
    pub content_type: HeaderValue,
    /// Empty for a status that has no body (204, 205, 304).
    pub body: Bytes,
    /// Where what was created is found, if the policy says it.
    pub location: Option<HeaderValue>,
}

impl Response {
    /// Whether its status lets it have a body. Without one it has no content type either.
    #[must_use]
    pub fn has_body(&self) -> bool {
        has_body(self.status)
    }

    pub(crate) fn new(
        binding: &Binding,
        shapes: &Shapes,
        bytes: &[u8],
    ) -> Result<Self, ResponseError> {
        let mut response = match Self::planned(binding, shapes, bytes) {
            Some(response) => response,
            None => Self::dynamic(binding, bytes)?,
        };
        if let Some(location) = &binding.location {
            response.location = location.of(&binding.method.output(), bytes);
        }
        Ok(response)
    }

    /// The answer of an ordinary message, by the binding's plan.
    pub(crate) fn planned(binding: &Binding, shapes: &Shapes, bytes: &[u8]) -> Option<Self> {
        let body = binding.plan.answer.as_ref()?.print(shapes, bytes)?;
        Some(Self {
            status: binding.policy.success_status,
            content_type: HeaderValue::from_static("application/json"),
            body: body.into(),
            location: None,
        })
    }

    /// The answer of any message.
    pub(crate) fn dynamic(binding: &Binding, bytes: &[u8]) -> Result<Self, ResponseError> {
        let output = binding.method.output();
        let message = DynamicMessage::decode(output.clone(), bytes).map_err(|source| {
            ResponseError::Decode {
                message: output.full_name().to_owned(),
                source,
            }
        })?;
        let json = HeaderValue::from_static("application/json");
        let empty = Self {
            status: binding.policy.success_status,
            content_type: json.clone(),
            body: Bytes::new(),
            location: None,
        };
        if !empty.has_body() {
            return Ok(empty);
        }
        let unprintable = |reason: Unprintable| ResponseError::Json {
            reason: reason.to_owned(),
        };
        let (content_type, body) = match &binding.response_body {
            None if is_http_body(&Kind::Message(output)) => raw(&message)?,
            None => {
                let printed = json::print(&message, Defaults::Printed).map_err(unprintable)?;
                (json, printed.into())
            }
            Some(field) if is_http_body(&field.kind()) && !field.is_list() => {
                match message.get_field(field).as_message() {
                    Some(inner) => raw(inner)?,
                    None => (json, Bytes::new()),
                }
            }
            Some(field) => {
                let printed = json::print_field(&message, field).map_err(unprintable)?;
                (json, printed.into())
            }
        };
        Ok(Self {
            content_type,
            body,
            ..empty
        })
    }
}

/// Whether an answer with the status has a body (RFC 9110, 15).
pub(crate) fn has_body(status: StatusCode) -> bool {
    !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// The parts of a `google.api.HttpBody`.
fn raw(message: &DynamicMessage) -> Result<(HeaderValue, Bytes), ResponseError> {
    let text = message.get_field_by_name("content_type");
    let text = text.as_ref().and_then(|value| value.as_str()).unwrap_or("");
    let content_type = match text {
        "" => HeaderValue::from_static("application/octet-stream"),
        text => HeaderValue::from_str(text).map_err(|_| ResponseError::ContentType)?,
    };
    let data = message.get_field_by_name("data");
    let data = data.as_ref().and_then(|value| value.as_bytes().cloned());
    Ok((content_type, data.unwrap_or_default()))
}
