//! Who calls, and which call it is.
//!
//! Transports and layers put these into the extensions of a request; handlers read them with
//! [`tonic::Request::extensions`].

use std::time::Duration;

/// Identifies one call across retries of the transport: the same record delivered twice has the
/// same id. Only the bus sets it; a call over HTTP/2 has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallId(pub String);

/// The record's MAC was made with a key of the ring: the caller holds the bus key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromBus;

/// What is left of the caller's deadline when the call reached this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(pub Duration);
