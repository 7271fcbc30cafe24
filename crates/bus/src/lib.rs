//! gRPC over Kafka.
//!
//! A gRPC service is a `tower::Service<http::Request<Body>>`, and a tonic client is generic over
//! one, so the bus is two adapters: [`KafkaChannel`] carries a client's calls as records and
//! resolves the replies, and [`KafkaServer`] feeds consumed records to the same generated server
//! that HTTP/2 uses.
//!
//! The life of a call:
//!
//! ```text
//!  caller                          Kafka                           service
//!  ──────                          ─────                           ───────
//!  client.find(request)
//!   │ KafkaChannel
//!   │  deadline, reply address,
//!   │  seal, MAC, register
//!   └─ record ────────────────► user.find, partition p
//!                                        │ poll thread
//!                                        └──► KafkaServer
//!                                              verify, open, still in time?
//!                                              a slot, its turn, not run before?
//!                                              │ the same service as over HTTP/2:
//!                                              │ layers, UserServiceServer, handler
//!                                              └─ answer: status, message, MAC
//!                              reply.gateway, partition q ◄──┘     │
//!   ┌─ reader thread ◄───────────────┘                             └─ finished: the offset
//!   │  verify, find the waiting call                                  is committed later
//!   ▼
//!  Ok(response)
//! ```
//!
//! If the caller goes first, a record follows the request and stops what it started. If time is up
//! first, the caller has its error and the service drops what it does. If the service is killed, its
//! offset was not committed, and the next one has the request again, unless it must not run twice.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`settings`] | which broker, which keys |
//! | [`channel`] | the client transport |
//! | [`server`] | the server transport: commits, retries of events, dead letters |
//! | [`event`] | sealing events when an outbox row is written, publishing them later |
//! | [`dead_letter`] | counting, showing and redriving dead letters |
//! | [`acl`] | what the broker has to allow each process |
//! | [`topics`] | which topics the contracts need; creating and checking them |
//! | [`embedded`] | a broker in the process, for development and tests |
//! | [`key`] | the record key that a contract orders by |
//! | [`metrics`] | what is counted |
//! | [`keys`] | the key ring: MACs and sealing |
//! | [`header`] | the names of the record headers |
//! | [`record`] | a record before it is sent and after it was received |

pub mod acl;
pub mod channel;
pub mod dead_letter;
pub mod embedded;
pub mod event;
pub mod header;
pub mod key;
pub mod keys;
pub mod metrics;
pub mod record;
pub mod server;
pub mod settings;
pub mod topics;

mod client;
mod frame;
mod producer;

pub use channel::KafkaChannel;
pub use embedded::EmbeddedBroker;
pub use server::KafkaServer;
pub use settings::Settings;
