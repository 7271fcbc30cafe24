//! The names of the record headers. `docs/wire.md` describes their values.

/// Identifies a call; a reply repeats it.
pub const CORRELATION_ID: &str = "kafka_correlationId";
/// Where the reply goes.
pub const REPLY_TOPIC: &str = "kafka_replyTopic";
/// Which partition of it: 4 bytes, big-endian.
pub const REPLY_PARTITION: &str = "kafka_replyPartition";
/// The gRPC path, `/user.v1.UserService/Find`.
pub const METHOD: &str = "rpc-method";
/// The budget of the call, in gRPC's text form.
pub const TIMEOUT: &str = "grpc-timeout";
/// Present if its caller sends many at once: their answers may wait for each other.
pub const GATHER: &str = "rpc-gather";
/// The gRPC status code of a reply, in decimal; always present.
pub const STATUS: &str = "grpc-status";
/// The client's key for a call that may be sent twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest of them, in bytes.
pub const LONGEST_IDEMPOTENCY_KEY: usize = 128;
/// The form of the value.
pub const CONTENT_TYPE: &str = "content-type";
/// The form of every value that this crate writes.
pub const PROTOBUF: &[u8] = b"application/protobuf";
/// The form that foreign callers may use.
pub const JSON: &[u8] = b"application/json";
/// NestJS: the error that its client raises, as JSON.
pub const NEST_ERROR: &str = "kafka_nest-err";
/// NestJS: present in a good answer; one zero byte.
pub const NEST_DISPOSED: &str = "kafka_nest-is-disposed";
/// Comes before the name of each gRPC metadata entry that is carried.
pub const META_PREFIX: &str = "meta:";
/// The id of the key that the MAC was made with.
pub const KEY_ID: &str = "rpc-key-id";
/// The MAC: 32 bytes.
pub const MAC: &str = "rpc-mac";
/// Present when the value is encrypted: the nonce, 24 bytes.
pub const SEALED: &str = "rpc-sealed";
/// In a streamed reply: which run of the handler it is of, 16 hexadecimal characters.
pub const RUN: &str = "rpc-run";
/// In a streamed reply: its number from 0, in decimal.
pub const SEQUENCE: &str = "rpc-seq";
/// Present in the last reply of a stream, which has the status and no message.
pub const END: &str = "rpc-end";
/// In place of a request: its caller has gone.
pub const CANCEL: &str = "rpc-cancel";
/// In place of a request: up to which number its caller takes the messages of a stream, in decimal.
pub const WINDOW: &str = "rpc-window";
/// In place of a request: a new channel, which wants both ends connected before its first call.
pub const HELLO: &str = "rpc-hello";
/// What dead-lettering adds; outside the MAC.
pub const DEAD_LETTER_PREFIX: &str = "kafka_dlt-";
/// W3C trace context; outside the MAC, since proxies may annotate it.
pub const TRACE: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// CloudEvents: the id of an event.
pub const CE_ID: &str = "ce_id";
/// CloudEvents: the gRPC path of the method that handles the event.
pub const CE_TYPE: &str = "ce_type";
/// CloudEvents: which service the event comes from.
pub const CE_SOURCE: &str = "ce_source";
/// CloudEvents: the version of the specification.
pub const CE_SPECVERSION: &str = "ce_specversion";
/// CloudEvents: when it happened, RFC 3339 in UTC.
pub const CE_TIME: &str = "ce_time";

/// The gRPC metadata that travels in a request. `authorization` is always encrypted.
pub const REQUEST_METADATA: [&str; 5] = [
    "authorization",
    "accept-language",
    "x-request-id",
    "x-client-address",
    "x-client-user-agent",
];

/// Whether the MAC covers a header.
#[must_use]
pub fn is_covered(name: &str) -> bool {
    name != MAC && !name.starts_with(DEAD_LETTER_PREFIX) && !TRACE.contains(&name)
}

/// Ends the name of a dead-letter topic: `<topic>.dlq`.
pub const DEAD_LETTER_SUFFIX: &str = ".dlq";
/// Stands between a topic and the number of its retry tier: `<topic>.retry.<n>`.
pub const RETRY_INFIX: &str = ".retry.";

/// What a copy of an event on a retry or dead-letter topic bears beside its own headers. The names
/// are Spring's where Spring has one. None is covered by the MAC, so none decides more than when an
/// event is tried again.
pub mod dead_letter {
    /// The topic of the first copied record.
    pub const ORIGINAL_TOPIC: &str = "kafka_dlt-original-topic";
    /// Its partition: 4 bytes.
    pub const ORIGINAL_PARTITION: &str = "kafka_dlt-original-partition";
    /// Its offset: 8 bytes.
    pub const ORIGINAL_OFFSET: &str = "kafka_dlt-original-offset";
    /// Its time: 8 bytes, milliseconds since 1970.
    pub const ORIGINAL_TIMESTAMP: &str = "kafka_dlt-original-timestamp";
    /// Where the first copied record was.
    pub const PLACE: [&str; 4] = [
        ORIGINAL_TOPIC,
        ORIGINAL_PARTITION,
        ORIGINAL_OFFSET,
        ORIGINAL_TIMESTAMP,
    ];
    /// The gRPC status code of the last attempt, by name.
    pub const CODE: &str = "kafka_dlt-exception-fqcn";
    /// The status's message.
    pub const MESSAGE: &str = "kafka_dlt-exception-message";
    /// How many attempts there were: 4 bytes.
    pub const ATTEMPTS: &str = "kafka_dlt-attempts";
    /// On a retry topic: when the event is to be tried again: 8 bytes, milliseconds since 1970.
    pub const DUE: &str = "kafka_dlt-due-timestamp";
}
