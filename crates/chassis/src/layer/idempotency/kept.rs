//! A unary response as it is kept: metadata, message and status.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::layer::ending::status;

/// The first byte of the form that this release writes.
const FORM: u8 = 1;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    headers: HeaderMap,
    /// Framed; empty where the call failed.
    message: Bytes,
    trailers: Option<HeaderMap>,
}

// === impl Kept ===

impl Kept {
    /// Reads a response to its end.
    pub(super) async fn of(response: Response<Body>) -> Result<Self, Status> {
        let (head, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned();
        Ok(Self {
            headers: head.headers,
            message: collected.to_bytes(),
            trailers,
        })
    }

    /// How the call ended.
    pub(super) fn code(&self) -> Code {
        let trailers = self.trailers.as_ref().and_then(status);
        status(&self.headers).or(trailers).unwrap_or(Code::Unknown)
    }

    /// The response again.
    pub(super) fn into_response(self) -> Response<Body> {
        let message = Full::new(self.message);
        let body = match self.trailers {
            Some(trailers) => {
                let trailers = std::future::ready(Some(Ok(trailers)));
                Body::new(message.with_trailers(trailers))
            }
            None => Body::new(message),
        };
        let mut response = Response::new(body);
        *response.headers_mut() = self.headers;
        response
    }

    /// As bytes: the form, the headers, the trailers if there are any, the message.
    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = vec![FORM];
        put_map(&mut bytes, &self.headers);
        bytes.put_u8(self.trailers.is_some().into());
        if let Some(trailers) = &self.trailers {
            put_map(&mut bytes, trailers);
        }
        bytes.put_slice(&self.message);
        bytes.into()
    }

    /// `None` for bytes of another form.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let mut bytes = bytes.clone();
        if bytes.try_get_u8().ok()? != FORM {
            return None;
        }
        let headers = map(&mut bytes)?;
        let trailers = match bytes.try_get_u8().ok()? {
            0 => None,
            _ => Some(map(&mut bytes)?),
        };
        Some(Self {
            headers,
            message: bytes,
            trailers,
        })
    }
}

fn put_map(bytes: &mut Vec<u8>, map: &HeaderMap) {
    put_length(bytes, map.len());
    for (name, value) in map {
        for text in [name.as_str().as_bytes(), value.as_bytes()] {
            put_length(bytes, text.len());
            bytes.put_slice(text);
        }
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Headers are far smaller: HTTP/2 and Kafka both bound them.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn map(bytes: &mut Bytes) -> Option<HeaderMap> {
    let count = bytes.try_get_u32().ok()?;
    let mut map = HeaderMap::new();
    for _ in 0..count {
        let name = HeaderName::from_bytes(&text(bytes)?).ok()?;
        map.append(name, HeaderValue::from_maybe_shared(text(bytes)?).ok()?);
    }
    Some(map)
}

fn text(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[tokio::test]
    async fn a_response_comes_back_as_it_was() {
        let good = Kept {
            headers: headers(&[("content-type", "application/grpc"), ("x", "1"), ("x", "2")]),
            message: Bytes::from_static(b"\0\0\0\0\x02hi"),
            trailers: Some(headers(&[("grpc-status", "0"), ("y-bin", "AAE")])),
        };
        let failed = Status::with_details(Code::NotFound, "gone", Bytes::from_static(b"why"));
        let failed = Kept::of(failed.into_http()).await.unwrap();
        assert_eq!(failed.code(), Code::NotFound);
        assert_eq!(good.code(), Code::Ok);
        for kept in [good, failed] {
            let decoded = Kept::decode(&kept.encode()).unwrap();
            assert_eq!(Kept::of(decoded.into_response()).await.unwrap(), kept);
        }
    }

    #[test]
    fn bytes_that_break_off_are_no_response() {
        let whole = Kept {
            headers: headers(&[("grpc-status", "5")]),
            message: Bytes::new(),
            trailers: None,
        };
        let whole = whole.encode();
        for end in 0..whole.len() {
            assert_eq!(Kept::decode(&whole.slice(..end)), None, "{end}");
        }
        assert_eq!(Kept::decode(&Bytes::from_static(b"\x02")), None);
    }
}
