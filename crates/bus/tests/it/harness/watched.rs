//! A channel that watches its calls: each ends once, by its deadline.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bus::KafkaChannel;
use chassis::contract::{Contract, Pattern};
use chassis::timeout;
use http::{Request, Response};
use parking_lot::Mutex;
use tonic::body::Body;

/// What became of the calls of a channel.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) dropped: u64,
    /// The latest that one ended after its deadline.
    pub(crate) latest: Duration,
}

#[derive(Clone)]
pub(crate) struct Watched {
    channel: KafkaChannel,
    contract: Arc<Contract>,
    calls: Arc<Mutex<Calls>>,
}

/// Notes how a call ended.
struct Watch {
    calls: Arc<Mutex<Calls>>,
    deadline: Option<Instant>,
    ended: bool,
}

impl Watched {
    pub(crate) fn new(channel: KafkaChannel, contract: Arc<Contract>) -> Self {
        let calls = Arc::default();
        Self {
            channel,
            contract,
            calls,
        }
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
        if let Some(deadline) = self.deadline {
            calls.latest = calls.latest.max(deadline.elapsed());
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
        let method = self.contract.get(request.uri().path());
        let asked = request.headers().get(timeout::HEADER);
        let asked = asked.and_then(|asked| timeout::parse(asked.to_str().ok()?));
        let budget = method
            .filter(|method| method.pattern == Pattern::RequestReply)
            .map(|method| method.deadline.min(asked.unwrap_or(method.deadline)));
        self.calls.lock().begun += 1;
        let mut watch = Watch {
            calls: Arc::clone(&self.calls),
            deadline: budget.map(|budget| Instant::now() + budget),
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
