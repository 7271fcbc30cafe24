//! Transcoding from outside: contracts in, requests and answers through the public interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may panic as tests may"
)]

mod build;
mod contracts;
mod descriptors;
mod errors;
mod hostile;
mod lenient;
mod openapi;
mod path_binding;
mod plans;
mod policy;
mod query;
mod request_body;
mod responses;
mod routing;
mod service;
mod streams;
mod support;
mod work;
