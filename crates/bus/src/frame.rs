//! Bodies of framed messages. The bus carries bare ones.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
pub(crate) use chassis::frame::{Messages, PREFIX, framed, too_large};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::Body;

/// One message and the trailers.
struct UnaryBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

/// A request body of one message, which is framed.
pub(crate) fn request_body(framed: Bytes) -> Body {
    Body::new(UnaryBody {
        data: Some(framed),
        trailers: None,
    })
}

/// A response with one message, which is framed, the given metadata, and trailers.
pub(crate) fn response(metadata: HeaderMap, framed: Bytes, trailers: HeaderMap) -> Response<Body> {
    let body = UnaryBody {
        data: Some(framed),
        trailers: Some(trailers),
    };
    let mut response = Response::new(Body::new(body));
    *response.headers_mut() = metadata;
    let grpc = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// The only message of a body, and the trailers after it.
///
/// # Errors
/// The body breaks off, is compressed, or holds more or less than one message within `limit` bytes.
pub(crate) async fn collect(
    mut body: Body,
    limit: usize,
) -> Result<(Option<Bytes>, Option<HeaderMap>), Status> {
    let mut data = Bytes::new();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(chunk) => {
                if data.len() + chunk.len() > limit + PREFIX {
                    return Err(too_large(limit));
                }
                // A body mostly is one chunk, which is then taken as it is.
                data = if data.is_empty() {
                    chunk
                } else {
                    let mut joined = BytesMut::from(data);
                    joined.extend_from_slice(&chunk);
                    joined.freeze()
                };
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    if data.is_empty() {
        return Ok((None, trailers));
    }
    let Some((prefix, message)) = data.split_at_checked(PREFIX) else {
        return Err(Status::internal("the message's prefix is cut off"));
    };
    if prefix[0] != 0 {
        return Err(Status::unimplemented(
            "the bus carries no compressed messages",
        ));
    }
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if length != message.len() {
        return Err(Status::unimplemented("the bus carries one message a call"));
    }
    Ok((Some(data.slice(PREFIX..)), trailers))
}

// === impl UnaryBody ===

impl http_body::Body for UnaryBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.data.take() {
            Some(data) => Some(Frame::data(data)),
            None => self.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_survives_framing() {
        let (message, trailers) = collect(request_body(framed(b"abc")), 10).await.unwrap();
        assert_eq!(message.as_deref(), Some(&b"abc"[..]));
        assert_eq!(trailers, None);
    }

    #[tokio::test]
    async fn an_empty_message_is_not_a_missing_one() {
        let (message, _) = collect(request_body(framed(b"")), 10).await.unwrap();
        assert_eq!(message.as_deref(), Some(&b""[..]));
        let (message, _) = collect(Body::empty(), 10).await.unwrap();
        assert_eq!(message, None);
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        assert!(
            collect(request_body(framed(b"0123456789")), 10)
                .await
                .is_ok()
        );
        let status = collect(request_body(framed(b"0123456789x")), 10)
            .await
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn a_body_in_many_chunks_is_one_message() {
        let bytes = framed(b"0123456789");
        let body = || {
            let bytes = bytes.clone();
            let chunks = (0..bytes.len()).map(move |place| {
                let chunk = Frame::data(bytes.slice(place..=place));
                Ok::<_, Infallible>(chunk)
            });
            let chunks = futures_util::stream::iter(chunks);
            Body::new(http_body_util::StreamBody::new(chunks))
        };
        let (message, _) = collect(body(), 10).await.unwrap();
        assert_eq!(message.as_deref(), Some(&b"0123456789"[..]));
        let status = collect(body(), 9).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn two_messages_and_a_cut_off_one_are_refused() {
        for bytes in [
            &b"\0\0\0\0\x01a\0\0\0\0\x01b"[..],
            b"\0\0\0\0\x05a",
            b"\0\0",
            b"\x01\0\0\0\x01a",
        ] {
            let body = Body::new(http_body_util::Full::new(Bytes::copy_from_slice(bytes)));
            assert!(collect(body, 100).await.is_err(), "{bytes:?}");
        }
    }
}
