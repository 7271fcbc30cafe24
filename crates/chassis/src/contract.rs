//! What the `.proto` options say of each method.
//!
//! Read once at start. A method that declares no access rule or no `idempotency_level` is a fault,
//! and a process with a fault does not start: there are no silent defaults for who may call what,
//! or for what may run twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, MethodDescriptor};

mod limits;
mod read;
mod rest;
mod secret;

pub use limits::PERIODS;
pub use secret::is_redacted;

/// The budget of a call whose contract states none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// The pauses before the further attempts to handle an event whose contract states none.
pub const DEFAULT_PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
];

/// The methods of a set of services, by gRPC path.
#[derive(Debug, Clone, Default)]
pub struct Contract {
    methods: hashbrown::HashMap<String, Arc<Method>>,
}

/// What the contract says of one method.
#[derive(Debug, Clone)]
pub struct Method {
    /// `/user.v1.UserService/Find`.
    pub path: String,
    /// `user.v1.UserService`.
    pub service: String,
    /// The Kafka topic of its requests, or of its events.
    pub topic: String,
    /// Who may call it.
    pub access: Access,
    /// How it travels over Kafka.
    pub pattern: Pattern,
    /// What may happen when a request is delivered twice.
    pub idempotency: Idempotency,
    /// The longest that a call may take.
    pub deadline: Duration,
    /// Whether its request or its reply holds a field marked `debug_redact`, however deep. Such a
    /// method's values are encrypted on the bus.
    pub sealed: bool,
    /// Whether its reply alone holds such a field: it is never stored then.
    pub secret_reply: bool,
    /// Whether the answer is a stream of messages.
    pub server_streaming: bool,
    /// The request field that orders: calls with the same value of it are handled one by one.
    pub key: Option<FieldDescriptor>,
    /// How many calls one process works on at once, if the contract says so.
    pub max_in_flight: Option<usize>,
    /// Whether the offset of a call that must not run twice is committed before it runs.
    pub commit_first: bool,
    /// What happens when the handler of an event fails.
    pub retry: Retry,
    /// The roles of which the caller must have one; none if a token is enough.
    pub roles: Vec<String>,
    /// The scopes that the caller's token must have, all of them.
    pub scopes: Vec<String>,
    /// How often it may be called through the gateway.
    pub rate_limits: Vec<RateLimit>,
    /// What is said of the method over REST.
    pub rest: Rest,
    /// The descriptor: input and output types, comments, other options.
    pub descriptor: MethodDescriptor,
}

/// What a contract says of a method over REST, beyond its routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
    /// The HTTP status of success, if the contract states one.
    pub success_status: Option<u16>,
    /// How long clients may keep the answer without asking again, if they may keep it at all.
    pub cache: Option<Duration>,
    /// The largest body, in bytes, if the contract states one.
    pub max_body: Option<usize>,
    /// Whether what the request message does not know is skipped.
    pub ignore_unknown_fields: bool,
    /// The path of what a call has created, with fields of the response in braces.
    pub location: Option<String>,
    /// How a stream of events is taken up where it broke off.
    pub cursor: Option<Cursor>,
}

/// The fields by which a stream of events is taken up where it broke off, as dotted paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The response field that is the `id` of an event.
    pub response_field: String,
    /// The request field that says after which event to begin.
    pub request_field: String,
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Holders of a valid access token.
    Authenticated,
    /// Other services only.
    Internal,
}

/// How a method travels over Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The caller awaits the reply.
    RequestReply,
    /// The caller awaits only that the broker has the record.
    Event,
}

/// What happens when the handler of an event fails for a reason that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// The event waits on a topic of its own before each further attempt, `<topic>.retry.<n>` for
    /// the n-th pause, counted from 1.
    Tiers(Vec<Duration>),
    /// The event is tried again in place after each pause; the later ones of its key wait.
    InOrder(Vec<Duration>),
}

/// How often calls may come, evenly, with a burst after a while without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Whose calls count together.
    pub key: RateLimitKey,
    /// How many per period; at least 1.
    pub requests: u32,
    /// The period; at least a second.
    pub period: Duration,
    /// How many at once; at least 1.
    pub burst: u32,
}

/// Whose calls count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitKey {
    /// Those of one client address.
    Address,
    /// Those of one signed-in user.
    Identity,
}

/// What may happen when a request is delivered twice (`google.protobuf.MethodOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It may run again: it changes nothing.
    NoSideEffects,
    /// It may run again: the second run changes nothing more.
    Idempotent,
    /// It must not run twice.
    Unknown,
}

/// The contract is not one that a process can serve.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the contract has faults:\n  {}", faults.join("\n  "))]
pub struct ContractError {
    /// One line each, naming the method.
    pub faults: Vec<String>,
}

// === impl Contract ===

impl Contract {
    /// Reads the contract of the named services (`user.v1.UserService`).
    ///
    /// # Errors
    /// All faults together: an unknown service, a method without an access rule or an
    /// `idempotency_level`, an event that does not return `google.protobuf.Empty`, two methods on
    /// one topic.
    pub fn read(pool: &DescriptorPool, services: &[&str]) -> Result<Self, ContractError> {
        read::contract(pool, services)
    }

    /// Reads the contract of services that are called over HTTP/2 and never over the bus, such as those
    /// of other platforms: nothing is said of topics, nor need an `idempotency_level` be. `access` is
    /// that of the methods which declare none. A stream may last for ten minutes where no deadline is
    /// stated.
    ///
    /// # Errors
    /// As for [`read`](Self::read), but for what concerns records.
    pub fn read_direct(
        pool: &DescriptorPool,
        services: &[&str],
        access: Option<Access>,
    ) -> Result<Self, ContractError> {
        read::direct(pool, services, access)
    }

    /// The methods of both.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.methods.extend(other.methods);
        self
    }

    /// The method at a gRPC path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Arc<Method>> {
        self.methods.get(path)
    }

    /// All methods, ordered by path.
    #[must_use]
    pub fn methods(&self) -> Vec<&Arc<Method>> {
        let mut methods: Vec<_> = self.methods.values().collect();
        methods.sort_by(|a, b| a.path.cmp(&b.path));
        methods
    }

    /// The same methods on topics of other names: so that one broker can carry several platforms.
    #[must_use]
    pub fn with_topics(self, rename: impl Fn(&str) -> String) -> Self {
        let renamed = |method: Arc<Method>| {
            let topic = rename(&method.topic);
            Arc::new(Method {
                topic,
                ..Arc::unwrap_or_clone(method)
            })
        };
        let methods = self
            .methods
            .into_iter()
            .map(|(path, method)| (path, renamed(method)));
        Self {
            methods: methods.collect(),
        }
    }

    /// The same methods with other rate limits: those of the paths that `limits` names.
    #[must_use]
    pub fn with_rate_limits(mut self, limits: HashMap<String, Vec<RateLimit>>) -> Self {
        for (path, limits) in limits {
            if let Some(method) = self.methods.get_mut(&path) {
                Arc::make_mut(method).rate_limits = limits;
            }
        }
        self
    }

    /// The methods of one service, ordered by path.
    #[must_use]
    pub fn of_service(&self, service: &str) -> Vec<&Arc<Method>> {
        self.methods()
            .into_iter()
            .filter(|method| method.service == service)
            .collect()
    }
}

// === impl Retry ===

impl Retry {
    /// The pauses before the further attempts, in order.
    #[must_use]
    pub fn pauses(&self) -> &[Duration] {
        let (Self::Tiers(pauses) | Self::InOrder(pauses)) = self;
        pauses
    }
}

// === impl Method ===

impl Method {
    /// The request type.
    #[must_use]
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// Whether the response to a call with an idempotency key may be kept and replayed: a second run
    /// would do harm, and the response is one message without a secret.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        self.idempotency == Idempotency::Unknown && !self.server_streaming && !self.secret_reply
    }

    /// The response type.
    #[must_use]
    pub fn output(&self) -> MessageDescriptor {
        self.descriptor.output()
    }
}

#[cfg(test)]
mod tests;
