//! The service as production builds it, but for the clock and the seal of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use chassis::status::reason_of;
use prost::Message as _;
use proto::notification::v1::SendWelcomeRequest;
use proto::user::v1::user_service_server::UserService;
use proto::user::v1::{
    RefreshSessionRequest, RefreshSessionResponse, RegisterRequest, RegisterResponse, Session,
    ValidateRequest, ValidateResponse,
};
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;
use tonic::{Request, Status};
use user::deps::{Clock, Deps, SystemIds};
use user::outbox::{EventSealer, OutboxRecord, SealError};
use user::password::{Hasher, HasherSettings};
use user::service::Users;
use user::session::{DEFAULT_IDLE_LIFETIME, DEFAULT_LIFETIME, SessionSettings, WrappingKeys};
use user::timestamp::Timestamp;
use uuid::Uuid;

use super::{Backend, TestDatabase};

/// A password that occurs nowhere else.
pub(crate) const PASSWORD: &str = "zebra-quartz-lantern";

/// The service on a database of its own.
pub(crate) struct TestApp {
    pub(crate) users: Users,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) database: TestDatabase,
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

/// Puts the name of the event into a header, and seals nothing.
#[derive(Debug)]
struct PlainSealer;

/// The stable reason of a refused call.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    reason_of(&result.unwrap_err()).unwrap()
}

// === impl TestApp ===

impl TestApp {
    pub(crate) async fn new(backend: Backend) -> Self {
        let database = TestDatabase::new(backend).await;
        let clock = Arc::new(TestClock(AtomicI64::new(1_763_856_000_000)));
        let users = Users {
            db: database.db.clone(),
            deps: Deps {
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                ids: Arc::new(SystemIds::default()),
            },
            hasher: Hasher::new(HasherSettings {
                // What is tested here is not how a busy machine sheds load.
                longest_wait: Duration::from_secs(60),
                ..HasherSettings::default()
            })
            .unwrap(),
            sessions: SessionSettings {
                keys: WrappingKeys::new(&[[7; 32]]).unwrap(),
                idle_lifetime: DEFAULT_IDLE_LIFETIME,
                lifetime: DEFAULT_LIFETIME,
            },
            sealer: Arc::new(PlainSealer),
            poke: Arc::new(Notify::new()),
        };
        Self {
            users,
            clock,
            database,
        }
    }

    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.database.db
    }

    /// Registers an address under the name `Ada`.
    pub(crate) async fn register(&self, email: &str) -> Result<RegisterResponse, Status> {
        self.register_request(Request::new(RegisterRequest {
            email: email.into(),
            password: PASSWORD.into(),
            name: "Ada".into(),
        }))
        .await
    }

    pub(crate) async fn register_request(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<RegisterResponse, Status> {
        let answer = UserService::register(&self.users, request).await?;
        Ok(answer.into_inner())
    }

    pub(crate) async fn validate(
        &self,
        email: &str,
        password: &str,
    ) -> Result<ValidateResponse, Status> {
        let request = ValidateRequest {
            email: email.into(),
            password: password.into(),
        };
        let answer = UserService::validate(&self.users, Request::new(request)).await?;
        Ok(answer.into_inner())
    }

    /// Presents the refresh token of `session`.
    pub(crate) async fn refresh(
        &self,
        session: &Session,
    ) -> Result<RefreshSessionResponse, Status> {
        let request = RefreshSessionRequest {
            session_id: session.id.clone(),
            refresh_generation: session.refresh_generation,
            refresh_secret: session.refresh_secret.clone(),
        };
        let answer = UserService::refresh_session(&self.users, Request::new(request)).await?;
        Ok(answer.into_inner())
    }
}

// === impl TestClock ===

impl TestClock {
    pub(crate) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl EventSealer for PlainSealer {
    fn seal_welcome(
        &self,
        welcome: &SendWelcomeRequest,
        key: &str,
        id: Uuid,
        now: SystemTime,
    ) -> Result<OutboxRecord, SealError> {
        Ok(OutboxRecord {
            id,
            kind: "/notification.v1.NotificationService/SendWelcome".into(),
            topic: "notification.send.welcome".into(),
            key: key.into(),
            headers: vec![("ce_id".into(), id.to_string().into_bytes())],
            value: welcome.encode_to_vec(),
            created_ms: Timestamp::from(now).as_millis(),
        })
    }
}
