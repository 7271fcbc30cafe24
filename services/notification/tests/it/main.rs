//! The service as its callers see it, on a real SMTP conversation or the development mailbox.

#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod app;
mod capture;
mod dead_letters;
mod docs;
mod duplicates;
mod page;
mod secrets;
mod sink;
mod smtp;
