//! Rendering the chart.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize as _;
use serde_json::Value;

use super::LIMIT;
use crate::process::captured;

/// The release that every rendering is of; part of the objects' names.
const RELEASE: &str = "ride";

/// The chart's folder, and the program that renders it.
pub(super) struct Chart {
    helm: PathBuf,
    dir: PathBuf,
}

impl Chart {
    pub(super) fn new(helm: &Path, dir: PathBuf) -> Self {
        Self {
            helm: helm.to_owned(),
            dir,
        }
    }

    /// Where its files are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// # Errors
    /// When `helm lint` has anything to say, with that.
    pub(super) fn lint(&self, values: &str) -> Result<()> {
        let mut command = Command::new(&self.helm);
        command.args(["lint", "--strict"]).arg(&self.dir);
        command.arg("--values").arg(self.values(values));
        captured(&mut command, LIMIT).map(drop)
    }

    /// The rendered text, with `values` (a file of `ci/`) and `sets` (`--set` expressions) over it.
    ///
    /// # Errors
    /// When the chart refuses them, with what it says.
    pub(super) fn manifest(&self, values: Option<&str>, sets: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.helm);
        command
            .args(["template", RELEASE])
            .arg(&self.dir)
            .args(["--namespace", "trolleybus"]);
        if let Some(values) = values {
            command.arg("--values").arg(self.values(values));
        }
        for set in sets {
            command.args(["--set", set]);
        }
        captured(&mut command, LIMIT)
    }

    /// The rendered objects.
    ///
    /// # Errors
    /// When the chart refuses the values, or renders what is not YAML.
    pub(super) fn objects(&self, values: &str, sets: &[&str]) -> Result<Vec<Value>> {
        let manifest = self.manifest(Some(values), sets)?;
        let mut objects = Vec::new();
        for document in yaml_serde::Deserializer::from_str(&manifest) {
            let object = Value::deserialize(document).context("the chart rendered bad YAML")?;
            if !object.is_null() {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// What the chart says when it refuses values.
    ///
    /// # Errors
    /// When it takes them.
    pub(super) fn refusal(&self, values: Option<&str>, sets: &[&str]) -> Result<String> {
        match self.manifest(values, sets) {
            Ok(_) => bail!("the chart takes {sets:?}"),
            Err(error) => Ok(format!("{error:#}")),
        }
    }

    fn values(&self, name: &str) -> PathBuf {
        self.dir.join(format!("ci/{name}-values.yaml"))
    }
}
