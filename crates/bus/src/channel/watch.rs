//! Noticing that a request topic has got more partitions, apart from the thread that reads replies,
//! which asking the broker would hold up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use super::Shared;
use crate::client;
use crate::settings::Broker;

/// How often the broker is asked: how soon new partitions get requests. Later than consumers look for
/// them, so that somebody serves them by then.
const ASK_EVERY: Duration = Duration::from_secs(10);

pub(super) fn spawn(shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("bus-topics".into())
        .spawn(move || {
            while !shared.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(ASK_EVERY);
                if shared.ready.load(Ordering::Acquire) {
                    ask(&shared);
                }
            }
        })
        .expect("the system refuses a thread at start, where nothing can be served without it")
}

fn ask(shared: &Shared) {
    let topics = shared.partitions.topics();
    let broker = Broker::from(&*shared.settings);
    match client::partitions(shared.producer.client(), &broker, &topics) {
        Ok(counts) => {
            for (topic, count) in topics.iter().zip(counts) {
                if shared.partitions.set(topic, count) {
                    tracing::info!("{topic} has {count} partitions now");
                }
            }
        }
        // The ping tells whether the broker answers; a topic that is gone fails its calls.
        Err(reason) => tracing::debug!("partitions are not known: {reason}"),
    }
}
