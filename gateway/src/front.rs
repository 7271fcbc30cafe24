//! What every call passes, whatever protocol brought it: which methods are served here, who may
//! call them, what of the client's headers goes further, the deadline, the contract's rules.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use chassis::contract::{Access, Contract, Method};
use chassis::layer::method::Methods;
use chassis::layer::{self, authenticate, idempotency, log, method, metrics, trace};
use http::{HeaderMap, HeaderName, Request, Response, header};
use token::AccessVerifier;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::revocation::Revocations;

/// Where the calls of a service go.
pub type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The client's headers that go further. Everything else ends here, so that no client can speak to
/// a service in the gateway's name.
const PASSED_ON: [&str; 10] = [
    "authorization",
    "accept-language",
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "idempotency-key",
    "grpc-timeout",
    "grpc-accept-encoding",
    "grpc-encoding",
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
pub struct Front(Upstream);

/// The methods that are served here and where their calls go.
struct Admission {
    contract: Arc<Contract>,
    verifier: Arc<AccessVerifier>,
    revocations: Revocations,
    /// Hosts `auth.v1.AuthService`.
    local: Upstream,
    /// By the names of the services that they serve.
    direct: HashMap<String, Upstream>,
    /// Everything else.
    bus: Upstream,
}

/// The network address of the client, in a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub std::net::IpAddr);

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

// === impl Front ===

impl Front {
    /// `local` serves the gateway's own services, `direct` those that it names, `bus` all others of the
    /// contract.
    #[must_use]
    pub fn new(
        parts: &layer::Parts,
        methods: &Arc<Methods>,
        revocations: Revocations,
        local: Upstream,
        direct: HashMap<String, Upstream>,
        bus: Upstream,
    ) -> Self {
        let admission = Arc::new(Admission {
            contract: Arc::clone(&parts.contract),
            verifier: Arc::clone(&parts.verifier),
            revocations,
            local,
            direct,
            bus,
        });
        let calls = service_fn(move |request: Request<Body>| {
            let admission = Arc::clone(&admission);
            async move {
                match admission.admit(request).await {
                    Ok((upstream, request)) => upstream.oneshot(request).await,
                    Err(status) => Ok(status.into_http()),
                }
            }
        });
        let calls = log::layer().layer(calls);
        let calls = metrics::layer().layer(calls);
        let calls = trace::layer(parts).layer(calls);
        Self(BoxCloneSyncService::new(
            method::layer(methods).layer(calls),
        ))
    }

    /// Answers a gRPC call.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

// === impl Admission ===

impl Admission {
    async fn admit(&self, request: Request<Body>) -> Result<(Upstream, Request<Body>), Status> {
        let (mut head, body) = request.into_parts();
        let method = self.contract.get(head.uri.path());
        if method.is_none() {
            // Not of the contract, so it has no other line in the log.
            tracing::debug!(rpc.method = head.uri.path(), "no such method");
        }
        // An internal method does not exist for the outside.
        let method = method
            .filter(|method| method.access != Access::Internal)
            .ok_or_else(|| Status::unimplemented("no such method here"))?;
        self.authorize(method, &head.headers).await?;
        // Here already: a key that no service takes is no reason to ask one.
        idempotency::key(&head.headers)?;
        let peer = head.extensions.get::<Peer>().copied();
        head.headers = passed_on(&head.headers, peer);
        let upstream = match self.direct.get(&method.service) {
            Some(direct) => direct,
            None if proto::GATEWAY_SERVICES.contains(&method.service.as_str()) => &self.local,
            None => &self.bus,
        };
        Ok((upstream.clone(), Request::from_parts(head, body)))
    }

    async fn authorize(&self, method: &Method, headers: &HeaderMap) -> Result<(), Status> {
        let now = SystemTime::now();
        match authenticate::check(method, headers, false, &self.verifier, now)? {
            Some(identity) => self.revocations.check(identity.session_id).await,
            None => Ok(()),
        }
    }
}

/// The headers that a service sees.
fn passed_on(headers: &HeaderMap, peer: Option<Peer>) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(PASSED_ON.len());
    for name in PASSED_ON {
        if let Some(value) = headers.get(name) {
            kept.insert(HeaderName::from_static(name), value.clone());
        }
    }
    let fixed = http::HeaderValue::from_static;
    kept.insert(header::CONTENT_TYPE, fixed("application/grpc"));
    kept.insert(header::TE, fixed("trailers"));
    let address = peer.and_then(|Peer(address)| address.to_string().try_into().ok());
    kept.extend(address.map(|address| (CLIENT_ADDRESS, address)));
    let agent = headers
        .get(header::USER_AGENT)
        .filter(|agent| agent.len() <= LONGEST_USER_AGENT);
    kept.extend(agent.map(|agent| (CLIENT_USER_AGENT, agent.clone())));
    kept
}

#[cfg(test)]
mod tests {
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
        let nobody = BoxCloneSyncService::new(nobody);
        let contract = crate::Contracts::compiled().unwrap().contract;
        let validator = Arc::new(validate::Validator::new(proto::descriptors()).unwrap());
        let metrics = chassis::metrics::Metrics::default();
        let parts = layer::Parts::new(contract, verifier, validator, metrics.clone()).unwrap();
        let methods = Arc::new(Methods::new(&parts));
        let revocations = Revocations::in_memory();
        let front = Front::new(
            &parts,
            &methods,
            revocations,
            nobody.clone(),
            HashMap::new(),
            nobody,
        );
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
        headers.insert("accept-language", "sv".parse().unwrap());
        let kept = passed_on(&headers, Some(Peer([127, 0, 0, 1].into())));
        assert_eq!(kept.get("x-client-address").unwrap(), "127.0.0.1");
        assert_eq!(kept.get("accept-language").unwrap(), "sv");
        assert!(kept.values().all(|value| value != "forged"), "{kept:?}");
    }
}
