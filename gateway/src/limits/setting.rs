//! Rate limits that an operator sets in place of the contract's.

use std::collections::HashMap;
use std::time::Duration;

use chassis::contract::{PERIODS, RateLimit, RateLimitKey};

use super::key_name;

const EXPECTED: &str =
    "expected package.Service/Method=REQUESTS/PERIOD/KEY, such as 10/1m/address, or =off";

/// Reads `auth.v1.AuthService/Login=10/1m/address,auth.v1.AuthService/GetProfile=off`, by gRPC path. A
/// method that is named twice has both limits.
///
/// # Errors
/// What is wrong with the first part that is.
pub fn read(text: &str) -> Result<HashMap<String, Vec<RateLimit>>, String> {
    let mut limits = HashMap::<String, Vec<RateLimit>>::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let wrong = || format!("{part}: {EXPECTED}");
        let (method, limit) = part.split_once('=').ok_or_else(wrong)?;
        let of_method = limits.entry(format!("/{}", method.trim())).or_default();
        if limit.trim() != "off" {
            of_method.push(one(limit.trim()).ok_or_else(wrong)?);
        }
    }
    Ok(limits)
}

/// `10/1m/address`.
fn one(text: &str) -> Option<RateLimit> {
    let mut parts = text.split('/').map(str::trim);
    let (requests, period, key) = (parts.next()?, parts.next()?, parts.next()?);
    let requests = requests.parse().ok().filter(|requests| *requests > 0)?;
    let period = self::period(period).filter(|period| PERIODS.contains(period))?;
    let keys = [RateLimitKey::Address, RateLimitKey::Identity];
    let key = keys.into_iter().find(|known| key_name(*known) == key)?;
    parts.next().is_none().then_some(RateLimit {
        key,
        requests,
        period,
        burst: requests,
    })
}

/// `30s`, `1m` or `24h`.
fn period(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let read = read("a.v1.A/Get=10/1m/address, a.v1.A/Get = 100/24h/identity,a.v1.A/Put=off,")
            .unwrap();
        let limit = |key, requests, seconds| RateLimit {
            key,
            requests,
            period: Duration::from_secs(seconds),
            burst: requests,
        };
        let expected = [
            limit(RateLimitKey::Address, 10, 60),
            limit(RateLimitKey::Identity, 100, 86_400),
        ];
        assert_eq!(read["/a.v1.A/Get"], expected);
        assert!(read["/a.v1.A/Put"].is_empty());
    }

    #[test]
    fn what_is_no_limit_is_named() {
        for text in [
            "a.v1.A/Get",
            "a=",
            "a=10",
            "a=10/1m",
            "a=0/1m/address",
            "a=x/1m/address",
            "a=10/1x/address",
            "a=10/0s/address",
            "a=10/25h/address",
            "a=10/1m/planet",
            "a=10/1m/address/x",
            "a=10//address",
            "a=10/\u{e9}/address",
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.contains(text) && error.contains("expected"),
                "{error}"
            );
        }
    }
}
