//! Streams of events that are taken up where they broke off: the `id` of an event, and the
//! `Last-Event-ID` header that a client sends when it comes again (HTML, "Server-sent events").

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor};

use crate::binding::is_http_body;
use crate::error::RequestError;
use crate::field_path::FieldPath;
use crate::policy::Cursor;
use crate::scalar;
use crate::violations::Violations;

/// The fields of a [`Cursor`].
#[derive(Clone)]
pub(crate) struct Resume {
    id: FieldPath,
    after: FieldPath,
}

impl Resume {
    /// Finds the fields.
    ///
    /// # Errors
    /// What is wrong with the cursor, as a sentence.
    pub(crate) fn new(method: &MethodDescriptor, cursor: &Cursor) -> Result<Self, String> {
        if !method.is_server_streaming() {
            return Err("has a cursor, which only a stream of responses needs".to_owned());
        }
        if is_http_body(&Kind::Message(method.output())) {
            return Err("has a cursor, which a stream of bytes has no events for".to_owned());
        }
        let fault = |why| format!("cursor: {why}");
        let id = FieldPath::textual(&method.output(), &cursor.response_field, "an event's id");
        let after = FieldPath::textual(&method.input(), &cursor.request_field, "an event's id");
        Ok(Self {
            id: id.map_err(fault)?,
            after: after.map_err(fault)?,
        })
    }

    /// The field that `Last-Event-ID` fills.
    pub(crate) fn after(&self) -> &FieldPath {
        &self.after
    }

    /// The `id` of the event with this response; `None` where it has none that would come back as it
    /// was: line breaks end a field, NUL voids it, and headers lose the spaces at their ends.
    pub(crate) fn id(&self, message: &DynamicMessage) -> Option<String> {
        let text = self.id.text(message)?;
        let comes_back = !text.is_empty()
            && text.trim_matches([' ', '\t']) == text
            && !text.contains(|c: char| c.is_ascii_control() && c != '\t');
        comes_back.then_some(text)
    }

    /// The request that begins after the event of that id, in place of the one that `request` names.
    ///
    /// # Errors
    /// The id is none that the field can hold.
    pub(crate) fn after_event(
        &self,
        method: &MethodDescriptor,
        request: &[u8],
        id: &[u8],
    ) -> Result<Bytes, RequestError> {
        let mut violations = Violations::default();
        let mut message = DynamicMessage::decode(method.input(), request)
            .map_err(|_| RequestError::invalid("the request is not the message of the method"))?;
        violations.within("Last-Event-ID", |violations| {
            let text = std::str::from_utf8(id).map_err(|_| "expected UTF-8");
            self.after.clear_rivals(&mut message);
            let value = text.and_then(|text| scalar::from_text(&self.after.leaf().kind(), text));
            match value.map(|value| (value, self.after.slot(&mut message))) {
                Ok((value, Ok(slot))) => *slot = value,
                Ok((_, Err(oneof))) => {
                    violations.add(format!("another field of the oneof `{oneof}` is set"));
                }
                Err(expected) => violations.add(expected),
            }
        });
        violations.into_result()?;
        Ok(message.encode_to_vec().into())
    }
}
