//! Health and reflection, which every port has beside its own services.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use super::LIVENESS;
use crate::health::Health;
use crate::shutdown::Shutdown;

/// How long the answer to a call may take to begin. For a unary call that is the whole of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a reflection stream may live: tools ask what they need within seconds.
const REFLECTION_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Health and reflection, within limits. Clones share everything.
#[derive(Debug, Clone)]
pub struct Beside {
    routes: Routes,
    shutdown: Shutdown,
}

/// A request's body, which ends early when `over` does.
struct Until {
    body: Body,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

/// Health and reflection. `services` are the full names of what the port serves; health follows
/// `health` until the soft stop, from when on nothing is serving and streams end.
///
/// # Errors
/// The descriptors cannot be read.
pub async fn health_and_reflection(
    descriptors: &[u8],
    services: &[String],
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Beside, tonic_reflection::server::Error> {
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
    let reflection = || {
        services.iter().fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health"),
            tonic_reflection::server::Builder::with_service_name,
        )
    };
    let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let routes = Routes::new(health_service)
        .add_service(v1)
        .add_service(v1alpha);
    Ok(Beside {
        routes,
        shutdown: shutdown.clone(),
    })
}

/// Whether a path is of health or reflection, and not of a contract.
#[must_use]
pub fn is_infrastructure(path: &str) -> bool {
    path.starts_with("/grpc.")
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
    /// Answers a call of health or reflection.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let shutdown = self.shutdown.clone();
        // A reflection stream lives as long as its requests may come. One of health may live for
        // ever: it ends when its status is cleared.
        let request = if request.uri().path().starts_with("/grpc.reflection.") {
            let over = async move {
                shutdown.sleep(REFLECTION_LIFETIME).await;
            };
            request.map(|body| Body::new(Until::new(body, over)))
        } else {
            request
        };
        let answer = self.routes.clone().oneshot(request);
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => Status::deadline_exceeded("the request did not arrive in time").into_http(),
        }
    }
}

// === impl Until ===

impl Until {
    fn new(body: Body, over: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            body,
            over: Box::pin(over),
            ended: false,
        }
    }
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.over.as_mut().poll(cx).is_ready() {
            self.ended = true;
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // It may end early.
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::net::TcpListener;
    use tonic::Code;
    use tonic::transport::Endpoint;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tower::service_fn;

    use super::*;

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
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            &["a.v1.A".into()],
            health,
            shutdown,
        )
        .await
        .unwrap()
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

        shutdown.begin();
        let second = watched.message().await.unwrap().unwrap();
        assert_eq!(second.status(), ServingStatus::NotServing.into());
        assert!(watched.message().await.unwrap().is_none());
        while liveness.message().await.unwrap().is_some() {}
        tokio::time::timeout(super::super::DRAIN / 2, serving)
            .await
            .expect("nothing holds the server")
            .unwrap()
            .unwrap();
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
        assert!(ended().await >= REFLECTION_LIFETIME);
        shutdown.begin();
        assert!(ended().await < REFLECTION_LIFETIME);
    }
}
