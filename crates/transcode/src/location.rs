//! Where what a call has created is found (RFC 9110, 10.2.2).

use http::HeaderValue;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use crate::field_path::FieldPath;
use crate::path::encode_segment;

/// The path of what was created, with fields of the response in it.
#[derive(Clone)]
pub(crate) struct Location(Vec<Part>);

#[derive(Clone)]
enum Part {
    Text(String),
    Field(FieldPath),
}

impl Location {
    /// Reads `/v1/books/{book.id}`, with fields of `response`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn parse(text: &str, response: &MessageDescriptor) -> Result<Self, String> {
        let fault = |what: &str| format!("location `{text}`: {what}");
        // Two of them would begin with the name of a host.
        if !text.starts_with('/') || text.starts_with("//") {
            return Err(fault("it must begin with one slash"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, field)) = rest.split_once('{') {
            let closed = field.split_once('}');
            let (name, after) = closed.ok_or_else(|| fault("a `{` is not closed"))?;
            parts.push(Part::Text(before.to_owned()));
            let field = FieldPath::textual(response, name, "a location");
            parts.push(Part::Field(field.map_err(|why| fault(&why))?));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"{}\"<>\\^`|".contains(&byte);
        let is_path = parts.iter().all(|part| match part {
            Part::Text(text) => text.bytes().all(legal),
            Part::Field(_) => true,
        });
        if is_path {
            Ok(Self(parts))
        } else {
            Err(fault(
                "it has characters that a path has not; percent-encode them",
            ))
        }
    }

    /// The value of the header; `None` where a field of it is absent, empty or dots, which mean another
    /// place in a path, or the bytes are not the response.
    pub(crate) fn of(&self, response: &MessageDescriptor, bytes: &[u8]) -> Option<HeaderValue> {
        let has_fields = self.0.iter().any(|part| matches!(part, Part::Field(_)));
        let bytes = if has_fields { bytes } else { &[] };
        let message = DynamicMessage::decode(response.clone(), bytes).ok()?;
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Field(field) => {
                    let text = field.text(&message)?;
                    if matches!(text.as_str(), "" | "." | "..") {
                        return None;
                    }
                    path.push_str(&encode_segment(&text));
                }
            }
        }
        HeaderValue::try_from(path).ok()
    }
}
