//! What a set of infrastructure consists of, kept in a file so that a later command can stop it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::endpoints::Endpoints;
use crate::process::Identity;

const STATE_FILE: &str = "state.json";
const LOCK_FILE: &str = "lock";

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PartKind {
    Kafka,
    Postgres,
    Redis,
}

impl PartKind {
    /// Its name, also that of its service in `compose.yaml`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

/// Which servers of a set are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Which {
    /// Those of one kind; any if none is given.
    pub(crate) kind: Option<PartKind>,
    /// The one with this number; any if none is given.
    pub(crate) node: Option<u16>,
}

impl Which {
    /// Whether a server is meant.
    pub(crate) fn means(self, part: &Part) -> bool {
        self.kind.is_none_or(|kind| kind == part.kind)
            && self.node.is_none_or(|node| node == part.node)
    }
}

/// One server of a set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    /// Counts the brokers from 1; 1 for the others.
    pub(crate) node: u16,
    /// Where clients connect.
    pub(crate) port: u16,
    /// Where Kafka's controllers talk to each other; not used by the others.
    pub(crate) controller_port: Option<u16>,
    /// The native process, if it was started.
    pub(crate) process: Option<Identity>,
}

impl Part {
    /// The name of its log and data folder: `kafka-1`, `postgres`, `redis`.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            PartKind::Kafka => format!("kafka-{}", self.node),
            PartKind::Postgres | PartKind::Redis => self.kind.name().to_owned(),
        }
    }

    /// Whether its native process runs.
    pub(crate) fn alive(&self) -> bool {
        self.process.as_ref().is_some_and(Identity::alive)
    }
}

/// What runs the servers of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// Processes of this machine.
    Native,
    /// A compose project of this name.
    Docker { project: String },
}

/// A set as it was last recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) endpoints: Endpoints,
    pub(crate) parts: Vec<Part>,
    /// PostgreSQL's data, which may have to lie outside the set's folder.
    pub(crate) postgres_home: PathBuf,
    /// The process that ends the set when its user is gone; none for the set of a developer.
    pub(crate) guard: Option<Identity>,
}

impl State {
    /// The recorded state of the set in `dir`, none if there is no such set.
    ///
    /// # Errors
    /// When the file cannot be read or is not a state.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(STATE_FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(|| {
                format!(
                    "{} is damaged: end what it lists and delete it",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Records the state; a reader sees either the old or the new one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        let fresh = dir.join("state.json.new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&fresh, dir.join(STATE_FILE)))
            .with_context(|| format!("cannot write the state in {}", dir.display()))
    }

    /// The servers of one kind.
    pub(crate) fn of(&self, kind: PartKind) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }
}

/// Held while a set is changed, so that two commands do not start it twice.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else changes the set in `dir`, which is created if need be.
    ///
    /// # Errors
    /// When the folder or the lock cannot be created.
    pub(crate) fn acquire(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let path = dir.join(LOCK_FILE);
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        State {
            engine: Engine::Native,
            endpoints: Endpoints {
                kafka: "127.0.0.1:1".to_owned(),
                database: "postgres://127.0.0.1:2/x".to_owned(),
                redis: "redis://127.0.0.1:3".to_owned(),
            },
            parts: vec![Part {
                kind: PartKind::Kafka,
                node: 2,
                port: 1,
                controller_port: Some(4),
                process: Some(Identity::of(std::process::id()).unwrap()),
            }],
            postgres_home: "/data".into(),
            guard: None,
        }
    }

    #[test]
    fn a_saved_state_is_loaded_with_its_processes() {
        let dir = tempfile::tempdir().unwrap();
        sample().save(dir.path()).unwrap();
        let state = State::load(dir.path()).unwrap().unwrap();
        assert_eq!(state.endpoints, sample().endpoints);
        assert_eq!(state.parts[0].name(), "kafka-2");
        assert!(state.parts[0].alive());
    }

    #[test]
    fn no_file_is_no_set_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(State::load(dir.path()).unwrap().is_none());
        fs::write(dir.path().join(STATE_FILE), "{").unwrap();
        let error = State::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");
    }
}
