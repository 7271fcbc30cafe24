//! The edge: one port for REST, gRPC and gRPC-Web.
//!
//! ```text
//!  REST ──► rest (transcode) ─┐
//!  gRPC-Web ──► tonic-web ────┼─► front: access, deadline, validation ─► upstream: AuthService here,
//!  gRPC ──────────────────────┘                                          others over the bus or HTTP/2
//! ```
//!
//! | Module | What it holds |
//! |---|---|
//! | [`settings`] | what the gateway is started with |
//! | [`contracts`] | what is fronted, and where each service's calls go |
//! | [`gateway`] | putting the parts together |
//! | [`client`] | who is at the other end |
//! | [`metadata`] | headers of the client's own that go further |
//! | `arrival` | whether a request waits for its client |
//! | [`breaker`] | leaves services alone that fail all calls |
//! | [`limits`] | how often methods may be called |
//! | [`auth`] | `auth.v1.AuthService`: mints tokens, asks the user service |
//! | [`revocation`] | which sessions' tokens are void before they expire |
//! | [`redis`] | what the gateways of a platform share |
//! | [`upstream`] | gRPC servers that are called over HTTP/2 |
//! | [`front`] | what every call passes, whatever protocol brought it |
//! | [`rest`] | REST through the contract's `google.api.http` rules |
//! | [`error`] | the one error shape |
//! | [`shared`] | services that all their callers share |
//! | [`pages`] | health, API documents |
//! | [`server`] | connections: HTTP/1.1 and HTTP/2 on one port |
//! | [`tls`] | TLS of that port |
//! | [`certificate`] | what the gateway shows of itself, to clients and upstreams |

mod arrival;
pub mod auth;
pub mod breaker;
pub mod certificate;
pub mod client;
mod compression;
pub mod contracts;
pub mod error;
pub mod front;
pub mod gateway;
pub mod limits;
pub mod metadata;
pub mod pages;
pub mod process;
pub mod redis;
pub mod request_id;
pub mod rest;
pub mod revocation;
pub mod server;
pub mod settings;
pub mod shared;
pub mod tls;
pub mod upstream;

pub use contracts::Contracts;
pub use gateway::{Edge, Gateway, Parts, Tokens};
