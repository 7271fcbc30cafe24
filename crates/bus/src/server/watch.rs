//! Watching whether the broker answers, apart from the poll thread, which it would hold up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use chassis::health::Component;

use super::Shared;
use crate::client;
use crate::settings::Broker;

/// How often the broker is asked.
const ASK_EVERY: Duration = Duration::from_secs(3);

pub(super) fn spawn(shared: &Arc<Shared>, component: Component) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("bus-watch".into())
        .spawn(move || {
            while !shared.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(ASK_EVERY);
                // Before the first assignment the poll thread says what is missing.
                if shared.assigned.load(Ordering::Acquire) {
                    let broker = Broker::from(&*shared.settings);
                    match client::partitions(shared.replies.client(), &broker, &shared.topics()) {
                        Ok(_) => component.up(),
                        Err(reason) => component.down(reason),
                    }
                }
            }
        })
        .expect("the system refuses a thread at start, where nothing can be served without it")
}
