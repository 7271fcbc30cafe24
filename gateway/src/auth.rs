//! `auth.v1.AuthService`: sign-up, sign-in and the profile, as clients see them. The user service
//! keeps accounts and sessions; the gateway mints the tokens.

use std::sync::Arc;
use std::time::SystemTime;

use chassis::call::Budget;
use proto::auth::v1::auth_service_server::AuthService;
use proto::auth::v1::{
    GetProfileRequest, GetProfileResponse, LoginRequest, LoginResponse, RefreshRequest,
    RefreshResponse, RegisterRequest, RegisterResponse,
};
use proto::user::v1::user_service_client::UserServiceClient;
use token::{AccessSigner, RefreshKeys};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::front::Upstream;
use crate::revocation::Revocations;

mod login;
mod pair;
mod profile;
mod refresh;
mod register;
pub(crate) mod service_token;

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Auth {
    users: UserServiceClient<Upstream>,
    signer: Arc<AccessSigner>,
    refresh_keys: Arc<RefreshKeys>,
    revocations: Revocations,
    clock: fn() -> SystemTime,
}

/// The metadata that goes on to the user service.
const PASSED_ON: [&str; 8] = [
    "authorization",
    "accept-language",
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "x-client-address",
    "x-client-user-agent",
];

// === impl Auth ===

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl Auth {
    /// The service, in front of a user service.
    #[must_use]
    pub fn new(
        users: Upstream,
        signer: Arc<AccessSigner>,
        refresh_keys: Arc<RefreshKeys>,
        revocations: Revocations,
    ) -> Self {
        let users = UserServiceClient::new(users);
        Self {
            users,
            signer,
            refresh_keys,
            revocations,
            clock: SystemTime::now,
        }
    }
}

/// A request to the user service on behalf of `call`: within what is left of its time, with its
/// metadata.
fn on_behalf<T>(metadata: &MetadataMap, budget: Option<Budget>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for name in PASSED_ON {
        if let Some(value) = metadata.get(name) {
            request.metadata_mut().insert(name, value.clone());
        }
    }
    if let Some(Budget(budget)) = budget {
        request.set_timeout(budget);
    }
    request
}

#[tonic::async_trait]
impl AuthService for Auth {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        register::register(self, request).await.map(Response::new)
    }

    async fn login(
        &self,
        request: Request<LoginRequest>,
    ) -> Result<Response<LoginResponse>, Status> {
        login::login(self, request).await.map(Response::new)
    }

    async fn refresh(
        &self,
        request: Request<RefreshRequest>,
    ) -> Result<Response<RefreshResponse>, Status> {
        refresh::refresh(self, request).await.map(Response::new)
    }

    async fn get_profile(
        &self,
        request: Request<GetProfileRequest>,
    ) -> Result<Response<GetProfileResponse>, Status> {
        profile::profile(self, request).await.map(Response::new)
    }
}
