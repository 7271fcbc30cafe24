//! The service, built as the process builds it: from its settings.

use chassis::call::CallId;
use chassis::config::Problems;
use chassis::status::reason_of;
use notification::{MailArgs, Notifications};
use proto::notification::v1::notification_service_server::NotificationService as _;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use tonic::{Code, Request, Status};

pub(crate) struct TestApp {
    pub(crate) service: Notifications,
}

/// The settings of an operator; tests change what they are about.
pub(crate) fn settings(smtp_url: Option<String>) -> MailArgs {
    MailArgs {
        smtp_url,
        smtp_url_file: None,
        mail_from: "Trolleybus <no-reply@trolleybus.example>".into(),
        smtp_concurrency: "8".into(),
        smtp_timeout: "10s".into(),
    }
}

pub(crate) fn email(to: &str) -> SendEmailRequest {
    SendEmailRequest {
        to: to.into(),
        subject: "Hello".into(),
        text: "Good day.".into(),
        html: String::new(),
    }
}

pub(crate) fn welcome(name: &str) -> SendWelcomeRequest {
    SendWelcomeRequest {
        user_id: "0190b0c0-0000-7000-8000-000000000001".into(),
        email: "ada@example.com".into(),
        name: name.into(),
    }
}

/// A request as the bus delivers it.
pub(crate) fn event<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(CallId(id.into()));
    request
}

/// Code and reason of a failure.
pub(crate) fn failure(result: Result<(), Status>) -> (Code, String) {
    let status = result.expect_err("the call fails");
    (status.code(), reason_of(&status).unwrap_or_default())
}

// === impl TestApp ===

impl TestApp {
    pub(crate) fn new(settings: &MailArgs) -> Self {
        let mut problems = Problems::default();
        let config = settings.resolve(&mut problems);
        let config = problems.finish(config).expect("the settings are good");
        Self {
            service: Notifications::new(config).expect("the service starts"),
        }
    }

    pub(crate) fn capturing() -> Self {
        Self::new(&settings(None))
    }

    pub(crate) async fn send(&self, message: SendEmailRequest) -> Result<(), Status> {
        self.send_event(Request::new(message)).await
    }

    pub(crate) async fn send_event(
        &self,
        request: Request<SendEmailRequest>,
    ) -> Result<(), Status> {
        self.service
            .send_email(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn welcome(&self, message: SendWelcomeRequest) -> Result<(), Status> {
        let request = Request::new(message);
        self.service
            .send_welcome(request)
            .await
            .map(tonic::Response::into_inner)
    }
}
