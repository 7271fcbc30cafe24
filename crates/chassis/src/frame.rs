//! gRPC's message framing: a compression flag, four bytes of length, the message
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tonic::Status;

/// The bytes before each message.
pub const PREFIX: usize = 5;

/// A message with its prefix.
#[must_use]
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The messages of a body that comes in pieces. A message that is within one piece is not copied.
#[derive(Debug, Default)]
pub struct Messages {
    /// What comes first: the rest of a piece.
    piece: Bytes,
    /// What was put together of several pieces; none while `piece` holds anything.
    joined: BytesMut,
}

impl Messages {
    /// The next piece.
    pub fn push(&mut self, chunk: Bytes) {
        if self.is_empty() {
            self.piece = chunk;
        } else {
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.piece));
            self.joined.extend_from_slice(&chunk);
        }
    }

    /// The next whole message.
    ///
    /// # Errors
    /// It is compressed, or larger than `limit` bytes.
    pub fn next(&mut self, limit: usize) -> Result<Option<Bytes>, Status> {
        let is_whole = self.joined.is_empty();
        let data: &[u8] = if is_whole { &self.piece } else { &self.joined };
        let Some((prefix, rest)) = data.split_at_checked(PREFIX) else {
            return Ok(None);
        };
        if prefix[0] != 0 {
            return Err(Status::unimplemented(
                "compressed messages are not read here",
            ));
        }
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        if length > limit {
            return Err(too_large(limit));
        }
        if rest.len() < length {
            return Ok(None);
        }
        Ok(Some(if is_whole {
            self.piece.advance(PREFIX);
            self.piece.split_to(length)
        } else {
            self.joined.advance(PREFIX);
            self.joined.split_to(length).freeze()
        }))
    }

    /// Whether nothing is left over, so that no message is cut off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.piece.is_empty() && self.joined.is_empty()
    }
}

/// The message is larger than `limit` bytes.
#[must_use]
pub fn too_large(limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "the message is larger than the limit of {limit} bytes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_come_in() {
        let bytes = [&framed(b"abc")[..], &framed(b""), &framed(b"d")].concat();
        let mut whole = Messages::default();
        whole.push(Bytes::from(bytes.clone()));
        for expected in [&b"abc"[..], b"", b"d"] {
            assert_eq!(whole.next(3).unwrap().unwrap(), expected);
        }
        assert!(whole.is_empty());
        let (first, second) = bytes.split_at(10);
        whole.push(Bytes::copy_from_slice(first));
        assert_eq!(whole.next(3).unwrap().unwrap(), &b"abc"[..]);
        whole.push(Bytes::copy_from_slice(second));
        assert_eq!(whole.next(3).unwrap().unwrap(), &b""[..]);
        assert_eq!(whole.next(3).unwrap().unwrap(), &b"d"[..]);
        let mut messages = Messages::default();
        let mut found = Vec::new();
        for byte in bytes {
            messages.push(Bytes::copy_from_slice(&[byte]));
            while let Some(message) = messages.next(3).unwrap() {
                found.push(message);
            }
        }
        assert_eq!(found, [&b"abc"[..], b"", b"d"]);
        assert!(messages.is_empty());
        messages.push(framed(b"abcd"));
        let status = messages.next(3).unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }
}
