//! Transcoding between HTTP with JSON and gRPC messages, as `google.api.http` rules declare it.
#![doc = include_str!("../README.md")]

mod accept;
mod any;
mod binding;
mod error;
mod field_path;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod json;
mod location;
pub mod openapi;
mod path;
mod plan;
mod policy;
mod query;
mod response;
mod resume;
mod route;
mod router;
mod rule;
mod scalar;
#[cfg(feature = "service")]
pub mod service;
mod status;
mod stream;
mod template;
mod time;
mod transcoder;
mod violations;
mod wkt;

pub use error::{
    BuildError, Fault, FieldViolation, Miss, RequestError, RequestErrorKind, ResponseError,
};
pub use policy::{Cursor, MethodPolicy, Security};
pub use response::Response;
pub use route::Route;
pub use status::{error_body, http_status};
pub use stream::{StreamEncoder, StreamForm};
pub use transcoder::{Options, Transcoder};
