//! What the chart's README says it does with values.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Chart;
use super::objects::{by_title, component, of_component, of_kind, pod, title};

const HOOK: &str = "helm.sh/hook";

fn ensure_said(message: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(
            message.contains(part),
            "the refusal does not say {part:?}: {message}"
        );
    }
    Ok(())
}

/// At every depth, and under the names that a person chooses.
pub(super) fn misspelt_value(chart: &Chart) -> Result<()> {
    for (set, name) in [
        ("kafka.broker=x:9092", "broker"),
        ("replicaCount=2", "replicaCount"),
        ("services.user.replica=3", "replica"),
        ("services.user.autoscaling.enable=true", "enable"),
        (
            "defaults.probes.liveness.failureTreshold=3",
            "failureTreshold",
        ),
        ("jobs.migrate.backofLimit=3", "backofLimit"),
        (
            "securityContext.readOnlyRootFileSystem=true",
            "readOnlyRootFileSystem",
        ),
        ("services.user.dependencies={postgres}", "dependencies"),
    ] {
        ensure_said(&chart.refusal(Some("minimal"), &[set])?, &[name])?;
    }
    Ok(())
}

/// One run says everything that is needed, what needs it and what to write.
pub(super) fn missing_values(chart: &Chart) -> Result<()> {
    let message = chart.refusal(None, &[])?;
    ensure_said(
        &message,
        &[
            "kafka.brokers is required by jobs.topics, services.gateway",
            "keys.existingSecret is required by",
            "database.existingSecret is required by jobs.migrate, services.user",
            "redis.existingSecret is required by services.gateway",
            "DATABASE_URL",
        ],
    )?;
    // What nothing needs is not asked for.
    let without = ["services.gateway=null", "test.enabled=false"];
    let message = chart.refusal(None, &without)?;
    ensure!(
        !message.contains("redis.existingSecret"),
        "Redis is asked for: {message}"
    );
    Ok(())
}

/// Values that the schema takes one by one and that cannot hold together.
pub(super) fn contradictions(chart: &Chart) -> Result<()> {
    for (set, said) in [
        ("kafka.brokers=kafka", "write host:port"),
        (
            "kafka.securityProtocol=sasl_ssl",
            "kafka.sasl.mechanism is required",
        ),
        ("kafka.sasl.username=user", "kafka.sasl is set, but"),
        ("kafka.tls.existingSecret=x", "kafka.tls.existingSecret is set, but"),
        ("kafka.tls.cert=tls.crt", "belong together"),
        (
            "services.user.terminationGracePeriodSeconds=5",
            "terminationGracePeriodSeconds",
        ),
        (
            "services.user.probes.port=metrics",
            "services.user.probes.port",
        ),
        // Over gRPC that port answers nothing.
        (
            "services.user.probes.port=admin",
            "services.user.probes.port",
        ),
        (
            "services.user.networkPolicy.fromServices={nobody}",
            "nobody",
        ),
        ("services.migrate.command={x}", "share a name"),
        (
            "services.orders.ports.grpc.port=1",
            "services.orders.command is empty",
        ),
        ("ingress.enabled=true", "ingress.hosts is empty"),
        ("test.service=orders", "test.service"),
        ("services.gateway.enabled=false", "test.service"),
    ] {
        ensure_said(&chart.refusal(Some("minimal"), &[set])?, &[said])?;
    }
    let scaling = [
        "services.user.autoscaling.enabled=true",
        "services.user.autoscaling.minReplicas=9",
    ];
    ensure_said(
        &chart.refusal(Some("minimal"), &scaling)?,
        &["above maxReplicas"],
    )
}

/// Everything of the new service appears, and nothing of the others changes.
pub(super) fn new_service(chart: &Chart) -> Result<()> {
    let before = by_title(chart.objects("minimal", &[])?);
    let sets = [
        "services.orders.command={orders,serve}",
        "services.orders.ports.grpc.port=50061",
        "services.orders.ports.grpc.env=GRPC_PORT",
        "services.orders.dependencies={kafka,redis}",
    ];
    let mut after = by_title(chart.objects("minimal", &sets)?);
    for (title, object) in before {
        ensure!(
            after.remove(&title) == Some(object),
            "{title} is changed by a new service"
        );
    }
    let kinds: BTreeSet<&str> = after
        .values()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    let expected = [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    ];
    ensure!(
        kinds == BTreeSet::from(expected),
        "a new service renders {kinds:?}"
    );
    let orders: Vec<Value> = after.into_values().collect();
    ensure!(
        orders.iter().all(|one| component(one) == "orders"),
        "others' objects are rendered"
    );
    let settings = &of_component(&orders, "ConfigMap", "orders")?["data"];
    ensure!(
        settings["GRPC_PORT"] == "50061",
        "its port is not told: {settings}"
    );
    ensure!(
        settings["KAFKA_BROKERS"].is_string(),
        "Kafka is not told: {settings}"
    );
    let policy = of_component(&orders, "NetworkPolicy", "orders")?["spec"]["egress"].to_string();
    ensure!(
        policy.contains("9092") && policy.contains("6379"),
        "egress is {policy}"
    );
    ensure!(
        !policy.contains("5432"),
        "it reaches a database that it does not use: {policy}"
    );
    Ok(())
}

/// By `null` and by `enabled: false`, which a merge that takes `false` for "not set" would lose.
pub(super) fn service_left_out(chart: &Chart) -> Result<()> {
    for set in [
        "services.notification=null",
        "services.notification.enabled=false",
    ] {
        let objects = chart.objects("minimal", &[set])?;
        let left: Vec<String> = objects
            .iter()
            .filter(|one| component(one) == "notification")
            .map(title)
            .collect();
        ensure!(left.is_empty(), "{set} leaves {left:?}");
    }
    Ok(())
}

/// The checksum of a Deployment's settings changes with them, and no other Deployment does.
pub(super) fn checksum(chart: &Chart) -> Result<()> {
    let before = chart.objects("minimal", &[])?;
    let after = chart.objects("minimal", &["services.user.env.EXTRA=x"])?;
    for old in of_kind(&before, "Deployment") {
        let name = component(old);
        let new = of_component(&after, "Deployment", name)?;
        ensure!(
            (old != new) == (name == "user"),
            "a setting of user does the wrong to {name}"
        );
    }
    let all = chart.objects("minimal", &["log.level=debug"])?;
    for old in of_kind(&before, "Deployment") {
        let new = of_component(&all, "Deployment", component(old))?;
        ensure!(
            old != new,
            "{} is not restarted by a new log level",
            title(old)
        );
    }
    Ok(())
}

/// They and what they need exist before the release does, and nothing of them stays when they are
/// switched off.
pub(super) fn jobs(chart: &Chart) -> Result<()> {
    let objects = chart.objects("minimal", &[])?;
    let jobs = of_kind(&objects, "Job");
    ensure!(jobs.len() == 2, "{} jobs are rendered", jobs.len());
    for job in jobs {
        let (_, spec) = pod(job).context("a Job without a pod")?;
        let account = objects.iter().find(|one| {
            one["kind"] == "ServiceAccount" && one["metadata"]["name"] == spec["serviceAccountName"]
        });
        let account = account.with_context(|| format!("{} has no account", title(job)))?;
        for object in [
            job,
            account,
            of_component(&objects, "NetworkPolicy", component(job))?,
        ] {
            let hook = &object["metadata"]["annotations"][HOOK];
            ensure!(
                hook == "pre-install,pre-upgrade",
                "{} is the hook {hook}",
                title(object)
            );
        }
        ensure!(
            spec["containers"][0].get("envFrom").is_none(),
            "a job needs a later ConfigMap"
        );
    }
    let off = ["jobs.migrate.enabled=false", "jobs.topics.enabled=false"];
    let objects = chart.objects("minimal", &off)?;
    let left: Vec<String> = objects
        .iter()
        .filter(|one| one["metadata"]["annotations"][HOOK] == "pre-install,pre-upgrade")
        .map(title)
        .collect();
    ensure!(left.is_empty(), "without jobs, these hooks stay: {left:?}");
    Ok(())
}

/// The number of pods is the autoscaler's alone, or each upgrade would reset it.
pub(super) fn autoscaling(chart: &Chart) -> Result<()> {
    let objects = chart.objects("full", &[])?;
    let gateway = of_component(&objects, "Deployment", "gateway")?;
    ensure!(
        gateway["spec"].get("replicas").is_none(),
        "an autoscaled service has replicas"
    );
    let scaler = of_component(&objects, "HorizontalPodAutoscaler", "gateway")?;
    let target = &scaler["spec"]["scaleTargetRef"]["name"];
    ensure!(
        *target == gateway["metadata"]["name"],
        "the autoscaler is for {target}"
    );
    let scalers = of_kind(&objects, "HorizontalPodAutoscaler").len();
    ensure!(scalers == 1, "{scalers} autoscalers are rendered");
    of_component(&objects, "PodDisruptionBudget", "gateway").map(drop)
}

/// It would only keep a node from being drained.
pub(super) fn disruption_budget(chart: &Chart) -> Result<()> {
    let objects = chart.objects("full", &[])?;
    let budgets = of_kind(&objects, "PodDisruptionBudget");
    ensure!(
        budgets.iter().all(|one| component(one) != "notification"),
        "one replica has a budget"
    );
    for budget in budgets {
        let policy = &budget["spec"]["unhealthyPodEvictionPolicy"];
        ensure!(
            policy == "AlwaysAllow",
            "{} has the policy {policy}",
            title(budget)
        );
    }
    Ok(())
}
