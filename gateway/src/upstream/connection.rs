//! One connection to a server: how it is opened, and what moves its frames.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::Ping;
use h2::client::{Connection, SendRequest};
use thiserror::Error;

use super::pool::Server;
use super::target::{Stream, Target};

/// How long a connection may take to be made, TLS and the first frames included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of one answer a server may send before it is read, in bytes: what is kept for a client that
/// takes nothing of it.
const STREAM_WINDOW: u32 = 64 * 1024;

/// The same of all answers on a connection: as much as HTTP/2 allows. They share it, so with less some that
/// nobody reads would hold up all others.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The largest metadata of an answer, in bytes.
const HEADERS: u32 = 32 * 1024;

/// The cancelled calls that a connection remembers, for as long as h2 does: a second.
const RESET_STREAMS: usize = 1024;

/// What calls are begun with.
pub(super) type Sender = SendRequest<Bytes>;

pub(super) type Http2Connection = Connection<Box<dyn Stream>, Bytes>;

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(super) struct Unreachable(pub(super) Arc<str>);

/// Why a connection could not be opened.
#[derive(Debug, Error)]
enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

// === impl Unreachable ===

impl Unreachable {
    pub(super) fn because(cause: &impl ToString) -> Self {
        Self(cause.to_string().into())
    }
}

/// Connects to an address of a server.
pub(super) async fn open(
    target: &Target,
    address: SocketAddr,
) -> Result<(Sender, Http2Connection), Unreachable> {
    match tokio::time::timeout(CONNECT_TIMEOUT, shaken(target, address)).await {
        Ok(opened) => opened.map_err(|error| Unreachable::because(&error)),
        Err(_) => {
            let cause = format!("no connection within {CONNECT_TIMEOUT:?}");
            Err(Unreachable(cause.into()))
        }
    }
}

async fn shaken(
    target: &Target,
    address: SocketAddr,
) -> Result<(Sender, Http2Connection), OpenError> {
    let stream = target.connect(address).await?;
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
    let (sender, mut connection) = builder.handshake(stream).await?;
    // Nothing was read yet: what is at the other end may take connections and speak no HTTP/2, or have
    // refused our certificate. An answer to a ping comes after its settings (RFC 9113, 3.4).
    if let Some(mut pings) = connection.ping_pong() {
        let mut pong = pin!(pings.ping(Ping::opaque()));
        poll_fn(|context| {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
                let closed = || Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                return Poll::Ready(ended.map_err(OpenError::from).and_then(|()| closed()));
            }
            pong.as_mut().poll(context).map_err(OpenError::from)
        })
        .await?;
    }
    Ok((sender, connection))
}

/// Moves the frames of a connection until it ends.
pub(super) async fn drive(connection: Http2Connection, server: Weak<Server>, number: u64) {
    let ended = connection.await;
    if let Some(server) = server.upgrade() {
        server.close(number);
        if let Err(error) = ended {
            let server = server.target().authority();
            tracing::debug!(%server, "the connection ended: {error}");
        }
    }
}
