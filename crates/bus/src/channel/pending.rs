//! The calls that await their reply.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::Status;

use super::reply::Reply;

/// Few enough to be small, enough that the poll thread and the callers seldom meet in one.
const SHARDS: usize = 16;

type Waiting = oneshot::Sender<Result<Reply, Status>>;

/// A map from call numbers to waiting callers, in shards.
pub(super) struct Pending {
    shards: [Mutex<HashMap<u64, Waiting>>; SHARDS],
    /// Random: tells this channel's calls from those of others that share its reply partition.
    channel_id: u64,
    next: AtomicU64,
    count: AtomicUsize,
    limit: usize,
}

/// A registered call. Dropping it forgets the call, whether its reply has come or not.
pub(super) struct Ticket {
    pending: Arc<Pending>,
    pub(super) number: u64,
    pub(super) reply: oneshot::Receiver<Result<Reply, Status>>,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(channel_id: u64, limit: usize) -> Self {
        Self {
            channel_id,
            shards: Default::default(),
            // Zero is the number of the ping.
            next: AtomicU64::new(1),
            count: AtomicUsize::new(0),
            limit,
        }
    }

    pub(super) fn channel_id(&self) -> u64 {
        self.channel_id
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Registers a call; `None` when as many are in flight as may be.
    pub(super) fn register(self: &Arc<Self>) -> Option<Ticket> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.shard(number).lock().insert(number, sender);
        Some(Ticket {
            pending: Arc::clone(self),
            number,
            reply,
        })
    }

    /// Hands a reply to its caller. Says whether anybody waited for it.
    pub(super) fn resolve(&self, number: u64, reply: Result<Reply, Status>) -> bool {
        let waiting = self.shard(number).lock().remove(&number);
        waiting.is_some_and(|waiting| waiting.send(reply).is_ok())
    }

    /// Ends every call that still waits: nobody reads its reply any more.
    pub(super) fn end_all(&self) {
        for shard in &self.shards {
            for (_, waiting) in shard.lock().drain() {
                // A caller that has gone needs no answer.
                let _ = waiting.send(Err(Status::unavailable("the process is stopping")));
            }
        }
    }

    fn shard(&self, number: u64) -> &Mutex<HashMap<u64, Waiting>> {
        let index = usize::try_from(number % SHARDS as u64).unwrap_or_default();
        &self.shards[index]
    }
}

// === impl Ticket ===

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pending.shard(self.number).lock().remove(&self.number);
        self.pending.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_ticket_leaves_nothing_behind() {
        let pending = Arc::new(Pending::new(7, 2));
        let (first, second) = (pending.register().unwrap(), pending.register().unwrap());
        assert!(pending.register().is_none());
        drop(first);
        assert!(pending.register().is_some());
        drop(second);
        assert_eq!(pending.len(), 0);
        assert!(pending.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    #[tokio::test]
    async fn a_call_is_resolved_once() {
        let pending = Arc::new(Pending::new(7, 2));
        let mut ticket = pending.register().unwrap();
        assert!(pending.resolve(ticket.number, Err(Status::aborted("first"))));
        assert!(!pending.resolve(ticket.number, Err(Status::aborted("second"))));
        assert_eq!(
            (&mut ticket.reply).await.unwrap().unwrap_err().message(),
            "first"
        );
    }
}
