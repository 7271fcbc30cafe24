//! What pods may do, what they are told, and how they are asked for their health.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::objects::{of_component, of_kind, pod, title};
use super::{Chart, VALUES};

/// Settings that are secret in every process.
const SECRETS: [&str; 8] = [
    "BUS_KEYS",
    "DATABASE_URL",
    "KAFKA_SASL_PASSWORD",
    "PASETO_ACCESS_KEY",
    "PASETO_REFRESH_KEY",
    "REDIS_URL",
    "SESSION_KEYS",
    "SMTP_URL",
];

/// Every container of every pod, with its object's title.
fn containers(objects: &[Value]) -> Vec<(String, &Value)> {
    objects
        .iter()
        .filter_map(|object| Some((title(object), pod(object)?.1["containers"].as_array()?)))
        .flat_map(|(title, containers)| containers.iter().map(move |one| (title.clone(), one)))
        .collect()
}

/// The restricted Pod Security Standard, and no token of the Kubernetes API.
pub(super) fn restricted(chart: &Chart) -> Result<()> {
    for values in VALUES {
        let objects = chart.objects(values, &[])?;
        for object in &objects {
            let Some((_, spec)) = pod(object) else {
                continue;
            };
            let title = title(object);
            let security = &spec["securityContext"];
            ensure!(
                spec["automountServiceAccountToken"] == false,
                "{title} mounts a token"
            );
            ensure!(security["runAsNonRoot"] == true, "{title} may run as root");
            ensure!(
                security["runAsUser"].as_u64().is_some_and(|user| user > 0),
                "{title} is root"
            );
            ensure!(
                security["seccompProfile"] == json!({ "type": "RuntimeDefault" }),
                "{title} may make any system call"
            );
            for shared in ["hostNetwork", "hostPID", "hostIPC"] {
                ensure!(spec.get(shared).is_none(), "{title} sets {shared}");
            }
        }
        let containers = containers(&objects);
        ensure!(!containers.is_empty(), "no containers are rendered");
        for (title, container) in containers {
            let security = &container["securityContext"];
            let writable = security["readOnlyRootFilesystem"] != true;
            ensure!(!writable, "{title} can write to its file system");
            ensure!(
                security["allowPrivilegeEscalation"] == false,
                "{title} may gain privilege"
            );
            ensure!(
                security["capabilities"] == json!({ "drop": ["ALL"] }),
                "{title} keeps capabilities"
            );
            let resources = &container["resources"];
            ensure!(
                resources["requests"]["memory"].is_string()
                    && resources["limits"]["memory"].is_string(),
                "{title} asks for any amount of memory"
            );
        }
    }
    Ok(())
}

/// Secrets are named, never written: no Secret is rendered, and no secret setting has a value.
pub(super) fn secrets(chart: &Chart) -> Result<()> {
    for values in VALUES {
        let objects = chart.objects(values, &[])?;
        ensure!(
            of_kind(&objects, "Secret").is_empty(),
            "a Secret is rendered"
        );
        for config in of_kind(&objects, "ConfigMap") {
            for name in SECRETS {
                ensure!(
                    config["data"].get(name).is_none(),
                    "{} has {name}",
                    title(config)
                );
            }
        }
        let mut seen = 0;
        for (title, container) in containers(&objects) {
            for setting in container["env"].as_array().into_iter().flatten() {
                let name = setting["name"].as_str().unwrap_or_default();
                if SECRETS.contains(&name) {
                    let source = &setting["valueFrom"]["secretKeyRef"]["name"];
                    ensure!(
                        setting.get("value").is_none(),
                        "{title} has {name} written out"
                    );
                    ensure!(source.is_string(), "{title} takes {name} from no Secret");
                    seen += 1;
                }
            }
        }
        ensure!(
            seen > SECRETS.len(),
            "only {seen} secret settings are rendered"
        );
    }
    Ok(())
}

/// The gateway issues tokens, and every other service has the public key alone; the keys of sessions
/// are the user service's.
pub(super) fn least_keys(chart: &Chart) -> Result<()> {
    let objects = chart.objects("minimal", &[])?;
    for (name, access, refresh) in [
        ("gateway", "PASETO_ACCESS_KEY", true),
        ("user", "PASETO_ACCESS_PUBLIC_KEY", false),
        ("notification", "PASETO_ACCESS_PUBLIC_KEY", false),
    ] {
        let deployment = of_component(&objects, "Deployment", name)?;
        let (_, spec) = pod(deployment).context("a Deployment without a pod")?;
        let settings = spec["containers"][0]["env"]
            .as_array()
            .context("no settings")?;
        let key = |wanted: &str| {
            let setting = settings.iter().find(|setting| setting["name"] == wanted)?;
            setting["valueFrom"]["secretKeyRef"]["key"].as_str()
        };
        ensure!(
            key("PASETO_ACCESS_KEY") == Some(access),
            "{name} has the wrong access key"
        );
        ensure!(
            key("PASETO_REFRESH_KEY").is_some() == refresh,
            "{name} has the wrong keys"
        );
        let sessions = key("SESSION_KEYS").is_some();
        ensure!(
            sessions == (name == "user"),
            "{name} has the wrong session keys"
        );
        ensure!(
            key("BUS_KEYS").is_some(),
            "{name} cannot read records of the bus"
        );
    }
    Ok(())
}

/// Each probe goes to a port that the process was told to listen on, and only readiness looks at
/// what the process depends on.
pub(super) fn probes(chart: &Chart) -> Result<()> {
    for values in VALUES {
        let objects = chart.objects(values, &[])?;
        for deployment in of_kind(&objects, "Deployment") {
            let title = title(deployment);
            let name = super::objects::component(deployment);
            let (_, spec) = pod(deployment).context("a Deployment without a pod")?;
            let container = &spec["containers"][0];
            let ports = container["ports"]
                .as_array()
                .with_context(|| title.clone())?;
            let config = of_component(&objects, "ConfigMap", name)?;
            for port in ports {
                let told = port["containerPort"].to_string();
                let mut data = config["data"].as_object().into_iter().flatten();
                ensure!(
                    data.any(|(_, value)| *value == told.as_str()),
                    "{title} is not told to listen on {told}"
                );
            }
            for (kind, path, service) in [
                ("startupProbe", "/livez", "liveness"),
                ("livenessProbe", "/livez", "liveness"),
                ("readinessProbe", "/readyz", ""),
            ] {
                let probe = &container[kind];
                let right = match (probe.get("httpGet"), probe.get("grpc")) {
                    (Some(http), None) => {
                        http["path"] == path
                            && ports.iter().any(|port| port["name"] == http["port"])
                    }
                    (None, Some(grpc)) => {
                        grpc["service"] == service
                            && ports
                                .iter()
                                .any(|port| port["containerPort"] == grpc["port"])
                    }
                    _ => false,
                };
                ensure!(right, "{title} has the {kind} {probe}");
            }
            let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
            let grace = spec["terminationGracePeriodSeconds"].as_u64();
            ensure!(
                pause.is_some() && pause < grace,
                "{title} has no time to drain"
            );
        }
    }
    Ok(())
}
