//! What every call passes, whatever protocol brought it: which methods are served here, who may
//! call them, what of the client's headers goes further, the deadline, the contract's rules.

mod early;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use chassis::contract::{Access, Method, RateLimitKey};
use chassis::layer::method::Methods;
use chassis::layer::{self, authenticate, idempotency, log, method, metrics, trace};
use chassis::timeout;
use chassis::trace::{BAGGAGE, TRACEPARENT, TRACESTATE};
use http::{HeaderMap, HeaderName, Request, Response, header};
use token::{AccessVerifier, Identity};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer as _, service_fn};

use crate::client::Client;
use crate::limits::{self, Limiter, Limits, Standing};
use crate::revocation::Revocations;
use crate::shared::Shared;
use crate::{metadata, request_id};
use early::Early;
pub(crate) use early::write_standing;

/// Where the calls of a service go.
pub type Upstream = Shared<Request<Body>, Response<Body>>;

/// The client's headers that go further. Everything else ends here, so that no client can speak to
/// a service in the gateway's name.
static PASSED_ON: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::ACCEPT_LANGUAGE,
    request_id::HEADER,
    TRACEPARENT,
    TRACESTATE,
    BAGGAGE,
    idempotency::HEADER,
    timeout::HEADER,
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-encoding"),
];

/// The address of the client, as the gateway sees it. Only the gateway sets it.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");

/// The client's `user-agent`. Only the gateway sets it.
pub const CLIENT_USER_AGENT: HeaderName = HeaderName::from_static("x-client-user-agent");

/// The longest `user-agent` that goes further, in bytes.
const LONGEST_USER_AGENT: usize = 256;

/// Answers gRPC calls: those it admits go to their service, and each of the contract has its line in
/// the log and counts, admitted or not. Clones share everything.
#[derive(Clone)]
pub struct Front {
    calls: Upstream,
    admission: Arc<Admission>,
}

/// The methods that are served here and where their calls go.
struct Admission {
    /// By gRPC path.
    methods: hashbrown::HashMap<String, Admitted>,
    verifier: Arc<AccessVerifier>,
    revocations: Revocations,
    limiter: Limiter,
    /// Headers that go further although no contract speaks of them.
    passed_on: Vec<HeaderName>,
}

/// A method that those outside may call, if they may.
struct Admitted {
    method: Arc<Method>,
    by_address: Option<Limits>,
    by_identity: Option<Limits>,
    upstream: Upstream,
}

/// What is asked before a call goes on, beside its token and its contract.
#[derive(Debug)]
pub struct Policy {
    /// Sessions that ended.
    pub revocations: Revocations,
    /// Counts calls.
    pub limiter: Limiter,
    /// Headers that go further although no contract speaks of them.
    pub passed_on: Vec<HeaderName>,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

// === impl Front ===

impl Front {
    /// Calls of each service of the contract go where `upstreams` says; one that is not there is not
    /// served.
    #[must_use]
    pub fn new(
        parts: &layer::Parts,
        methods: &Arc<Methods>,
        policy: Policy,
        upstreams: &HashMap<String, Upstream>,
    ) -> Self {
        // An internal method does not exist for the outside.
        let outside = parts.contract.methods().into_iter();
        let outside = outside.filter(|method| method.access != Access::Internal);
        let admitted = outside.filter_map(|method| {
            let upstream = upstreams.get(&method.service)?.clone();
            let admitted = Admitted {
                method: Arc::clone(method),
                by_address: Limits::of(method, RateLimitKey::Address),
                by_identity: Limits::of(method, RateLimitKey::Identity),
                upstream,
            };
            Some((method.path.clone(), admitted))
        });
        let Policy {
            revocations,
            limiter,
            passed_on,
        } = policy;
        let admission = Arc::new(Admission {
            methods: admitted.collect(),
            verifier: Arc::clone(&parts.verifier),
            revocations,
            limiter,
            passed_on,
        });
        let admitting = Arc::clone(&admission);
        let calls = service_fn(move |mut request: Request<Body>| {
            let admission = Arc::clone(&admitting);
            async move {
                let mut standing = None;
                let admitted = admission.admit(&mut request, &mut standing).await;
                let mut response = match admitted {
                    Ok(upstream) => upstream.answer(request).await,
                    Err(status) => status.into_http(),
                };
                if let Some(standing) = standing {
                    standing.write(response.headers_mut());
                }
                Ok(response)
            }
        });
        let calls = log::layer().layer(calls);
        let calls = metrics::layer().layer(calls);
        let calls = trace::layer(parts).layer(calls);
        Self {
            calls: Shared::new(method::layer(methods).layer(calls)),
            admission,
        }
    }

    /// Answers a gRPC call.
    pub fn call(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        self.calls.answer(request)
    }
}

// === impl Admission ===

impl Admission {
    /// Where a call goes, ready to go there, or why it may not; `standing` is what is left to its caller.
    async fn admit(
        &self,
        request: &mut Request<Body>,
        standing: &mut Option<Standing>,
    ) -> Result<&Upstream, Status> {
        let early = request.extensions_mut().remove::<Early>();
        let path = request.uri().path();
        let client = request.extensions().get::<Client>();
        let admitted = match early {
            None => {
                self.check(path, request.headers(), client, standing)
                    .await?
            }
            Some(early) => {
                *standing = early.standing;
                early.admitted?;
                self.find(path)?
            }
        };
        *request.headers_mut() = passed_on(request.headers(), client, &self.passed_on);
        Ok(&admitted.upstream)
    }

    fn find(&self, path: &str) -> Result<&Admitted, Status> {
        self.methods.get(path).ok_or_else(|| {
            // Not served here, so it may have no other line in the log.
            tracing::debug!(rpc.method = path, "no such method");
            Status::unimplemented("no such method here")
        })
    }

    /// Whether a call may be made; `standing` is what is left to its caller.
    async fn check(
        &self,
        path: &str,
        headers: &HeaderMap,
        client: Option<&Client>,
        standing: &mut Option<Standing>,
    ) -> Result<&Admitted, Status> {
        let admitted = self.find(path)?;
        // Before anything else, so that guessing tokens is limited too.
        if let (Some(limits), Some(client)) = (&admitted.by_address, client) {
            let caller = limits::address(client.address);
            self.count(limits, &caller, standing).await?;
        }
        let identity = self.authorize(&admitted.method, headers).await?;
        if let (Some(limits), Some(identity)) = (&admitted.by_identity, identity) {
            let caller = limits::user(identity.user_id);
            self.count(limits, &caller, standing).await?;
        }
        // Here already: a key that no service takes is no reason to ask one.
        idempotency::key(headers)?;
        Ok(admitted)
    }

    /// Counts a call, and keeps the standing that is the closest.
    async fn count(
        &self,
        limits: &Limits,
        caller: &str,
        closest: &mut Option<Standing>,
    ) -> Result<(), Status> {
        // What waits for Redis is large, and would make the future of every call so.
        let standing = Box::pin(self.limiter.take(limits, caller)).await;
        let allowed = standing.check();
        if closest
            .as_ref()
            .is_none_or(|closest| standing.is_closer(closest))
        {
            *closest = Some(standing);
        }
        allowed
    }

    async fn authorize(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Identity>, Status> {
        // Whoever calls: nothing is to be checked, not even the time.
        if method.access == Access::Public {
            return Ok(None);
        }
        let now = SystemTime::now();
        let identity = authenticate::check(method, headers, false, &self.verifier, now)?;
        if let Some(identity) = &identity {
            Box::pin(self.revocations.check(identity.session_id)).await?;
        }
        Ok(identity)
    }
}

/// The headers that a service sees. Of those that come several times, the first.
fn passed_on(headers: &HeaderMap, client: Option<&Client>, more: &[HeaderName]) -> HeaderMap {
    // Beside those that nearly every call has, some of its own.
    let mut kept = HeaderMap::with_capacity(12);
    for (name, value) in headers {
        if PASSED_ON.contains(name) {
            kept.entry(name).or_insert_with(|| value.clone());
        }
    }
    for name in more {
        for value in metadata::values(headers, name) {
            kept.append(name.clone(), value.clone());
        }
    }
    let fixed = http::HeaderValue::from_static;
    kept.insert(header::CONTENT_TYPE, fixed("application/grpc"));
    kept.insert(header::TE, fixed("trailers"));
    kept.extend(client.map(|client| (CLIENT_ADDRESS, client.text.clone())));
    let agent = headers
        .get(header::USER_AGENT)
        .filter(|agent| agent.len() <= LONGEST_USER_AGENT);
    kept.extend(agent.map(|agent| (CLIENT_USER_AGENT, agent.clone())));
    kept
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use parking_lot::Mutex;
    use token::AccessSigner;

    use super::*;

    /// What is logged, as text.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_call_that_is_refused_has_its_line_in_the_log_without_the_token() {
        // The first test key of RFC 8032.
        let key = "k4.secret.nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL_tPJZAc6DuFy89qmIyWvAhpo9wdRGg";
        let verifier = Arc::new(AccessSigner::from_paserk(key).unwrap().verifier());
        let nobody = service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Status::internal("not to be called").into_http())
        });
        let nobody = Shared::new(nobody);
        let contract = crate::Contracts::compiled().unwrap().contract;
        let validator = Arc::new(validate::Validator::new(proto::descriptors()).unwrap());
        let metrics = chassis::metrics::Metrics::default();
        let parts = layer::Parts::new(contract, verifier, validator, metrics.clone()).unwrap();
        let methods = Arc::new(Methods::new(&parts));
        let policy = Policy {
            revocations: Revocations::in_memory(),
            limiter: Limiter::in_memory(),
            passed_on: Vec::new(),
        };
        let upstreams = HashMap::from([("auth.v1.AuthService".to_owned(), nobody)]);
        let front = Front::new(&parts, &methods, policy, &upstreams);
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        let request = Request::post("/auth.v1.AuthService/GetProfile")
            .header("authorization", "Bearer v4.public.forged")
            .header("x-request-id", "request-7")
            .body(Body::empty());
        let response = front.call(request.unwrap()).await;
        drop(guard);
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        let log = String::from_utf8(written.0.lock().clone()).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        for part in [
            "/auth.v1.AuthService/GetProfile",
            "Unauthenticated",
            "request-7",
        ] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
        assert!(!log.contains("forged"), "{log}");
        let counted = "method=\"auth.v1.AuthService/GetProfile\",transport=\"http2\",code=\"UNAUTHENTICATED\"} 1";
        assert!(metrics.render().contains(counted), "{}", metrics.render());
    }

    #[test]
    fn no_client_speaks_in_the_gateways_name() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-client-address",
            "x-user-id",
            "x_user_id",
            "connection",
            "cookie",
            "host",
        ] {
            headers.insert(HeaderName::from_static(name), "forged".parse().unwrap());
        }
        for language in ["sv", "forged"] {
            headers.append("accept-language", language.parse().unwrap());
        }
        let kept = passed_on(&headers, Some(&Client::at([127, 0, 0, 1].into())), &[]);
        assert_eq!(kept.get("x-client-address").unwrap(), "127.0.0.1");
        assert_eq!(kept.get("accept-language").unwrap(), "sv");
        assert!(kept.values().all(|value| value != "forged"), "{kept:?}");
    }
}
