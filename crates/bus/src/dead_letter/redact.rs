//! Leaving out what a contract marks as secret.

use chassis::contract::is_redacted;
use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};

/// What stands in a secret text's place.
const REDACTED: &str = "[redacted]";

/// Replaces the texts that are marked `debug_redact`, however deep, and clears what else is.
pub(super) fn redact(message: &mut DynamicMessage) {
    for field in message.descriptor().fields() {
        if !message.has_field(&field) {
            continue;
        }
        if is_redacted(&field) {
            if field.kind() == Kind::String && !field.is_list() {
                message.set_field(&field, Value::String(REDACTED.into()));
            } else {
                message.clear_field(&field);
            }
        } else {
            descend(message.get_field_mut(&field));
        }
    }
}

fn descend(value: &mut Value) {
    match value {
        Value::Message(inner) => redact(inner),
        Value::List(list) => list.iter_mut().for_each(descend),
        Value::Map(map) => map.values_mut().for_each(descend),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use test_contract::echo::WhisperRequest;

    use super::*;

    #[test]
    fn a_secret_text_is_replaced_and_the_rest_is_left() {
        let pool = test_contract::echo::descriptors();
        let decode = |name: &str, bytes: Vec<u8>| {
            let descriptor = pool.get_message_by_name(name).unwrap();
            DynamicMessage::decode(descriptor, &bytes[..]).unwrap()
        };
        let secret = WhisperRequest {
            secret: "s3cret".into(),
        };
        let mut message = decode("echo.v1.WhisperRequest", secret.encode_to_vec());
        redact(&mut message);
        let shown = message.get_field_by_name("secret").unwrap().into_owned();
        assert_eq!(shown, Value::String(REDACTED.into()));
        let plain = test_contract::echo::NoteRequest {
            id: "7".into(),
            ..test_contract::echo::NoteRequest::default()
        };
        let mut message = decode("echo.v1.NoteRequest", plain.encode_to_vec());
        let before = message.clone();
        redact(&mut message);
        assert_eq!(message, before);
    }
}
