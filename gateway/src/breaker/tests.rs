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
    arrival.note(false);
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
            arrival.note(true);
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
    // Too late: another tries already, whatever becomes of this one.
    arrival.note(true);
    Breaker::after(waiting, Status::unavailable("").into_http());
    assert!(pause_of(&breaker).is_none());
    drop(also_waiting);
    ask(&breaker, Code::Ok).unwrap();
    assert!(matches!(*breaker.state.lock(), State::Closed { .. }));
    // One that was sent is waited for.
    let breaker = opened();
    pause_is_over(&breaker);
    let (mut request, arrival) = unsent();
    let trying = breaker.before(&mut request).unwrap();
    arrival.note(true);
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
