//! Running other programs: finding them, timeouts, detached starts and the identity of a process.

mod identity;
mod run;
mod usage;

pub(crate) use identity::Identity;
pub(crate) use run::{captured, dependent, detached, find, log_tail, passthrough, succeed};
pub(crate) use usage::Usage;
