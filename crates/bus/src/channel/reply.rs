//! A reply: from a record to the response that a tonic client reads.

use bytes::Bytes;
use chassis::status::has_readable_details;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tonic::Status;
use tonic::body::Body;

use crate::keys::KeyRing;
use crate::record::Received;
use crate::{frame, header};

/// A reply, opened and checked.
#[derive(Debug, Default)]
pub(super) struct Reply {
    metadata: HeaderMap,
    trailers: HeaderMap,
    /// The message, framed.
    framed: Bytes,
    was_sealed: bool,
    /// In a stream: which run of the handler it is of, and its number.
    place: Option<(Vec<u8>, u64)>,
}

/// A header as an entry of a map. The one that each reply has costs nothing.
fn entry(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    if (name, value) == (header::STATUS, b"0") {
        let ok = HeaderValue::from_static("0");
        return Some((HeaderName::from_static(header::STATUS), ok));
    }
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
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
        let framed = keys.open_framed(received);
        let framed = framed.map_err(|refused| undecodable(&refused.to_string()))?;
        let (mut metadata, mut trailers) = (HeaderMap::new(), HeaderMap::new());
        for (name, value) in &received.headers {
            let (target, name) = match name.strip_prefix(header::META_PREFIX) {
                Some(name) => (&mut metadata, name),
                None if name.starts_with("grpc-") => (&mut trailers, *name),
                None => continue,
            };
            let (name, value) = entry(name, value).ok_or_else(|| undecodable("a header"))?;
            // More than a map can hold would be a panic.
            target
                .try_append(name, value)
                .map_err(|_| undecodable("too many headers"))?;
        }
        if !has_readable_details(&trailers) {
            return Err(undecodable("the details of its status"));
        }
        let place = match received.header(header::RUN) {
            None => None,
            Some(run) => {
                let number = received
                    .text(header::SEQUENCE)
                    .and_then(|text| text.parse().ok());
                let number = number.ok_or_else(|| undecodable("its number"))?;
                Some((run.to_vec(), number))
            }
        };
        let in_stream = place.is_some() && received.header(header::END).is_none();
        if !in_stream && !trailers.contains_key(header::STATUS) {
            return Err(undecodable("it has no grpc-status"));
        }
        let was_sealed = received.header(header::SEALED).is_some();
        Ok(Self {
            metadata,
            trailers,
            framed,
            was_sealed,
            place,
        })
    }

    /// The reply as the HTTP response that a tonic client reads.
    ///
    /// # Errors
    /// It came in the clear and should not have.
    pub(super) fn into_response(self, sealed: bool) -> Result<Response<Body>, Status> {
        if !self.is_ok() {
            return Ok(self.into_failure());
        }
        let message = self.message(sealed)?;
        Ok(frame::response(self.metadata, message, self.trailers))
    }

    /// The reply as a response that has failed before any message.
    pub(super) fn into_failure(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = self.metadata;
        response.headers_mut().extend(self.trailers);
        let grpc = HeaderValue::from_static("application/grpc");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, grpc);
        response
    }

    /// The message, framed.
    ///
    /// # Errors
    /// It came in the clear and should not have: whoever sent it so is not one of ours.
    pub(super) fn message(&self, sealed: bool) -> Result<Bytes, Status> {
        if sealed && !self.was_sealed {
            return Err(Status::internal("the reply should have been sealed"));
        }
        Ok(self.framed.clone())
    }

    pub(super) fn take_metadata(&mut self) -> HeaderMap {
        std::mem::take(&mut self.metadata)
    }

    pub(super) fn into_trailers(self) -> HeaderMap {
        self.trailers
    }

    /// Whether it ends its call: it is the only reply, or the last of a stream.
    pub(super) fn ends(&self) -> bool {
        self.trailers.contains_key(header::STATUS)
    }

    /// In a stream: which run of the handler it is of, and its number.
    pub(super) fn place(&self) -> Option<(&[u8], u64)> {
        let (run, number) = self.place.as_ref()?;
        Some((run, *number))
    }

    pub(super) fn is_ok(&self) -> bool {
        self.trailers
            .get(header::STATUS)
            .is_some_and(|status| status == "0")
    }

    #[cfg(test)]
    pub(super) fn numbered(run: &str, number: u64) -> Self {
        let place = Some((run.as_bytes().to_vec(), number));
        Self {
            place,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn details_that_cannot_be_read_are_refused_before_anybody_reads_them() {
        let key = format!("k4.local.{}", URL_SAFE_NO_PAD.encode([1; 32]));
        let keys = KeyRing::parse(&key).unwrap();
        let open = |details: &'static str| {
            let headers = vec![
                (header::STATUS, &b"5"[..]),
                ("grpc-status-details-bin", details.as_bytes()),
            ];
            let received = Received {
                topic: "reply",
                partition: 0,
                offset: 0,
                time_ms: 0,
                key: None,
                headers,
                value: b"",
            };
            Reply::open(&received, &keys)
        };
        let refused = open("no base64!").unwrap_err();
        assert!(refused.message().contains("details"), "{refused}");
        let failure = open("CAU").unwrap().into_failure();
        let status = Status::from_header_map(failure.headers()).unwrap();
        assert_eq!(status.details(), [8, 5]);
    }
}
