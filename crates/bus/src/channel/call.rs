//! One call: send, await the reply, by the deadline.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chassis::contract::Method;
use chassis::timeout;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::incoming::{self, StreamBody};
use super::pending::Ticket;
use super::reply::Reply;
use super::request::Sent;
use super::{Shared, producer};
use crate::header;
use crate::metrics::Outcome;
use crate::producer::Lane;

/// With fewer calls in flight than these, their records have nothing to gather with.
const CROWD: usize = 8;

impl Shared {
    /// A call with one reply.
    pub(super) async fn call(
        self: &Arc<Self>,
        method: &Arc<Method>,
        head: &Parts,
        message: Bytes,
    ) -> Result<Response<Body>, Status> {
        let budget = self.admit(method, head)?;
        let (ticket, reply) = self.pending.register(budget).ok_or_else(too_many)?;
        let _sent = self.send(method, head, message, ticket, budget)?;
        // The sender is dropped only when the entry is, and the ticket holds the entry.
        let reply = reply
            .await
            .unwrap_or_else(|_| Err(Status::cancelled("the channel has ended")));
        self.count(&reply);
        reply?.into_response(method.sealed)
    }

    /// A call with a stream of replies. Ends when the first has come.
    pub(super) async fn call_streaming(
        self: &Arc<Self>,
        method: &Arc<Method>,
        head: &Parts,
        message: Bytes,
    ) -> Result<Response<Body>, Status> {
        let budget = self.admit(method, head)?;
        let (feed, mut incoming) = incoming::stream();
        let ticket = self
            .pending
            .register_stream(feed, budget)
            .ok_or_else(too_many)?;
        let sent = self.send(method, head, message, ticket, budget)?;
        let first = incoming.next().await;
        self.count(&first);
        let mut first = first?;
        if first.ends() && !first.is_ok() {
            return Ok(first.into_failure());
        }
        let metadata = first.take_metadata();
        let body = StreamBody::new(incoming, sent, first, method.sealed);
        let mut response = Response::new(Body::new(body));
        *response.headers_mut() = metadata;
        let grpc = HeaderValue::from_static("application/grpc");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, grpc);
        Ok(response)
    }

    /// How long the call may take, if it may be made at all.
    fn admit(&self, method: &Method, head: &Parts) -> Result<Duration, Status> {
        if !self.ready.load(Ordering::Acquire) {
            return Err(Status::unavailable("the bus is not ready; try again later"));
        }
        budget(method, &head.headers)
    }

    fn count(&self, reply: &Result<Reply, Status>) {
        self.metrics.ended(match reply {
            Ok(_) => Outcome::Replied,
            Err(status) if status.code() == Code::DeadlineExceeded => Outcome::DeadlineExceeded,
            Err(_) => Outcome::NotSent,
        });
    }

    fn send(
        self: &Arc<Self>,
        method: &Arc<Method>,
        head: &Parts,
        message: Bytes,
        ticket: Ticket,
        budget: Duration,
    ) -> Result<Sent, Status> {
        let number = ticket.number;
        let lane = self.lane(method);
        let record = self
            .request(method, head, message, number, budget, lane)
            .and_then(|record| {
                producer::send(&self.producer, lane, &record, number)?;
                Ok(record)
            })
            .inspect_err(|_| self.metrics.ended(Outcome::NotSent))?;
        Ok(Sent::new(self, method, ticket, lane, record.partition))
    }
}

impl Shared {
    /// How a request best leaves.
    fn lane(&self, method: &Method) -> Lane {
        let crowded = self.crowd.note(Instant::now());
        // Calls of one key keep their order, and so their lane.
        if crowded && method.key.is_none() && self.pending.len() >= CROWD {
            Lane::Gathering
        } else {
            Lane::Swift
        }
    }
}

fn too_many() -> Status {
    Status::resource_exhausted("too many calls in flight; try again later")
}

/// The method's deadline, or what the caller asked for if that is less.
fn budget(method: &Method, headers: &HeaderMap) -> Result<Duration, Status> {
    let Some(asked) = headers.get(header::TIMEOUT) else {
        return Ok(method.deadline);
    };
    let asked = asked.to_str().ok().and_then(timeout::parse);
    Ok(asked.ok_or_else(timeout::malformed)?.min(method.deadline))
}
