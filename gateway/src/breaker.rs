//! A circuit breaker for each upstream service: while a service fails all calls, they are refused at
//! once instead of being waited for, but for one from time to time that tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chassis::contract::Contract;
use chassis::layer::around::{Around, Concern};
use chassis::layer::ending;
use chassis::layer::method::Called;
use chassis::status::Reason;
use http::{Request, Response};
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use crate::arrival::Arrival;

/// The service has failed all calls of late.
pub const SERVICE_UNAVAILABLE: Reason = Reason {
    code: Code::Unavailable,
    reason: "SERVICE_UNAVAILABLE",
    domain: "gateway",
};

/// How many calls in a row have to fail: more than come to grief together when one process dies.
const FAILURES: u32 = 32;

/// How long calls are refused before one tries, from the first to the longest: each that fails doubles
/// it. Short, since whoever waits for a service that is back waits in vain.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What is known of a service. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    service: Arc<str>,
    contract: Arc<Contract>,
    state: Arc<Mutex<State>>,
    /// How many calls have tried.
    tried: Arc<AtomicU64>,
}

#[derive(Debug)]
enum State {
    /// Calls go through; so many in a row have failed.
    Closed { failures: u32 },
    /// Calls are refused until then.
    Open { until: Instant, pause: Duration },
    /// One call tries, the one of this number. While it waits for its client another may take its place.
    Trying {
        pause: Duration,
        number: u64,
        arrival: Option<Arrival>,
    },
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Trial {
    breaker: Breaker,
    /// The number of this one, if it is the one that tries.
    alone: Option<u64>,
    begun: Instant,
    /// How its body comes, if it was still to come.
    arrival: Option<Arrival>,
    /// After how long it is the service's fault that nothing has come: half of the time that the method
    /// has by its contract. A caller who has less patience does not make a service look bad. Never for
    /// streams, which may be silent.
    patience: Option<Duration>,
    is_over: bool,
}

/// The breaker of a service of the contract.
pub(crate) fn layer(service: &str, contract: &Arc<Contract>) -> Around<Breaker> {
    Around(Breaker {
        service: service.into(),
        contract: Arc::clone(contract),
        state: Arc::new(Mutex::new(State::Closed { failures: 0 })),
        tried: Arc::default(),
    })
}

// === impl Breaker ===

impl Breaker {
    /// Whether a call may go, and its number if it is the one that tries; else how long none may.
    fn enter(&self, now: Instant, arrival: Option<&Arrival>) -> Result<Option<u64>, Duration> {
        let mut state = self.state.lock();
        let pause = match &*state {
            State::Closed { .. } => return Ok(None),
            State::Open { until, .. } if *until > now => return Err(*until - now),
            State::Open { pause, .. } => *pause,
            // The service cannot answer it: whoever sends nothing more would keep all others out.
            State::Trying {
                pause,
                arrival: Some(arrival),
                ..
            } if arrival.waits() => *pause,
            State::Trying { pause, .. } => return Err(*pause),
        };
        let number = self.tried.fetch_add(1, Ordering::Relaxed);
        *state = State::Trying {
            pause,
            number,
            arrival: arrival.cloned(),
        };
        Ok(Some(number))
    }

    fn failed(&self, alone: Option<u64>, now: Instant) {
        let (shortest, longest) = PAUSES;
        let mut state = self.state.lock();
        let pause = match &mut *state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures < FAILURES {
                    return;
                }
                tracing::warn!(service = %self.service, "{FAILURES} calls in a row failed: calls are refused until one succeeds");
                shortest
            }
            State::Trying { pause, number, .. } if alone == Some(*number) => {
                (*pause * 2).min(longest)
            }
            // Begun before the others were refused, or another has taken its place.
            State::Open { .. } | State::Trying { .. } => return,
        };
        *state = State::Open {
            until: now + pause,
            pause,
        };
    }

    fn succeeded(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Closed { .. }) {
            tracing::info!(service = %self.service, "the service answers again");
        }
        *state = State::Closed { failures: 0 };
    }

    /// The one that tried came to no end.
    fn gave_up(&self, tried: u64, now: Instant) {
        let mut state = self.state.lock();
        match *state {
            State::Trying { pause, number, .. } if number == tried => {
                *state = State::Open { until: now, pause };
            }
            _ => {}
        }
    }
}

impl Concern for Breaker {
    type Kept = Trial;

    fn before(&self, request: &mut Request<Body>) -> Result<Trial, Status> {
        let now = Instant::now();
        let arrival = request.extensions().get::<Arrival>().cloned();
        let alone = self.enter(now, arrival.as_ref()).map_err(refused)?;
        let called = Called::of(request).map(Called::method);
        // The gateway's own calls have passed no layer that looks them up.
        let method = called.or_else(|| self.contract.get(request.uri().path()).map(|own| &**own));
        let method = method.filter(|method| !method.server_streaming);
        Ok(Trial {
            breaker: self.clone(),
            alone,
            begun: now,
            arrival,
            patience: method.map(|method| method.deadline / 2),
            is_over: false,
        })
    }

    fn after(mut trial: Trial, response: Response<Body>) -> Response<Body> {
        match ending::status(response.headers()).unwrap_or(Code::Ok) {
            Code::Unavailable => trial.failed(),
            // May have been said on the way: of the service it says nothing. What is late is seen to by
            // the end of the trial.
            Code::DeadlineExceeded
            | Code::InvalidArgument
            | Code::ResourceExhausted
            | Code::Cancelled => {}
            _ => {
                trial.is_over = true;
                trial.breaker.succeeded();
            }
        }
        response
    }
}

fn refused(wait: Duration) -> Status {
    SERVICE_UNAVAILABLE.status_with(
        "the service does not answer at the moment: try again later",
        ErrorDetails::with_retry_info(Some(wait)),
    )
}

// === impl Trial ===

impl Trial {
    fn failed(&mut self) {
        self.is_over = true;
        self.breaker.failed(self.alone, Instant::now());
    }

    /// Whether the service has had its time, and said nothing.
    fn is_late(&self, now: Instant) -> bool {
        let arrival = self.arrival.as_ref();
        if arrival.is_some_and(Arrival::waits) {
            return false;
        }
        let since = arrival.and_then(Arrival::went_on).unwrap_or(self.begun);
        let waited = now.saturating_duration_since(since);
        self.patience.is_some_and(|patience| waited >= patience)
    }
}

impl Drop for Trial {
    /// The caller has gone, or nothing was learned but that it took too long.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let now = Instant::now();
        if self.is_late(now) {
            self.failed();
        } else if let Some(number) = self.alone {
            self.breaker.gave_up(number, now);
        }
    }
}

#[cfg(test)]
mod tests;
