//! A broker in the process: librdkafka's mock cluster, for development and tests.
//!
//! It speaks the Kafka protocol on a free port of the loopback interface, knows consumer groups, and
//! keeps everything in memory. It drops what is older than 5 MiB or 100,000 records a partition, and
//! its fetches do not wake when a record comes, so [`EmbeddedBroker::settings`] make them short. A
//! consumer group stands still for 5 s whenever a member joins it or leaves: it suits one process that
//! serves, not several that share the work.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::producer::{BaseProducer, Producer as _};
use thiserror::Error;

use crate::keys::KeyRing;
use crate::settings::Settings;
use crate::topics::TopicSpec;

/// How long a fetch waits: the latency of a hop against the cost of an idle process. At 1 ms a hop
/// takes 1.5 ms and four idle consumers a fifth of a core, at 6 ms 6 ms and less than a twentieth.
const FETCH_WAIT: Duration = Duration::from_millis(6);

/// A broker that lives as long as this value.
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: String,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// The broker could not be started, or refused a topic.
#[derive(Debug, Error)]
#[error("the embedded broker: {0}")]
pub struct EmbeddedError(String);

enum Command {
    Create(TopicSpec, Sender<Result<(), String>>),
}

// === impl EmbeddedBroker ===

impl EmbeddedBroker {
    /// Starts a broker with the given topics, of one partition each: there is one process to share
    /// them.
    ///
    /// # Errors
    /// The broker cannot be started, or refuses a topic.
    pub fn start(topics: &[TopicSpec]) -> Result<Self, EmbeddedError> {
        let (commands, inbox) = channel();
        let (started, address) = channel();
        // The cluster is not `Send`: the thread that makes it keeps it.
        let thread = std::thread::Builder::new()
            .name("bus-broker".into())
            .spawn(move || run(&inbox, &started))
            .map_err(|error| EmbeddedError(error.to_string()))?;
        let address = match address.recv() {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => return Err(EmbeddedError(error)),
            Err(_) => return Err(EmbeddedError("its thread has ended".into())),
        };
        let broker = Self {
            address,
            commands,
            thread: Some(thread),
        };
        for topic in topics {
            broker.create_topic(&TopicSpec {
                partitions: 1,
                ..topic.clone()
            })?;
        }
        Ok(broker)
    }

    /// Its address: `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Settings that suit it.
    #[must_use]
    pub fn settings(&self, client_id: &str, keys: KeyRing) -> Settings {
        Settings {
            fetch_wait: FETCH_WAIT,
            ..Settings::new(&self.address, client_id, keys)
        }
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// The broker refuses it.
    pub fn create_topic(&self, topic: &TopicSpec) -> Result<(), EmbeddedError> {
        let gone = || EmbeddedError("its thread has ended".into());
        let (done, created) = channel();
        self.commands
            .send(Command::Create(topic.clone(), done))
            .map_err(|_| gone())?;
        created.recv().map_err(|_| gone())?.map_err(EmbeddedError)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        // The thread ends when the last sender is gone.
        self.commands = channel().0;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the embedded broker has panicked");
        }
    }
}

fn run(inbox: &Receiver<Command>, started: &Sender<Result<String, String>>) {
    // The cluster belongs to a client that was asked for one.
    let owner: Result<BaseProducer, _> = ClientConfig::new()
        .set("test.mock.num.brokers", "1")
        .set_log_level(RDKafkaLogLevel::Emerg)
        .create();
    let cluster = owner
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|owner| {
            native::join_groups_at_once(owner.client());
            owner
                .client()
                .mock_cluster()
                .ok_or_else(|| "librdkafka has no mock cluster".to_owned())
        });
    let cluster = match cluster {
        Ok(cluster) => cluster,
        Err(error) => {
            // Nobody listens only if `start` has gone, and then nobody needs to know.
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    while let Ok(Command::Create(topic, done)) = inbox.recv() {
        let created = cluster.create_topic(&topic.name, topic.partitions, 1);
        let _ = done.send(created.map_err(|error| error.to_string()));
    }
}

#[expect(unsafe_code, reason = "rdkafka has no call for it")]
mod native {
    use rdkafka::bindings;
    use rdkafka::client::{Client, ClientContext};

    /// The mock cluster lets the first member of a group wait 3 s for others, as a real broker does
    /// by default. In one process there are none.
    pub(super) fn join_groups_at_once<C: ClientContext>(client: &Client<C>) {
        // SAFETY: the client is alive, and so is the cluster that belongs to it; both calls take
        // locks of their own. A client without a cluster gives null.
        unsafe {
            let cluster = bindings::rd_kafka_handle_mock_cluster(client.native_ptr());
            if !cluster.is_null() {
                bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
            }
        }
    }
}
