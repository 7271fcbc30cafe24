//! Looking at rendered objects.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use super::{Chart, VALUES};

const COMPONENT: &str = "app.kubernetes.io/component";

/// The objects of one kind.
pub(super) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

/// The one object of a kind that belongs to a component.
pub(super) fn of_component<'a>(objects: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let found: Vec<&Value> = of_kind(objects, kind)
        .into_iter()
        .filter(|object| component(object) == name)
        .collect();
    match found[..] {
        [object] => Ok(object),
        _ => bail!("{} objects of kind {kind} belong to {name}", found.len()),
    }
}

/// Which service or job an object belongs to.
pub(super) fn component(object: &Value) -> &str {
    object["metadata"]["labels"][COMPONENT]
        .as_str()
        .unwrap_or_default()
}

/// `Kind/name`, for messages and for comparing sets of objects.
pub(super) fn title(object: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!(
        "{}/{}",
        part(&object["kind"]),
        part(&object["metadata"]["name"])
    )
}

/// Objects by their title.
pub(super) fn by_title(objects: Vec<Value>) -> BTreeMap<String, Value> {
    objects
        .into_iter()
        .map(|object| (title(&object), object))
        .collect()
}

/// The labels and the spec of each pod that an object makes.
pub(super) fn pod(object: &Value) -> Option<(&Map<String, Value>, &Value)> {
    let template = match object["kind"].as_str()? {
        "Deployment" | "Job" => &object["spec"]["template"],
        "Pod" => object,
        _ => return None,
    };
    Some((
        template["metadata"]["labels"].as_object()?,
        &template["spec"],
    ))
}

/// Each service, policy, disruption budget and deployment finds the pods of one component, and each
/// component has a policy of its own.
pub(super) fn selectors(chart: &Chart) -> Result<()> {
    for values in VALUES {
        let objects = chart.objects(values, &[])?;
        let pods: Vec<&Map<String, Value>> = objects
            .iter()
            .filter_map(pod)
            .map(|(labels, _)| labels)
            .collect();
        let mut covered = Vec::new();
        for object in &objects {
            let spec = &object["spec"];
            let selector = match object["kind"]
                .as_str()
                .context("an object without a kind")?
            {
                "Service" => &spec["selector"],
                "NetworkPolicy" => &spec["podSelector"]["matchLabels"],
                "Deployment" | "PodDisruptionBudget" => &spec["selector"]["matchLabels"],
                _ => continue,
            };
            let selector = selector.as_object().with_context(|| title(object))?;
            let matching: Vec<_> = pods
                .iter()
                .filter(|labels| {
                    selector
                        .iter()
                        .all(|(name, value)| labels.get(name) == Some(value))
                })
                .collect();
            ensure!(
                !selector.is_empty() && matching.len() == 1,
                "{} selects the pods of {} components",
                title(object),
                matching.len()
            );
            if object["kind"] == "NetworkPolicy" {
                covered.push(component(object));
            }
        }
        for labels in pods {
            let name = labels
                .get(COMPONENT)
                .and_then(Value::as_str)
                .unwrap_or_default();
            ensure!(
                covered.contains(&name),
                "no NetworkPolicy is for the pods of {name}"
            );
        }
    }
    Ok(())
}
