//! The client transport.
//!
//! A call becomes a record on its method's topic; the reply comes to the one partition of the reply
//! topic that this channel reads. The partition is assigned, not subscribed to: there is no consumer
//! group, so no reply is lost to a rebalance. Channels may share a partition: correlation ids begin
//! with the channel's own id, and what bears another's is passed over.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::SystemTime;

use chassis::contract::{Contract, Method, Pattern};
use chassis::health::Component;
use http::request::Parts;
use http::{Request, Response};
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tonic::Status;
use tonic::body::Body;

use crate::event::{Publisher, Sealer};
use crate::frame;
use crate::metrics::ChannelMetrics;
use crate::producer::LanedProducer;
use crate::settings::Settings;
use crowd::Crowd;
use partitions::Partitions;
use pending::Pending;

mod call;
mod crowd;
mod deadline;
mod incoming;
mod partitions;
mod pending;
mod producer;
mod reader;
mod reply;
mod request;
mod watch;

pub(crate) use incoming::WINDOW;

/// The calls that may be in flight at once; one more is refused.
pub const IN_FLIGHT: usize = 10_000;

/// A tonic client transport over Kafka. Clones share one connection.
#[derive(Clone)]
pub struct KafkaChannel {
    shared: Arc<Shared>,
}

/// What the clones of a channel and its threads share.
struct Shared {
    settings: Arc<Settings>,
    contract: Arc<Contract>,
    pending: Arc<Pending>,
    producer: LanedProducer<producer::Context>,
    events: Publisher,
    sealer: Sealer,
    partitions: Partitions,
    crowd: Crowd,
    metrics: ChannelMetrics,
    reply_topic: String,
    /// The partition that replies come to; -1 until it is known.
    reply_partition: std::sync::atomic::AtomicI32,
    ready: AtomicBool,
    stop: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    deadlines: tokio::task::AbortHandle,
}

impl std::fmt::Debug for KafkaChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaChannel")
            .field("reply_topic", &self.shared.reply_topic)
            .field("pending", &self.shared.pending.len())
            .finish_non_exhaustive()
    }
}

// === impl KafkaChannel ===

impl KafkaChannel {
    /// Starts a channel for the methods of `contract`, whose replies come to `reply.<app>`. Must be
    /// called within a tokio runtime. Returns at once; `health` is up when a ping has come back
    /// through the reply partition, and calls made before that are refused as unavailable.
    ///
    /// # Errors
    /// A setting that librdkafka refuses.
    pub fn start(
        settings: &Settings,
        contract: Arc<Contract>,
        app: &str,
        health: Component,
    ) -> Result<Self, KafkaError> {
        let settings = settings.shared();
        let channel_id = getrandom::u64().map_err(|error| {
            KafkaError::ClientCreation(format!("the system has no randomness: {error}"))
        })?;
        let pending = Arc::new(Pending::new(channel_id, IN_FLIGHT));
        let producer = producer::create(&settings, Arc::clone(&pending))?;
        let deadlines = tokio::spawn(deadline::watch(Arc::clone(&pending)));
        let calls = contract.methods().into_iter();
        let calls = calls.filter(|method| method.pattern == Pattern::RequestReply);
        let partitions = Partitions::new(calls.map(|method| method.topic.clone()));
        let shared = Arc::new(Shared {
            events: Publisher::new(&settings),
            sealer: Sealer::new(Arc::clone(&contract), settings.keys.clone(), app),
            reply_topic: crate::topics::reply_topic(app),
            reply_partition: std::sync::atomic::AtomicI32::new(-1),
            ready: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            threads: Mutex::default(),
            deadlines: deadlines.abort_handle(),
            partitions,
            crowd: Crowd::default(),
            metrics: ChannelMetrics::new(&settings.metrics, app),
            settings,
            contract,
            pending,
            producer,
        });
        let reader = reader::Reader::create(&shared, health)?.spawn();
        *shared.threads.lock() = vec![reader, watch::spawn(&shared)];
        Ok(Self { shared })
    }

    /// How many calls await their reply.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.pending.len()
    }

    /// Ends the channel: what was sent is flushed, and its threads have ended when this returns.
    pub async fn shutdown(&self) {
        let shared = Arc::clone(&self.shared);
        let ended = tokio::task::spawn_blocking(move || {
            shared.stop.store(true, Ordering::Release);
            shared.ready.store(false, Ordering::Release);
            if let Err(error) = shared.producer.flush(crate::client::ASK_TIMEOUT) {
                tracing::warn!("some requests were not sent before the stop: {error}");
            }
            for thread in std::mem::take(&mut *shared.threads.lock()) {
                thread.thread().unpark();
                if thread.join().is_err() {
                    tracing::error!("a thread of the channel has panicked");
                }
            }
            shared.pending.end_all();
            shared.deadlines.abort();
        });
        if let Err(error) = ended.await {
            tracing::error!("the channel did not end in order: {error}");
        }
    }
}

impl tower::Service<Request<Body>> for KafkaChannel {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (head, body) = request.into_parts();
        Box::pin(Arc::clone(&self.shared).answer(head, body))
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(
        self: Arc<Self>,
        head: Parts,
        body: Body,
    ) -> Result<Response<Body>, Infallible> {
        let response = self.carry(&head, body).await;
        Ok(response.unwrap_or_else(Status::into_http))
    }

    async fn carry(self: &Arc<Self>, head: &Parts, body: Body) -> Result<Response<Body>, Status> {
        let Some(method) = self.contract.get(head.uri.path()).map(Arc::clone) else {
            return Err(Status::unimplemented("the bus carries no such method"));
        };
        let (message, _) = frame::collect(body, self.settings.message_limit).await?;
        let message = message.unwrap_or_default();
        match method.pattern {
            Pattern::Event => self.publish(&method, message).await,
            Pattern::RequestReply if method.server_streaming => {
                self.call_streaming(&method, head, message).await
            }
            Pattern::RequestReply => self.call(&method, head, message).await,
        }
    }

    /// The call ends when the broker has the event.
    async fn publish(
        &self,
        method: &Method,
        message: bytes::Bytes,
    ) -> Result<Response<Body>, Status> {
        let id =
            crate::event::random_id().map_err(|error| Status::unavailable(error.to_string()))?;
        let record = self
            .sealer
            .seal_bytes(&method.path, message, &id, &id, SystemTime::now())
            .map_err(|error| Status::internal(error.to_string()))?;
        self.events
            .publish(&record)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let mut trailers = http::HeaderMap::new();
        trailers.insert(crate::header::STATUS, http::HeaderValue::from_static("0"));
        Ok(frame::response(
            http::HeaderMap::new(),
            frame::framed(b""),
            trailers,
        ))
    }
}
