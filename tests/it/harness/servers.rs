//! The real servers that the environment names.

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

/// Kafka, as `host:port`.
pub(crate) fn kafka() -> String {
    variable("TEST_KAFKA_BROKERS")
}

/// Redis, as a URL.
pub(crate) fn redis() -> String {
    variable("TEST_REDIS_URL")
}

/// A PostgreSQL database in which others can be created, as a URL.
pub(crate) fn database() -> String {
    variable("TEST_DATABASE_URL")
}
