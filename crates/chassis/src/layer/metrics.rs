//! Rate, errors and duration of the calls of each method.

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::around::{Around, Concern};
use super::ending::{Ending, Watch};
use super::method::Called;

/// Counts calls.
#[derive(Debug, Clone, Copy)]
pub struct Count;

/// A call that was counted as begun.
#[derive(Debug)]
pub struct Counted(Called);

/// Counts each call of the contract: by its status when it ends, for as long as it runs, and how
/// long that was.
#[must_use]
pub fn layer() -> Around<Count> {
    Around(Count)
}

impl Concern for Count {
    type Kept = Option<Watch<Counted>>;

    fn before(&self, request: &mut Request<Body>) -> Result<Self::Kept, Status> {
        Ok(Called::of(request).map(|called| {
            called.metrics().begin();
            let streams = called.method().server_streaming;
            Watch::new(Counted(called.clone()), streams)
        }))
    }

    fn after(watch: Self::Kept, response: Response<Body>) -> Response<Body> {
        match watch {
            Some(watch) => watch.answered(response),
            None => response,
        }
    }
}

impl Ending for Counted {
    fn ended(self, code: Code) {
        let Self(called) = self;
        called.metrics().end(code, called.begun.elapsed());
    }
}
