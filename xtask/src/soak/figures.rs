//! What a case gives, as a row of a table.

use std::collections::BTreeMap;

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

const HEAD: &str = "\
| Case | Calls | Answered | Ended otherwise | Latest end | Effects | Twice | Times |
|---|---:|---:|---|---:|---:|---:|---|
";

/// A Markdown table, ordered by case.
pub(super) fn table(figures: &[Figures]) -> String {
    with_rows(figures.iter().map(row))
}

/// The same with the rows of an older table for the cases that did not run.
pub(super) fn table_with(older: &str, figures: &[Figures]) -> String {
    let older = older.lines().skip(HEAD.lines().count());
    let older = older.filter_map(|line| {
        let case = line.strip_prefix("| ")?.split(" |").next()?;
        Some((case.to_owned(), format!("{line}\n")))
    });
    with_rows(older.chain(figures.iter().map(row)))
}

/// Of two rows of one case the later counts.
fn with_rows(rows: impl Iterator<Item = (String, String)>) -> String {
    let rows: BTreeMap<String, String> = rows.collect();
    let rows: String = rows.into_values().collect();
    format!("{HEAD}{rows}")
}

/// The case, and its row.
fn row(figures: &Figures) -> (String, String) {
    let errors = figures.errors.iter();
    let errors = errors.map(|(status, count)| format!("{count} {status}"));
    let times = figures.times.iter();
    let times = times.map(|(what, ms)| format!("{what}: {ms} ms"));
    let latest = figures.latest_ms.map_or(String::new(), |ms| match ms {
        1.. => format!("{ms} ms late"),
        _ => "in time".to_owned(),
    });
    let line = format!(
        "| {} | {} | {} | {} | {latest} | {} | {} | {} |\n",
        figures.case,
        figures.calls,
        figures.ok,
        errors.collect::<Vec<_>>().join(", "),
        figures.effects,
        figures.repeated,
        times.collect::<Vec<_>>().join(", "),
    );
    (figures.case.clone(), line)
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
    #[test]
    fn a_case_that_ran_again_has_its_new_row_and_the_others_keep_theirs() {
        let of = |case: &str, calls| Figures {
            case: case.into(),
            calls,
            ..Figures::default()
        };
        let older = table(&[of("b", 1), of("a", 1)]);
        let newer = table_with(&older, &[of("c", 3), of("b", 2)]);
        assert_eq!(newer, table(&[of("a", 1), of("b", 2), of("c", 3)]));
        assert_eq!(table_with("", &[of("a", 1)]), table(&[of("a", 1)]));
    }
}
