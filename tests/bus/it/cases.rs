//! The cases, by what fails.

mod brokers;
mod callers;
mod clocks;
mod records;
mod storm;
mod topics;
mod workers;
