//! Metadata of the client's own: headers that an operator lets through.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What REST clients may put before the name of such a header, as for grpc-gateway.
const PREFIX: &str = "grpc-metadata-";

/// Names of the protocols, and of what belongs to one connection (RFC 9110, 7.6.1).
const RESERVED: [&str; 10] = [
    "authorization",
    "connection",
    "cookie",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How names begin that say who calls or how: the platform's own, and those that proxies set.
const RESERVED_PREFIXES: [&str; 10] = [
    "content-",
    "grpc-",
    "proxy-",
    "rpc-",
    "x-client-",
    "x-envoy-",
    "x-forwarded-",
    "x-real-",
    "x-request-id",
    "x-user-",
];

/// The name of a header that may go further.
///
/// # Errors
/// It is no name, or one that no client may set.
pub fn allowed(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text
        .parse()
        .map_err(|_| format!("{text:?} is not the name of a header"))?;
    // Programs behind gateways often read `X_User_Id` as `X-User-Id`.
    let spelled = name.as_str().replace(['_', '.'], "-");
    let is_prefixed = RESERVED_PREFIXES
        .iter()
        .any(|prefix| spelled.starts_with(prefix));
    if is_prefixed || RESERVED.contains(&spelled.as_str()) {
        return Err(format!("{name} is not for clients to set"));
    }
    Ok(name)
}

/// The values of a header that may go further, under its own name or with the prefix.
pub(crate) fn values<'h>(
    headers: &'h HeaderMap,
    name: &'h HeaderName,
) -> impl Iterator<Item = &'h HeaderValue> {
    let prefixed = headers.get_all(format!("{PREFIX}{name}"));
    headers.get_all(name).iter().chain(prefixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_who_calls_are_not_for_clients() {
        for good in ["x-tenant", "X-Shop", "tenant", "te-st"] {
            assert!(allowed(good).is_ok(), "{good}");
        }
        for bad in [
            "authorization",
            "x-user-id",
            "X_User_Id",
            "x.client.address",
            "grpc-timeout",
            "te",
            "rpc-call-id",
            "content-length",
            "x-forwarded-for",
            "proxy-authorization",
            "a b",
            "",
        ] {
            assert!(allowed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_header_is_found_with_and_without_the_prefix() {
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant", "a".parse().unwrap());
        headers.insert("grpc-metadata-x-tenant", "b".parse().unwrap());
        let name = HeaderName::from_static("x-tenant");
        let found: Vec<_> = values(&headers, &name).collect();
        assert_eq!(found, ["a", "b"]);
    }
}
