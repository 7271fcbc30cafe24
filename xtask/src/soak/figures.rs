//! What a case gives, as a row of a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

/// The figures of one case.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Figures {
    case: String,
    calls: u64,
    ok: u64,
    /// Calls that ended otherwise, by status.
    errors: BTreeMap<String, u64>,
    /// The end of the latest call after its deadline, in milliseconds; negative if before it.
    latest_ms: Option<i64>,
    effects: u64,
    /// Calls that took effect more than once.
    repeated: u64,
    /// What took how long, in milliseconds.
    times: BTreeMap<String, u64>,
}

/// A Markdown table, ordered by case.
pub(super) fn table(figures: &[Figures]) -> String {
    let mut figures: Vec<_> = figures.iter().collect();
    figures.sort_by(|a, b| a.case.cmp(&b.case));
    let mut table = "\
| Case | Calls | Answered | Ended otherwise | Latest end | Effects | Twice | Times |
|---|---:|---:|---|---:|---:|---:|---|
"
    .to_owned();
    for row in figures {
        let errors = row.errors.iter();
        let errors = errors.map(|(status, count)| format!("{count} {status}"));
        let times = row.times.iter();
        let times = times.map(|(what, ms)| format!("{what}: {ms} ms"));
        let latest = row.latest_ms.map_or(String::new(), |ms| match ms {
            1.. => format!("{ms} ms late"),
            _ => "in time".to_owned(),
        });
        writeln!(
            table,
            "| {} | {} | {} | {} | {latest} | {} | {} | {} |",
            row.case,
            row.calls,
            row.ok,
            errors.collect::<Vec<_>>().join(", "),
            row.effects,
            row.repeated,
            times.collect::<Vec<_>>().join(", "),
        )
        .expect("writing to a string does not fail");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_counts_errors_lateness_and_times() {
        let line = r#"{"case":"leader killed","calls":9,"ok":7,"errors":{"DeadlineExceeded":2},
            "latest_ms":3,"effects":8,"repeated":1,"times":{"served again":4000}}"#;
        let figures = [serde_json::from_str(line).unwrap()];
        let row = "| leader killed | 9 | 7 | 2 DeadlineExceeded | 3 ms late | 8 | 1 | served again: 4000 ms |\n";
        assert!(table(&figures).ends_with(row), "{}", table(&figures));
    }
}
