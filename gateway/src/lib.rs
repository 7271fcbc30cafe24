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
//! | [`auth`] | `auth.v1.AuthService`: mints tokens, asks the user service |
//! | [`revocation`] | which sessions' tokens are void before they expire |
//! | [`front`] | what every call passes, whatever protocol brought it |
//! | [`rest`] | REST through the contract's `google.api.http` rules |
//! | [`error`] | the one error shape |
//! | [`pages`] | health, API documents |
//! | [`server`] | connections: HTTP/1.1 and HTTP/2 on one port |

pub mod auth;
pub mod contracts;
pub mod error;
pub mod front;
pub mod gateway;
pub mod pages;
pub mod process;
pub mod request_id;
pub mod rest;
pub mod revocation;
pub mod server;
pub mod settings;
mod upstream;

pub use contracts::Contracts;
pub use gateway::{Gateway, Parts};
