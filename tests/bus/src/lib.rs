//! Two processes to break: a worker that serves the test contract over Kafka, and a caller that
//! calls it and tells how each call ended.
//!
//! Both are told what to do by flags and signals, and tell what they do in lines of JSON on standard
//! output ([`report`]). The cases that break them are in `it`.

pub mod args;
pub mod call;
pub mod output;
pub mod report;
