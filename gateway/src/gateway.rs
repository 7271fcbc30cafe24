//! Putting the parts together.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bus::KafkaChannel;
use chassis::contract::Contract;
use chassis::grpc::Beside;
use chassis::health::Health;
use chassis::layer::method::Methods;
use chassis::layer::{self, LayerService, catch_panic, deadline, load_shed, propagate, validation};
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use prost_reflect::DescriptorPool;
use proto::auth::v1::auth_service_server::AuthServiceServer;
use thiserror::Error;
use token::{AccessSigner, RefreshKeys};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};
use transcode::{MethodPolicy, Security, Transcoder};
use validate::Validator;

use crate::auth::Auth;
use crate::front::{Front, Upstream};
use crate::rest::Rest;
use crate::revocation::Revocations;
use crate::{Contracts, pages, request_id, upstream};

mod grpc;

/// How long a browser may keep the answer to a preflight.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(3600);

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// What is fronted.
    pub contracts: Contracts,
    /// Carries calls to the services.
    pub channel: KafkaChannel,
    /// Mints access tokens.
    pub signer: AccessSigner,
    /// Seals and opens refresh tokens.
    pub refresh_keys: RefreshKeys,
    /// Sessions that ended.
    pub revocations: Revocations,
    /// The state of the dependencies.
    pub health: Health,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// The origins that browsers may call from.
    pub cors_origins: Vec<HeaderValue>,
    /// Further pages, such as standalone's mailbox.
    pub pages: Router,
}

/// A gateway, ready to be served. Clones share everything.
#[derive(Clone)]
pub struct Gateway {
    plain: Services,
    /// For browsers; none if no origin may call.
    cors: Option<Services>,
    stopping: Shutdown,
}

#[derive(Clone)]
struct Services {
    grpc: Service,
    http: Service,
}

type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

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
    /// The descriptors cannot be reflected.
    #[error("the descriptors cannot be reflected: {0}")]
    Reflection(String),
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
        let Contracts {
            pool,
            contract,
            direct,
            ..
        } = parts.contracts;
        let transcoder = Arc::new(transcoder(&pool, &contract)?);
        let verifier = Arc::new(parts.signer.verifier());
        let validator = Arc::new(Validator::new(&pool)?);
        let stack = layer::Parts::new(
            Arc::clone(&contract),
            Arc::clone(&verifier),
            validator,
            parts.metrics,
        )
        .map_err(|error| BuildError::Randomness(error.to_string()))?;
        // Whatever leaves, leaves with the trace of the call that it is for.
        let bus = BoxCloneSyncService::new(propagate::layer().layer(parts.channel));
        let auth = Auth::new(
            bus.clone(),
            Arc::new(parts.signer),
            Arc::new(parts.refresh_keys),
            parts.revocations.clone(),
        );
        // The channel has bounds of its own for what it carries.
        let local = load_shed::layer(&stack).layer(AuthServiceServer::new(auth));
        let local = edge(&stack, local);
        let bus = edge(&stack, bus);
        // Services of one server share its connection.
        let mut servers = HashMap::new();
        let direct = direct.into_iter().map(|(service, uri)| {
            let server = servers.entry(uri).or_insert_with_key(|uri| {
                edge(&stack, propagate::layer().layer(upstream::http2(uri)))
            });
            (service, server.clone())
        });
        let direct = direct.collect();
        let front = Front::new(
            &stack,
            &Arc::new(Methods::new(&stack)),
            parts.revocations,
            local,
            direct,
            bus,
        );

        let openapi = pages::openapi::document(&transcoder);
        let rest = Rest::new(transcoder, pool.clone(), front.clone());
        let fallback = move |request: Request<Body>| {
            let rest = rest.clone();
            async move { rest.answer(request).await }
        };
        let stopping = Shutdown::default();
        let router = pages::router(parts.health.clone(), stopping.clone(), openapi);
        let router = router.merge(parts.pages).fallback(fallback);
        let beside = beside(&pool, &contract, &parts.health, &stopping).await?;
        let plain = Services {
            grpc: BoxCloneSyncService::new(grpc::service(front, beside)),
            http: BoxCloneSyncService::new(http(router)),
        };
        let cors = (!parts.cors_origins.is_empty()).then(|| {
            let layer = cors(parts.cors_origins);
            Services {
                grpc: BoxCloneSyncService::new(layer.layer(plain.grpc.clone())),
                http: BoxCloneSyncService::new(layer.layer(plain.http.clone())),
            }
        });
        Ok(Self {
            plain,
            cors,
            stopping,
        })
    }

    /// From now on the gateway says that it is not ready, and streams that could live for ever end.
    pub fn begin_stop(&self) {
        self.stopping.begin();
    }

    /// Answers a request of any protocol.
    pub async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        let id = request_id::settle(request.headers_mut());
        let cors = self.cors.as_ref().filter(|_| is_cors(&request));
        let services = cors.unwrap_or(&self.plain);
        let mut service = if grpc::is_grpc(&request) {
            services.grpc.clone()
        } else {
            services.http.clone()
        };
        let mut response = match service.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if self.cors.is_some() && cors.is_none() {
            // To a browser of another origin the answer would have been another one.
            let origin = HeaderValue::from_static("origin");
            response.headers_mut().append(header::VARY, origin);
        }
        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, id);
        headers
            .entry(header::X_CONTENT_TYPE_OPTIONS)
            .or_insert(HeaderValue::from_static("nosniff"));
        response
    }
}

/// Whether a browser asks across origins. Any other `OPTIONS` is a question for the route.
fn is_cors(request: &Request<Body>) -> bool {
    let headers = request.headers();
    let preflight = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    headers.contains_key(header::ORIGIN) && (request.method() != Method::OPTIONS || preflight)
}

/// What is checked at the edge, before a call leaves: panics, deadline, the contract's rules. Access,
/// traces, metrics and the log are the front's.
fn edge<S: LayerService>(parts: &layer::Parts, service: S) -> Upstream {
    let service = validation::layer(parts).layer(service);
    let service = deadline::layer().layer(service);
    BoxCloneSyncService::new(catch_panic::layer().layer(service))
}

fn transcoder(
    pool: &DescriptorPool,
    contract: &Contract,
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
        let empty = descriptor.output().full_name() == "google.protobuf.Empty";
        let default = if empty && !descriptor.is_server_streaming() {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::OK
        };
        let stated = method.success_status;
        Some(MethodPolicy {
            success_status: stated
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(default),
            security: if method.access == Access::Public {
                Security::Public
            } else {
                Security::Bearer
            },
        })
    };
    Transcoder::new(pool, &services, policy, transcode::Options::default())
}

/// The pages and REST, with every error in the one shape.
fn http(
    router: Router,
) -> impl tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |request: Request<Body>| {
        let router = router.clone();
        async move {
            let method = request.method().clone();
            let response = router.oneshot(request).await?;
            Ok(pages::shaped(&method, response))
        }
    })
}

/// Health and reflection.
async fn beside(
    pool: &DescriptorPool,
    contract: &Contract,
    health: &Health,
    stopping: &Shutdown,
) -> Result<Beside, BuildError> {
    use chassis::contract::Access;
    let mut services: Vec<_> = contract
        .methods()
        .iter()
        .filter(|method| method.access != Access::Internal)
        .map(|method| method.service.clone())
        .collect();
    services.dedup();
    chassis::grpc::health_and_reflection(&pool.encode_to_vec(), &services, health, stopping)
        .await
        .map_err(|error| BuildError::Reflection(error.to_string()))
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let exposed = [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-request-id",
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT_LANGUAGE,
            HeaderName::from_static("grpc-timeout"),
            HeaderName::from_static("x-grpc-web"),
            HeaderName::from_static("x-user-agent"),
            HeaderName::from_static("idempotency-key"),
            request_id::HEADER,
        ])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(PREFLIGHT_KEPT)
}
