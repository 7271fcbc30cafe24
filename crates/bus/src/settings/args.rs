//! The settings as flags and environment variables.

use std::path::PathBuf;

use chassis::config::{ConfigError, Problems};
use chassis::contract::Contract;
use thiserror::Error;

use super::Settings;
use crate::keys::KeyRing;
use crate::topics::{self, TopicError};

/// Settings of the bus.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Bus")]
pub struct BusArgs {
    /// The Kafka brokers: `host:port`, comma-separated
    #[arg(long, env = "KAFKA_BROKERS", value_name = "BROKERS")]
    pub kafka_brokers: Option<String>,
    /// The keys that sign and seal records: PASERK k4.local, comma-separated; the first is used for
    /// new records, all are accepted
    #[arg(long, env = "BUS_KEYS", value_name = "KEYS", hide_env_values = true)]
    pub bus_keys: Option<String>,
    /// A file that holds `BUS_KEYS`
    #[arg(long, env = "BUS_KEYS_FILE", value_name = "FILE")]
    pub bus_keys_file: Option<PathBuf>,
    /// Keeps this process's place in its consumer group across a restart; unique to the process,
    /// such as the pod's name
    #[arg(long, env = "INSTANCE_ID", value_name = "NAME")]
    pub instance_id: Option<String>,
}

/// The topics were not applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// A wrong setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the broker says.
    #[error(transparent)]
    Topics(#[from] TopicError),
}

impl BusArgs {
    /// Checks the settings.
    pub fn resolve(&self, client_id: &str, problems: &mut Problems) -> Option<Settings> {
        let brokers = self.brokers(problems);
        let keys = problems.secret(
            "BUS_KEYS",
            self.bus_keys.as_deref(),
            self.bus_keys_file.as_ref(),
        );
        let keys = problems.read("BUS_KEYS", keys.as_deref(), KeyRing::parse);
        let instance_id = self.instance_id.clone().filter(|id| !id.trim().is_empty());
        let mut settings = Settings::new(brokers?, client_id, keys?);
        settings.instance_id = instance_id;
        Some(settings)
    }

    /// Creates and checks the topics of a contract and of the applications that call it. What was
    /// done, one line a topic.
    ///
    /// # Errors
    /// A wrong setting, no broker, or topics that could not be created or have too few partitions.
    pub async fn apply_topics(
        &self,
        contract: &Contract,
        apps: &[&str],
        partitions: i32,
        replication_factor: Option<i32>,
    ) -> Result<Vec<String>, ApplyError> {
        let mut problems = Problems::default();
        let brokers = self.brokers(&mut problems);
        let brokers = problems.finish(brokers)?;
        let topics = topics::plan(contract, apps, partitions);
        Ok(topics::apply(&brokers, &topics, replication_factor).await?)
    }

    /// Checks the broker addresses alone: what the commands need that write no record.
    pub fn brokers(&self, problems: &mut Problems) -> Option<String> {
        problems.read("KAFKA_BROKERS", self.kafka_brokers.as_deref(), |text| {
            let good = text.split(',').all(|address| is_address(address.trim()));
            if good {
                Ok(text.to_owned())
            } else {
                Err("expected host:port, comma-separated")
            }
        })
    }
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c == '/')
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}
