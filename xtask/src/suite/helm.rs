//! The suite `helm`: the chart is linted, rendered for each file of `ci/`, validated against the
//! schemas of the Kubernetes API, and held to what its README promises.

mod chart;
mod objects;
mod pods;
mod promises;
mod readme;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::chart::Chart;
use super::Outcome;
use crate::context::Context;
use crate::process::captured;
use crate::tools;

/// The files of `ci/`: the least that installs, and everything at once.
const VALUES: [&str; 2] = ["minimal", "full"];
/// The oldest API that Chart.yaml admits, and the newest that there are schemas of.
const KUBERNETES: [&str; 2] = ["1.30.0", "1.37.0"];
const LIMIT: Duration = Duration::from_secs(60);

/// One thing that has to hold.
type Case = (&'static str, fn(&Chart) -> Result<()>);

const CASES: [Case; 16] = [
    ("lint_passes_for_every_values_file", lint),
    (
        "a_misspelt_value_is_refused_by_its_name",
        promises::misspelt_value,
    ),
    (
        "missing_values_are_listed_all_at_once",
        promises::missing_values,
    ),
    (
        "what_contradicts_itself_is_refused",
        promises::contradictions,
    ),
    ("a_new_service_is_values_only", promises::new_service),
    ("a_service_can_be_left_out", promises::service_left_out),
    (
        "a_changed_setting_restarts_only_its_own_pods",
        promises::checksum,
    ),
    ("jobs_are_hooks_and_can_be_switched_off", promises::jobs),
    (
        "an_autoscaled_service_has_no_replicas",
        promises::autoscaling,
    ),
    (
        "one_replica_has_no_disruption_budget",
        promises::disruption_budget,
    ),
    ("every_pod_is_restricted", pods::restricted),
    ("no_secret_is_in_any_object", pods::secrets),
    ("services_cannot_issue_tokens", pods::least_keys),
    ("probes_ask_for_what_the_processes_answer", pods::probes),
    (
        "every_service_and_policy_selects_pods_of_the_chart",
        objects::selectors,
    ),
    ("the_readme_lists_every_value", readme::table),
];

/// Runs every case and reports all that fail.
///
/// # Errors
/// When a case fails or a tool cannot be run.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(helm) = tools::helm(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("helm")));
    };
    let Some(kubeconform) = tools::kubeconform(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("kubeconform")));
    };
    let Some(schemas) = tools::schemas(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("kubernetes-schemas")));
    };
    let chart = Chart::new(&helm, context.root().join("helm/trolleybus"));
    let mut passed = 0;
    let mut failures = Vec::new();
    let mut settle = |name: &str, result: Result<()>| match result {
        Ok(()) => passed += 1,
        Err(error) => failures.push(format!("{name}: {error:#}")),
    };
    for values in VALUES {
        // Kept below target/, for a person to look at what was judged.
        let rendered = context.root().join(format!("target/helm/{values}.yaml"));
        let result = render(&chart, values, &rendered);
        let failed = result.is_err();
        settle(&format!("{values}_values_render"), result);
        for version in KUBERNETES {
            if !failed {
                let result = validate(&rendered, version, &kubeconform, &schemas);
                settle(
                    &format!("{values}_values_are_valid_in_kubernetes_{version}"),
                    result,
                );
            }
        }
    }
    for (name, case) in CASES {
        settle(name, case(&chart));
    }
    if !failures.is_empty() {
        bail!(
            "{} of the chart's checks failed\n{}",
            failures.len(),
            failures.join("\n")
        );
    }
    Ok(Outcome::Passed(passed))
}

fn lint(chart: &Chart) -> Result<()> {
    VALUES.into_iter().try_for_each(|values| chart.lint(values))
}

fn render(chart: &Chart, values: &str, path: &Path) -> Result<()> {
    let dir = path.parent().context("a file without a folder")?;
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(path, chart.manifest(Some(values), &[])?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Every rendered object against the API's own schemas, in which an unknown field is an error.
fn validate(rendered: &Path, version: &str, kubeconform: &Path, schemas: &Path) -> Result<()> {
    let mut command = Command::new(kubeconform);
    command.args(["-strict", "-summary", "-kubernetes-version", version]);
    command.arg("-schema-location").arg(schemas).arg(rendered);
    let summary = captured(&mut command, LIMIT)?;
    // A kind without a schema would be passed over.
    if !summary.contains("Skipped: 0") || summary.contains("Summary: 0 resources") {
        bail!("kubeconform left objects out: {}", summary.trim());
    }
    Ok(())
}
