//! What the bus counts.
//!
//! The handles are made when a channel or a server starts; counting is one atomic addition, and a
//! mutex that is held for nanoseconds for what is measured in seconds. [`Default`] counts for nobody.

use std::time::Duration;

use chassis::metrics::{Counter, Gauge, Histogram, Metrics, Name};

const PENDING: Name = Name {
    name: "bus_pending_calls",
    help: "Calls of this process that await their reply",
};
const CALLS: Name = Name {
    name: "bus_calls",
    help: "Calls of this process that ended, by their outcome",
};
const PING: Name = Name {
    name: "bus_reply_path_ping",
    help: "How long a ping takes through the broker to this process's reply partition",
};
const REFUSED: Name = Name {
    name: "bus_refused_records",
    help: "Records that were not taken, by the reason",
};
const DEAD_LETTERS: Name = Name {
    name: "bus_dead_letters",
    help: "Events that were set aside",
};
const RETRIES: Name = Name {
    name: "bus_event_retries",
    help: "Further attempts to handle an event",
};
const QUEUE_AGE: Name = Name {
    name: "bus_queue_age",
    help: "How old records were when they were taken",
};
const UNCOMMITTED: Name = Name {
    name: "bus_uncommitted_records",
    help: "Records that were taken and whose offset is not committed",
};

/// The upper bounds of the buckets of a ping, in seconds.
const PING_SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// The same of a queue: from at once to an event that waited over a weekend.
const AGE_SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 86_400.0, 259_200.0,
];

/// How a call of this process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A reply came, whatever its status.
    Replied,
    /// None came in time.
    DeadlineExceeded,
    /// The caller went away first.
    Cancelled,
    /// It was not sent: no room, no broker, too large.
    NotSent,
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its MAC is missing or wrong.
    Unverified,
    /// It names no address that may be answered.
    Unanswerable,
    /// Its deadline had passed.
    Expired,
    /// It does not open, or holds what its method does not take.
    Unreadable,
    /// It was executed before.
    Repeated,
    /// There was no room for it.
    NoRoom,
}

/// What a channel counts. Clones count together.
#[derive(Debug, Clone)]
pub struct ChannelMetrics {
    /// Calls that await their reply.
    pub pending: Gauge,
    /// How long pings take.
    pub ping: Histogram,
    calls: [Counter; Outcome::ALL.len()],
}

/// What a server counts. Clones count together.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    /// Events that were set aside.
    pub dead_letters: Counter,
    /// Further attempts to handle an event.
    pub retries: Counter,
    /// Records that were taken and are not committed.
    pub uncommitted: Gauge,
    queue_age: Histogram,
    refused: [Counter; Refusal::ALL.len()],
}

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 4] = [
        Self::Replied,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::NotSent,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Replied => "replied",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::NotSent => "not_sent",
        }
    }
}

// === impl Refusal ===

impl Refusal {
    const ALL: [Self; 6] = [
        Self::Unverified,
        Self::Unanswerable,
        Self::Expired,
        Self::Unreadable,
        Self::Repeated,
        Self::NoRoom,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Unanswerable => "unanswerable",
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
            Self::Repeated => "repeated",
            Self::NoRoom => "no_room",
        }
    }
}

// === impl ChannelMetrics ===

impl ChannelMetrics {
    /// Of a channel whose replies come to `reply.<app>`.
    #[must_use]
    pub fn new(metrics: &Metrics, app: &str) -> Self {
        let app = ("app", app);
        Self {
            pending: metrics.gauge(PENDING, &[app]),
            ping: metrics.seconds(PING, PING_SECONDS, &[app]),
            calls: Outcome::ALL
                .map(|outcome| metrics.counter(CALLS, &[app, ("outcome", outcome.name())])),
        }
    }

    /// A call has ended.
    pub fn ended(&self, outcome: Outcome) {
        self.calls[outcome as usize].inc();
    }
}

impl Default for ChannelMetrics {
    fn default() -> Self {
        Self::new(&Metrics::default(), "")
    }
}

// === impl ServerMetrics ===

impl ServerMetrics {
    /// Of a server in a consumer group.
    #[must_use]
    pub fn new(metrics: &Metrics, group: &str) -> Self {
        let group = ("group", group);
        Self {
            dead_letters: metrics.counter(DEAD_LETTERS, &[group]),
            retries: metrics.counter(RETRIES, &[group]),
            uncommitted: metrics.gauge(UNCOMMITTED, &[group]),
            queue_age: metrics.seconds(QUEUE_AGE, AGE_SECONDS, &[group]),
            refused: Refusal::ALL
                .map(|refusal| metrics.counter(REFUSED, &[group, ("reason", refusal.name())])),
        }
    }

    /// A record was taken, so long after it was written.
    pub fn taken(&self, age: Duration) {
        self.queue_age.observe(age.as_secs_f64());
    }

    /// A record was not taken.
    pub fn refused(&self, refusal: Refusal) {
        self.refused[refusal as usize].inc();
    }
}

impl Default for ServerMetrics {
    fn default() -> Self {
        Self::new(&Metrics::default(), "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_and_refusal_is_counted_under_its_own_name() {
        let metrics = Metrics::default();
        let channel = ChannelMetrics::new(&metrics, "gateway");
        for (times, outcome) in Outcome::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| channel.ended(outcome));
        }
        let server = ServerMetrics::new(&metrics, "user");
        for (times, refusal) in Refusal::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| server.refused(refusal));
        }
        let text = metrics.render();
        for (times, outcome) in Outcome::ALL.into_iter().enumerate() {
            let (name, count) = (outcome.name(), times + 1);
            let line = format!("bus_calls_total{{app=\"gateway\",outcome=\"{name}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        for (times, refusal) in Refusal::ALL.into_iter().enumerate() {
            let (name, count) = (refusal.name(), times + 1);
            let line =
                format!("bus_refused_records_total{{group=\"user\",reason=\"{name}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        }
    }
}
