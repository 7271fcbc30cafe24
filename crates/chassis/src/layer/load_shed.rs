//! No more calls at once than there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use super::Parts;
use super::around::{Around, Concern};
use super::ending::{Ending, Watch};
use super::method::Called;
use crate::status::Reason;

/// The calls that one process works on at once where nothing else is set: the bus takes 512 at most,
/// so over HTTP/2 there is always room for as many.
pub const MAX_IN_FLIGHT: usize = 1024;

/// When a caller should come back: long enough for others to end.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// There is no room for the call.
pub const OVERLOADED: Reason = Reason {
    code: Code::ResourceExhausted,
    reason: "OVERLOADED",
    domain: "request",
};

/// Bounds how many calls run at once.
#[derive(Debug)]
pub struct Room {
    taken: AtomicUsize,
    size: usize,
}

/// A place in a [`Room`], free again when this is dropped.
#[derive(Debug)]
pub struct Place(Arc<Room>);

/// Refuses calls that there is no room for.
#[derive(Debug, Clone)]
pub struct Shed {
    process: Arc<Room>,
}

/// The places of a call that runs.
#[derive(Debug)]
pub struct Places {
    _process: Place,
    _method: Option<Place>,
}

/// Refuses a call at once with `RESOURCE_EXHAUSTED` if as many of its method or of the process run as
/// may: whoever waits here would hold what others need.
#[must_use]
pub fn layer(parts: &Parts) -> Around<Shed> {
    let process = Arc::new(Room::new(parts.max_in_flight));
    Around(Shed { process })
}

impl Concern for Shed {
    type Kept = Option<Watch<Places>>;

    fn before(&self, request: &mut Request<Body>) -> Result<Self::Kept, Status> {
        let Some(called) = Called::of(request) else {
            return Ok(None);
        };
        let process = self.process.enter().ok_or_else(overloaded)?;
        let method = called.served.room.as_ref();
        let method = method.map(|room| room.enter().ok_or_else(overloaded));
        let places = Places {
            _process: process,
            _method: method.transpose()?,
        };
        Ok(Some(Watch::new(places, called.method().server_streaming)))
    }

    fn after(watch: Self::Kept, response: Response<Body>) -> Response<Body> {
        match watch {
            Some(watch) => watch.answered(response),
            None => response,
        }
    }
}

impl Ending for Places {
    fn ended(self, _: Code) {}
}

/// The status of a call that there is no room for.
#[must_use]
pub fn overloaded() -> Status {
    OVERLOADED.status_with(
        "too many calls are under way: try again later",
        ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
    )
}

// === impl Room ===

impl Room {
    /// Room for `size` calls.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let taken = AtomicUsize::new(0);
        Self { taken, size }
    }

    /// A place, if one is free.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        // Made before it is known that there is room: dropping it gives the place back.
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(self));
        (taken < self.size).then_some(place)
    }

    /// How many places are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_full_when_it_is_and_a_place_is_free_again() {
        let room = Arc::new(Room::new(2));
        let first = room.enter().unwrap();
        let second = room.enter().unwrap();
        assert!(room.enter().is_none());
        assert_eq!(room.taken(), 2);
        drop(first);
        let third = room.enter().unwrap();
        assert!(room.enter().is_none());
        drop((second, third));
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn whoever_is_refused_is_told_when_to_come_back() {
        use tonic_types::StatusExt as _;
        let status = overloaded();
        assert_eq!(crate::status::reason_of(&status).unwrap(), "OVERLOADED");
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(RETRY_AFTER));
    }
}
