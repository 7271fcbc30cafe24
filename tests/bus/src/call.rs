//! One call of each kind.

use std::time::Duration;

use bus::KafkaChannel;
use clap::ValueEnum;
use test_contract::echo::echo_service_client::EchoServiceClient;
use test_contract::echo::{ApplyRequest, EchoRequest};
use tonic::{Request, Status};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// `NO_SIDE_EFFECTS`. It is `EchoLate` that is called, which allows more time than `Echo`.
    Echo,
    /// `IDEMPOTENT`.
    Apply,
    /// `IDEMPOTENCY_UNKNOWN`, with a journal.
    Charge,
    /// `IDEMPOTENCY_UNKNOWN`, committed before it runs.
    ChargeCommitted,
}

/// How a call is made.
#[derive(Debug, Clone, clap::Args)]
pub struct CallArgs {
    /// The method
    #[arg(long, value_enum, default_value = "echo")]
    pub method: Method,
    /// How long a call may take
    #[arg(long, default_value_t = 5_000)]
    pub deadline_ms: u64,
    /// How long the service takes before the effect
    #[arg(long, default_value_t = 0)]
    pub delay_ms: u32,
    /// How long the service takes between effect and answer
    #[arg(long, default_value_t = 0)]
    pub delay_after_ms: u32,
}

/// The answer was that to another call.
#[derive(Debug)]
pub struct Mixed;

impl Method {
    /// The gRPC path.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Echo => "/echo.v1.EchoService/EchoLate",
            Self::Apply => "/echo.v1.EchoService/Apply",
            Self::Charge => "/echo.v1.EchoService/Charge",
            Self::ChargeCommitted => "/echo.v1.EchoService/ChargeCommitted",
        }
    }

    /// Whether a call of it has an effect that is counted.
    #[must_use]
    pub fn takes_effect(self) -> bool {
        self != Self::Echo
    }

    /// Whether a call of it must not take effect twice.
    #[must_use]
    pub fn at_most_once(self) -> bool {
        matches!(self, Self::Charge | Self::ChargeCommitted)
    }
}

impl CallArgs {
    /// How long a call may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Makes a call under an id.
    ///
    /// # Errors
    /// How the call failed.
    pub async fn make(&self, channel: KafkaChannel, id: &str) -> Result<Result<(), Mixed>, Status> {
        let mut client = EchoServiceClient::new(channel);
        if self.method == Method::Echo {
            let request = EchoRequest {
                text: id.to_owned(),
                delay_ms: self.delay_ms,
                ..EchoRequest::default()
            };
            let answer = client.echo_late(self.timed(request)).await?.into_inner();
            return Ok(if answer.text == id {
                Ok(())
            } else {
                Err(Mixed)
            });
        }
        let request = self.timed(ApplyRequest {
            id: id.to_owned(),
            delay_ms: self.delay_ms,
            delay_after_ms: self.delay_after_ms,
            fail_code: 0,
        });
        match self.method {
            Method::Charge => client.charge(request).await,
            Method::ChargeCommitted => client.charge_committed(request).await,
            Method::Apply | Method::Echo => client.apply(request).await,
        }
        .map(|_| Ok(()))
    }

    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline());
        request
    }
}
