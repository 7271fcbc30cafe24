//! The results as tables of Markdown.

use super::{LOADED, LOADED_CONNECTIONS, Point, Results};

/// All of them.
pub(in crate::bench) fn table(results: &Results) -> String {
    let mut text = String::from(
        "| Request | Connections | Side | CPU ms | To the pass-through | Requests/s | p50 ms | p99 ms | Failed | MiB |\n\
         |---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for point in &results.points {
        let Point {
            operation,
            connections,
            side,
            cpu_ms_per_request: cpu,
            requests_per_second: rate,
            p50_ms,
            p99_ms,
            failed,
            resident_mib,
        } = point;
        let ratio = ratio(results, point).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        text.push_str(&format!(
            "| {operation} | {connections} | {side} | {cpu:.3} | {ratio} | {rate:.0} | {p50_ms:.2} | {p99_ms:.2} | {failed} | {resident_mib:.0} |\n"
        ));
    }
    text.push_str(&format!(
        "\nAt {:.0} % of the most that each can do at {LOADED_CONNECTIONS} connections:\n\n\
         | Side | Requests/s | p50 ms | p99 ms |\n|---|--:|--:|--:|\n",
        LOADED * 100.0
    ));
    for loaded in &results.loaded {
        text.push_str(&format!(
            "| {} | {:.0} | {:.2} | {:.2} |\n",
            loaded.side, loaded.requests_per_second, loaded.p50_ms, loaded.p99_ms
        ));
    }
    text.push_str(&format!(
        "\nStart until ready with a descriptor set of 500 methods, median: {:.0} ms, and {:.0} MiB then.\n",
        results.start.median_ms, results.start.resident_mib
    ));
    text
}

/// CPU time as a part of the bare pass-through's at the same point.
fn ratio(results: &Results, point: &Point) -> Option<f64> {
    let bare = results.points.iter().find(|other| {
        other.side == "bare"
            && other.operation == point.operation
            && other.connections == point.connections
    })?;
    Some(point.cpu_ms_per_request / bare.cpu_ms_per_request)
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, Start};
    use super::*;

    #[test]
    fn cpu_time_is_compared_with_the_pass_through_of_the_same_point() {
        let point = |side: &str, cpu: f64| Point {
            operation: "profile",
            connections: 64,
            side: side.into(),
            cpu_ms_per_request: cpu,
            requests_per_second: 1000.0,
            p50_ms: 1.0,
            p99_ms: 2.0,
            failed: 0,
            resident_mib: 20.0,
        };
        let results = Results {
            points: vec![point("trolleybus", 0.03), point("bare", 0.02)],
            loaded: vec![Loaded {
                side: "bare".into(),
                requests_per_second: 800.0,
                p50_ms: 0.5,
                p99_ms: 0.9,
            }],
            start: Start {
                median_ms: 80.4,
                resident_mib: 19.6,
            },
        };
        let table = table(&results);
        assert!(
            table.contains("| profile | 64 | trolleybus | 0.030 | 1.50 | 1000 |"),
            "{table}"
        );
        assert!(table.contains("| bare | 800 | 0.50 | 0.90 |"), "{table}");
        assert!(table.contains("median: 80 ms, and 20 MiB"), "{table}");
    }
}
