//! A set of containers: the three services of `compose.yaml`, under a project name and on ports of
//! its own, so that it never meets the containers that somebody started by `docker compose up`.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::endpoints::Endpoints;
use super::ports;
use super::set::Action;
use super::state::{Engine, Part, PartKind, State};
use crate::context::Context;
use crate::process::{Identity, captured, find, succeed};

const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// Pulling the images included.
const UP_LIMIT: Duration = Duration::from_secs(600);
const KINDS: [PartKind; 3] = [PartKind::Kafka, PartKind::Postgres, PartKind::Redis];
const FILE: &str = "compose.json";

/// Whether an engine answers and there is something to start with it.
pub(super) fn available(context: &Context) -> bool {
    let answers =
        |arguments: &[&str]| captured(Command::new("docker").args(arguments), PROBE_LIMIT).is_ok();
    context.root().join("compose.yaml").is_file()
        && find("docker").is_some()
        && answers(&["compose", "version"])
        && answers(&["info"])
}

/// Starts a new project and waits until its health checks pass.
///
/// # Errors
/// When an image cannot be pulled or a container does not become healthy; nothing is left running.
pub(super) fn start(context: &Context, dir: &Path, guard: Option<Identity>) -> Result<State> {
    let mut config = Command::new("docker");
    config.args([
        "compose",
        "-f",
        "compose.yaml",
        "config",
        "--format",
        "json",
    ]);
    let config = captured(config.current_dir(context.root()), PROBE_LIMIT)?;
    let config: Value = serde_json::from_str(&config).context("`docker compose config`")?;
    let free = ports::pick(KINDS.len())?;
    let (compose, endpoints) = derive(&config, [free[0], free[1], free[2]])?;
    fs::write(dir.join(FILE), serde_json::to_vec_pretty(&compose)?)?;

    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    let project = format!("trolleybus-{:016x}", hasher.finish());
    let parts = KINDS.iter().zip(&free).map(|(&kind, &port)| Part {
        kind,
        node: 1,
        port,
        controller_port: None,
        process: None,
    });
    let state = State {
        engine: Engine::Docker {
            project: project.clone(),
        },
        endpoints,
        parts: parts.collect(),
        postgres_home: dir.join("postgres"),
        guard,
    };
    state.save(dir)?;
    if let Err(error) = act(dir, &project, None, Action::Start) {
        remove(dir, &project)?;
        fs::remove_file(dir.join("state.json"))?;
        return Err(error);
    }
    Ok(state)
}

/// Applies an action to one service, or to all.
///
/// # Errors
/// When `docker compose` fails.
pub(super) fn act(dir: &Path, project: &str, kind: Option<PartKind>, action: Action) -> Result<()> {
    let run = |arguments: &[&str]| {
        let mut command = compose(dir, project);
        command.args(arguments).args(kind.map(PartKind::name));
        succeed(&mut command, UP_LIMIT)
    };
    match action {
        Action::Start => {
            let mut paused = compose(dir, project);
            paused.args(["ps", "--quiet", "--status", "paused"]);
            if !captured(paused.args(kind.map(PartKind::name)), PROBE_LIMIT)?
                .trim()
                .is_empty()
            {
                run(&["unpause"])?;
            }
            run(&["up", "--detach", "--wait"])
        }
        Action::Stop => run(&["stop"]),
        Action::Kill => run(&["kill"]),
        Action::Pause => run(&["pause"]),
    }
}

/// Removes the containers and their volumes.
///
/// # Errors
/// When `docker compose` fails.
pub(super) fn remove(dir: &Path, project: &str) -> Result<()> {
    let down = ["down", "--volumes", "--timeout", "1"];
    succeed(compose(dir, project).args(down), UP_LIMIT)
}

/// Shows the containers.
///
/// # Errors
/// When `docker compose` fails.
pub(super) fn status(dir: &Path, project: &str) -> Result<()> {
    succeed(compose(dir, project).args(["ps", "--all"]), PROBE_LIMIT)
}

fn compose(dir: &Path, project: &str) -> Command {
    let mut command = Command::new("docker");
    command
        .args(["compose", "-p", project, "-f"])
        .arg(dir.join(FILE));
    command
}

/// A compose file of the three services alone, published on the given ports of this machine, in the
/// order of [`KINDS`]; and how to reach them.
fn derive(config: &Value, ports: [u16; 3]) -> Result<(Value, Endpoints)> {
    let mut services = Map::new();
    for (kind, port) in KINDS.into_iter().zip(ports) {
        let name = kind.name();
        let service = config["services"][name]
            .as_object()
            .with_context(|| format!("compose.yaml has no service {name}"))?;
        let mut kept = Map::new();
        for key in [
            "image",
            "environment",
            "command",
            "entrypoint",
            "healthcheck",
            "user",
            "tmpfs",
        ] {
            if let Some(value) = service.get(key) {
                kept.insert(key.to_owned(), value.clone());
            }
        }
        let target = match kind {
            PartKind::Kafka => service["ports"][0]["target"]
                .as_u64()
                .context("the service kafka of compose.yaml publishes no port")?,
            PartKind::Postgres => 5432,
            PartKind::Redis => 6379,
        };
        kept.insert(
            "ports".to_owned(),
            json!([format!("127.0.0.1:{port}:{target}")]),
        );
        if kind == PartKind::Kafka {
            advertise(&mut kept, port)?;
        }
        services.insert(name.to_owned(), Value::Object(kept));
    }
    let setting = |name: &str| config["services"]["postgres"]["environment"][name].as_str();
    let user = setting("POSTGRES_USER").unwrap_or("postgres");
    let password = setting("POSTGRES_PASSWORD").unwrap_or_default();
    let database = setting("POSTGRES_DB").unwrap_or(user);
    let [kafka, postgres, redis] = ports;
    let endpoints = Endpoints {
        kafka: format!("127.0.0.1:{kafka}"),
        database: format!("postgres://{user}:{password}@127.0.0.1:{postgres}/{database}"),
        redis: format!("redis://127.0.0.1:{redis}"),
    };
    Ok((json!({ "services": services }), endpoints))
}

/// Has the broker name `port` to those clients that come from this machine.
fn advertise(service: &mut Map<String, Value>, port: u16) -> Result<()> {
    const NAME: &str = "KAFKA_ADVERTISED_LISTENERS";
    let listeners = service
        .get_mut("environment")
        .and_then(|environment| environment.get_mut(NAME))
        .with_context(|| format!("the service kafka of compose.yaml sets no {NAME}"))?;
    let mut found = false;
    let changed: Vec<String> = listeners
        .as_str()
        .unwrap_or_default()
        .split(',')
        .map(|listener| match listener.rsplit_once(':') {
            Some((host, _)) if host.ends_with("//localhost") || host.ends_with("//127.0.0.1") => {
                found = true;
                format!("{host}:{port}")
            }
            _ => listener.to_owned(),
        })
        .collect();
    if !found {
        bail!("{NAME} in compose.yaml has no listener on localhost");
    }
    *listeners = Value::String(changed.join(","));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({ "services": {
            "kafka": {
                "image": "apache/kafka:4.1.1",
                "container_name": "kafka",
                "depends_on": { "x": {} },
                "environment": {
                    "KAFKA_ADVERTISED_LISTENERS": "IN://kafka:19092,OUT://localhost:9092"
                },
                "ports": [{ "target": 9092, "published": "9092" }],
            },
            "postgres": {
                "image": "postgres:17",
                "environment": { "POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p" },
            },
            "redis": { "image": "redis:7", "volumes": [] },
            "gateway": { "image": "x" },
        }})
    }

    #[test]
    fn only_the_three_services_are_taken_and_on_their_own_ports() {
        let (compose, endpoints) = derive(&config(), [1, 2, 3]).unwrap();
        assert_eq!(compose["services"].as_object().unwrap().len(), 3);
        let kafka = &compose["services"]["kafka"];
        assert_eq!(kafka["ports"][0], "127.0.0.1:1:9092");
        assert_eq!(
            kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"],
            "IN://kafka:19092,OUT://localhost:1"
        );
        assert!(kafka.get("container_name").is_none() && kafka.get("depends_on").is_none());
        assert_eq!(endpoints.database, "postgres://u:p@127.0.0.1:2/u");
    }

    #[test]
    fn a_broker_that_is_out_of_reach_of_this_machine_is_refused() {
        let mut config = config();
        config["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] =
            json!("IN://kafka:19092");
        assert!(derive(&config, [1, 2, 3]).is_err());
    }
}
