//! Platforms under test, and the means to look at them.

mod answer;
mod client;
mod database;
#[cfg(feature = "real")]
pub(crate) mod infra;
#[cfg(feature = "real")]
pub(crate) mod kafka;
mod log;
mod platform;
pub(crate) mod process;
#[cfg(feature = "real")]
pub(crate) mod processes;
pub(crate) mod raw;
#[cfg(feature = "real")]
pub(crate) mod servers;
#[cfg(feature = "real")]
mod sink;
pub(crate) mod standalone;
mod wait;

pub(crate) use answer::Answer;
pub(crate) use client::{Account, Client};
#[cfg(feature = "real")]
pub(crate) use platform::Parts;
pub(crate) use platform::{LOGS, Platform};
pub(crate) use process::Process;
#[cfg(feature = "real")]
pub(crate) use processes::Processes;
pub(crate) use standalone::Standalone;
pub(crate) use wait::{PATIENCE, eventually, within};
