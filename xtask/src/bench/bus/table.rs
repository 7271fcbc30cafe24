//! The results as tables of Markdown.

use super::Results;
use super::figures::{First, Memory, median};
use super::program::Side;
use super::rounds::{Level, Row};

/// All of it.
pub(in super::super) fn table(results: &Results) -> String {
    [
        loads(&results.levels),
        ratios(&results.levels),
        first(results),
        format!(
            "A worker of 20 topics that nobody calls uses {:.1} % of a core.\n",
            results.idle_cpu_percent
        ),
        memory(&results.memory),
    ]
    .join("\n")
}

fn loads(levels: &[Level]) -> String {
    let mut text = String::from(
        "| In flight | Program | Round trips/s | p50 ms | p90 ms | p99 ms | max ms | Failed | \
         Caller CPU ms | Worker CPU ms | Kafka CPU ms |\n|--:|---|",
    );
    text.push_str(&"--:|".repeat(9));
    text.push('\n');
    for (level, row) in rows(levels) {
        let load = &row.median;
        let ms = |micros: Option<f64>| cell(micros.map(|micros| micros / 1e3), 2);
        let cpu = |name| cell(load.cpu_ms.get(name).copied(), 4);
        text.push_str(&format!(
            "| {} | {} | {:.0} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            level.in_flight,
            row.name,
            load.round_trips_per_second,
            ms(Some(load.p50_us)),
            ms(load.p90_us),
            ms(Some(load.p99_us)),
            ms(load.max_us),
            load.failed,
            cpu("caller"),
            cpu("worker"),
            cpu("kafka"),
        ));
    }
    text
}

fn ratios(levels: &[Level]) -> String {
    let mut text = String::from(
        "| In flight | Ratio to the bare client | Round trips/s | p50 | p99 | CPU of both ends |\n\
         |--:|---|--:|--:|--:|--:|\n",
    );
    for (level, row) in rows(levels) {
        let Some(ratio) = &row.ratio else {
            continue;
        };
        text.push_str(&format!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {} |\n",
            level.in_flight,
            row.name,
            ratio.round_trips_per_second,
            ratio.p50,
            ratio.p99,
            cell(ratio.cpu, 2),
        ));
    }
    text
}

fn first(results: &Results) -> String {
    let mut text = String::from("| Program | First call ms | Tenth call ms |\n|---|--:|--:|\n");
    for side in [Side::Bare, Side::Bus] {
        let of = |time: fn(&First) -> f64| {
            let own = results.first.iter().filter(|first| first.side == side);
            cell(median(own.map(time)).map(|micros| micros / 1e3), 2)
        };
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            side.name(),
            of(|first| first.times.first_us),
            of(|first| first.times.tenth_us),
        ));
    }
    // Other systems tell of it in passing, in each of their runs.
    for row in results
        .levels
        .first()
        .into_iter()
        .flat_map(|level| &level.rows)
    {
        if let Some(first_us) = row.median.first_us {
            text.push_str(&format!("| {} | {:.2} |  |\n", row.name, first_us / 1e3));
        }
    }
    text
}

fn memory(memory: &[Memory]) -> String {
    let mut text = String::from(
        "| Calls over the bus | Failed | Caller MiB | Worker MiB |\n|--:|--:|--:|--:|\n",
    );
    for at in memory {
        let resident = |name| cell(at.resident_mib.get(name).copied(), 1);
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            at.calls,
            at.failed,
            resident("caller"),
            resident("worker"),
        ));
    }
    text
}

fn rows(levels: &[Level]) -> impl Iterator<Item = (&Level, &Row)> {
    levels
        .iter()
        .flat_map(|level| level.rows.iter().map(move |row| (level, row)))
}

/// A figure, or nothing where there is none.
fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::figures::{Load, Ratio, Times};
    use super::*;

    fn row(name: &str, ratio: Option<Ratio>, first_us: Option<f64>) -> Row {
        let median = Load {
            round_trips_per_second: 1234.4,
            p50_us: 800.0,
            p99_us: 2_500.0,
            p90_us: Some(900.0),
            max_us: None,
            failed: 0,
            cpu_ms: BTreeMap::from([("caller".into(), 0.0301)]),
            first_us,
        };
        Row {
            name: name.into(),
            median,
            ratio,
            runs: Vec::new(),
        }
    }

    #[test]
    fn a_row_per_program_and_level_and_nothing_where_nothing_is_known() {
        let ratio = Ratio {
            round_trips_per_second: 0.5,
            p50: 1.254,
            p99: 1.0,
            cpu: None,
        };
        let times = Times {
            first_us: 900.0,
            tenth_us: 800.0,
        };
        let results = Results {
            levels: vec![Level {
                in_flight: 16,
                rows: vec![
                    row("bare", None, None),
                    row("spring", Some(ratio), Some(1_234_000.0)),
                ],
            }],
            first: vec![First {
                side: Side::Bus,
                times,
            }],
            idle_cpu_percent: 0.34,
            memory: vec![Memory {
                calls: 100,
                failed: 0,
                resident_mib: BTreeMap::from([("worker".into(), 15.06)]),
            }],
        };
        let table = table(&results);
        for line in [
            "| 16 | bare | 1234 | 0.80 | 0.90 | 2.50 |  | 0 | 0.0301 |  |  |",
            "| 16 | spring | 1234 | 0.80 | 0.90 | 2.50 |  | 0 | 0.0301 |  |  |",
            "| 16 | spring | 0.50 | 1.25 | 1.00 |  |",
            "| bare |  |  |",
            "| bus | 0.90 | 0.80 |",
            "| spring | 1234.00 |  |",
            "A worker of 20 topics that nobody calls uses 0.3 % of a core.",
            "| 100 | 0 |  | 15.1 |",
        ] {
            assert!(table.lines().any(|own| own == line), "{line}\n{table}");
        }
        assert!(!table.contains("| 16 | bare | 1.00"), "{table}");
    }
}
