//! compose.yaml, read strictly: a key that is not known here is an error, as a misspelt one would
//! otherwise be taken for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use yaml_serde::Value;

/// The whole file; keys that begin with `x-` hold what others merge.
#[derive(Debug)]
pub(super) struct File {
    pub(super) text: String,
    pub(super) services: BTreeMap<String, Service>,
    volumes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    image: String,
    #[serde(default)]
    pub(super) build: Option<Build>,
    #[serde(default)]
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) healthcheck: Option<HealthCheck>,
    #[serde(default)]
    depends_on: BTreeMap<String, Dependency>,
    #[serde(default, rename = "environment")]
    _environment: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    restart: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    #[serde(default, rename = "network_mode")]
    _network_mode: Option<String>,
    #[serde(default, rename = "stop_grace_period")]
    _stop_grace_period: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    pub(super) context: String,
    pub(super) dockerfile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthCheck {
    pub(super) test: Vec<String>,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "timeout")]
    _timeout: String,
    #[serde(rename = "retries")]
    _retries: u32,
    #[serde(rename = "start_period")]
    _start_period: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    condition: Condition,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Condition {
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

#[derive(Deserialize)]
struct Top {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Value>,
}

// === impl Service ===

impl Service {
    /// Whether it ends by itself, having done its work.
    fn is_job(&self) -> bool {
        self.restart == "no"
    }

    /// Whether it runs the platform's own image.
    pub(super) fn is_ours(&self) -> bool {
        self.build.is_some()
    }
}

// === impl File ===

impl File {
    /// # Errors
    /// When it cannot be read, or has what is not known here.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(text).with_context(|| path.display().to_string())
    }

    fn parse(text: String) -> Result<Self> {
        let mut value: Value = yaml_serde::from_str(&text)?;
        // One pass merges what stands beside a `<<`; what is merged may have one of its own.
        loop {
            let before = value.clone();
            value.apply_merge()?;
            if value == before {
                break;
            }
        }
        let top = value.as_mapping().context("not a map")?;
        for key in top.keys().filter_map(Value::as_str) {
            let known = key.starts_with("x-") || ["name", "services", "volumes"].contains(&key);
            ensure!(known, "{key} is not known");
        }
        let Top { services, volumes } = yaml_serde::from_value(value)?;
        ensure!(!services.is_empty(), "no services");
        Ok(Self {
            text,
            services,
            volumes: volumes.into_keys().collect(),
        })
    }

    /// What is waited for exists and comes to the state that is waited for.
    pub(super) fn dependencies(&self) -> Result<()> {
        for (name, service) in &self.services {
            for (on, Dependency { condition }) in &service.depends_on {
                let target = self.services.get(on);
                let target = target.with_context(|| format!("{name} waits for {on}: no such"))?;
                let completes = *condition == Condition::ServiceCompletedSuccessfully;
                ensure!(
                    target.is_job() == completes,
                    "{name} waits in vain for {on}"
                );
            }
        }
        Ok(())
    }

    /// A job ends; whatever else runs can be asked for its health.
    pub(super) fn health(&self) -> Result<()> {
        for (name, service) in &self.services {
            let Some(check) = &service.healthcheck else {
                ensure!(service.is_job(), "{name} has no health check");
                continue;
            };
            // CMD-SHELL would need a shell, which the platform's image has not.
            let exec = check.test.len() > 1 && check.test[0] == "CMD";
            ensure!(
                exec && !service.is_job(),
                "{name} has the health check {:?}",
                check.test
            );
        }
        Ok(())
    }

    /// Nobody else on the network reaches what runs with development's settings.
    pub(super) fn ports(&self) -> Result<()> {
        for (name, service) in &self.services {
            for port in &service.ports {
                ensure!(port.starts_with("127.0.0.1:${"), "{name} publishes {port}");
            }
        }
        Ok(())
    }

    /// A named volume has to be declared.
    pub(super) fn volumes(&self) -> Result<()> {
        for (name, service) in &self.services {
            for volume in &service.volumes {
                let source = volume.split(':').next().unwrap_or_default().to_owned();
                ensure!(
                    self.volumes.contains(&source),
                    "{name} mounts {source}: not declared"
                );
            }
        }
        Ok(())
    }

    /// The platform's containers run one image, with no privilege.
    pub(super) fn privilege(&self) -> Result<()> {
        let mut images = Vec::new();
        for (name, service) in self
            .services
            .iter()
            .filter(|(_, service)| service.is_ours())
        {
            ensure!(service.read_only, "{name} can write to its file system");
            ensure!(service.cap_drop == ["ALL"], "{name} keeps capabilities");
            ensure!(
                service.security_opt == ["no-new-privileges:true"],
                "{name} may gain privilege"
            );
            images.push(&service.image);
        }
        images.dedup();
        ensure!(
            images.len() == 1,
            "the platform's containers run these images: {images:?}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_service(lines: &str) -> Result<File> {
        let base = "services:\n  other: {image: x, restart: always}\n  it:\n    image: x\n    restart: always\n";
        File::parse(format!("{base}{lines}volumes: {{}}\n"))
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(with_service("").is_ok());
        assert!(with_service("    comand: [x]\n").is_err());
        assert!(File::parse("services: {}\nvolume: {}\n".to_owned()).is_err());
    }

    #[test]
    fn a_dependency_that_never_comes_is_an_error() {
        for (on, condition, holds) in [
            ("other", "service_healthy", true),
            ("other", "service_completed_successfully", false),
            ("nobody", "service_healthy", false),
        ] {
            let lines = format!("    depends_on: {{{on}: {{condition: {condition}}}}}\n");
            let file = with_service(&lines).unwrap();
            assert_eq!(file.dependencies().is_ok(), holds, "{on} {condition}");
        }
    }

    #[test]
    fn a_port_open_to_the_network_is_an_error() {
        let file = with_service("    ports: [\"${PORT:-1}:1\"]\n").unwrap();
        assert!(file.ports().is_err());
        let file = with_service("    ports: [\"127.0.0.1:${PORT:-1}:1\"]\n").unwrap();
        assert!(file.ports().is_ok());
    }
}
