//! The bodies of REST requests: read as a whole, within bounds of size, time and memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use parking_lot::Mutex;

use crate::client::Client;
use crate::error::Failure;
use crate::limits;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of bodies that have not arrived as a whole is kept, in bytes: of one client, and room for two
/// bodies at least.
const SHARE: usize = 16 * 1024 * 1024;

/// So many shares are all.
const SHARES: usize = 4;

/// How much of a body is read that nobody wants, in bytes, and for how long: what clients have sent already
/// when they hear of it.
const SPARED: usize = 64 * 1024;
const SPARED_FOR: Duration = Duration::from_millis(500);

/// What is kept of bodies that have not arrived as a whole. Whoever sends all of a body but its end costs
/// memory for as long as it may take; nobody has so much of it that nothing is left to others.
#[derive(Debug)]
pub(super) struct Bodies {
    /// In bytes, of all and of each client.
    limits: (usize, usize),
    held: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Of each client that has any.
    each: HashMap<String, usize>,
}

/// What is kept of one body.
struct Held<'b> {
    bodies: &'b Bodies,
    client: String,
    bytes: usize,
}

// === impl Bodies ===

impl Bodies {
    /// For bodies of at most `largest` bytes.
    pub(super) fn new(largest: usize) -> Arc<Self> {
        let share = SHARE.max(2 * largest);
        Arc::new(Self {
            limits: (share * SHARES, share),
            held: Mutex::default(),
        })
    }

    /// A body, whole.
    ///
    /// # Errors
    /// It is encoded, too large, too slow, breaks off, or there is no room for it.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        client: Option<&Client>,
        body: &mut Body,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let encodings = headers.get_all(header::CONTENT_ENCODING);
        let plain = |encoding: &HeaderValue| {
            encoding.is_empty() || encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        };
        if !encodings.iter().all(plain) {
            return Err(Failure::body_encoded());
        }
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(Failure::body_too_large(limit));
        }
        let whole = self.whole(client, Limited::new(body, limit), limit);
        tokio::time::timeout(BODY_TIMEOUT, whole)
            .await
            .unwrap_or_else(|_| Err(Failure::body_timeout()))
    }

    async fn whole(
        &self,
        client: Option<&Client>,
        mut body: Limited<&mut Body>,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let Some(first) = piece(&mut body, limit).await? else {
            return Ok(Bytes::new());
        };
        // Most are one piece.
        if body.is_end_stream() {
            return Ok(first);
        }
        let mut held = Held {
            bodies: self,
            client: client.map_or_else(String::new, |client| limits::address(client.address)),
            bytes: 0,
        };
        held.grow(first.len())?;
        let mut whole = BytesMut::from(first);
        while let Some(piece) = piece(&mut body, limit).await? {
            held.grow(piece.len())?;
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

/// Reads what is left of a body that nobody wants, if that is little: on a connection of HTTP/1.1 the next
/// request comes after it. Says whether that was all.
pub(super) async fn spare(body: &mut Body) -> bool {
    let all = Limited::new(body, SPARED).collect();
    let read = tokio::time::timeout(SPARED_FOR, all).await;
    read.is_ok_and(|read| read.is_ok())
}

/// The next piece of a body. What is not data is passed over.
async fn piece(body: &mut Limited<&mut Body>, limit: usize) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Failure::body_too_large(limit));
            }
            Err(_) => {
                return Err(crate::error::BODY_INCOMPLETE
                    .status("the body broke off")
                    .into());
            }
        }
    }
    Ok(None)
}

// === impl Held ===

impl Held<'_> {
    fn grow(&mut self, more: usize) -> Result<(), Failure> {
        let (of_all, of_each) = self.bodies.limits;
        let mut counts = self.bodies.held.lock();
        let own = counts.each.get(&self.client).copied().unwrap_or_default();
        if counts.all + more > of_all || own + more > of_each {
            return Err(Failure::no_room_for_body());
        }
        counts.all += more;
        match counts.each.get_mut(&self.client) {
            Some(own) => *own += more,
            None => drop(counts.each.insert(self.client.clone(), more)),
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut counts = self.bodies.held.lock();
        counts.all -= self.bytes;
        if let Some(own) = counts.each.get_mut(&self.client) {
            *own -= self.bytes;
            if *own == 0 {
                counts.each.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// A body of which so much is there, and whose end does not come.
    fn endless(bytes: usize) -> Body {
        let data = Frame::data(Bytes::from(vec![b' '; bytes]));
        let first = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(data)]);
        let never = futures_util::stream::pending();
        Body::new(StreamBody::new(futures_util::StreamExt::chain(
            first, never,
        )))
    }

    fn client(last: u8) -> Client {
        Client::at(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn nobody_has_all_of_the_memory_and_it_is_given_back() {
        let bodies = Bodies::new(MIB);
        let begin = |last| {
            let bodies = Arc::clone(&bodies);
            let reading = async move {
                let headers = HeaderMap::new();
                let mut body = endless(MIB);
                bodies
                    .read(&headers, Some(&client(last)), &mut body, MIB)
                    .await
            };
            Box::pin(reading)
        };
        let mut waiting = Vec::new();
        for last in 1..=4 {
            for _ in 0..16 {
                let mut reading = begin(last);
                assert!(futures_util::poll!(&mut reading).is_pending());
                waiting.push(reading);
            }
            // Its share.
            let refused = begin(last).await.unwrap_err().into_response();
            assert_eq!(refused.status(), 429);
            assert!(refused.headers().contains_key(header::RETRY_AFTER));
        }
        // All.
        assert!(begin(5).await.is_err());
        waiting.truncate(63);
        assert!(futures_util::poll!(&mut begin(5)).is_pending());
        waiting.clear();
        assert!(bodies.held.lock().each.is_empty());
        assert_eq!(bodies.held.lock().all, 0);
    }

    #[tokio::test]
    async fn what_is_there_as_a_whole_needs_no_room() {
        let bodies = Bodies {
            limits: (0, 0),
            held: Mutex::default(),
        };
        let mut whole = Body::from(vec![b' '; MIB]);
        let read = bodies.read(&HeaderMap::new(), None, &mut whole, MIB).await;
        assert_eq!(read.unwrap().len(), MIB);
    }
}
