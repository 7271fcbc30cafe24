//! The tables. What each column means stands here; how it is made stands in [`crate::schema`].

pub mod call_journal;
pub mod idempotency_key;
pub mod outbox;
pub mod session;
pub mod user;
pub mod user_credential;
pub mod user_role;
