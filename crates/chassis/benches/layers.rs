//! What the layers cost: time and allocations per call of the whole stack, around a service that
//! answers at once.
//!
//! ```text
//! cargo bench -p chassis --bench layers
//! ```
#![expect(clippy::print_stdout, reason = "a command line")]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chassis::call::{Budget, CallId, FromBus};
use chassis::contract::Contract;
use chassis::layer::{Parts, stack};
use chassis::metrics::Metrics;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use token::AccessSigner;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, service_fn};
use validate::Validator;

type Calls = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Calls of one round, and rounds; the best round counts, which the machine's other work disturbs
/// least.
const CALLS: u32 = 20_000;
const ROUNDS: u32 = 15;

fn request(path: &'static str, bus: bool, traced: bool) -> Request<Body> {
    let message = Full::new(bytes::Bytes::from_static(b"\0\0\0\0\x05\x0a\x03abc"));
    let mut request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "5000m")
        .body(Body::new(message))
        .expect("it is one");
    if bus {
        let extensions = request.extensions_mut();
        extensions.insert(CallId("0123456789abcdef0123456789abcdef".to_owned()));
        extensions.insert(FromBus);
        extensions.insert(Budget(Duration::from_secs(5)));
    }
    if traced {
        let headers = request.headers_mut();
        headers.insert(
            "traceparent",
            HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        );
        headers.insert("x-request-id", HeaderValue::from_static("request-7"));
    }
    request
}

/// One call, as the bus makes it on its poll thread: answered within the first poll.
fn call(service: &Calls, request: Request<Body>) -> Response<Body> {
    let mut service = service.clone();
    let mut answer = std::pin::pin!(service.call(request));
    match answer
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => unreachable!("the service answers at once"),
    }
}

fn measure(name: &str, service: &Calls, make: impl Fn() -> Request<Body>) -> (f64, f64) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            black_box(call(service, black_box(make())));
        }
        best = best.min(begun.elapsed());
    }
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100 {
            black_box(call(service, make()));
        }
    });
    let nanos = best.as_secs_f64() * 1e9 / f64::from(CALLS);
    let allocations = allocated.count_total as f64 / 100.0;
    let bytes = allocated.bytes_total as f64 / 100.0;
    println!("{name:<36} {nanos:>8.0} ns {allocations:>6.1} allocations {bytes:>7.0} bytes");
    (nanos, allocations)
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("the system gives threads");
    let _entered = runtime.enter();
    let contract = Contract::read(test_contract::echo::descriptors(), &[test_contract::ECHO])
        .expect("the contract has no fault");
    let keys = token::generate().expect("the system has randomness");
    let signer = AccessSigner::from_paserk(&keys.access_secret).expect("it is a key");
    let validator = Validator::new(test_contract::echo::descriptors()).expect("known rules");
    let parts = Parts::new(
        Arc::new(contract),
        Arc::new(signer.verifier()),
        Arc::new(validator),
        Metrics::default(),
    )
    .expect("the system has randomness");
    let nothing =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let bare = BoxCloneSyncService::new(nothing);
    let stacked = BoxCloneSyncService::new(stack(&parts, nothing));
    for (name, path) in [
        ("no rules", "/echo.v1.EchoService/Echo"),
        ("internal", "/echo.v1.EchoService/WhoAmI"),
    ] {
        for (transport, bus) in [("kafka", true), ("http2", false)] {
            if name == "internal" && !bus {
                continue;
            }
            for (more, traced) in [("", false), (", traced", true)] {
                let make = || request(path, bus, traced);
                let name = format!("{name}, {transport}{more}");
                let (floor, fewest) = measure(&format!("{name}: bare"), &bare, make);
                let (nanos, all) = measure(&format!("{name}: layers"), &stacked, make);
                println!(
                    "{:<36} {:>8.0} ns {:>6.1} allocations",
                    "  the layers",
                    nanos - floor,
                    all - fewest
                );
            }
        }
    }
}
