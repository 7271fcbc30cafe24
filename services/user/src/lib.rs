//! Accounts and sessions.

pub mod database;
pub mod deps;
pub mod entity;
pub mod password;
pub mod schema;
pub mod session;
pub mod timestamp;
