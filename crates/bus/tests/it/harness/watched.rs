//! A channel that watches its calls: each ends once. How late after its deadline one may end is what
//! the soak measures.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bus::KafkaChannel;
use http::{Request, Response};
use parking_lot::Mutex;
use tonic::body::Body;

/// What became of the calls of a channel.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) dropped: u64,
}

#[derive(Clone)]
pub(crate) struct Watched {
    channel: KafkaChannel,
    calls: Arc<Mutex<Calls>>,
}

/// Notes how a call ended.
struct Watch {
    calls: Arc<Mutex<Calls>>,
    ended: bool,
}

impl Watched {
    pub(crate) fn new(channel: KafkaChannel) -> Self {
        let calls = Arc::default();
        Self { channel, calls }
    }

    pub(crate) fn inner(&self) -> &KafkaChannel {
        &self.channel
    }

    pub(crate) fn pending(&self) -> usize {
        self.channel.pending()
    }

    pub(crate) fn calls(&self) -> &Mutex<Calls> {
        &self.calls
    }
}

impl Watch {
    fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        if self.ended {
            calls.ended += 1;
        } else {
            calls.dropped += 1;
        }
    }
}

impl tower::Service<Request<Body>> for Watched {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.calls.lock().begun += 1;
        let mut watch = Watch {
            calls: Arc::clone(&self.calls),
            ended: false,
        };
        let call = self.channel.call(request);
        Box::pin(async move {
            let response = call.await;
            watch.end();
            response
        })
    }
}
