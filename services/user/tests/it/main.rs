//! The service on its databases: always SQLite, and PostgreSQL with the feature `real`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod harness;

mod call_journal;
mod find;
mod idempotency_keys;
mod outbox;
mod refresh_session;
mod register;
mod schema;
mod secrets;
mod validate;
