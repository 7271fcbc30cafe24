//! A circuit breaker for each upstream service: while a service fails all calls, they are refused at
//! once instead of being waited for, but for one from time to time that tries.

use std::sync::Arc;
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
}

#[derive(Debug)]
enum State {
    /// Calls go through; so many in a row have failed.
    Closed { failures: u32 },
    /// Calls are refused until then.
    Open { until: Instant, pause: Duration },
    /// One call tries. While its client has not sent all of it, another may take its place.
    Trying {
        pause: Duration,
        arrival: Option<Arrival>,
    },
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Trial {
    breaker: Breaker,
    /// Whether the others wait for this one.
    alone: bool,
    begun: Instant,
    /// When the service has had all of the call, if its body was still to come.
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
    })
}

// === impl Breaker ===

impl Breaker {
    /// Whether a call may go, and whether it is the one that tries; else how long none may.
    fn enter(&self, now: Instant, arrival: Option<&Arrival>) -> Result<bool, Duration> {
        let mut state = self.state.lock();
        let pause = match &*state {
            State::Closed { .. } => return Ok(false),
            State::Open { until, .. } if *until > now => return Err(*until - now),
            State::Open { pause, .. } => *pause,
            // The service cannot answer it: whoever sends nothing more would keep all others out.
            State::Trying {
                pause,
                arrival: Some(arrival),
            } if arrival.at().is_none() => *pause,
            State::Trying { pause, .. } => return Err(*pause),
        };
        let arrival = arrival.cloned();
        *state = State::Trying { pause, arrival };
        Ok(true)
    }

    fn failed(&self, alone: bool, now: Instant) {
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
            State::Trying { pause, .. } if alone => (*pause * 2).min(longest),
            // Begun before the others were refused.
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
    fn gave_up(&self, now: Instant) {
        let mut state = self.state.lock();
        if let State::Trying { pause, .. } = *state {
            *state = State::Open { until: now, pause };
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
        let had_it = match &self.arrival {
            None => Some(self.begun),
            Some(arrival) => arrival.at(),
        };
        let waited = had_it.map(|at| now.saturating_duration_since(at));
        waited
            .zip(self.patience)
            .is_some_and(|(waited, patience)| waited >= patience)
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
        } else if self.alone {
            self.breaker.gave_up(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(breaker: &Breaker, code: Code) -> Result<(), Status> {
        let mut request = Request::new(Body::empty());
        let trial = breaker.before(&mut request)?;
        Breaker::after(trial, Status::new(code, "").into_http());
        Ok(())
    }

    fn breaker() -> Breaker {
        let contract = crate::Contracts::compiled().unwrap().contract;
        layer("auth.v1.AuthService", &contract).0
    }

    fn opened() -> Breaker {
        let breaker = breaker();
        for _ in 0..FAILURES {
            ask(&breaker, Code::Unavailable).unwrap();
        }
        breaker
    }

    /// As if its pause were over.
    fn pause_is_over(breaker: &Breaker) {
        let mut state = breaker.state.lock();
        if let State::Open { until, .. } = &mut *state {
            *until = Instant::now();
        }
    }

    fn pause_of(breaker: &Breaker) -> Option<Duration> {
        match *breaker.state.lock() {
            State::Open { pause, .. } => Some(pause),
            _ => None,
        }
    }

    #[test]
    fn a_service_that_fails_all_calls_is_left_alone() {
        let breaker = opened();
        let refused = ask(&breaker, Code::Ok).unwrap_err();
        assert_eq!(
            chassis::status::reason_of(&refused).unwrap(),
            "SERVICE_UNAVAILABLE"
        );
        pause_is_over(&breaker);
        ask(&breaker, Code::Ok).unwrap();
        ask(&breaker, Code::Ok).unwrap();
    }

    #[test]
    fn one_call_tries_and_the_pause_grows_up_to_its_limit() {
        let breaker = opened();
        for expected in [500, 1000, 2000, 2000] {
            pause_is_over(&breaker);
            let trial = breaker.before(&mut Request::new(Body::empty())).unwrap();
            assert!(ask(&breaker, Code::Ok).is_err(), "two try at once");
            Breaker::after(trial, Status::unavailable("").into_http());
            assert_eq!(pause_of(&breaker), Some(Duration::from_millis(expected)));
        }
    }

    #[test]
    fn a_caller_that_goes_leaves_the_trial_to_another() {
        let breaker = opened();
        pause_is_over(&breaker);
        drop(breaker.before(&mut Request::new(Body::empty())).unwrap());
        ask(&breaker, Code::NotFound).unwrap();
        assert!(pause_of(&breaker).is_none());
    }

    #[test]
    fn what_says_nothing_of_the_service_does_not_count() {
        let breaker = breaker();
        for code in [
            Code::InvalidArgument,
            Code::ResourceExhausted,
            Code::NotFound,
            Code::Ok,
        ] {
            for _ in 0..2 * FAILURES {
                ask(&breaker, code).unwrap();
            }
        }
        for _ in 0..FAILURES - 1 {
            ask(&breaker, Code::Unavailable).unwrap();
        }
        ask(&breaker, Code::NotFound).unwrap();
        ask(&breaker, Code::Unavailable).unwrap();
        assert!(pause_of(&breaker).is_none());
    }

    /// A call whose client does not send all of it.
    fn unsent() -> (Request<Body>, Arrival) {
        let arrival = Arrival::default();
        let mut request = Request::post("/auth.v1.AuthService/Login");
        request.extensions_mut().unwrap().insert(arrival.clone());
        (request.body(Body::empty()).unwrap(), arrival)
    }

    #[test]
    fn a_call_that_its_client_keeps_waiting_says_nothing_of_the_service() {
        let breaker = breaker();
        let trial = |sent: bool| {
            let (mut request, arrival) = unsent();
            let mut trial = breaker.before(&mut request).unwrap();
            trial.patience = Some(Duration::ZERO);
            if sent {
                arrival.note();
            }
            trial
        };
        for _ in 0..2 * FAILURES {
            drop(trial(false));
        }
        assert!(pause_of(&breaker).is_none());
        for _ in 0..FAILURES {
            drop(trial(true));
        }
        assert!(pause_of(&breaker).is_some());
    }

    #[test]
    fn a_call_that_its_client_keeps_waiting_keeps_nobody_out() {
        let breaker = opened();
        pause_is_over(&breaker);
        let (mut request, arrival) = unsent();
        let waiting = breaker.before(&mut request).unwrap();
        let (mut request, _) = unsent();
        let also_waiting = breaker.before(&mut request).unwrap();
        // Too late: another tries already.
        arrival.note();
        drop(waiting);
        ask(&breaker, Code::Ok).unwrap();
        assert!(matches!(*breaker.state.lock(), State::Closed { .. }));
        drop(also_waiting);
        // One that was sent is waited for.
        let breaker = opened();
        pause_is_over(&breaker);
        let (mut request, arrival) = unsent();
        let trying = breaker.before(&mut request).unwrap();
        arrival.note();
        assert!(ask(&breaker, Code::Ok).is_err());
        drop(trying);
    }

    #[test]
    fn only_a_call_that_had_its_time_is_late() {
        let breaker = breaker();
        let trial = |late: bool| {
            let request = Request::post("/auth.v1.AuthService/Login");
            let mut request = request.body(Body::empty()).unwrap();
            let mut trial = breaker.before(&mut request).unwrap();
            if late {
                trial.patience = Some(Duration::ZERO);
            }
            trial
        };
        for _ in 0..2 * FAILURES {
            drop(trial(false));
            Breaker::after(trial(false), Status::deadline_exceeded("").into_http());
        }
        assert!(pause_of(&breaker).is_none());
        for _ in 0..FAILURES / 2 {
            drop(trial(true));
            Breaker::after(trial(true), Status::deadline_exceeded("").into_http());
        }
        assert!(pause_of(&breaker).is_some());
    }
}
