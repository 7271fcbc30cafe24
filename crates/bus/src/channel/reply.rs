//! A reply: from a record to the response that a tonic client reads.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tonic::Status;
use tonic::body::Body;

use crate::keys::KeyRing;
use crate::record::Received;
use crate::{frame, header};

/// A reply, opened and checked.
#[derive(Debug)]
pub(super) struct Reply {
    metadata: HeaderMap,
    trailers: HeaderMap,
    value: Bytes,
    was_sealed: bool,
}

// === impl Reply ===

impl Reply {
    /// Opens a record that was verified.
    ///
    /// # Errors
    /// What is in it cannot be read.
    pub(super) fn open(received: &Received<'_>, keys: &KeyRing) -> Result<Self, Status> {
        let undecodable =
            |what: &str| Status::internal(format!("the reply cannot be read: {what}"));
        let value = keys.open(received);
        let value = value.map_err(|refused| undecodable(&refused.to_string()))?;
        let (mut metadata, mut trailers) = (HeaderMap::new(), HeaderMap::new());
        for (name, value) in &received.headers {
            let (target, name) = match name.strip_prefix(header::META_PREFIX) {
                Some(name) => (&mut metadata, name),
                None if name.starts_with("grpc-") => (&mut trailers, *name),
                None => continue,
            };
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value);
            let (name, value) = name
                .ok()
                .zip(value.ok())
                .ok_or_else(|| undecodable("a header"))?;
            // More than a map can hold would be a panic.
            target
                .try_append(name, value)
                .map_err(|_| undecodable("too many headers"))?;
        }
        if !trailers.contains_key(header::STATUS) {
            return Err(undecodable("it has no grpc-status"));
        }
        let was_sealed = received.header(header::SEALED).is_some();
        Ok(Self {
            metadata,
            trailers,
            value: value.into(),
            was_sealed,
        })
    }

    /// The reply as the HTTP response that a tonic client reads.
    pub(super) fn into_response(self, sealed: bool) -> Result<Response<Body>, Status> {
        // A secret may not arrive in the clear: whoever sent it so is not one of ours.
        if sealed && !self.was_sealed && self.is_ok() {
            return Err(Status::internal("the reply should have been sealed"));
        }
        Ok(if self.is_ok() {
            frame::response(self.metadata, &self.value, self.trailers)
        } else {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = self.metadata;
            response.headers_mut().extend(self.trailers);
            let grpc = HeaderValue::from_static("application/grpc");
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, grpc);
            response
        })
    }

    fn is_ok(&self) -> bool {
        self.trailers
            .get(header::STATUS)
            .is_some_and(|status| status == "0")
    }
}
