//! The program as `cargo xtask bench bus` runs it, over as few calls as will do, on a real broker
//! (`TEST_KAFKA_BROKERS` says where; `cargo xtask test` starts one).
#![cfg(feature = "real")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod program;
mod records;

use program::{Worker, run};

const SIDES: [&str; 3] = ["bare", "plain", "bus"];

#[test]
fn a_load_on_each_side_tells_latencies_and_the_cost_of_each_process() {
    for side in SIDES {
        let worker = Worker::start(&["worker", side]);
        let watch = format!("worker={}", worker.pid());
        let load = ["load", side, "--in-flight", "3", "--calls", "20"];
        let lines = run(&[&load[..], &["--watch", &watch]].concat());
        worker.end();
        let [figures] = lines.as_slice() else {
            panic!("{side}: not one line: {lines:?}");
        };
        assert_eq!(
            (&figures["calls"], &figures["failed"], &figures["in_flight"]),
            (&20.into(), &0.into(), &3.into()),
            "{side}"
        );
        for figure in [
            "round_trips_per_second",
            "p50_us",
            "p90_us",
            "p99_us",
            "max_us",
        ] {
            assert!(figures[figure].as_f64().unwrap() > 0.0, "{side}: {figure}");
        }
        for process in ["caller", "worker"] {
            assert!(figures["cpu_ms"][process].is_f64(), "{side}: {process}");
        }
    }
}

#[test]
fn a_load_may_last_for_a_time() {
    let worker = Worker::start(&["worker", "bus"]);
    let lines = run(&["load", "bus", "--seconds", "0.1", "--warm-up", "0"]);
    worker.end();
    assert!(lines[0]["calls"].as_u64().unwrap() > 0, "{lines:?}");
}

#[test]
fn the_first_and_the_tenth_call_of_each_side_are_timed() {
    for side in SIDES {
        let worker = Worker::start(&["worker", side]);
        let lines = run(&["first", side]);
        worker.end();
        for figure in ["first_us", "tenth_us"] {
            assert!(lines[0][figure].as_f64().unwrap() > 0.0, "{side}: {figure}");
        }
    }
}

#[test]
fn memory_is_told_at_each_tenth() {
    let worker = Worker::start(&["worker", "bus"]);
    let watch = format!("worker={}", worker.pid());
    let lines = run(&["memory", "bus", "--calls", "25", "--watch", &watch]);
    worker.end();
    let calls: Vec<_> = lines.iter().map(|line| line["calls"].as_u64()).collect();
    let tenths = [2, 5, 7, 10, 12, 15, 17, 20, 22, 25].map(Some);
    assert_eq!(calls, tenths);
    for process in ["caller", "worker"] {
        assert!(lines[9]["resident_mib"][process].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn an_idle_worker_becomes_ready_and_ends_with_its_input() {
    Worker::start(&["idle"]).end();
}
