//! Platforms under test, and the means to look at them.

mod answer;
mod client;
mod database;
#[cfg(feature = "real")]
mod infra;
#[cfg(feature = "real")]
mod kafka;
mod log;
mod platform;
mod process;
#[cfg(feature = "real")]
mod processes;
mod raw;
#[cfg(feature = "real")]
mod servers;
#[cfg(feature = "real")]
mod sink;
mod standalone;
mod wait;

pub(crate) use answer::Answer;
pub(crate) use client::{Account, Client};
pub(crate) use database::Database;
pub(crate) use log::Log;
pub(crate) use platform::{Mail, Platform};
pub(crate) use process::Process;
pub(crate) use wait::{PATIENCE, eventually, within};
