//! The flags that worker and caller share.

use std::sync::Arc;

use bus::Settings;
use bus::keys::KeyRing;
use chassis::contract::Contract;
use test_contract::{ECHO, echo};

/// A key that protects nothing: everything here is thrown away with its broker.
const KEY: &str = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";

/// Which broker, and which topics on it.
#[derive(Debug, Clone, clap::Args)]
pub struct BusArgs {
    /// `host:port`, comma-separated
    #[arg(long)]
    pub brokers: String,
    /// Comes before the name of each topic, so that cases share a broker
    #[arg(long)]
    pub prefix: String,
}

/// The keys of both ends.
#[must_use]
pub fn keys() -> KeyRing {
    KeyRing::parse(KEY).expect("the constant is a key")
}

/// The contract of the echo service, on topics whose names begin with `prefix`.
#[must_use]
pub fn contract(prefix: &str) -> Arc<Contract> {
    let contract = Contract::read(echo::descriptors(), &[ECHO]);
    let contract = contract.expect("the test contract has no faults");
    Arc::new(contract.with_topics(|topic| format!("{prefix}{topic}")))
}

/// The consumer group of the workers.
#[must_use]
pub fn group(prefix: &str) -> String {
    format!("{prefix}echo")
}

/// The application that callers are: its reply topic is `reply.<prefix>caller`.
#[must_use]
pub fn app(prefix: &str) -> String {
    format!("{prefix}caller")
}

impl BusArgs {
    /// The settings of a process.
    #[must_use]
    pub fn settings(&self, client_id: &str) -> Settings {
        Settings::new(&self.brokers, client_id, keys())
    }

    /// The contract on this case's topics.
    #[must_use]
    pub fn contract(&self) -> Arc<Contract> {
        contract(&self.prefix)
    }
}
