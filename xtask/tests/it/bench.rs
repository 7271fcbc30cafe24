//! A comparison over as little as will do, on the broker that `cargo xtask test` starts.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Prints what it was asked to measure.
const PEER: &str = "peer=echo \"{\\\"round_trips_per_second\\\":$CALLS,\\\"p50_us\\\":$IN_FLIGHT,\\\"p99_us\\\":9}\"";

fn variable(name: &str) -> String {
    let value = std::env::var(name);
    assert!(value.is_ok(), "{name} is not set; run `cargo xtask test`");
    value.unwrap()
}

#[test]
fn the_bus_is_compared_with_a_bare_client_and_a_peer() {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("results.json");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "bus", "--seconds", "1", "--rounds", "1"])
        .args(["--in-flight", "2", "--starts", "1", "--idle-seconds", "1"])
        .args(["--memory-calls", "20", "--plain", "--peer", PEER])
        .args(["--brokers", &variable("TEST_KAFKA_BROKERS"), "--binary"])
        .arg(PathBuf::from(variable("TROLLEYBUS_BIN_DIR")).join("bus-bench"))
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let table = String::from_utf8(output.stdout).unwrap();
    for name in ["bare", "plain", "bus", "peer"] {
        assert!(table.contains(&format!("| 2 | {name} | ")), "{table}");
    }
    let results: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let rows = results["levels"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows[0]["ratio"].is_null() && rows[2]["ratio"]["p50"].is_f64());
    assert_eq!(rows[3]["median"]["p50_us"], 2.0);
    assert_eq!(results["first"].as_array().unwrap().len(), 2);
    assert_eq!(results["memory"].as_array().unwrap().len(), 10);
}
