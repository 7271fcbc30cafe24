//! What the options say of who may call how often: roles, scopes and rates.

use std::ops::RangeInclusive;
use std::time::Duration;

use prost_reflect::{DynamicMessage, Value};

use super::read::{duration, number};
use super::{Access, RateLimit, RateLimitKey};

/// The periods that a rate limit may have: a shorter one is a burst, and Redis keeps a longer one in
/// vain.
pub const PERIODS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// The period of a rate limit that states none.
const DEFAULT_PERIOD: Duration = Duration::from_mins(1);

/// What tokens say that have every scope, so it is the name of none.
const EVERY: &str = "*";

/// What was read.
pub(super) struct Limits {
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) rate_limits: Vec<RateLimit>,
}

pub(super) fn read(
    options: Option<&DynamicMessage>,
    access: Access,
    fault: &mut impl FnMut(&str),
) -> Limits {
    let roles = texts(options, "roles");
    if !roles.is_empty() && access != Access::Authenticated {
        fault("asks for roles, which only the callers of an ACCESS_AUTHENTICATED method have");
    }
    if roles.iter().any(String::is_empty) {
        fault("asks for a role without a name");
    }
    let scopes = texts(options, "scopes");
    if !scopes.is_empty() && access != Access::Authenticated {
        fault("asks for scopes, which only the tokens of an ACCESS_AUTHENTICATED method have");
    }
    if !scopes.iter().all(|scope| is_scope(scope)) {
        fault(
            "asks for a scope that is none: printable ASCII without spaces, quotes and backslashes, \
             and not `*`",
        );
    }
    let rate_limits: Vec<_> = messages(options, "rate_limits")
        .iter()
        .map(rate_limit)
        .collect();
    for limit in &rate_limits {
        if limit.requests == 0 {
            fault("has a rate limit without `requests`");
        }
        if !PERIODS.contains(&limit.period) {
            fault("has a rate limit with a period outside 1 s to 24 hours");
        }
        if limit.key == RateLimitKey::Identity && access != Access::Authenticated {
            fault(
                "limits the rate of signed-in users, which only an ACCESS_AUTHENTICATED method has",
            );
        }
    }
    Limits {
        roles,
        scopes,
        rate_limits,
    }
}

/// RFC 6749, 3.3.
fn is_scope(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(legal) && text != EVERY
}

fn rate_limit(message: &DynamicMessage) -> RateLimit {
    let count = |field| u32::try_from(number(Some(message), field)).unwrap_or(0);
    let requests = count("requests");
    let burst = match count("burst") {
        0 => requests,
        burst => burst,
    };
    let key = match number(Some(message), "key") {
        2 => RateLimitKey::Identity,
        _ => RateLimitKey::Address,
    };
    let period = self::message(Some(message), "period").map(|period| duration(&period));
    RateLimit {
        key,
        requests,
        period: period.unwrap_or(DEFAULT_PERIOD),
        burst,
    }
}

/// A message that was set.
pub(super) fn message(options: Option<&DynamicMessage>, field: &str) -> Option<DynamicMessage> {
    let options = options.filter(|options| options.has_field_by_name(field))?;
    options.get_field_by_name(field)?.as_message().cloned()
}

fn messages(options: Option<&DynamicMessage>, field: &str) -> Vec<DynamicMessage> {
    let value = options.and_then(|options| options.get_field_by_name(field));
    let list = value
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default();
    list.iter().filter_map(Value::as_message).cloned().collect()
}

fn texts(options: Option<&DynamicMessage>, field: &str) -> Vec<String> {
    let value = options.and_then(|options| options.get_field_by_name(field));
    let list = value
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default();
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
