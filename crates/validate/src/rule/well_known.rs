//! The formats that string rules name, each with its grammar.

use crate::format::{email, header, host, ip, name, uri, uuid};
use crate::reader::{Reader, Site};
use crate::scope::Scope;

/// Whether a text has a format.
type Accepts = fn(&str) -> bool;

/// A format, as a rule.
pub(crate) struct WellKnown {
    /// The rule's name within `string`.
    name: &'static str,
    /// What a value must be.
    what: &'static str,
    accepts: Accepts,
    empty: Empty,
}

/// What becomes of an empty string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// Breaks a rule of its own, so that clients can tell it apart.
    OwnRule,
    /// Is judged like any other.
    AsAny,
}

/// Every format that is switched on by a flag: the rule's name, what a value must be, and the test.
const FORMATS: [(&str, &str, Accepts); 20] = [
    ("email", "email address", email::is_email),
    ("hostname", "hostname", host::is_hostname),
    ("ip", "IP address", ip::is_ip),
    ("ipv4", "IPv4 address", ip::is_ipv4),
    ("ipv6", "IPv6 address", ip::is_ipv6),
    ("uri", "URI", uri::is_uri),
    ("uri_ref", "URI reference", uri::is_uri_ref),
    ("address", "hostname or IP address", host::is_address),
    ("uuid", "UUID", uuid::is_uuid),
    ("tuuid", "UUID without dashes", uuid::is_trimmed_uuid),
    (
        "ip_with_prefixlen",
        "IP address with prefix length",
        ip::is_ip_with_length,
    ),
    (
        "ipv4_with_prefixlen",
        "IPv4 address with prefix length",
        ip::is_ipv4_with_length,
    ),
    (
        "ipv6_with_prefixlen",
        "IPv6 address with prefix length",
        ip::is_ipv6_with_length,
    ),
    ("ip_prefix", "IP prefix", ip::is_ip_prefix),
    ("ipv4_prefix", "IPv4 prefix", ip::is_ipv4_prefix),
    ("ipv6_prefix", "IPv6 prefix", ip::is_ipv6_prefix),
    (
        "host_and_port",
        "host (hostname or IP address) and port pair",
        host::is_host_and_port,
    ),
    ("ulid", "ULID", uuid::is_ulid),
    (
        "protobuf_fqn",
        "fully qualified Protobuf name",
        name::is_qualified,
    ),
    (
        "protobuf_dot_fqn",
        "fully qualified Protobuf name with a leading dot",
        name::is_dot_qualified,
    ),
];

impl WellKnown {
    /// Takes the rule; `None` if no format is asked for.
    pub(crate) fn read(reader: &mut Reader, site: &mut Site<'_>) -> Option<Self> {
        // Only some formats know strictness, but it is no fault to say it with others.
        let strict = reader
            .take("strict", prost_reflect::Value::as_bool)
            .unwrap_or(true);
        if let Some(number) = reader.take("well_known_regex", prost_reflect::Value::as_enum_number)
        {
            return known_regex(number, strict, site);
        }
        let (name, what, accepts) = *FORMATS.iter().find(|(name, ..)| reader.flag(name))?;
        let empty = if name == "uri_ref" {
            Empty::AsAny
        } else {
            Empty::OwnRule
        };
        Some(Self {
            name,
            what,
            accepts,
            empty,
        })
    }

    pub(crate) fn check(&self, text: &str, scope: &mut Scope<'_>) {
        let Self { name, what, .. } = self;
        if text.is_empty() && self.empty == Empty::OwnRule {
            scope.fail(
                format!("string.{name}_empty"),
                format!("value is empty, which is not a valid {what}"),
            );
        } else if !(self.accepts)(text) {
            scope.fail(format!("string.{name}"), format!("must be a valid {what}"));
        }
    }
}

fn known_regex(number: i32, strict: bool, site: &mut Site<'_>) -> Option<WellKnown> {
    match number {
        0 => None,
        1 => Some(WellKnown {
            name: "well_known_regex.header_name",
            what: "HTTP header name",
            accepts: if strict {
                header::is_name
            } else {
                header::is_loose_name
            },
            empty: Empty::OwnRule,
        }),
        2 => Some(WellKnown {
            name: "well_known_regex.header_value",
            what: "HTTP header value",
            accepts: if strict {
                header::is_value
            } else {
                header::is_loose_value
            },
            empty: Empty::AsAny,
        }),
        other => {
            site.fault(format!(
                "`string.well_known_regex` {other} is not supported"
            ));
            None
        }
    }
}
