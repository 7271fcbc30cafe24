//! A service that does what it is asked to, and keeps a [`Ledger`] of it.

use std::pin::Pin;
use std::time::{Duration, Instant};

use chassis::call::{Budget, CallId, FromBus};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::echo::echo_service_server::{EchoService, EchoServiceServer};
use crate::echo::note_service_server::{NoteService, NoteServiceServer};
use crate::echo::{
    AppendRequest, ApplyRequest, ApplyResponse, CountRequest, CountResponse, EchoRequest,
    EchoResponse, NoteRequest, WhisperRequest, WhisperResponse, WhoAmIResponse,
};
use crate::ledger::Ledger;

/// How long a handler that is held may keep the processor busy: a test that fails does not release it.
const MOST: Duration = Duration::from_secs(60);

/// Serves `echo.v1.EchoService` and `echo.v1.NoteService`.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    /// What began and took effect. Echoed texts, applied ids and the ids of notes are its names.
    pub ledger: Ledger,
    /// Added to the delay of each call.
    pub slow: Duration,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

// === impl Echo ===

impl Echo {
    /// A service that writes to this ledger.
    #[must_use]
    pub fn new(ledger: Ledger) -> Self {
        let slow = Duration::ZERO;
        Self { ledger, slow }
    }

    /// Both services, for either transport.
    #[must_use]
    pub fn routes(&self) -> tonic::service::Routes {
        tonic::service::Routes::new(EchoServiceServer::new(self.clone()))
            .add_service(NoteServiceServer::new(self.clone()))
    }

    async fn delay(&self, ms: u32) {
        let delay = self.slow + Duration::from_millis(ms.into());
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Keeps the processor busy, for as long as it is held too: that is no reason to yield.
    fn burn(&self, ms: u32, id: &str) {
        let begun = Instant::now();
        let least = Duration::from_millis(ms.into());
        while begun.elapsed() < least || (self.ledger.holds(id) && begun.elapsed() < MOST) {
            std::hint::spin_loop();
        }
    }

    async fn echo_back(&self, request: EchoRequest) -> Result<Response<EchoResponse>, Status> {
        let EchoRequest {
            text,
            mut payload,
            delay_ms,
            fail_code,
            panic,
            burn_ms,
            reply_bytes,
        } = request;
        let _running = (!text.is_empty()).then(|| self.ledger.begin(&text).1);
        if burn_ms > 0 {
            self.delay(delay_ms).await;
            self.burn(burn_ms, &text);
        } else {
            self.ledger.may_go_on(&text).await;
            self.delay(delay_ms).await;
        }
        assert!(!panic, "{text}");
        fail(fail_code, &text)?;
        if reply_bytes > 0 {
            payload = vec![7; usize::try_from(reply_bytes).unwrap_or_default()];
        }
        Ok(Response::new(EchoResponse { text, payload }))
    }

    /// As a service with a journal does: a call that took effect before does not again.
    async fn take_effect_once(
        &self,
        request: Request<ApplyRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        let Some(CallId(call)) = request.extensions().get::<CallId>().cloned() else {
            return self.take_effect(request.into_inner()).await;
        };
        let request = request.into_inner();
        let (_, _running) = self.ledger.begin(&request.id);
        self.ledger.may_go_on(&request.id).await;
        self.delay(request.delay_ms).await;
        fail(request.fail_code, &request.id)?;
        let effects = self.ledger.apply_once(&request.id, &call);
        let effects = effects.map_err(|error| Status::internal(error.to_string()))?;
        let effects =
            effects.ok_or_else(|| Status::already_exists("the call took effect before"))?;
        self.delay(request.delay_after_ms).await;
        Ok(Response::new(ApplyResponse { effects }))
    }

    async fn take_effect(&self, request: ApplyRequest) -> Result<Response<ApplyResponse>, Status> {
        let (_, _running) = self.ledger.begin(&request.id);
        self.ledger.may_go_on(&request.id).await;
        self.delay(request.delay_ms).await;
        fail(request.fail_code, &request.id)?;
        let effects = self.ledger.apply(&request.id);
        let effects = effects.map_err(|error| Status::internal(error.to_string()))?;
        self.delay(request.delay_after_ms).await;
        Ok(Response::new(ApplyResponse { effects }))
    }

    async fn take_note(&self, request: NoteRequest) -> Result<Response<()>, Status> {
        let (times, _running) = self.ledger.begin(&request.id);
        self.ledger.may_go_on(&request.id).await;
        self.delay(request.delay_ms).await;
        if request.fail_times == 0 || times <= request.fail_times {
            fail(request.fail_code, &request.id)?;
        }
        let applied = self.ledger.apply(&request.id);
        applied.map_err(|error| Status::internal(error.to_string()))?;
        self.ledger.append(&request.account, times);
        Ok(Response::new(()))
    }
}

/// Fails with a code other than 0, with details.
fn fail(code: u32, text: &str) -> Result<(), Status> {
    match Code::from_i32(code.try_into().unwrap_or(i32::MAX)) {
        Code::Ok => Ok(()),
        code => {
            let mut details = ErrorDetails::new();
            details.set_error_info("ASKED", "echo", []);
            Err(Status::with_error_details(code, text, details))
        }
    }
}

#[tonic::async_trait]
impl EchoService for Echo {
    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        self.echo_back(request.into_inner()).await
    }

    async fn apply(
        &self,
        request: Request<ApplyRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        self.take_effect(request.into_inner()).await
    }

    async fn charge(
        &self,
        request: Request<ApplyRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        self.take_effect_once(request).await
    }

    async fn charge_committed(
        &self,
        request: Request<ApplyRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        self.take_effect(request.into_inner()).await
    }

    async fn append(
        &self,
        request: Request<AppendRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        let request = request.into_inner();
        let (_, _running) = self.ledger.begin(&request.account);
        self.ledger.may_go_on(&request.account).await;
        self.delay(request.delay_ms).await;
        self.ledger.append(&request.account, request.number);
        Ok(Response::new(ApplyResponse {
            effects: request.number,
        }))
    }

    async fn echo_late(
        &self,
        request: Request<EchoRequest>,
    ) -> Result<Response<EchoResponse>, Status> {
        self.echo_back(request.into_inner()).await
    }

    async fn scarce(
        &self,
        request: Request<EchoRequest>,
    ) -> Result<Response<EchoResponse>, Status> {
        self.echo_back(request.into_inner()).await
    }

    async fn whisper(
        &self,
        request: Request<WhisperRequest>,
    ) -> Result<Response<WhisperResponse>, Status> {
        let secret = request.into_inner().secret;
        Ok(Response::new(WhisperResponse { secret }))
    }

    async fn who_am_i(&self, request: Request<()>) -> Result<Response<WhoAmIResponse>, Status> {
        let extensions = request.extensions();
        let from_bus = extensions.get::<FromBus>().is_some();
        let budget = extensions
            .get::<Budget>()
            .map_or(0, |budget| budget.0.as_millis());
        let mut metadata: Vec<_> = request
            .metadata()
            .as_ref()
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        metadata.sort();
        let budget_ms = u32::try_from(budget).unwrap_or(u32::MAX);
        let mut response = Response::new(WhoAmIResponse {
            from_bus,
            metadata,
            budget_ms,
        });
        for (name, value) in request.metadata().as_ref() {
            if name.as_str() == "accept-language" {
                response
                    .metadata_mut()
                    .as_mut()
                    .insert("content-language", value.clone());
            }
        }
        Ok(response)
    }

    type CountStream = Answers<CountResponse>;

    async fn count(
        &self,
        request: Request<CountRequest>,
    ) -> Result<Response<Self::CountStream>, Status> {
        let CountRequest {
            count,
            delay_ms,
            fail_code,
            padding_bytes,
            panic,
        } = request.into_inner();
        let (_, running) = self.ledger.begin("count");
        let padding = vec![7; usize::try_from(padding_bytes).unwrap_or_default()];
        let echo = self.clone();
        let answers = tokio_stream::iter(0..count).then(move |number| {
            let (echo, padding) = (echo.clone(), padding.clone());
            async move {
                echo.delay(delay_ms).await;
                Ok(CountResponse { number, padding })
            }
        });
        let end = tokio_stream::once(()).filter_map(move |()| {
            let _runs_until_here = &running;
            assert!(!panic, "after {count}");
            fail(fail_code, "after the last").err().map(Err)
        });
        Ok(Response::new(Box::pin(answers.chain(end))))
    }

    type WhispersStream = Answers<WhisperResponse>;

    async fn whispers(
        &self,
        request: Request<WhisperRequest>,
    ) -> Result<Response<Self::WhispersStream>, Status> {
        let secret = request.into_inner().secret;
        let answers = (0..3).map(move |_| {
            Ok(WhisperResponse {
                secret: secret.clone(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(answers))))
    }
}

#[tonic::async_trait]
impl NoteService for Echo {
    async fn note(&self, request: Request<NoteRequest>) -> Result<Response<()>, Status> {
        self.take_note(request.into_inner()).await
    }

    async fn note_in_order(&self, request: Request<NoteRequest>) -> Result<Response<()>, Status> {
        self.take_note(request.into_inner()).await
    }
}
