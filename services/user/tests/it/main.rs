//! The service on its databases: always SQLite, and PostgreSQL with the feature `real`.

mod harness;
mod schema;
