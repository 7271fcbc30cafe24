//! The calling end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::consumer::StreamConsumer;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::dress::{Dress, Template};
use super::{PARTITION, REPLIES, REQUESTS, VALUE_BYTES, client};
use crate::sides::Caller;

/// After this long a reply is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends requests and reads their replies.
#[derive(Clone)]
pub(crate) struct BareCaller {
    producer: FutureProducer,
    template: Template,
    value: Arc<[u8]>,
    next: Arc<AtomicU64>,
    pending: Arc<Pending>,
    reader: Arc<JoinHandle<()>>,
}

/// The calls in flight.
#[derive(Default)]
struct Pending(Mutex<HashMap<u64, oneshot::Sender<()>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

impl BareCaller {
    pub(crate) fn start(brokers: &str, dress: Dress) -> Result<Self> {
        let consumer = client::consumer(brokers, REPLIES)?;
        let pending = Arc::<Pending>::default();
        let reader = tokio::spawn(read(consumer, Arc::clone(&pending), dress));
        Ok(Self {
            producer: client::producer(brokers)?,
            template: dress.request(),
            value: [7; VALUE_BYTES].into(),
            next: Arc::default(),
            pending,
            reader: Arc::new(reader),
        })
    }
}

impl Caller for BareCaller {
    async fn round_trip(&mut self) -> Result<()> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.pending.lock().insert(call, sender);
        let mut key = [0; 8];
        let record = FutureRecord::to(REQUESTS)
            .partition(PARTITION)
            .payload(&self.value[..]);
        let record = self.template.asking(record, call, &mut key);
        let sent = self.producer.send_result(record);
        sent.map_err(|(error, _)| error)
            .context("a request cannot be sent")?;
        tokio::time::timeout(PATIENCE, reply)
            .await
            .context("no reply came in time")?
            .context("replies are read no more")
    }

    async fn end(self) {
        self.reader.abort();
        if let Err(error) = self.producer.flush(PATIENCE) {
            tracing::warn!("some requests were not sent before the end: {error}");
        }
    }
}

async fn read(consumer: StreamConsumer, pending: Arc<Pending>, dress: Dress) {
    loop {
        let call = match consumer.recv().await {
            Ok(reply) => dress.call(&reply),
            Err(error) => Err(error.into()),
        };
        match call {
            // A call that was given up waits no more.
            Ok(call) => drop(pending.lock().remove(&call).map(|waiting| waiting.send(()))),
            Err(error) => {
                tracing::error!("replies cannot be read: {error:#}");
                // Ends those that wait.
                return pending.lock().clear();
            }
        }
    }
}
