//! A stream of replies, from the thread that reads them to the caller.
//!
//! Replies are numbered from 0. One that is missing ends the stream with an error; one that comes
//! again is passed over; one of another run of the handler ends it too, since what two runs say need
//! not fit together. The caller grants the service a window, and widens it as it reads: what is not
//! granted is not sent, so that neither side holds more than a window of messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc;
use tonic::Status;

use super::reply::Reply;
use super::request::Sent;

/// The most messages that may be on their way to a caller who does not read.
pub(crate) const WINDOW: u64 = 64;

/// What the reading thread holds of a stream.
pub(super) struct Feed {
    sender: mpsc::UnboundedSender<Result<Reply, Status>>,
    expected: u64,
    run: Option<Vec<u8>>,
}

/// What the caller holds of a stream.
pub(super) struct Incoming {
    receiver: mpsc::UnboundedReceiver<Result<Reply, Status>>,
}

/// The body of a streamed response.
pub(super) struct StreamBody {
    incoming: Incoming,
    /// Keeps the call registered; tells the service to stop when dropped too early.
    sent: Sent,
    /// The first reply, which brought the metadata.
    first: Option<Reply>,
    sealed: bool,
    read: u64,
    granted: u64,
    ended: bool,
}

/// Both ends of a stream. Its queue is bounded by the window, and not by itself: the thread that
/// reads replies may not wait.
pub(super) fn stream() -> (Feed, Incoming) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let feed = Feed {
        sender,
        expected: 0,
        run: None,
    };
    (feed, Incoming { receiver })
}

// === impl Feed ===

impl Feed {
    /// Takes the next reply. Says whether it is the last.
    pub(super) fn put(&mut self, reply: Result<Reply, Status>) -> bool {
        let next = match reply.and_then(|reply| self.check(reply)) {
            Ok(None) => return false,
            Ok(Some(reply)) => Ok(reply),
            Err(status) => Err(status),
        };
        let last = next.as_ref().map_or(true, Reply::ends);
        // A caller that has gone needs no more.
        self.sender.send(next).is_err() || last
    }

    /// The reply, if it is the next; `None` if it came before.
    fn check(&mut self, reply: Reply) -> Result<Option<Reply>, Status> {
        // Refused before its handler began: it has no number.
        let Some((run, number)) = reply.place() else {
            return if reply.ends() {
                Ok(Some(reply))
            } else {
                Err(Status::internal("a message of the stream has no number"))
            };
        };
        match &self.run {
            Some(known) if known != run => {
                return Err(Status::unavailable(
                    "the service began the stream again; call again",
                ));
            }
            Some(_) => {}
            None => self.run = Some(run.to_vec()),
        }
        match number.cmp(&self.expected) {
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Equal => {
                self.expected += 1;
                Ok(Some(reply))
            }
            std::cmp::Ordering::Greater => Err(Status::data_loss(format!(
                "message {} of the stream is missing",
                self.expected
            ))),
        }
    }
}

// === impl Incoming ===

impl Incoming {
    pub(super) async fn next(&mut self) -> Result<Reply, Status> {
        let next = self.receiver.recv().await;
        next.unwrap_or_else(|| Err(Status::cancelled("the channel has ended")))
    }
}

// === impl StreamBody ===

impl StreamBody {
    pub(super) fn new(incoming: Incoming, sent: Sent, first: Reply, sealed: bool) -> Self {
        Self {
            incoming,
            sent,
            first: Some(first),
            sealed,
            read: 0,
            granted: WINDOW,
            ended: false,
        }
    }

    /// Widens the window when half of it is read.
    fn grant(&mut self) {
        self.read += 1;
        if self.granted - self.read <= WINDOW / 2 {
            self.granted = self.read + WINDOW;
            self.sent.widen(self.granted);
        }
    }

    fn frame(&mut self, reply: Result<Reply, Status>) -> Frame<Bytes> {
        let message = reply.and_then(|reply| {
            if reply.ends() {
                return Ok(Err(reply.into_trailers()));
            }
            reply.message(self.sealed).map(Ok)
        });
        match message {
            Ok(Ok(message)) => {
                self.grant();
                Frame::data(message)
            }
            Ok(Err(trailers)) => {
                self.ended = true;
                Frame::trailers(trailers)
            }
            Err(status) => {
                self.ended = true;
                Frame::trailers(trailers(&status))
            }
        }
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if let Err(unwritable) = status.add_header(&mut trailers) {
        tracing::error!("a status could not be written: {unwritable}");
    }
    trailers
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let reply = match self.first.take() {
            Some(first) => Ok(first),
            None => {
                let next = ready!(self.incoming.receiver.poll_recv(cx));
                next.unwrap_or_else(|| Err(Status::cancelled("the channel has ended")))
            }
        };
        let frame = self.frame(reply);
        Poll::Ready(Some(Ok(frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(run: &str, number: u64) -> Reply {
        Reply::numbered(run, number)
    }

    #[tokio::test]
    async fn a_message_that_comes_again_is_passed_over_and_a_missing_one_is_an_error() {
        let (mut feed, mut incoming) = stream();
        assert!(!feed.put(Ok(message("a", 0))));
        assert!(!feed.put(Ok(message("a", 0))));
        assert!(!feed.put(Ok(message("a", 1))));
        assert!(feed.put(Ok(message("a", 3))));
        assert_eq!(incoming.next().await.unwrap().place().unwrap().1, 0);
        assert_eq!(incoming.next().await.unwrap().place().unwrap().1, 1);
        let status = incoming.next().await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::DataLoss);
        assert!(status.message().contains("message 2"), "{status:?}");
    }

    #[tokio::test]
    async fn a_second_run_is_not_mixed_with_the_first() {
        let (mut feed, mut incoming) = stream();
        feed.put(Ok(message("a", 0)));
        assert!(feed.put(Ok(message("b", 0))));
        incoming.next().await.unwrap();
        let status = incoming.next().await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }
}
