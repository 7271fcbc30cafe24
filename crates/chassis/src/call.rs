//! Who calls, and which call it is.
//!
//! Transports and layers put these into the extensions of a request; handlers read them with
//! [`tonic::Request::extensions`].

use std::time::Duration;

use http::Extensions;

/// Identifies one call across retries of the transport: the same record delivered twice has the
/// same id. Only the bus sets it; a call over HTTP/2 has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallId(pub String);

/// The record's MAC was made with a key of the ring: the caller holds the bus key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromBus;

/// What is left of the caller's deadline when the call reached this process. A transport that sets
/// it ends the call itself when it is spent; where none did, the deadline layer does both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(pub Duration);

/// What brought a call. The gateway sets it for REST; where it is not set, it is told by what the bus sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A record of the bus.
    Kafka,
    /// gRPC or gRPC-Web.
    Http2,
    /// JSON over HTTP, transcoded.
    Rest,
}

// === impl Transport ===

impl Transport {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Http2, Self::Rest];

    /// What brought the call with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        if let Some(told) = extensions.get() {
            return *told;
        }
        // A foreign caller on a trusted topic has no MAC, and every record an id.
        if extensions.get::<CallId>().is_some() || extensions.get::<FromBus>().is_some() {
            return Self::Kafka;
        }
        Self::Http2
    }

    /// Its name in logs, metrics and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Http2 => "http2",
            Self::Rest => "rest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_that_is_told_counts_and_one_of_the_bus_tells_itself() {
        let mut extensions = Extensions::new();
        assert_eq!(Transport::of(&extensions), Transport::Http2);
        extensions.insert(CallId("1".to_owned()));
        assert_eq!(Transport::of(&extensions), Transport::Kafka);
        extensions.insert(Transport::Rest);
        assert_eq!(Transport::of(&extensions), Transport::Rest);
        let mut signed = Extensions::new();
        signed.insert(FromBus);
        assert_eq!(Transport::of(&signed), Transport::Kafka);
    }
}
