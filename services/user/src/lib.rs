//! Accounts and sessions.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`register`], [`validate`], [`refresh_session`], [`find`] | one use case each |
//! | [`service`] | the gRPC service, which delegates to them |
//! | [`error`](mod@error) | what can go wrong, and what a caller is told of it |
//! | [`email`], [`name`], [`password`] | what is taken, and how passwords are kept |
//! | [`session`] | sessions and the generations of their refresh tokens |
//! | [`outbox`] | events, and the relay that publishes them |
//! | [`call_journal`] | a call delivered twice takes effect once |
//! | [`idempotency_keys`] | a call sent again with its key is answered as before |
//! | [`entity`], [`schema`], [`database`] | the tables, their migrations, the connection |
//! | [`deps`], [`timestamp`] | time, ids and randomness as parameters |
//! | [`server`], [`process`] | the service on its transports, and as a process |
//! | [`config`] | settings |

mod account;
pub mod call_journal;
pub mod config;
pub mod database;
pub mod deps;
pub mod email;
pub mod entity;
pub mod error;
pub mod find;
pub mod idempotency_keys;
pub mod name;
pub mod outbox;
pub mod password;
pub mod process;
pub mod refresh_session;
pub mod register;
pub mod schema;
pub mod server;
pub mod service;
pub mod session;
mod text;
pub mod timestamp;
pub mod validate;
