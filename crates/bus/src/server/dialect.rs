//! Whose record it is: one of ours, or a foreign caller's on a topic where they are trusted.
//!
//! | Caller | Value | Reply partition | Error |
//! |---|---|---|---|
//! | ours | protobuf, signed, sealed where it is secret | 4 bytes | `grpc-status` |
//! | NestJS `ClientKafka` | JSON, unless it says otherwise | decimal text | `kafka_nest-err` |
//! | Spring `ReplyingKafkaTemplate` and others | protobuf or JSON | 4 bytes, or none | `grpc-status` |
//!
//! An answer has the form of its request.

use bytes::Bytes;
use chassis::contract::Method;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use tonic::{Code, Status};

use crate::header;
use crate::keys::Refused;
use crate::record::{Outgoing, Received};
use crate::settings::Settings;

#[cfg(test)]
mod golden;

/// How a caller speaks, and is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A holder of the bus key.
    Own,
    /// A NestJS microservice client.
    Nest(Form),
    /// Spring's template, or any other client that names a reply topic.
    Spring(Form),
}

/// The form of a foreign caller's value, and of the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Protobuf,
}

impl Dialect {
    /// Who wrote a record. A record with a MAC is one of ours or forged, wherever it is.
    ///
    /// # Errors
    /// It is not signed as it should be.
    pub(super) fn of(received: &Received<'_>, settings: &Settings) -> Result<Self, Refused> {
        let trusted = || {
            let topic = received.origin_topic();
            settings
                .trusted_topics
                .iter()
                .any(|trusted| trusted == topic)
        };
        if received.header(header::MAC).is_some() || !trusted() {
            settings.keys.verify(received)?;
            return Ok(Self::Own);
        }
        let partition = received.header(header::REPLY_PARTITION).unwrap_or_default();
        let nest = !partition.is_empty() && partition.iter().all(u8::is_ascii_digit);
        // Neither client says which form it uses. What Nest sends is JSON, or text that was to be:
        // read as protobuf it might pass for unknown fields. Of others, no message of proto3 begins
        // with a brace: it would be a group.
        let form = match received.header(header::CONTENT_TYPE) {
            Some(form) if form.starts_with(header::JSON) => Form::Json,
            None if nest || received.value.starts_with(b"{") => Form::Json,
            _ => Form::Protobuf,
        };
        Ok(if nest {
            Self::Nest(form)
        } else {
            Self::Spring(form)
        })
    }

    pub(super) fn is_own(self) -> bool {
        self == Self::Own
    }

    fn is_json(self) -> bool {
        matches!(self, Self::Nest(Form::Json) | Self::Spring(Form::Json))
    }

    /// The protobuf form of what a foreign caller sent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: it is not the JSON of the method's request.
    pub(super) fn decode(self, method: &Method, value: &[u8]) -> Result<Vec<u8>, Status> {
        if !self.is_json() || value.is_empty() {
            return Ok(value.to_vec());
        }
        let mut json = serde_json::Deserializer::from_slice(value);
        DynamicMessage::deserialize(method.input(), &mut json)
            .and_then(|message| json.end().map(|()| message.encode_to_vec()))
            .map_err(|error| {
                let name = method.input().full_name().to_owned();
                Status::invalid_argument(format!("the value is not the JSON of a {name}: {error}"))
            })
    }

    /// Puts an answer into the caller's form, and adds what else it looks for.
    ///
    /// # Errors
    /// `INTERNAL`: the message is not one of the method's.
    pub(super) fn encode(
        self,
        record: &mut Outgoing,
        output: Option<&MessageDescriptor>,
        status: &Status,
    ) -> Result<(), Status> {
        let form = if self.is_json() {
            header::JSON
        } else {
            header::PROTOBUF
        };
        record.header(header::CONTENT_TYPE, form);
        let failed = status.code() != Code::Ok;
        if matches!(self, Self::Nest(_)) {
            if failed {
                record.header(header::NEST_ERROR, nest_error(status));
            }
            // Without it Nest's client waits for more.
            record.header(header::NEST_DISPOSED, [0].as_slice());
        }
        if self.is_json() {
            record.value = match output {
                Some(output) if !failed => json_of(output, &record.value)?,
                // Never empty: Jackson would stumble over it again and again.
                _ => Bytes::from_static(b"{}"),
            };
        }
        Ok(())
    }
}

/// What Nest's client raises.
fn nest_error(status: &Status) -> Vec<u8> {
    serde_json::json!({ "code": i32::from(status.code()), "message": status.message() })
        .to_string()
        .into_bytes()
}

fn json_of(output: &MessageDescriptor, message: &Bytes) -> Result<Bytes, Status> {
    let broken = || Status::internal("the service's answer is not of its contract");
    let message = DynamicMessage::decode(output.clone(), message.clone()).map_err(|_| broken())?;
    let mut json = Vec::new();
    // Clients see whole objects, as over REST.
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut json), &options)
        .map_err(|_| broken())?;
    Ok(json.into())
}
