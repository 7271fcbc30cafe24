//! Connections: HTTP/1.1 and HTTP/2 on one port, in the clear (HTTP/2 with prior knowledge) or over TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use chassis::grpc::DRAIN;
use chassis::shutdown::Shutdown;
use http::Request;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::Gateway;
use crate::client::Peer;
use crate::tls::Tls;
use opened::{Opened, Stream};

mod opened;

/// The connections that are open at once; more wait to be accepted.
const CONNECTIONS: usize = 20_000;

/// How long a connection may take to say which protocol it speaks, from when it is accepted.
const OPENING_TIMEOUT: Duration = Duration::from_secs(15);

/// How long an HTTP/1.1 connection may be without the whole head of a request, from its opening or
/// from the end of the answer before. hyper has one clock for a connection that idles and a head
/// that is under way, and reverse proxies keep idle connections for 60 s: it must be they who close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// The largest head of a request, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;

/// How often an HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The HTTP/2 calls that one connection may have open.
const STREAMS: u32 = 256;

/// How long to wait after a failure to accept, which is mostly a lack of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves until the soft stop; then open requests are finished, within [`DRAIN`], and connections
/// closed.
pub async fn serve(listener: TcpListener, tls: Option<Tls>, gateway: Gateway, shutdown: Shutdown) {
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends what is still open after the drain.
    let cut = Shutdown::default();
    loop {
        let accepted = tokio::select! {
            () = shutdown.begun() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, address, permit)) = accepted else {
            continue;
        };
        let gateway = gateway.clone();
        let peer = Arc::new(Peer::at(address));
        let service = service_fn(move |request: Request<Incoming>| {
            let (gateway, peer) = (gateway.clone(), Arc::clone(&peer));
            let request = request.map(body);
            async move { Ok::<_, Infallible>(gateway.answer(request, &peer).await) }
        });
        let builder = Arc::clone(&builder);
        let watcher = graceful.watcher();
        let (tls, shutdown, cut) = (tls.clone(), shutdown.clone(), cut.clone());
        tokio::spawn(async move {
            let opened = tokio::select! {
                opened = open(stream, tls.as_ref()) => opened,
                () = shutdown.begun() => return,
            };
            let Some(stream) = opened else {
                return;
            };
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                ended = watcher.watch(connection.into_owned()) => if let Err(error) = ended {
                    // A client that leaves is no event; what it did wrong is for debugging.
                    tracing::debug!("a connection ended: {error}");
                },
                () = cut.begun() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    gateway.begin_stop();
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        let busy = CONNECTIONS - connections.available_permits();
        tracing::warn!("{busy} connections were busy {DRAIN:?} after the soft stop; dropped");
        cut.begin();
    }
}

/// The body of a request. Most have none, and that takes no box.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() {
        return Body::empty();
    }
    Body::new(incoming)
}

/// Waits until a connection says which protocol it speaks. The wait would otherwise be without end:
/// the clock for heads starts when HTTP/1.1 does.
async fn open(stream: TcpStream, tls: Option<&Tls>) -> Option<Opened> {
    let opened = async {
        let mut stream: Box<dyn Stream> = match tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.acceptor().accept(stream).await?),
        };
        let opening = opening(&mut stream).await?;
        Ok::<_, std::io::Error>(Opened::new(opening, stream))
    };
    match tokio::time::timeout(OPENING_TIMEOUT, opened).await {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            tracing::debug!("a connection ended before it began: {error}");
            None
        }
        Err(_) => {
            tracing::debug!("a connection did not begin within {OPENING_TIMEOUT:?}");
            None
        }
    }
}

/// The first bytes: the whole preface of HTTP/2, or those that cannot be a part of one.
async fn opening(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut opening = Vec::with_capacity(PREFACE.len());
    while opening.len() < PREFACE.len() && PREFACE.starts_with(&opening) {
        let mut rest = (&mut *stream).take((PREFACE.len() - opening.len()) as u64);
        if rest.read_buf(&mut opening).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(opening)
}

type Accepted = (
    TcpStream,
    std::net::IpAddr,
    tokio::sync::OwnedSemaphorePermit,
);

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!("a connection keeps its delay: {error}");
            }
            Some((stream, address.ip(), permit))
        }
        Err(error) => {
            tracing::warn!("a connection was not accepted: {error}");
            tokio::time::sleep(ACCEPT_AGAIN).await;
            None
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_LIMIT).unwrap_or(u32::MAX));
    builder
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn opening_of(parts: &[&[u8]]) -> std::io::Result<Vec<u8>> {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let send = async {
            for part in parts {
                client.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        tokio::join!(opening(&mut server), send).0
    }

    #[tokio::test]
    async fn an_opening_is_a_preface_or_what_cannot_be_one() {
        assert_eq!(
            opening_of(&[b"GET / HTTP/1.1"]).await.unwrap(),
            b"GET / HTTP/1.1"
        );
        assert_eq!(
            opening_of(&[b"P", b"OST / HTTP/1.1"]).await.unwrap(),
            b"POST / HTTP/1.1"
        );
        let preface = [&PREFACE[..10], &PREFACE[10..], b"frames"];
        assert_eq!(opening_of(&preface).await.unwrap(), PREFACE);
        assert!(opening_of(&[&PREFACE[..23]]).await.is_err());
        assert!(opening_of(&[]).await.is_err());
    }

    /// Whether a connection that sends this and no more is closed.
    async fn unopened(bytes: &[u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(bytes).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tokio::time::pause();
        let opened = open(stream, None).await;
        tokio::time::resume();
        opened.is_none() && client.read(&mut [0]).await.unwrap() == 0
    }

    #[tokio::test]
    async fn a_connection_that_does_not_begin_is_closed() {
        assert!(unopened(b"").await);
        assert!(unopened(&PREFACE[..23]).await);
    }
}
