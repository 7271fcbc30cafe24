//! Streams of server-sent events that say nothing for long: a comment now and then, so that nobody on the
//! way takes the connection for a dead one (HTML, "Server-sent events", authoring notes).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

/// How long a stream may say nothing. Proxies wait for a minute, some for half of one.
const PAUSE: Duration = Duration::from_secs(15);

/// A comment, which clients pass over.
const COMMENT: &[u8] = b":\n\n";

/// A body of whole events, and comments between them.
pub(super) struct KeepAlive<B> {
    events: B,
    silence: Pin<Box<Sleep>>,
}

/// Ends when a stream of events must say something; never for any other.
pub(super) async fn pause(is_events: bool) {
    if is_events {
        sleep(PAUSE).await;
    } else {
        std::future::pending::<()>().await;
    }
}

// === impl KeepAlive ===

impl<B> KeepAlive<B> {
    /// Each frame of `events` must be whole events.
    pub(super) fn new(events: B) -> Self {
        Self {
            events,
            silence: Box::pin(sleep(PAUSE)),
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for KeepAlive<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = match Pin::new(&mut self.events).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                std::task::ready!(self.silence.as_mut().poll(context));
                Some(Ok(Frame::data(Bytes::from_static(COMMENT))))
            }
        };
        self.silence.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio_stream::StreamExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_comments_and_events_by_none() {
        let begun = Instant::now();
        // Two events at once, a third after 40 s, and the end 10 s later.
        let pauses = tokio_stream::iter([0, 0, 40, 10]).then(async |seconds| {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        });
        let events = pauses.map(|seconds| {
            let text = if seconds == 10 { "" } else { "data: 1\n\n" };
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(text)))
        });
        let mut body = KeepAlive::new(StreamBody::new(Box::pin(events)));
        let mut seen = Vec::new();
        while let Some(frame) = body.frame().await {
            let text = frame.unwrap().into_data().unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            seen.push((begun.elapsed().as_secs(), text));
        }
        let seen: Vec<_> = seen.iter().map(|(at, text)| (*at, text.as_str())).collect();
        let (event, comment) = ("data: 1\n\n", ":\n\n");
        assert_eq!(
            seen,
            [
                (0, event),
                (0, event),
                (15, comment),
                (30, comment),
                (40, event),
                (50, ""),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_events_are_to_begin_after_a_pause() {
        let begun = Instant::now();
        pause(true).await;
        assert_eq!(begun.elapsed(), PAUSE);
        let other = tokio::time::timeout(Duration::from_hours(24), pause(false));
        assert!(other.await.is_err());
    }
}
