//! RED: rate, errors and duration of the calls of each method and transport.

use std::sync::OnceLock;
use std::time::Duration;

use tonic::Code;

use super::{Counter, Gauge, Histogram, Metrics, Name};
use crate::call::Transport;

const CALLS: Name = Name {
    name: "rpc_calls",
    help: "Calls that ended, by their status",
};
const DURATION: Name = Name {
    name: "rpc_call_duration",
    help: "How long calls took, from when their request was taken to the end of the answer",
};
const IN_FLIGHT: Name = Name {
    name: "rpc_calls_in_flight",
    help: "Calls that are being worked on",
};

/// The upper bounds of the buckets of calls, in seconds: from a round trip in one process to a
/// deadline.
pub const CALL_SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// The names of the status codes, by number
/// (<https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>).
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The metrics of one method over one transport.
#[derive(Debug)]
pub struct CallMetrics {
    metrics: Metrics,
    method: String,
    transport: Transport,
    /// Made when they are first counted: most never are.
    ended: [OnceLock<Counter>; CODES.len()],
    seen: OnceLock<(Gauge, Histogram)>,
}

// === impl CallMetrics ===

impl CallMetrics {
    /// Of a gRPC path, `/user.v1.UserService/Find`. Nothing is shown before the first call.
    #[must_use]
    pub fn new(metrics: &Metrics, path: &str, transport: Transport) -> Self {
        Self {
            metrics: metrics.clone(),
            method: path.trim_start_matches('/').to_owned(),
            transport,
            ended: [const { OnceLock::new() }; CODES.len()],
            seen: OnceLock::new(),
        }
    }

    /// A call has begun.
    pub fn begin(&self) {
        self.seen().0.inc();
    }

    /// The call has ended.
    pub fn end(&self, code: Code, took: Duration) {
        let (in_flight, duration) = self.seen();
        in_flight.dec();
        duration.observe(took.as_secs_f64());
        let number = usize::try_from(i32::from(code)).unwrap_or(0);
        let ended = self.ended.get(number).zip(CODES.get(number));
        let (counter, name) = ended.unwrap_or((&self.ended[2], &CODES[2]));
        let make = || {
            let [method, transport] = self.labels();
            self.metrics
                .counter(CALLS, &[method, transport, ("code", name)])
        };
        counter.get_or_init(make).inc();
    }

    fn seen(&self) -> &(Gauge, Histogram) {
        self.seen.get_or_init(|| {
            let labels = self.labels();
            (
                self.metrics.gauge(IN_FLIGHT, &labels),
                self.metrics.seconds(DURATION, CALL_SECONDS, &labels),
            )
        })
    }

    fn labels(&self) -> [(&'static str, &str); 2] {
        [
            ("method", &self.method),
            ("transport", self.transport.name()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_shown_from_its_first_call_on() {
        let metrics = Metrics::default();
        let calls = CallMetrics::new(&metrics, "/a.v1.A/Get", Transport::Kafka);
        assert_eq!(metrics.render(), "# EOF\n");
        calls.begin();
        calls.begin();
        calls.end(Code::NotFound, Duration::from_millis(3));
        let text = metrics.render();
        let labels = "method=\"a.v1.A/Get\",transport=\"kafka\"";
        for line in [
            format!("rpc_calls_total{{{labels},code=\"NOT_FOUND\"}} 1"),
            format!("rpc_calls_in_flight{{{labels}}} 1"),
            format!("rpc_call_duration_seconds_count{{{labels}}} 1"),
        ] {
            assert!(text.contains(&line), "{line} is not in {text}");
        }
    }
}
