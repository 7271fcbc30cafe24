//! The answer of a unary call, whole: so that whoever times, counts or logs the call sees how it ended.
//!
//! The head of an answer says that it has begun. Servers that send it before their message may be long
//! about that, or fail.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use chassis::layer::ending;
use http::response::Parts;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};

/// How much of an answer is waited for, in bytes. A larger one goes on as it comes.
const MOST: usize = 4 * 1024 * 1024;

/// What has come of an answer.
#[derive(Default)]
struct Whole {
    /// Most answers are one piece.
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// What has not come yet, of an answer that is too large.
    rest: Option<Body>,
}

/// The whole of a unary answer whose head has come without a status. A failure that follows is in the head of what is
/// given back.
pub(super) async fn whole<B>(mut head: Parts, mut body: B) -> Response<Body>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static,
{
    let mut whole = Whole::default();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame.into_data(),
            Err(status) => return failed(head.headers, &status),
        };
        match frame {
            Ok(piece) => {
                length += piece.len();
                whole.push(piece);
            }
            Err(last) => {
                let trailers = last.into_trailers().unwrap_or_default();
                if ending::status(&trailers).is_some_and(|code| code != Code::Ok) {
                    for (name, value) in &trailers {
                        head.headers.append(name, value.clone());
                    }
                    return Response::from_parts(head, Body::empty());
                }
                whole.trailers = Some(trailers);
                break;
            }
        }
        if length > MOST {
            whole.rest = Some(Body::new(body));
            break;
        }
    }
    Response::from_parts(head, Body::new(whole))
}

/// A failure in place of an answer that had begun.
fn failed(mut metadata: HeaderMap, status: &Status) -> Response<Body> {
    let mut response = status.clone().into_http();
    metadata.extend(response.headers_mut().drain());
    *response.headers_mut() = metadata;
    response
}

// === impl Whole ===

impl Whole {
    fn push(&mut self, piece: Bytes) {
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(piece);
        } else {
            self.more.push_back(piece);
        }
    }
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(piece) = self.first.take().or_else(|| self.more.pop_front()) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(rest) = &mut self.rest {
            return Pin::new(rest).poll_frame(context);
        }
        Poll::Ready(self.trailers.take().map(|last| Ok(Frame::trailers(last))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none()
            && self.more.is_empty()
            && self.rest.is_none()
            && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let pieces = self.first.iter().chain(&self.more);
        let length: usize = pieces.map(Bytes::len).sum();
        let mut hint = SizeHint::new();
        hint.set_lower(length as u64);
        hint
    }
}
