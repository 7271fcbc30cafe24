//! The calls that await their reply.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tonic::Status;

use super::incoming::Feed;
use super::reply::Reply;

/// Few enough to be small, enough that the poll thread and the callers seldom meet in one.
const SHARDS: usize = 16;

/// Who waits, and for how long.
struct Entry {
    waiting: Waiting,
    deadline: Instant,
    budget: Duration,
}

enum Waiting {
    Unary(oneshot::Sender<Result<Reply, Status>>),
    Stream(Feed),
}

/// A map from call numbers to waiting callers, in shards.
pub(super) struct Pending {
    shards: [Mutex<HashMap<u64, Entry>>; SHARDS],
    /// Random: tells this channel's calls from those of others that share its reply partition.
    channel_id: u64,
    next: AtomicU64,
    count: AtomicUsize,
    limit: usize,
    /// Told when the first of some calls is registered: deadlines have to be watched.
    pub(super) waited_for: Notify,
}

/// A registered call. Dropping it forgets the call, whether its reply has come or not.
pub(super) struct Ticket {
    pending: Arc<Pending>,
    pub(super) number: u64,
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
            waited_for: Notify::new(),
        }
    }

    pub(super) fn channel_id(&self) -> u64 {
        self.channel_id
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Registers a call that has one reply; `None` when as many are in flight as may be.
    pub(super) fn register(
        self: &Arc<Self>,
        budget: Duration,
    ) -> Option<(Ticket, oneshot::Receiver<Result<Reply, Status>>)> {
        let (sender, reply) = oneshot::channel();
        let ticket = self.enter(Waiting::Unary(sender), budget)?;
        Some((ticket, reply))
    }

    /// Registers a call that has a stream of replies.
    pub(super) fn register_stream(
        self: &Arc<Self>,
        feed: Feed,
        budget: Duration,
    ) -> Option<Ticket> {
        self.enter(Waiting::Stream(feed), budget)
    }

    fn enter(self: &Arc<Self>, waiting: Waiting, budget: Duration) -> Option<Ticket> {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if before >= self.limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + budget;
        let entry = Entry {
            waiting,
            deadline,
            budget,
        };
        self.shard(number).lock().insert(number, entry);
        if before == 0 {
            self.waited_for.notify_one();
        }
        let pending = Arc::clone(self);
        Some(Ticket { pending, number })
    }

    /// Hands a reply to its caller.
    pub(super) fn resolve(&self, number: u64, reply: Result<Reply, Status>) {
        let mut shard = self.shard(number).lock();
        let last = match shard.get_mut(&number).map(|entry| &mut entry.waiting) {
            Some(Waiting::Stream(feed)) => feed.put(reply),
            Some(Waiting::Unary(_)) => {
                let entry = shard.remove(&number);
                drop(shard);
                self.count.fetch_sub(1, Ordering::Relaxed);
                if let Some(Waiting::Unary(waiting)) = entry.map(|entry| entry.waiting) {
                    // A caller that has gone needs no answer.
                    let _ = waiting.send(reply);
                }
                return;
            }
            None => return,
        };
        if last {
            shard.remove(&number);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the calls whose time is over.
    pub(super) fn expire(&self, now: Instant) {
        for shard in &self.shards {
            let expired = shard
                .lock()
                .extract_if(|_, entry| entry.deadline <= now)
                .collect::<Vec<_>>();
            self.count.fetch_sub(expired.len(), Ordering::Relaxed);
            for (_, entry) in expired {
                entry.waiting.fail(Status::deadline_exceeded(format!(
                    "no answer from the service within {} ms",
                    entry.budget.as_millis()
                )));
            }
        }
    }

    /// Ends every call that still waits: nobody reads its reply any more.
    pub(super) fn end_all(&self) {
        for shard in &self.shards {
            let left = shard.lock().drain().collect::<Vec<_>>();
            self.count.fetch_sub(left.len(), Ordering::Relaxed);
            for (_, entry) in left {
                entry
                    .waiting
                    .fail(Status::unavailable("the process is stopping"));
            }
        }
    }

    fn shard(&self, number: u64) -> &Mutex<HashMap<u64, Entry>> {
        let index = usize::try_from(number % SHARDS as u64).unwrap_or_default();
        &self.shards[index]
    }
}

// === impl Waiting ===

impl Waiting {
    /// A caller that has gone needs no answer.
    fn fail(self, status: Status) {
        match self {
            Self::Unary(waiting) => drop(waiting.send(Err(status))),
            Self::Stream(mut feed) => drop(feed.put(Err(status))),
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// Whether the call still waits for a reply, or for the rest of a stream.
    pub(super) fn waits(&self) -> bool {
        self.pending
            .shard(self.number)
            .lock()
            .contains_key(&self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let waited = self.pending.shard(self.number).lock().remove(&self.number);
        if waited.is_some() {
            self.pending.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(5);

    #[test]
    fn a_dropped_ticket_leaves_nothing_behind() {
        let pending = Arc::new(Pending::new(7, 2));
        let first = pending.register(BUDGET).unwrap();
        let second = pending.register(BUDGET).unwrap();
        assert!(pending.register(BUDGET).is_none());
        drop(first);
        assert!(pending.register(BUDGET).is_some());
        drop(second);
        assert_eq!(pending.len(), 0);
        assert!(pending.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    #[tokio::test]
    async fn a_call_is_resolved_once() {
        let pending = Arc::new(Pending::new(7, 2));
        let (ticket, reply) = pending.register(BUDGET).unwrap();
        assert!(ticket.waits());
        pending.resolve(ticket.number, Err(Status::aborted("first")));
        pending.resolve(ticket.number, Err(Status::aborted("second")));
        assert!(!ticket.waits());
        assert_eq!(reply.await.unwrap().unwrap_err().message(), "first");
    }

    #[tokio::test]
    async fn a_call_ends_when_its_time_is_over_and_not_before() {
        let pending = Arc::new(Pending::new(7, 2));
        let (ticket, mut reply) = pending.register(BUDGET).unwrap();
        let now = Instant::now();
        pending.expire(now);
        assert!(reply.try_recv().is_err());
        pending.expire(now + BUDGET);
        assert_eq!(
            reply.await.unwrap().unwrap_err().code(),
            tonic::Code::DeadlineExceeded
        );
        drop(ticket);
        assert_eq!(pending.len(), 0);
    }
}
