//! The connection to a server: made when it is first needed, shared by all calls, made again when it
//! is lost.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use h2::client::{Connection, SendRequest};
use parking_lot::Mutex;
use thiserror::Error;

use super::target::{Stream, Target};

/// How long a connection may take to be made, TLS and the first frames included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much a server may send before it is read, in bytes: of one answer, and of all on a connection.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The largest metadata of an answer, in bytes.
const HEADERS: u32 = 32 * 1024;

/// The cancelled calls that a connection remembers, for as long as h2 does: a second.
const RESET_STREAMS: usize = 1024;

/// What calls are begun with.
pub(super) type Sender = SendRequest<Bytes>;

type Http2Connection = Connection<Box<dyn Stream>, Bytes>;

/// Why a connection could not be opened.
#[derive(Debug, Error)]
enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(super) struct Unreachable(pub(super) Arc<str>);

/// The connections to a server, of which new calls use the last. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Server>);

#[derive(Debug)]
struct Server {
    target: Target,
    state: Mutex<State>,
    /// How many connections there were.
    opened: AtomicU64,
}

#[derive(Debug)]
enum State {
    Closed,
    /// All that come meanwhile wait for the same attempt.
    Opening(Opening),
    Open(Numbered),
}

/// A connection that is open, with a number of its own: the end of an old one must not close a new one.
#[derive(Debug, Clone)]
struct Numbered {
    number: u64,
    sender: Sender,
}

type Opening = Shared<Pin<Box<dyn Future<Output = Result<Sender, Unreachable>> + Send>>>;

// === impl Connections ===

impl Connections {
    pub(super) fn new(target: Target) -> Self {
        Self(Arc::new(Server {
            target,
            state: Mutex::new(State::Closed),
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
    /// The connection that is open, or the attempt to open one.
    fn enter(self: &Arc<Self>) -> Result<Numbered, Opening> {
        let mut state = self.state.lock();
        let opening = match &*state {
            State::Open(open) => return Ok(open.clone()),
            State::Opening(opening) => opening.clone(),
            State::Closed => {
                // It goes on when all who wait for it are gone.
                let attempt = tokio::spawn(Arc::clone(self).attempt());
                let opening = attempt.map(|opened| match opened {
                    Ok(opened) => opened,
                    Err(error) => Err(Unreachable(error.to_string().into())),
                });
                let opening = opening.boxed().shared();
                *state = State::Opening(opening.clone());
                opening
            }
        };
        Err(opening)
    }

    async fn attempt(self: Arc<Self>) -> Result<Sender, Unreachable> {
        let opened = match tokio::time::timeout(CONNECT_TIMEOUT, open(&self.target)).await {
            Ok(opened) => opened.map_err(|error| Unreachable(error.to_string().into())),
            Err(_) => {
                let cause = format!("no connection within {CONNECT_TIMEOUT:?}");
                Err(Unreachable(cause.into()))
            }
        };
        let mut state = self.state.lock();
        match opened {
            Ok((sender, connection)) => {
                let number = self.opened.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(drive(connection, Arc::downgrade(&self), number));
                *state = State::Open(Numbered {
                    number,
                    sender: sender.clone(),
                });
                Ok(sender)
            }
            Err(unreachable) => {
                *state = State::Closed;
                Err(unreachable)
            }
        }
    }

    fn close(&self, number: u64) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Open(open) if open.number == number) {
            *state = State::Closed;
        }
    }
}

async fn open(target: &Target) -> Result<(Sender, Http2Connection), OpenError> {
    let stream = target.connect().await?;
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        // More only when the server has said how many it takes: what is above that it would refuse.
        .initial_max_send_streams(1)
        // What a server had sent before it heard that a call was cancelled is passed over, and however
        // much it is, the others on the connection go on.
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(None)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS);
    Ok(builder.handshake(stream).await?)
}

/// Moves the frames of a connection until it ends.
async fn drive(connection: Http2Connection, server: Weak<Server>, number: u64) {
    let ended = connection.await;
    if let Some(server) = server.upgrade() {
        server.close(number);
        if let Err(error) = ended {
            let server = server.target.authority();
            tracing::debug!(%server, "the connection ended: {error}");
        }
    }
}
