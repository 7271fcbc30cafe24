//! Real Kafka, PostgreSQL and Redis for development, tests and benchmarks.
//!
//! In order of preference: servers that the environment names, `docker compose`, or native processes
//! on free ports below `target/infra`. Only what was started here is ever stopped.

mod command;
mod docker;
mod endpoints;
mod native;
mod ports;
mod private;
mod programs;
mod set;
mod state;

pub(crate) use command::{Command, run};
pub(crate) use endpoints::Endpoints;
pub(crate) use ports::{is_free as port_is_free, pick as free_ports};
pub(crate) use private::{PrivateSet, reason_not_possible};
pub(crate) use programs::Needs;
pub(crate) use state::PartKind;
