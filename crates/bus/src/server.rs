//! The server transport.
//!
//! One thread polls the broker and hands each record, checked and opened, to the runtime; the same
//! generated server that HTTP/2 uses answers it. Work runs in parallel inside a partition, and what
//! is committed never passes what is unfinished.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chassis::contract::{Contract, Method};
use chassis::health::Component;
use http::{Request, Response};
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

use crate::event::Publisher;
use crate::producer::PolledProducer;
use crate::settings::Settings;
use commit::Commits;
use seen::Seen;
use slots::Slots;

mod commit;
mod consumer;
mod dispatch;
mod event;
#[cfg_attr(not(test), expect(dead_code, reason = "not yet entered by anything"))]
mod order;
mod reply;
mod request;
mod seen;
mod slots;
mod tracker;
mod watch;

/// The records that one process works on at once; the rest stays on the broker, where another
/// replica can take it.
pub const IN_FLIGHT: usize = 512;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The consumer group: the service's name. Replicas share it.
    pub group: String,
    /// The services whose methods it takes requests of, such as `user.v1.UserService`.
    pub services: Vec<String>,
    /// Topics that the service writes to and that must exist before it is ready.
    pub also_needs: Vec<String>,
    /// Further reply topics that callers may name.
    pub reply_topics: Vec<String>,
}

/// Feeds consumed records to a gRPC server.
#[derive(Debug)]
pub struct KafkaServer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What the threads of a server and its tasks share.
struct Shared {
    settings: Arc<Settings>,
    options: ServerOptions,
    methods: Vec<Arc<Method>>,
    contract: Arc<Contract>,
    service: Service,
    runtime: tokio::runtime::Handle,
    replies: PolledProducer<reply::Context>,
    events: Publisher,
    commits: Arc<Commits>,
    slots: Arc<Slots>,
    seen: Mutex<Seen>,
    /// Set while the group has given this member its share.
    assigned: AtomicBool,
    /// Set while nothing is fetched, since as much is being worked on as may be.
    paused: AtomicBool,
    stop: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

// === impl ServerOptions ===

impl ServerOptions {
    /// A server of the named services, in the group of that name.
    #[must_use]
    pub fn new(group: &str, services: &[&str]) -> Self {
        Self {
            group: group.to_owned(),
            services: services.iter().map(|&service| service.to_owned()).collect(),
            also_needs: Vec::new(),
            reply_topics: Vec::new(),
        }
    }
}

// === impl KafkaServer ===

impl KafkaServer {
    /// Starts to serve. Must be called within a tokio runtime. Returns at once; `health` is up when every topic is there and the group has given this member its
    /// share.
    ///
    /// # Errors
    /// A setting that librdkafka refuses.
    pub fn start<S>(
        settings: &Settings,
        contract: Arc<Contract>,
        options: ServerOptions,
        service: S,
        health: Component,
    ) -> Result<Self, KafkaError>
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let settings = settings.shared();
        let methods: Vec<_> = contract
            .methods()
            .into_iter()
            .filter(|method| options.services.contains(&method.service))
            .cloned()
            .collect();
        let shared = Arc::new(Shared {
            methods,
            contract,
            service: BoxCloneSyncService::new(service),
            runtime: tokio::runtime::Handle::current(),
            replies: reply::create(&settings)?,
            events: Publisher::new(&settings),
            commits: Arc::default(),
            slots: Arc::new(Slots::new(IN_FLIGHT)),
            seen: Mutex::default(),
            assigned: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            settings,
            options,
        });
        let consumer = consumer::Poller::create(&shared, health.clone())?.spawn();
        let watch = watch::spawn(&shared, health);
        Ok(Self {
            shared,
            threads: Mutex::new(vec![consumer, watch]),
        })
    }

    /// How many records are being worked on.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.slots.used()
    }

    /// Takes no more records, finishes what was taken, sends its replies, commits, leaves the group.
    /// What is not finished within `patience` is left uncommitted, for the next process.
    pub async fn shutdown(&self, patience: Duration) {
        let shared = Arc::clone(&self.shared);
        let threads = std::mem::take(&mut *self.threads.lock());
        let ended = tokio::task::spawn_blocking(move || {
            // The poll thread stops taking, waits for its tasks, commits and leaves.
            shared.slots.close(patience);
            shared.stop.store(true, Ordering::Release);
            for thread in threads {
                thread.thread().unpark();
                if thread.join().is_err() {
                    tracing::error!("a thread of the bus has panicked");
                }
            }
            let flushed = shared.replies.flush(crate::client::ASK_TIMEOUT);
            if let Err(error) = flushed.and(shared.events.flush(crate::client::ASK_TIMEOUT)) {
                tracing::warn!("some replies were not sent before the stop: {error}");
            }
        });
        if let Err(error) = ended.await {
            tracing::error!("the server did not end in order: {error}");
        }
    }
}

// === impl Shared ===

impl Shared {
    fn topics(&self) -> Vec<String> {
        self.methods
            .iter()
            .map(|method| method.topic.clone())
            .collect()
    }
}
