//! The settings as flags and environment variables.

use std::path::PathBuf;

use chassis::command::TopicsVerb;
use chassis::config::{ConfigError, Problems};
use chassis::contract::Contract;
use thiserror::Error;

use super::{Broker, Settings};
use crate::acl;
use crate::keys::KeyRing;
use crate::topics::{self, TopicError};

mod security;

pub use security::SecurityArgs;

/// Settings of the bus.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Bus")]
pub struct BusArgs {
    /// The Kafka brokers: `host:port`, comma-separated
    #[arg(long, env = "KAFKA_BROKERS", value_name = "BROKERS")]
    pub kafka_brokers: Option<String>,
    /// How they are reached.
    #[command(flatten)]
    pub security: SecurityArgs,
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
    /// The topics on which records of foreign callers are accepted, comma-separated: they are neither
    /// signed nor sealed, so the broker's access rules have to guard them
    #[arg(
        long,
        env = "BUS_TRUSTED_TOPICS",
        value_name = "TOPICS",
        default_value = ""
    )]
    pub bus_trusted_topics: String,
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
    /// Whether a broker or a key is named: a bus is wanted then.
    #[must_use]
    pub fn is_given(&self) -> bool {
        let named =
            |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        named(&self.kafka_brokers) || named(&self.bus_keys) || self.bus_keys_file.is_some()
    }

    /// Checks the settings.
    pub fn resolve(&self, client_id: &str, problems: &mut Problems) -> Option<Settings> {
        let broker = self.broker(problems);
        let keys = problems.secret(
            "BUS_KEYS",
            self.bus_keys.as_deref(),
            self.bus_keys_file.as_ref(),
        );
        let keys = problems.read("BUS_KEYS", keys.as_deref(), KeyRing::parse);
        let instance_id = self.instance_id.clone().filter(|id| !id.trim().is_empty());
        let trusted_topics = self.trusted_topics(problems);
        let broker = broker?;
        let mut settings = Settings::new(broker.addresses, client_id, keys?);
        settings.security = broker.security;
        settings.instance_id = instance_id;
        settings.trusted_topics = trusted_topics?;
        Some(settings)
    }

    /// Runs `topics …`: creates and checks the topics of a contract and of the applications that call
    /// it, or says what the broker has to allow. `process` is what runs with these settings, whose
    /// trusted topics are filled in here. What to print, by line.
    ///
    /// # Errors
    /// A wrong setting, no broker, or topics that could not be created or have too few partitions.
    pub async fn topics(
        &self,
        verb: &TopicsVerb,
        contract: &Contract,
        apps: &[&str],
        process: acl::Process<'_>,
    ) -> Result<Vec<String>, ApplyError> {
        let mut problems = Problems::default();
        match verb {
            TopicsVerb::Apply {
                partitions,
                replication_factor,
            } => {
                let broker = self.broker(&mut problems);
                let broker = problems.finish(broker)?;
                let topics = topics::plan(contract, apps, *partitions);
                Ok(topics::apply(broker, &topics, *replication_factor).await?)
            }
            TopicsVerb::Acls {
                principal,
                apply,
                command_config,
            } => {
                let brokers = self.brokers(&mut problems);
                let trusted = self.trusted_topics(&mut problems);
                let (brokers, trusted) = problems.finish(brokers.zip(trusted))?;
                let acls = if *apply {
                    acl::of_apply(&topics::plan(contract, apps, 1))
                } else {
                    let trusted = &trusted;
                    acl::of(contract, &acl::Process { trusted, ..process })
                };
                let config = command_config.as_deref();
                Ok(acl::commands(&acls, &brokers, principal, config))
            }
        }
    }

    /// Checks the broker's settings alone: what the commands need that write no record.
    pub fn broker(&self, problems: &mut Problems) -> Option<Broker> {
        let addresses = self.brokers(problems);
        let security = self.security.resolve(problems);
        addresses.zip(security).map(|(addresses, security)| Broker {
            addresses,
            security,
        })
    }

    fn brokers(&self, problems: &mut Problems) -> Option<String> {
        problems.read("KAFKA_BROKERS", self.kafka_brokers.as_deref(), |text| {
            let good = text.split(',').all(|address| is_address(address.trim()));
            if good {
                Ok(text.to_owned())
            } else {
                Err("expected host:port, comma-separated")
            }
        })
    }

    fn trusted_topics(&self, problems: &mut Problems) -> Option<Vec<String>> {
        let topics = self.bus_trusted_topics.split(',').map(str::trim);
        let topics: Vec<_> = topics.filter(|topic| !topic.is_empty()).collect();
        if topics.iter().all(|topic| is_topic(topic)) {
            Some(topics.into_iter().map(str::to_owned).collect())
        } else {
            problems.add(
                "BUS_TRUSTED_TOPICS",
                "expected names of topics, comma-separated, such as user.find",
            );
            None
        }
    }
}

/// What Kafka takes for the name of a topic.
fn is_topic(name: &str) -> bool {
    name.len() <= 249
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c == '/')
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        bus: BusArgs,
    }

    fn resolve(topics: &str) -> Result<Settings, ConfigError> {
        let cli = Cli::parse_from([
            "test",
            "--kafka-brokers=kafka:9092",
            "--bus-keys=k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
            "--bus-trusted-topics",
            topics,
        ]);
        let mut problems = Problems::default();
        let settings = cli.bus.resolve("test", &mut problems);
        problems.finish(settings)
    }

    #[test]
    fn trusted_topics_are_a_list_of_names() {
        assert!(resolve("").unwrap().trusted_topics.is_empty());
        let settings = resolve("user.find, user.validate,").unwrap();
        assert_eq!(settings.trusted_topics, ["user.find", "user.validate"]);
        let error = resolve("user.*").unwrap_err().to_string();
        assert!(error.contains("BUS_TRUSTED_TOPICS: expected"), "{error}");
    }
}
