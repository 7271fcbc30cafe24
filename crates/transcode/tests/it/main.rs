//! Transcoding from outside: contracts in, requests and answers through the public interface.

mod build;
mod contracts;
mod errors;
mod hostile;
mod openapi;
mod path_binding;
mod query;
mod request_body;
mod responses;
mod routing;
mod support;
