//! The gRPC service: each method is a use case of its own file.

use std::sync::Arc;

use proto::user::v1::user_service_server::UserService;
use proto::user::v1::{
    FindRequest, FindResponse, RefreshSessionRequest, RefreshSessionResponse, RegisterRequest,
    RegisterResponse, ValidateRequest, ValidateResponse,
};
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use crate::deps::Deps;
use crate::outbox::EventSealer;
use crate::password::Hasher;
use crate::session::SessionSettings;

/// Accounts and sessions. Clones share everything.
#[derive(Debug, Clone)]
pub struct Users {
    /// Where everything is stored.
    pub db: DatabaseConnection,
    /// The clock, ids and randomness.
    pub deps: Deps,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// How sessions are made.
    pub sessions: SessionSettings,
    /// Makes events.
    pub sealer: Arc<dyn EventSealer>,
    /// Wakes the [relay](crate::outbox::Relay) of this process after a commit.
    pub poke: Arc<Notify>,
}

#[tonic::async_trait]
impl UserService for Users {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        Ok(Response::new(Self::register(self, request).await?))
    }

    async fn validate(
        &self,
        request: Request<ValidateRequest>,
    ) -> Result<Response<ValidateResponse>, Status> {
        Ok(Response::new(Self::validate(self, request).await?))
    }

    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        Ok(Response::new(Self::refresh_session(self, request).await?))
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        Ok(Response::new(Self::find(self, request).await?))
    }
}
