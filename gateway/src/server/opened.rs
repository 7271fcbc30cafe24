//! A connection that has begun: what was read of it already, and an end to clients that take nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may take nothing of what is there for it. The system tells of room when a good part
/// of its buffer is free, so whoever reads a few KB a second, or less, counts as taking nothing.
const TAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection, in the clear or over TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection of which the first bytes were read already.
pub(super) struct Opened {
    opening: Bytes,
    stream: Box<dyn Stream>,
    /// Runs while the client takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

// === impl Opened ===

impl Opened {
    /// `opening` was read of the stream.
    pub(super) fn new(opening: Vec<u8>, stream: Box<dyn Stream>) -> Self {
        Self {
            opening: opening.into(),
            stream,
            stuck: None,
        }
    }

    /// What a write came to, with an error in place of a wait that is too long.
    fn within<T>(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stuck = None;
            return wrote;
        }
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(sleep(TAKE_TIMEOUT)));
        stuck.as_mut().poll(context).map(|()| {
            let told = format!("the client took nothing for {TAKE_TIMEOUT:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, told))
        })
    }
}

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.opening.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.opening.len().min(buffer.remaining());
        buffer.put_slice(&self.opening.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.within(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_left_and_one_that_is_slow_is_not() {
        let (mut client, server) = tokio::io::duplex(16);
        let mut opened = Opened::new(b"GET".to_vec(), Box::new(server));
        let mut begun = [0; 3];
        opened.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"GET");
        let begun = Instant::now();
        // Reads a byte every 50 s, ten times, and then no more.
        let slow = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(Duration::from_secs(50)).await;
                client.read_exact(&mut [0]).await.unwrap();
            }
            client
        });
        let error = opened.write_all(&[0; 1024]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Duration::from_secs(500) + TAKE_TIMEOUT);
        slow.await.unwrap();
    }
}
