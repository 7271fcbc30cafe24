//! Reading the one message of a unary request, and putting it back.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use tonic::Status;
use tonic::body::Body;

use crate::frame::PREFIX;

/// The largest request body that is read, in bytes: four times what the bus carries.
const LIMIT: usize = 4 * 1024 * 1024;

/// A request whose body was read, and its framed message.
///
/// # Errors
/// The body breaks off or is too large.
pub async fn buffered(request: Request<Body>) -> Result<(Request<Body>, Bytes), Status> {
    let (head, body) = request.into_parts();
    let read = Limited::new(body, LIMIT).collect().await;
    let framed = read.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Status::resource_exhausted(format!("the request is larger than {LIMIT} bytes"))
        } else {
            Status::cancelled("the request broke off")
        }
    })?;
    let framed = framed.to_bytes();
    let body = Body::new(Full::new(framed.clone()));
    Ok((Request::from_parts(head, body), framed))
}

/// The message of a framed body that holds just one, uncompressed.
#[must_use]
pub fn message(framed: &Bytes) -> Option<Bytes> {
    let prefix = framed.get(..PREFIX)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    let whole = usize::try_from(length).ok()? == framed.len() - PREFIX;
    (prefix[0] == 0 && whole).then(|| framed.slice(PREFIX..))
}
