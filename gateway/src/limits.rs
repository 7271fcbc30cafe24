//! How often a method may be called: GCRA, the generic cell rate algorithm, in Redis for all gateways
//! together, and in this process while Redis is away. Calls are never let through uncounted.
//!
//! What is left is said in the fields of `draft-ietf-httpapi-ratelimit-headers-06`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use chassis::contract::{Method, RateLimit, RateLimitKey};
use chassis::status::Reason;
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;
use uuid::Uuid;

use crate::redis::Redis;
use gcra::{Outcome, Rate};
use local::Local;

mod gcra;
mod local;
mod redis;
pub mod setting;

/// The caller has called too often.
pub const RATE_LIMITED: Reason = Reason {
    code: Code::ResourceExhausted,
    reason: "RATE_LIMITED",
    domain: "gateway",
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The fields that say what is left.
pub static HEADERS: [HeaderName; 4] = [LIMIT, REMAINING, RESET, POLICY];

/// Counts calls. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Limiter {
    redis: Option<Redis>,
    local: Arc<Local>,
    /// Whether this process counts by itself although there is a Redis.
    alone: Arc<AtomicBool>,
}

/// The limits of one method that have the same key.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Begins the names of the buckets.
    name: String,
    rates: Vec<Rate>,
    /// All of them, as `ratelimit-policy` names them.
    policy: HeaderValue,
}

/// What is left to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    reset: Duration,
    policy: HeaderValue,
    /// When the next call may come, if this one may not.
    retry_after: Option<Duration>,
}

// === impl Limiter ===

impl Limiter {
    /// Counts in this process alone.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            redis: None,
            local: Arc::default(),
            alone: Arc::default(),
        }
    }

    /// Counts in Redis, and in this process while it is away.
    #[must_use]
    pub fn in_redis(redis: Redis) -> Self {
        Self {
            redis: Some(redis),
            local: Arc::default(),
            alone: Arc::default(),
        }
    }

    /// Counts one call of `caller`.
    pub(crate) async fn take(&self, limits: &Limits, caller: &str) -> Standing {
        let keys: Vec<_> = limits.keys(caller).collect();
        if let Some(redis) = &self.redis {
            let outcome = redis::take(redis, &keys, &limits.rates).await;
            self.tell(outcome.is_none());
            if let Some(outcome) = outcome {
                return limits.standing(outcome);
            }
        }
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let outcome = self
            .local
            .take(&keys, &limits.rates, since_epoch.unwrap_or_default());
        limits.standing(outcome)
    }
}

impl Limiter {
    /// One line in the log when this process begins to count by itself, and one when it no longer has to.
    fn tell(&self, alone: bool) {
        match (self.alone.swap(alone, Ordering::Relaxed), alone) {
            (false, true) => tracing::warn!("Redis does not count calls: this process does"),
            (true, false) => tracing::info!("Redis counts calls again"),
            _ => {}
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Those of a method that count by `key`, if there are any.
    pub(crate) fn of(method: &Method, key: RateLimitKey) -> Option<Self> {
        let limits = method.rate_limits.iter().filter(|limit| limit.key == key);
        let limits: Vec<_> = limits.collect();
        if limits.is_empty() {
            return None;
        }
        let policies = limits.iter().map(|limit| policy(limit));
        let policy = policies.collect::<Vec<_>>().join(", ");
        Some(Self {
            name: format!("rate:{}:{}", method.path, key_name(key)),
            rates: limits.iter().map(|limit| Rate::of(limit)).collect(),
            policy: HeaderValue::try_from(policy).ok()?,
        })
    }

    fn keys(&self, caller: &str) -> impl Iterator<Item = String> {
        let name = move |(index, _)| format!("{}:{index}:{caller}", self.name);
        self.rates.iter().enumerate().map(name)
    }

    /// The closest limit speaks for all.
    fn standing(&self, outcome: Outcome) -> Standing {
        let (index, left) = outcome.closest;
        let rate = &self.rates[index.min(self.rates.len() - 1)];
        Standing {
            limit: rate.burst,
            remaining: left.remaining,
            reset: left.reset,
            policy: self.policy.clone(),
            retry_after: outcome.retry_after,
        }
    }
}

/// Whose calls count together, in settings and in the names of buckets.
pub(crate) fn key_name(key: RateLimitKey) -> &'static str {
    match key {
        RateLimitKey::Address => "address",
        RateLimitKey::Identity => "identity",
    }
}

/// `burst` at once and `requests` a period, as `100;w=60`. A burst of another size is a limit of its own.
fn policy(limit: &RateLimit) -> String {
    let RateLimit {
        requests,
        period,
        burst,
        ..
    } = limit;
    let window = period.as_secs_f64().ceil();
    if burst == requests {
        format!("{requests};w={window}")
    } else {
        format!("{requests};w={window};burst={burst}")
    }
}

// === impl Standing ===

impl Standing {
    /// Refuses the call if it is one too many.
    pub(crate) fn check(&self) -> Result<(), Status> {
        let Some(after) = self.retry_after else {
            return Ok(());
        };
        let details = ErrorDetails::with_retry_info(Some(after));
        let seconds = seconds(after);
        let message = format!("too many calls: try again in {seconds} s");
        Err(RATE_LIMITED.status_with(message, details))
    }

    /// Whether a caller is closer to a limit here than in `other`.
    pub(crate) fn is_closer(&self, other: &Self) -> bool {
        (self.retry_after.is_none(), self.remaining)
            < (other.retry_after.is_none(), other.remaining)
    }

    /// Says what is left.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
        headers.insert(RESET, seconds(self.reset).into());
        headers.insert(POLICY, self.policy);
    }
}

/// Rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// An address as a caller. Of an IPv6 address the first 64 bits count: whoever has one has them all.
pub(crate) fn address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        // No colon, which would end the name of a limit.
        IpAddr::V6(address) => format!("{:016x}/64", u128::from(address) >> 64),
    }
}

/// A user as a caller.
pub(crate) fn user(id: Uuid) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(limits: &[(RateLimitKey, u32, u64, u32)]) -> Method {
        let contract = crate::Contracts::compiled().unwrap().contract;
        let mut method = Method::clone(contract.get("/auth.v1.AuthService/GetProfile").unwrap());
        let limit = |&(key, requests, seconds, burst): &_| RateLimit {
            key,
            requests,
            period: Duration::from_secs(seconds),
            burst,
        };
        method.rate_limits = limits.iter().map(limit).collect();
        method
    }

    #[tokio::test]
    async fn the_closest_limit_speaks_and_callers_do_not_count_together() {
        let key = RateLimitKey::Address;
        let method = method(&[
            (key, 5, 1, 5),
            (key, 3, 3600, 3),
            (RateLimitKey::Identity, 1, 1, 1),
        ]);
        let limits = Limits::of(&method, key).unwrap();
        let limiter = Limiter::in_memory();
        for left in [2, 1, 0] {
            let standing = limiter.take(&limits, "a").await;
            assert_eq!((standing.limit, standing.remaining), (3, left));
            assert!(standing.check().is_ok());
        }
        let refused = limiter.take(&limits, "a").await;
        let status = refused.check().unwrap_err();
        assert_eq!(chassis::status::reason_of(&status).unwrap(), "RATE_LIMITED");
        let mut headers = HeaderMap::new();
        refused.write(&mut headers);
        assert_eq!(headers["ratelimit-remaining"], "0");
        assert_eq!(headers["ratelimit-policy"], "5;w=1, 3;w=3600");
        assert!(limiter.take(&limits, "b").await.check().is_ok());
    }

    #[tokio::test]
    async fn calls_are_counted_although_redis_is_away() {
        // A port that was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", free.local_addr().unwrap());
        drop(free);
        let (health, shutdown) = Default::default();
        let limiter = Limiter::in_redis(Redis::connect(&url, &health, &shutdown).unwrap());
        let key = RateLimitKey::Address;
        let limits = Limits::of(&method(&[(key, 2, 3600, 2)]), key).unwrap();
        for left in [1, 0] {
            let standing = limiter.take(&limits, "a").await;
            assert_eq!((standing.limit, standing.remaining), (2, left));
            assert!(standing.check().is_ok());
        }
        assert!(limiter.take(&limits, "a").await.check().is_err());
        assert!(limiter.take(&limits, "b").await.check().is_ok());
        shutdown.begin();
    }

    #[test]
    fn an_ipv6_address_counts_with_its_network() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_method_without_limits_has_none() {
        assert!(Limits::of(&method(&[]), RateLimitKey::Address).is_none());
    }
}
