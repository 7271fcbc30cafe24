//! The HTTP body into the request message.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use serde_json::Value as Json;

use super::Route;
use crate::binding::{Body, is_http_body};
use crate::error::{RequestError, RequestErrorKind};
use crate::field_path::{FieldPath, free_oneof};
use crate::json::{Reader, scan};
use crate::query::Pairs;
use crate::violations::Violations;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Form,
}

/// What a body said, where something asks again which fields it held.
pub(super) enum Said<'b> {
    /// Nothing, or bytes that pass as they are.
    Nothing,
    Json(Json),
    Form(&'b str),
}

impl Route<'_> {
    /// Reads the body.
    pub(super) fn read_body<'b>(
        &self,
        content_type: Option<&str>,
        body: &'b [u8],
        message: &mut DynamicMessage,
        violations: &mut Violations,
    ) -> Result<Said<'b>, RequestError> {
        if body.is_empty() {
            return Ok(Said::Nothing);
        }
        let kind = match &self.binding.body {
            Body::None => return Ok(Said::Nothing),
            Body::All => Kind::Message(message.descriptor()),
            Body::Field(path) => path.leaf().kind(),
        };
        if is_http_body(&kind)
            && let Kind::Message(desc) = &kind
            && self
                .binding
                .body
                .field()
                .is_none_or(|path| !path.leaf().is_list())
        {
            let mut raw = DynamicMessage::new(desc.clone());
            let content_type = content_type.unwrap_or_default().to_owned();
            set(&mut raw, "content_type", Value::String(content_type));
            set(&mut raw, "data", Value::Bytes(Bytes::copy_from_slice(body)));
            self.place(Value::Message(raw), message, violations);
            return Ok(Said::Nothing);
        }
        match format(content_type)? {
            Format::Json => self.read_json(body, message, violations).map(Said::Json),
            Format::Form => self
                .read_form(&kind, body, message, violations)
                .map(Said::Form),
        }
    }

    fn read_json(
        &self,
        body: &[u8],
        message: &mut DynamicMessage,
        violations: &mut Violations,
    ) -> Result<Json, RequestError> {
        let options = &self.transcoder.options;
        let field = self.binding.body.field().map(FieldPath::leaf);
        let name = field.map_or("", |field| field.json_name());
        let json = scan(body, name, options.max_body_depth)?;
        let ignore_unknown = self.binding.policy.ignore_unknown_fields;
        let value = match field {
            Some(field) => violations.within(name, |violations| {
                Reader {
                    violations,
                    ignore_unknown,
                }
                .field(field, &json)
            }),
            None => Reader {
                violations,
                ignore_unknown,
            }
            .message(&message.descriptor(), &json)
            .map(Value::Message),
        };
        if let Some(value) = value {
            self.place(value, message, violations);
        }
        Ok(json)
    }

    fn read_form<'b>(
        &self,
        kind: &Kind,
        body: &'b [u8],
        message: &mut DynamicMessage,
        violations: &mut Violations,
    ) -> Result<&'b str, RequestError> {
        let Kind::Message(desc) = kind else {
            return Err(unsupported(
                "this route's body has no fields for a form; send JSON",
            ));
        };
        if body.starts_with(b"{") {
            return Err(RequestError::invalid(
                "the body looks like JSON but is said to be a form; \
                 send it with `content-type: application/json`",
            ));
        }
        let form = std::str::from_utf8(body)
            .map_err(|_| RequestError::invalid("the form is not UTF-8"))?;
        let options = &self.transcoder.options;
        let reader = Pairs {
            max_depth: options.max_body_depth,
            ignore_unknown: self.binding.policy.ignore_unknown_fields,
            decided: &[],
        };
        let mut filled = DynamicMessage::new(desc.clone());
        match self.binding.body.field() {
            Some(path) => violations.within(path.leaf().json_name(), |violations| {
                reader.read(form, &mut filled, violations)
            })?,
            None => reader.read(form, &mut filled, violations)?,
        }
        self.place(Value::Message(filled), message, violations);
        Ok(form)
    }

    /// Puts what the body said where the rule wants it.
    fn place(&self, value: Value, message: &mut DynamicMessage, violations: &mut Violations) {
        match (&self.binding.body, value) {
            (Body::Field(path), value) => {
                let field = path.leaf();
                match free_oneof(message, field) {
                    Ok(()) => message.set_field(field, value),
                    Err(oneof) => violations.add_at(
                        field.json_name(),
                        format!("another field of the oneof `{oneof}` is set"),
                    ),
                }
            }
            (_, Value::Message(whole)) => *message = whole,
            _ => {}
        }
    }
}

fn set(message: &mut DynamicMessage, field: &str, value: Value) {
    // A pool may hold a message of this name with other fields.
    let _ = message.try_set_field_by_name(field, value);
}

/// Whether the body is read as JSON.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    // As nearly everyone writes it.
    content_type == Some("application/json") || format(content_type) == Ok(Format::Json)
}

fn format(content_type: Option<&str>) -> Result<Format, RequestError> {
    let Some(content_type) = content_type else {
        return Ok(Format::Json);
    };
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = parts
        .filter_map(|part| part.split_once('='))
        .all(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset")
                || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    if !utf8 {
        return Err(unsupported("the charset must be utf-8"));
    }
    match essence.as_str() {
        "application/json" => Ok(Format::Json),
        "application/x-www-form-urlencoded" => Ok(Format::Form),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(Format::Json),
        _ => Err(unsupported(
            "the content type must be application/json or application/x-www-form-urlencoded",
        )),
    }
}

fn unsupported(message: &str) -> RequestError {
    RequestError {
        kind: RequestErrorKind::UnsupportedMediaType,
        message: message.to_owned(),
        violations: Vec::new(),
    }
}
