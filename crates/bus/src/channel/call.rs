//! One call: send, await the reply, by the deadline.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chassis::contract::Method;
use chassis::timeout;
use http::request::Parts;
use http::{HeaderMap, Response};
use tonic::Status;
use tonic::body::Body;

use super::request::correlation_id;
use super::{Shared, producer};
use crate::header;
use crate::record::millis;

impl Shared {
    pub(super) async fn call(
        &self,
        method: &Method,
        head: &Parts,
        message: Bytes,
    ) -> Result<Response<Body>, Status> {
        if !self.ready.load(Ordering::Acquire) {
            return Err(Status::unavailable("the bus is not ready; try again later"));
        }
        let budget = budget(method, &head.headers)?;
        let deadline = tokio::time::Instant::now() + budget;
        let Some(mut ticket) = self.pending.register() else {
            return Err(Status::resource_exhausted(
                "too many calls in flight; try again later",
            ));
        };
        let id = correlation_id(self.pending.channel_id(), ticket.number);
        let record = self.request(method, head, message, id, budget, millis(SystemTime::now()))?;
        producer::send(&self.producer, &record, ticket.number)?;
        match tokio::time::timeout_at(deadline, &mut ticket.reply).await {
            Ok(Ok(reply)) => reply?.into_response(method.sealed),
            // The sender is dropped only when the entry is, and the ticket holds the entry.
            Ok(Err(_)) => Err(Status::cancelled("the channel has ended")),
            Err(_) => Err(Status::deadline_exceeded(format!(
                "no answer from the service within {} ms",
                budget.as_millis()
            ))),
        }
    }
}

/// The method's deadline, or what the caller asked for if that is less.
fn budget(method: &Method, headers: &HeaderMap) -> Result<Duration, Status> {
    let Some(asked) = headers.get(header::TIMEOUT) else {
        return Ok(method.deadline);
    };
    let asked = asked.to_str().ok().and_then(timeout::parse);
    Ok(asked.ok_or_else(timeout::malformed)?.min(method.deadline))
}
