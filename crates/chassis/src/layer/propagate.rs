//! Calls that leave the process carry the trace of the one that they are made for.

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;

use super::around::{Around, Concern};
use crate::trace;

/// Writes the current trace context.
#[derive(Debug, Clone, Copy)]
pub struct Propagate;

/// Goes around a client's transport: each request gets the trace context of the call that it is made
/// for, in place of any it has.
#[must_use]
pub fn layer() -> Around<Propagate> {
    Around(Propagate)
}

impl Concern for Propagate {
    type Kept = ();

    fn before(&self, request: &mut Request<Body>) -> Result<(), Status> {
        trace::inject(request.headers_mut());
        Ok(())
    }

    fn after((): (), response: Response<Body>) -> Response<Body> {
        response
    }
}
