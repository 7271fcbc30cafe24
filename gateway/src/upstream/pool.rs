//! The connections to a server: one to each address that its name has, which calls take in turn. They
//! are made when the first call comes, and again when they are lost.
//!
//! A name with several addresses is several replicas, such as the pods of a headless Kubernetes
//! `Service`. A connection of HTTP/2 lasts, so the replica that took it would have all calls.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::Shared;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::connection::{CONNECT_TIMEOUT, Sender, Unreachable, drive, open};
use super::target::Target;

/// How often the addresses of a name are looked up while calls go there.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// When they are looked up after a connection was lost: a replica that goes has been replaced.
const AFTER_A_LOSS: Duration = Duration::from_secs(1);

/// When an address that could not be reached is tried again, while others can be.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);

/// As many addresses of a name as are connected to.
const MOST_ADDRESSES: usize = 64;

/// The connections to a server. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Server>);

#[derive(Debug)]
pub(super) struct Server {
    target: Target,
    pool: Mutex<Pool>,
    /// How many connections there were.
    opened: AtomicU64,
}

#[derive(Debug)]
struct Pool {
    replicas: Vec<Replica>,
    /// The replica whose turn it is.
    turn: usize,
    /// The attempt that all calls wait for while no replica is connected.
    opening: Option<Opening>,
    /// When the addresses are to be looked up; `None` while they are.
    due: Option<Instant>,
}

/// An address of the server.
#[derive(Debug)]
struct Replica {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed,
    Opening(Opening),
    Open(Numbered),
}

/// A connection that is open, with a number of its own: the end of an old one must not close a new one.
#[derive(Debug, Clone)]
struct Numbered {
    number: u64,
    sender: Sender,
}

/// An attempt to connect, for all who wait for it. It goes on when they are gone.
type Opening = Shared<Pin<Box<dyn Future<Output = Result<Sender, Unreachable>> + Send>>>;

// === impl Connections ===

impl Connections {
    pub(super) fn new(target: Target) -> Self {
        Self(Arc::new(Server {
            target,
            pool: Mutex::new(Pool {
                replicas: Vec::new(),
                turn: 0,
                opening: None,
                due: Some(Instant::now()),
            }),
            opened: AtomicU64::new(0),
        }))
    }

    pub(super) fn target(&self) -> &Target {
        &self.0.target
    }

    /// What a call can be begun with. A connection that its server is about to close, or that has no
    /// numbers left for streams, is left to the calls that it has.
    pub(super) async fn sender(&self) -> Result<Sender, Unreachable> {
        loop {
            let mut open = match self.0.enter() {
                Ok(open) => open,
                Err(opening) => return opening.await,
            };
            if poll_fn(|context| open.sender.poll_ready(context))
                .await
                .is_ok()
            {
                return Ok(open.sender);
            }
            self.0.close(open.number);
        }
    }
}

// === impl Server ===

impl Server {
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The connection whose turn it is, or the attempt to open one.
    fn enter(self: &Arc<Self>) -> Result<Numbered, Opening> {
        let mut pool = self.pool.lock();
        if let Some(open) = pool.next() {
            if pool.due.is_some_and(|due| due <= Instant::now()) {
                pool.due = None;
                tokio::spawn(Arc::clone(self).look_up());
            }
            return Ok(open);
        }
        let opening = pool
            .opening
            .get_or_insert_with(|| spawned(Arc::clone(self).first()));
        Err(opening.clone())
    }

    /// Connects to all addresses, and ends with the first connection.
    async fn first(self: Arc<Self>) -> Result<Sender, Unreachable> {
        let opened = self.connect_all().await;
        self.pool.lock().opening = None;
        opened
    }

    async fn connect_all(self: &Arc<Self>) -> Result<Sender, Unreachable> {
        let found = tokio::time::timeout(CONNECT_TIMEOUT, self.target.addresses()).await;
        let addresses = match found {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(Unreachable::because(&error)),
            Err(_) => return Err(Unreachable::because(&"its name was not resolved in time")),
        };
        let mut last = Unreachable::because(&"its name has no address");
        for family in self.ordered(&addresses) {
            let mut attempts: FuturesUnordered<_> = self.settle(&family).into_iter().collect();
            if let Some(open) = self.pool.lock().next() {
                return Ok(open.sender);
            }
            while let Some(opened) = attempts.next().await {
                match opened {
                    // The others go on, and calls take turns when they are there.
                    Ok(sender) => return Ok(sender),
                    Err(unreachable) => last = unreachable,
                }
            }
        }
        Err(last)
    }

    /// Looks the addresses up while calls go on.
    async fn look_up(self: Arc<Self>) {
        let found = tokio::time::timeout(CONNECT_TIMEOUT, self.target.addresses()).await;
        let Ok(Ok(addresses)) = found else {
            let server = self.target.authority();
            tracing::debug!(%server, "its addresses could not be looked up: those known stay");
            let known: Vec<_> = self.pool.lock().addresses().collect();
            self.settle(&known);
            return;
        };
        let family = self.ordered(&addresses).into_iter().next();
        self.settle(&family.unwrap_or_default());
    }

    /// The addresses of each family, with that in which the server was reached before the other.
    fn ordered(&self, addresses: &[SocketAddr]) -> Vec<Vec<SocketAddr>> {
        let used = self.pool.lock().addresses().next();
        let mut families = families(addresses);
        families
            .sort_by_key(|family| used.is_some_and(|used| used.is_ipv4() != family[0].is_ipv4()));
        families
    }

    /// The server is at these addresses from now on. Those without a connection are connected to: the
    /// attempts that are under way.
    fn settle(self: &Arc<Self>, addresses: &[SocketAddr]) -> Vec<Opening> {
        let mut pool = self.pool.lock();
        pool.due = Some(Instant::now() + LOOK_UP_EVERY);
        if addresses.is_empty() {
            // A name without any is a mistake that may pass; connections that are there are good.
            return Vec::new();
        }
        let mut known = std::mem::take(&mut pool.replicas);
        let mut addresses = addresses.to_vec();
        // Of too many those stay that are connected to, in whatever order they come.
        addresses.sort_by_key(|address| known.iter().all(|known| known.address != *address));
        addresses.truncate(MOST_ADDRESSES);
        let mut attempts = Vec::new();
        for address in addresses {
            let at = known.iter().position(|replica| replica.address == address);
            let state = at.map_or(State::Closed, |at| known.swap_remove(at).state);
            let state = match state {
                State::Closed => State::Opening(spawned(Arc::clone(self).connect(address))),
                other => other,
            };
            if let State::Opening(opening) = &state {
                attempts.push(opening.clone());
            }
            pool.replicas.push(Replica { address, state });
        }
        let is_open = |replica: &Replica| matches!(replica.state, State::Open(_));
        if !pool.replicas.iter().any(is_open) && known.iter().any(is_open) {
            // Those that the name has no more go on until another can take their calls.
            pool.replicas.extend(known.into_iter().filter(is_open));
            pool.look_up_within(AFTER_A_LOSS);
        }
        attempts
    }

    async fn connect(self: Arc<Self>, address: SocketAddr) -> Result<Sender, Unreachable> {
        let opened = open(&self.target, address).await;
        let mut pool = self.pool.lock();
        // An address that is the server's no more is connected to for whoever waits, and for no one else.
        let replica = pool.replicas.iter_mut().find(|replica| {
            replica.address == address && matches!(replica.state, State::Opening(_))
        });
        match opened {
            Ok((sender, connection)) => {
                let number = self.opened.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(drive(connection, Arc::downgrade(&self), number));
                if let Some(replica) = replica {
                    replica.state = State::Open(Numbered {
                        number,
                        sender: sender.clone(),
                    });
                }
                Ok(sender)
            }
            Err(unreachable) => {
                if let Some(replica) = replica {
                    replica.state = State::Closed;
                }
                pool.look_up_within(AFTER_A_FAILURE);
                Err(unreachable)
            }
        }
    }

    /// No call takes the connection of this number any more.
    pub(super) fn close(&self, number: u64) {
        let mut pool = self.pool.lock();
        let open = pool
            .replicas
            .iter_mut()
            .find(|replica| matches!(&replica.state, State::Open(open) if open.number == number));
        if let Some(replica) = open {
            replica.state = State::Closed;
            pool.look_up_within(AFTER_A_LOSS);
        }
    }
}

// === impl Pool ===

impl Pool {
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.replicas.iter().map(|replica| replica.address)
    }

    /// The open connection whose turn it is.
    fn next(&mut self) -> Option<Numbered> {
        let count = self.replicas.len();
        let turns = (0..count).map(|further| (self.turn + further) % count);
        let (turn, open) = turns
            .filter_map(|turn| match &self.replicas[turn].state {
                State::Open(open) => Some((turn, open.clone())),
                State::Closed | State::Opening(_) => None,
            })
            .next()?;
        self.turn = (turn + 1) % count;
        Some(open)
    }

    /// Has the addresses looked up by then, if a call comes.
    fn look_up_within(&mut self, time: Duration) {
        if let Some(due) = &mut self.due {
            *due = (*due).min(Instant::now() + time);
        }
    }
}

/// The addresses of each family, the preferred one first (RFC 6724 orders them). A server is connected
/// to in one family only: its addresses in the other are the same replicas again.
fn families(addresses: &[SocketAddr]) -> Vec<Vec<SocketAddr>> {
    let mut families: Vec<Vec<SocketAddr>> = Vec::new();
    for &address in addresses {
        let same = families
            .iter_mut()
            .find(|family| family[0].is_ipv4() == address.is_ipv4());
        match same {
            Some(family) if family.contains(&address) => {}
            Some(family) => family.push(address),
            None => families.push(vec![address]),
        }
    }
    families
}

fn spawned(attempt: impl Future<Output = Result<Sender, Unreachable>> + Send + 'static) -> Opening {
    let ended = tokio::spawn(attempt);
    let opened = ended.map(|ended| ended.unwrap_or_else(|error| Err(Unreachable::because(&error))));
    opened.boxed().shared()
}

// Linux has all of 127.0.0.0/8 without being told.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
