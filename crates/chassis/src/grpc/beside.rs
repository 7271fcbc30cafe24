//! Health and reflection, which every port has beside its own services.

use std::time::Duration;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use super::LIVENESS;
use super::reflection::{self, Reflection};
use crate::health::Health;
use crate::shutdown::Shutdown;

/// How long the answer to a call may take to begin. For a unary call that is the whole of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Health and reflection, within limits. Clones share everything.
#[derive(Debug, Clone)]
pub struct Beside {
    health: Routes,
    reflection: Option<Reflection>,
}

/// Health and reflection. `services` are the full names of what the port serves; health follows
/// `health` until the soft stop, from when on nothing is serving and streams end. `descriptors` gives a
/// `google.protobuf.FileDescriptorSet`, encoded; it is asked for it when reflection first is.
pub async fn health_and_reflection(
    descriptors: impl FnOnce() -> Vec<u8> + Send + 'static,
    services: &[String],
    health: &Health,
    shutdown: &Shutdown,
) -> Beside {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(LIVENESS, ServingStatus::Serving)
        .await;
    tokio::spawn(follow(
        reporter,
        services.to_vec(),
        health.clone(),
        shutdown.clone(),
    ));
    Beside {
        health: Routes::new(health_service),
        reflection: Some(Reflection::new(
            descriptors,
            services.to_vec(),
            shutdown.clone(),
        )),
    }
}

/// The services that are here beside the contract's.
pub const INFRASTRUCTURE: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Whether a path is of health or reflection, and not of a contract.
#[must_use]
pub fn is_infrastructure(path: &str) -> bool {
    // Most packages are others: they are not compared.
    path.starts_with("/grpc.")
        && path[1..]
            .split_once('/')
            .is_some_and(|(service, _)| INFRASTRUCTURE.contains(&service))
}

/// Reports each change of readiness until the soft stop.
async fn follow(
    mut reporter: HealthReporter,
    services: Vec<String>,
    health: Health,
    shutdown: Shutdown,
) {
    let mut changes = health.subscribe();
    let names = || services.iter().map(String::as_str).chain([""]);
    while !shutdown.has_begun() {
        let ready = health.is_ready();
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in names() {
            reporter.set_service_status(name, status).await;
        }
        let gone = tokio::select! {
            () = shutdown.begun() => break,
            changed = changes.changed() => changed.is_err(),
        };
        if gone {
            shutdown.begun().await;
        }
    }
    // Who watches hears that this process takes no more calls, and then the end of the stream, which
    // is what a status that is cleared does. Who asks hears it from the status that comes after it.
    for name in names() {
        reporter
            .set_service_status(name, ServingStatus::NotServing)
            .await;
        reporter.clear_service_status(name).await;
        reporter
            .set_service_status(name, ServingStatus::NotServing)
            .await;
    }
    reporter.clear_service_status(LIVENESS).await;
    reporter
        .set_service_status(LIVENESS, ServingStatus::Serving)
        .await;
}

// === impl Beside ===

impl Beside {
    /// Health alone: what is served is nobody's business.
    #[must_use]
    pub fn without_reflection(self) -> Self {
        Self {
            reflection: None,
            ..self
        }
    }

    /// Answers a call of health or reflection.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let answer = async {
            if let Some(reflection) = &self.reflection
                && reflection::owns(request.uri().path())
            {
                return reflection.answer(request).await;
            }
            match self.health.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("the request did not arrive in time").into_http(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::mpsc::RecvTimeoutError;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http_body::Frame;
    use tokio::net::TcpListener;
    use tonic::Code;
    use tonic::transport::Endpoint;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tower::service_fn;

    use super::*;
    use crate::grpc::reflection::LIFETIME;

    /// How long a server may take to end that nothing holds.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A body that is never finished.
    struct Unfinished;

    impl http_body::Body for Unfinished {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    async fn beside(health: &Health, shutdown: &Shutdown) -> Beside {
        health_and_reflection(
            || tonic_health::pb::FILE_DESCRIPTOR_SET.to_vec(),
            &["a.v1.A".into()],
            health,
            shutdown,
        )
        .await
    }

    #[tokio::test]
    async fn a_soft_stop_tells_who_watches_and_ends_the_stream_and_the_server() {
        let (health, shutdown) = (Health::default(), Shutdown::default());
        let beside = beside(&health, &shutdown).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let none = service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Status::unimplemented("nothing here").into_http())
        });
        let serving = tokio::spawn(super::super::serve(
            listener,
            none,
            beside,
            shutdown.clone(),
        ));
        let endpoint = Endpoint::from_shared(address).unwrap();
        let mut client = HealthClient::new(endpoint.connect().await.unwrap());
        let request = |service: &str| HealthCheckRequest {
            service: service.to_owned(),
        };
        let watched = client.watch(request("")).await.unwrap();
        let mut watched = watched.into_inner();
        let mut liveness = client.watch(request(LIVENESS)).await.unwrap().into_inner();
        let first = watched.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving.into());
        liveness.message().await.unwrap().unwrap();

        // A clock that is paused goes on where nothing runs, but not while something blocks. So none of
        // the drain goes by, and the server ends if nothing holds it; were it held, it would end when
        // patience does and the clock goes on.
        tokio::time::pause();
        let (over, ended) = std::sync::mpsc::channel::<()>();
        let blocks = tokio::task::spawn_blocking(move || ended.recv_timeout(PATIENCE));
        shutdown.begin();
        let second = watched.message().await.unwrap().unwrap();
        assert_eq!(second.status(), ServingStatus::NotServing.into());
        assert!(watched.message().await.unwrap().is_none());
        while liveness.message().await.unwrap().is_some() {}
        serving.await.unwrap().unwrap();
        drop(over);
        assert_eq!(blocks.await.unwrap(), Err(RecvTimeoutError::Disconnected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_whose_request_does_not_end_is_over_in_time() {
        let (health, shutdown) = (Health::default(), Shutdown::default());
        let beside = beside(&health, &shutdown).await;
        for method in ["Check", "Watch"] {
            let request = Request::post(format!("/grpc.health.v1.Health/{method}"))
                .header("content-type", "application/grpc")
                .body(Body::new(Unfinished))
                .unwrap();
            let response = beside.answer(request).await;
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{method}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reflection_stream_ends_after_its_lifetime_and_with_a_soft_stop() {
        let (health, shutdown) = (Health::default(), Shutdown::default());
        let beside = beside(&health, &shutdown).await;
        let ended = async || {
            let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
            let request = Request::post(path)
                .header("content-type", "application/grpc")
                .body(Body::new(Unfinished))
                .unwrap();
            let begun = tokio::time::Instant::now();
            let mut body = beside.answer(request).await.into_body();
            let frame =
                std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx));
            assert!(frame.await.unwrap().unwrap().is_trailers());
            begun.elapsed()
        };
        assert!(ended().await >= LIFETIME);
        shutdown.begin();
        assert!(ended().await < LIFETIME);
    }
}
