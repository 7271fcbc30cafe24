//! The server transport.
//!
//! One thread polls the broker and hands each record, checked and opened, to the runtime; the same
//! generated server that HTTP/2 uses answers it. Work runs in parallel inside a partition, and what
//! is committed never passes what is unfinished.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chassis::contract::{Contract, Idempotency, Method, Pattern};
use chassis::health::Component;
use http::{Request, Response};
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

use crate::event::Publisher;
use crate::metrics::ServerMetrics;
use crate::producer::LanedProducer;
use crate::settings::Settings;
use backlog::Backlog;
use commit::Commits;
use commit_first::CommitFirst;
use control::{Control, Controls};
use event::parked::Parked;
use order::Order;
use pauses::Pauses;
use seen::Seen;
use slots::Slots;
use thiserror::Error;
use work::{Served, Turn, Work};

mod address;
mod backlog;
mod commit;
mod commit_first;
mod consumer;
mod control;
mod dialect;
mod dispatch;
mod event;
mod group;
mod inline;
mod order;
mod pauses;
mod reply;
mod request;
mod seen;
mod slots;
mod stream;
mod tracker;
mod watch;
mod work;

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
    /// The service's handlers note the id of each call (`chassis::call::CallId`) in the transaction
    /// in which it takes effect, and refuse one that they know. What must not run twice then takes
    /// effect once even where a process is killed before it has committed its offset.
    pub journaled: bool,
    /// The service keeps the responses of calls with an idempotency key and replays them
    /// (`chassis::layer::Parts::responses`). Such calls are then delivered at least once.
    pub replays: bool,
}

/// The server cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that librdkafka refuses.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// Methods that must not run twice, of a service that keeps no journal.
    #[error(
        "{} must not run twice (IDEMPOTENCY_UNKNOWN), and the service keeps no journal of its calls; \
         keep one and say so (`ServerOptions::journaled`), or declare commit_first in the contract, \
         which costs each call a commit",
        .0.join(", ")
    )]
    Unjournaled(Vec<String>),
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
    /// The methods that are served, by topic.
    served: HashMap<Arc<str>, Arc<Served>>,
    service: Service,
    runtime: tokio::runtime::Handle,
    replies: LanedProducer<reply::Context>,
    events: Publisher,
    metrics: ServerMetrics,
    commits: Arc<Commits>,
    slots: Arc<Slots>,
    seen: Mutex<Seen>,
    controls: Arc<Controls>,
    backlog: Mutex<Backlog>,
    order: Mutex<Order<Turn, (Work, Control)>>,
    commit_first: Mutex<CommitFirst>,
    /// Set while the group has given this member its share.
    assigned: AtomicBool,
    /// Which partitions are not fetched.
    pauses: Mutex<Pauses>,
    /// The events that wait behind one of their key.
    events_in_order: Mutex<Order<Turn, event::Waiting>>,
    parked: Arc<Parked>,
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
            journaled: false,
            replays: false,
        }
    }
}

// === impl KafkaServer ===

impl KafkaServer {
    /// Starts to serve. Must be called within a tokio runtime. Returns at once; `health` is up when
    /// every topic is there and the group has given this member its share.
    ///
    /// # Errors
    /// A setting that librdkafka refuses, or methods that cannot be served as they must be.
    pub fn start<S>(
        settings: &Settings,
        contract: &Contract,
        options: ServerOptions,
        service: S,
        health: Component,
    ) -> Result<Self, StartError>
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
        check_journal(&methods, &options)?;
        for topic in &settings.trusted_topics {
            tracing::warn!(
                "whoever may write to {topic} is trusted: its records need no signature"
            );
        }
        let shared = Arc::new(Shared {
            served: methods.into_iter().map(serve).collect(),
            service: BoxCloneSyncService::new(service),
            runtime: tokio::runtime::Handle::current(),
            replies: reply::create(&settings)?,
            events: Publisher::new(&settings),
            metrics: ServerMetrics::new(&settings.metrics, &options.group),
            commits: Arc::default(),
            slots: Arc::new(Slots::new(IN_FLIGHT)),
            seen: Mutex::default(),
            controls: Arc::default(),
            backlog: Mutex::default(),
            order: Mutex::default(),
            commit_first: Mutex::default(),
            assigned: AtomicBool::new(false),
            pauses: Mutex::default(),
            events_in_order: Mutex::default(),
            parked: Arc::default(),
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
    fn methods(&self) -> impl Iterator<Item = &Arc<Method>> {
        self.served.values().map(|served| &served.method)
    }

    /// The topics that are read: each method's, and where an event waits for another attempt.
    fn topics(&self) -> Vec<String> {
        let own = self.methods().map(|method| method.topic.clone());
        let retries = self
            .methods()
            .flat_map(|method| crate::topics::retry_topics(method));
        let mut topics: Vec<_> = own.chain(retries).collect();
        topics.sort();
        topics
    }
}

impl Shared {
    /// A topic's name, shared with everything that keeps it.
    fn topic(&self, name: &str) -> Arc<str> {
        let known = self.served.get_key_value(name);
        known.map_or_else(|| name.into(), |(topic, _)| Arc::clone(topic))
    }
}

fn serve(method: Arc<Method>) -> (Arc<str>, Arc<Served>) {
    let topic = method.topic.as_str().into();
    let uri = http::Uri::try_from(method.path.as_str());
    let served = Served {
        uri: uri.expect("the names in a protobuf file make a path"),
        inline: inline::Inline::default(),
        method,
    };
    (topic, Arc::new(served))
}

fn check_journal(methods: &[Arc<Method>], options: &ServerOptions) -> Result<(), StartError> {
    let unjournaled: Vec<_> = methods
        .iter()
        .filter(|method| method.pattern == Pattern::RequestReply)
        .filter(|method| method.idempotency == Idempotency::Unknown && !method.commit_first)
        .map(|method| method.path.clone())
        .collect();
    if options.journaled || unjournaled.is_empty() {
        Ok(())
    } else {
        Err(StartError::Unjournaled(unjournaled))
    }
}
