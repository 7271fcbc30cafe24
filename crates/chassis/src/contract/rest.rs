//! What the options say of a method over REST. Whether its fields are there is for the gateway to check,
//! which alone has routes.

use std::time::Duration;

use prost_reflect::{DynamicMessage, MethodDescriptor};

use super::limits::message;
use super::read::{duration, flag, number, text};
use super::{Cursor, Idempotency, Rest};

/// The largest body that a contract may allow, in bytes: it is held in memory as a whole.
const LARGEST_BODY: i64 = 16 * 1024 * 1024;

/// The longest that clients may keep an answer.
const LONGEST_CACHE: Duration = Duration::from_hours(24 * 365);

/// The status of an answer that may say where what was created is found.
const CREATED: u16 = 201;

pub(super) fn read(
    method: &MethodDescriptor,
    options: Option<&DynamicMessage>,
    idempotency: Idempotency,
    fault: &mut impl FnMut(&str),
) -> Rest {
    let success_status = match number(options, "success_status") {
        0 => None,
        status @ 200..=299 => u16::try_from(status).ok(),
        _ => {
            fault("has a success_status outside 200 to 299");
            None
        }
    };
    let cache = message(options, "cache").map(|cache| {
        message(Some(&cache), "max_age").map_or(Duration::ZERO, |max_age| duration(&max_age))
    });
    if cache.is_some() && idempotency != Idempotency::NoSideEffects {
        fault("lets clients keep answers, which is for NO_SIDE_EFFECTS alone");
    }
    if cache.is_some_and(|max_age| max_age > LONGEST_CACHE) {
        fault("lets clients keep answers for more than a year");
    }
    let max_body = match number(options, "max_body_bytes") {
        0 => None,
        bytes if bytes <= LARGEST_BODY => usize::try_from(bytes).ok(),
        _ => {
            fault("has max_body_bytes above 16 MiB");
            None
        }
    };
    let location = text(options, "location");
    if location.is_some() && (success_status != Some(CREATED) || method.is_server_streaming()) {
        fault("has a location, which goes with success_status 201 and one response");
    }
    let cursor = message(options, "cursor").map(|cursor| Cursor {
        response_field: text(Some(&cursor), "response_field").unwrap_or_default(),
        request_field: text(Some(&cursor), "request_field").unwrap_or_default(),
    });
    if cursor.is_some() && !method.is_server_streaming() {
        fault("has a cursor, which only a stream of responses needs");
    }
    Rest {
        success_status,
        cache,
        max_body,
        ignore_unknown_fields: flag(options, "ignore_unknown_fields"),
        location,
        cursor,
    }
}
