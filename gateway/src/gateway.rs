//! Putting the parts together.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bus::KafkaChannel;
use chassis::contract::Contract;
use chassis::grpc::Beside;
use chassis::health::Health;
use chassis::layer;
use chassis::layer::method::Methods;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use prost_reflect::DescriptorPool;
use thiserror::Error;
use token::{AccessSigner, AccessVerifier, RefreshKeys};
use tower::Layer as _;
use transcode::{MethodPolicy, Security, Transcoder};
use validate::Validator;

use crate::client::Peer;
use crate::error::Failure;
use crate::front::{Front, Policy};
use crate::limits::Limiter;
use crate::rest::Rest;
use crate::revocation::Revocations;
use crate::shared::Shared;
use crate::upstream::UpstreamError;
use crate::{Contracts, client, pages, request_id};

mod cors;
mod grpc;
mod plain;
mod upstreams;

use plain::Http;

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// What is fronted.
    pub contracts: Contracts,
    /// Carries calls to the services on the bus, if there are any.
    pub channel: Option<KafkaChannel>,
    /// What is known of tokens.
    pub tokens: Tokens,
    /// Sessions that ended.
    pub revocations: Revocations,
    /// The state of the dependencies.
    pub health: Health,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Counts calls.
    pub limiter: Limiter,
    /// What is set of HTTP.
    pub edge: Edge,
    /// Further pages, such as standalone's mailbox; all below `/dev/`.
    pub pages: Router,
}

/// What is set of HTTP.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// The origins that browsers may call from.
    pub cors_origins: Vec<HeaderValue>,
    /// How many proxies stand before the gateway.
    pub trusted_proxies: usize,
    /// Headers of clients that go further although no contract speaks of them.
    pub metadata: Vec<HeaderName>,
    /// Whether nobody may ask over gRPC what is served.
    pub without_reflection: bool,
}

/// What a gateway knows of tokens.
#[derive(Debug)]
pub enum Tokens {
    /// It mints them, for the accounts that it hosts.
    Minted {
        /// Mints access tokens.
        signer: AccessSigner,
        /// Seals and opens refresh tokens.
        refresh_keys: RefreshKeys,
    },
    /// It verifies those that another minted.
    Verified(AccessVerifier),
}

/// A gateway, ready to be served. Clones share everything.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    http: Http,
    grpc: Service,
    /// For browsers; none if no origin may call.
    cors: Option<Cors>,
    trusted_proxies: usize,
    stopping: Shutdown,
}

/// The same for browsers that call from pages of other origins.
struct Cors {
    http: Service,
    grpc: Service,
}

/// What browsers are told of every answer, unless it says it itself: to take it for nothing else than it
/// says it is, to show it in no frame, and to name its address to nobody. gRPC is never shown, so the
/// first is enough there.
static SECURITY: [(HeaderName, HeaderValue); 3] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

type Service = Shared<Request<Body>, Response<Body>>;

/// The contracts cannot be served.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A route cannot be built.
    #[error(transparent)]
    Routes(#[from] transcode::BuildError),
    /// A validation rule cannot be compiled.
    #[error(transparent)]
    Rules(#[from] validate::BuildError),
    /// The system has no randomness.
    #[error("the system has no randomness: {0}")]
    Randomness(String),
    /// A service goes over the bus, and there is no channel.
    #[error("{0} is to be called over the bus, and there is none")]
    NoBus(String),
    /// An upstream cannot be called as it is set.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The accounts are hosted here, and there are no keys to mint tokens with.
    #[error("the accounts need keys to mint tokens with")]
    NoKeys,
}

// === impl Gateway ===

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Builds routes, rules and documents from the contracts.
    ///
    /// # Errors
    /// The contracts cannot be served.
    pub async fn new(parts: Parts) -> Result<Self, BuildError> {
        let transcoder = Arc::new(transcoder(
            &parts.contracts.pool,
            &parts.contracts.contract,
            &parts.contracts.direct,
        )?);
        let verifier = match &parts.tokens {
            Tokens::Minted { signer, .. } => signer.verifier(),
            Tokens::Verified(verifier) => verifier.clone(),
        };
        let stack = layer::Parts::new(
            Arc::clone(&parts.contracts.contract),
            Arc::new(verifier),
            Arc::new(Validator::new(&parts.contracts.pool)?),
            parts.metrics,
        )
        .map_err(|error| BuildError::Randomness(error.to_string()))?;
        let upstreams = upstreams::of(
            &stack,
            &parts.contracts,
            parts.channel.as_ref(),
            parts.tokens,
            &parts.revocations,
        )?;
        let methods = Arc::new(Methods::new(&stack));
        let policy = Policy {
            revocations: parts.revocations,
            limiter: parts.limiter,
            passed_on: parts.edge.metadata.clone(),
        };
        let front = Front::new(&stack, &methods, policy, &upstreams);
        let has_accounts = parts.contracts.hosts_accounts();
        let Contracts { pool, contract, .. } = parts.contracts;

        let openapi = pages::openapi::Document::new(Arc::clone(&transcoder), has_accounts);
        let rest = Rest::new(
            transcoder,
            Arc::clone(&contract),
            pool.clone(),
            front.clone(),
        );
        let stopping = Shutdown::default();
        let router = pages::router(
            parts.health.clone(),
            stopping.clone(),
            openapi,
            &stack.verifier,
        );
        let further = parts.pages.has_routes();
        let router = router.merge(parts.pages);
        let beside = beside(&pool, &contract, &parts.health, &stopping).await;
        let beside = if parts.edge.without_reflection {
            beside.without_reflection()
        } else {
            beside
        };
        let http = Http::new(router, further, rest);
        let grpc = Shared::new(grpc::service(front, beside));
        let Edge {
            cors_origins,
            trusted_proxies,
            metadata,
            ..
        } = parts.edge;
        let cors = (!cors_origins.is_empty()).then(|| {
            let layer = cors::layer(cors_origins, metadata);
            Cors {
                http: Shared::new(layer.layer(http.clone())),
                grpc: Shared::new(layer.layer(grpc.clone())),
            }
        });
        Ok(Self(Arc::new(Inner {
            http,
            grpc,
            cors,
            trusted_proxies,
            stopping,
        })))
    }

    /// From now on the gateway says that it is not ready, and streams that could live for ever end.
    pub fn begin_stop(&self) {
        self.0.stopping.begin();
    }

    /// Answers a request of any protocol, over a connection from `peer`.
    pub async fn answer(&self, mut request: Request<Body>, peer: &Peer) -> Response<Body> {
        let Inner {
            http,
            grpc,
            cors,
            trusted_proxies,
            ..
        } = &*self.0;
        let id = request_id::settle(request.headers_mut());
        let client = client::of(request.headers(), peer, *trusted_proxies);
        request.extensions_mut().insert(client);
        let asks_across = cors.as_ref().filter(|_| is_cors(&request));
        let is_grpc = grpc::is_grpc(&request);
        let mut response = if !has_host(&request) {
            hostless()
        } else {
            match asks_across {
                Some(cors) if is_grpc => cors.grpc.answer(request).await,
                Some(cors) => cors.http.answer(request).await,
                None if is_grpc => grpc.answer(request).await,
                None => http.answer(&mut request).await,
            }
        };
        if cors.is_some() && asks_across.is_none() {
            // To a browser of another origin the answer would have been another one.
            let origin = HeaderValue::from_static("origin");
            response.headers_mut().append(header::VARY, origin);
        }
        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, id);
        for (name, value) in SECURITY
            .iter()
            .take(if is_grpc { 1 } else { SECURITY.len() })
        {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        response
    }
}

fn hostless() -> Response<Body> {
    let failure = Failure::invalid_request("a request needs one `host` header");
    let mut response = failure.into_response();
    // Whoever sends such a thing may not mean what follows as we would read it.
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// RFC 9112, 3.2: a request of HTTP/1.1 without a host, or with two, is refused.
fn has_host(request: &Request<Body>) -> bool {
    request.version() != Version::HTTP_11
        || request.headers().get_all(header::HOST).iter().count() == 1
}

/// Whether a browser asks across origins. Any other `OPTIONS` is a question for the route.
fn is_cors(request: &Request<Body>) -> bool {
    let headers = request.headers();
    let preflight = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    headers.contains_key(header::ORIGIN) && (request.method() != Method::OPTIONS || preflight)
}

fn transcoder(
    pool: &DescriptorPool,
    contract: &Contract,
    direct: &BTreeMap<String, Uri>,
) -> Result<Transcoder, transcode::BuildError> {
    use chassis::contract::Access;
    let methods = contract.methods();
    let mut services: Vec<_> = methods
        .iter()
        .map(|method| method.service.as_str())
        .collect();
    services.dedup();
    let policy = |descriptor: &prost_reflect::MethodDescriptor| {
        let path = format!(
            "/{}/{}",
            descriptor.parent_service().full_name(),
            descriptor.name()
        );
        // To the outside an internal method does not exist.
        let method = contract.get(&path)?;
        if method.access == Access::Internal {
            return None;
        }
        // Of a contract that is not ours nobody here can say otherwise.
        if descriptor.is_client_streaming() && direct.contains_key(&method.service) {
            tracing::warn!(
                rpc.method = path,
                "a stream of requests has no form over REST: the method is there over gRPC alone"
            );
            return None;
        }
        let empty = descriptor.output().full_name() == "google.protobuf.Empty";
        let default = if empty && !descriptor.is_server_streaming() {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::OK
        };
        let said = &method.rest;
        let stated = said.success_status;
        Some(MethodPolicy {
            success_status: stated
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(default),
            security: if method.access == Access::Public {
                Security::Public
            } else {
                Security::Bearer {
                    scopes: method.scopes.clone(),
                }
            },
            ignore_unknown_fields: said.ignore_unknown_fields,
            location: said.location.clone(),
            cursor: said.cursor.clone().map(|cursor| transcode::Cursor {
                response_field: cursor.response_field,
                request_field: cursor.request_field,
            }),
        })
    };
    Transcoder::new(pool, &services, policy, transcode::Options::default())
}

/// Health and reflection.
async fn beside(
    pool: &DescriptorPool,
    contract: &Contract,
    health: &Health,
    stopping: &Shutdown,
) -> Beside {
    use chassis::contract::Access;
    let mut services: Vec<_> = contract
        .methods()
        .iter()
        .filter(|method| method.access != Access::Internal)
        .map(|method| method.service.clone())
        .collect();
    services.dedup();
    let pool = pool.clone();
    let descriptors = move || pool.encode_to_vec();
    chassis::grpc::health_and_reflection(descriptors, &services, health, stopping).await
}
