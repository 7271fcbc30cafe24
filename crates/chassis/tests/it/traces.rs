//! The trace context of a call is there while the call is worked on, and nowhere else.

use std::convert::Infallible;

use chassis::layer::{propagate, stack};
use chassis::trace;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::harness::{BOTH, By, called_by, parts};

/// The example of the specification.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Makes a call of its own once it has waited, and answers with the `traceparent` that the call had.
async fn answer_of_callee(mut client: impl AsyncFnMut() -> String) -> Response<Body> {
    tokio::task::yield_now().await;
    let mut response = Response::new(Body::empty());
    let seen = client().await.parse().unwrap();
    response.headers_mut().insert("seen", seen);
    response
}

async fn callee(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::empty());
    let carried = request.headers().get("traceparent").cloned();
    response
        .headers_mut()
        .extend(carried.map(|value| (trace::TRACEPARENT, value)));
    Ok(response)
}

async fn seen(by: By, path: &str, parent: Option<&str>) -> String {
    let client = propagate::layer().layer(service_fn(callee));
    let handler = service_fn(move |_: Request<Body>| {
        let client = client.clone();
        async move {
            let call = async move || {
                let request = Request::new(Body::empty());
                let response = client.clone().oneshot(request).await.unwrap();
                let carried = response.headers().get("traceparent");
                carried.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
            };
            Ok::<_, Infallible>(answer_of_callee(call).await)
        }
    });
    let service = called_by(by, stack(&parts(10), handler));
    let mut request = Request::post(path);
    if let Some(parent) = parent {
        request = request.header("traceparent", parent);
    }
    let response = service
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert!(trace::current().is_none(), "it has left its thread");
    response.headers()["seen"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_handler_calls_belongs_to_the_callers_trace() {
    for by in BOTH {
        let carried = seen(by, "/echo.v1.EchoService/Echo", Some(PARENT)).await;
        assert_eq!(carried[..36], PARENT[..36], "{by:?}");
        assert_ne!(carried[36..52], PARENT[36..52], "a span of its own");
        assert!(carried.ends_with("-01"));
    }
}

#[tokio::test]
async fn a_call_without_a_trace_begins_one() {
    for by in BOTH {
        for parent in [None, Some("00-forged")] {
            let carried = seen(by, "/echo.v1.EchoService/Echo", parent).await;
            assert_eq!(carried.len(), PARENT.len(), "{by:?} {carried}");
            assert!(carried.ends_with("-00"));
        }
    }
}

#[tokio::test]
async fn what_is_not_of_the_contract_has_no_trace_of_ours() {
    for by in BOTH {
        assert_eq!(
            seen(by, "/grpc.health.v1.Health/Check", Some(PARENT)).await,
            ""
        );
    }
}
