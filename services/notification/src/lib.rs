//! Mails to people.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`server`], [`process`] | the service on its transports, and as a process |
//! | [`config`] | settings of the sender and the SMTP server |
//! | [`service`] | the gRPC service, which delegates to one file per use case |
//! | `send_email`, `send_welcome` | the use cases |
//! | [`mail`] | recipients, subjects and bodies, built by parsing |
//! | [`template`] | the mails that the platform writes itself |
//! | [`mailer`] | delivery: over SMTP, or captured in the [`mailbox`] |
//! | [`mailbox`] | captured mails, and the page that shows them |
//! | [`recent`] | drops an event that was delivered twice |
//! | [`dead_letters`], [`dlq`] | events that could not be handled, for operators: by RPC, from the command line |
//! | [`error`] | every failure with its gRPC status and its stable reason |
//!
//! The same methods are called by the bus, at least once per event, and over HTTP/2. A status of
//! `UNAVAILABLE` or `INTERNAL` asks to try again, as the contract says; any other failure is
//! permanent.

pub mod config;
pub mod dead_letters;
pub mod dlq;
pub mod error;
pub mod mail;
pub mod mailbox;
pub mod mailer;
pub mod process;
pub mod recent;
mod send_email;
mod send_welcome;
pub mod server;
pub mod service;
pub mod template;

pub use config::{Config, MailArgs};
pub use mailbox::Mailbox;
pub use service::{Notifications, StartError};
