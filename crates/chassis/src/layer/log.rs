//! One line a call.

use http::{HeaderName, HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::around::{Around, Concern};
use super::ending::{Ending, Watch};
use super::method::Called;
use crate::call::Transport;
use crate::contract::Pattern;

/// The header of the id that the gateway gives to what a client asks.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Logs calls.
#[derive(Debug, Clone, Copy)]
pub struct Log;

/// The line of a call that has not ended.
#[derive(Debug)]
pub struct Line {
    called: Called,
    request_id: Option<HeaderValue>,
}

/// Logs each call of the contract when it ends: method, transport, status, duration. Failures of
/// ours are errors, everything else is for debugging.
#[must_use]
pub fn layer() -> Around<Log> {
    Around(Log)
}

impl Concern for Log {
    type Kept = Option<Watch<Line>>;

    fn before(&self, request: &mut Request<Body>) -> Result<Self::Kept, Status> {
        Ok(Called::of(request).map(|called| {
            let line = Line {
                called: called.clone(),
                request_id: request.headers().get(REQUEST_ID).cloned(),
            };
            Watch::new(line, called.method().server_streaming)
        }))
    }

    fn after(watch: Self::Kept, response: Response<Body>) -> Response<Body> {
        match watch {
            Some(watch) => watch.answered(response),
            None => response,
        }
    }
}

impl Ending for Line {
    fn ended(self, code: Code) {
        let Self { called, request_id } = self;
        let method = called.method();
        // Everything but the level is made only if the line is written.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    rpc.method = method.path,
                    rpc.transport = called.transport.name(),
                    rpc.code = ?code,
                    request.id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default(),
                    trace.id = crate::trace::current().map(|trace| format!("{:032x}", trace.trace_id)),
                    duration_ms = called.begun.elapsed().as_secs_f64() * 1000.0,
                    "call"
                )
            };
        }
        // The bus tells of events that fail: once each, not once an attempt.
        let quiet = called.transport == Transport::Kafka && method.pattern == Pattern::Event;
        match code {
            _ if quiet => line!(debug),
            Code::Internal | Code::Unknown | Code::DataLoss => line!(error),
            // The caller went away, mostly to stop.
            Code::Ok | Code::Cancelled => line!(debug),
            _ => line!(info),
        }
    }
}
