//! Load by `wrk`: each connection sends its next request when it has the answer to the last.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::infra::Needs;
use crate::process::{captured, find};

/// What `wrk` is to send.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    #[serde(skip)]
    pub(super) authorization: Option<String>,
    #[serde(skip)]
    pub(super) body: Option<String>,
}

/// One measurement. Latencies are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) requests: u64,
    /// Answers with a status of 400 and above, and requests without an answer.
    pub(super) failed: u64,
    pub(super) requests_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// A load that does not take all that there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) connections: u32,
    /// Of all connections together.
    pub(super) requests_per_second: f64,
}

/// Prints one line of JSON at the end; `wrk` counts in microseconds.
const DONE: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  local seconds = summary.duration / 1e6
  io.write(string.format(
    '{"requests":%d,"failed":%d,"requests_per_second":%.1f,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    summary.requests / seconds, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"#;

/// Has `wrk` ready, or says how to get it.
///
/// # Errors
/// When it is missing and may not be installed.
pub(super) fn prepare(context: &Context) -> Result<()> {
    if find("wrk").is_some() {
        return Ok(());
    }
    Needs::install(
        context,
        &[Needs {
            what: "wrk (makes the load)",
            package: "wrk",
        }],
    )
}

/// Sends `request` over `connections` for `seconds`. The script goes to `dir`.
///
/// # Errors
/// When `wrk` fails or says nothing.
pub(super) fn run(
    dir: &Path,
    address: SocketAddr,
    request: &Request,
    connections: u32,
    seconds: u64,
) -> Result<Load> {
    send(dir, address, request, connections, seconds, "")
}

/// Sends requests at a pace. Each connection waits as many whole milliseconds as make the rate if answers
/// come at once, at random so that they do not march in step: the rate that comes of it is a little
/// lower.
///
/// # Errors
/// As [`run`].
pub(super) fn run_paced(
    dir: &Path,
    address: SocketAddr,
    request: &Request,
    pace: Pace,
    seconds: u64,
) -> Result<Load> {
    let mean = f64::from(pace.connections) * 1e3 / pace.requests_per_second;
    let delay = format!(
        "function delay() return math.random(0, {:.0}) end\n",
        2.0 * mean
    );
    send(dir, address, request, pace.connections, seconds, &delay)
}

fn send(
    dir: &Path,
    address: SocketAddr,
    request: &Request,
    connections: u32,
    seconds: u64,
    delay: &str,
) -> Result<Load> {
    let path = dir.join("load.lua");
    fs::write(&path, script(request) + delay)?;
    let mut wrk = Command::new("wrk");
    wrk.args([
        "-t",
        "1",
        "--timeout",
        "10s",
        "-c",
        &connections.to_string(),
    ]);
    wrk.args(["-d", &format!("{seconds}s"), "-s"]).arg(&path);
    wrk.arg(format!("http://{address}{}", request.path));
    let output = captured(&mut wrk, Duration::from_secs(seconds + 60))?;
    let load = parse(&output).with_context(|| format!("wrk printed no result:\n{output}"))?;
    if load.requests == 0 {
        bail!("{} {} was never answered", request.method, request.path);
    }
    Ok(load)
}

fn script(request: &Request) -> String {
    let mut text = format!("wrk.method = {}\n", quoted(request.method));
    if let Some(body) = &request.body {
        text.push_str(&format!("wrk.body = {}\n", quoted(body)));
        text.push_str("wrk.headers['Content-Type'] = 'application/json'\n");
    }
    if let Some(value) = &request.authorization {
        text.push_str(&format!(
            "wrk.headers['Authorization'] = {}\n",
            quoted(value)
        ));
    }
    text + DONE
}

/// A string of Lua.
fn quoted(text: &str) -> String {
    format!(
        "'{}'",
        text.replace('\\', r"\\")
            .replace('\'', r"\'")
            .replace('\n', r"\n")
    )
}

fn parse(output: &str) -> Option<Load> {
    output
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_found_among_what_wrk_prints() {
        let output = "Running 1s test\n  10 requests\n{\"requests\":10,\"failed\":1,\
                      \"requests_per_second\":9.9,\"p50_ms\":0.5,\"p99_ms\":2}\n";
        let load = parse(output).unwrap();
        assert_eq!((load.requests, load.failed, load.p99_ms), (10, 1, 2.0));
        assert!(parse("nothing").is_none());
    }

    #[test]
    fn a_body_with_quotes_stays_one_string() {
        assert_eq!(quoted(r#"{"a":"it's"}"#), r#"'{"a":"it\'s"}'"#);
    }
}
