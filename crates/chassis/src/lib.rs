//! What every process of the platform needs.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`contract`] | what the `.proto` options say of each method: access, topic, deadline, idempotency |
//! | [`call`] | who calls, and which call it is: extensions that both transports set |
//! | [`frame`] | gRPC's message framing |
//! | [`status`] | errors with a stable reason |
//! | [`timeout`] | the `grpc-timeout` header |
//! | [`trace`] | W3C trace context |
//! | [`metrics`] | what is counted, in OpenMetrics |
//! | [`health`] | the state of each dependency, and readiness |
//! | [`command`] | what all command lines have in common (feature `process`) |
//! | [`config`] | settings checked together (feature `process`) |
//! | [`telemetry`] | structured logs (feature `process`) |
//! | [`shutdown`] | soft stop, then hard stop (feature `process`) |
//! | [`admin`] | metrics and probes on a port of their own (feature `process`) |
//! | [`grpc`] | a gRPC server with health and reflection (feature `process`) |
//! | [`layer`] | one tower layer per concern, for Kafka and HTTP/2 alike (feature `layers`) |

pub mod call;
pub mod contract;
pub mod frame;
pub mod health;
pub mod metrics;
pub mod status;
pub mod timeout;
pub mod trace;

#[cfg(feature = "process")]
pub mod admin;
#[cfg(feature = "process")]
pub mod command;
#[cfg(feature = "process")]
pub mod config;
#[cfg(feature = "process")]
pub mod grpc;
#[cfg(feature = "layers")]
pub mod layer;
#[cfg(feature = "process")]
pub mod shutdown;
#[cfg(feature = "process")]
pub mod telemetry;
