//! A set of real servers from start to end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const PARTS: [&str; 3] = ["postgres", "redis", "kafka"];

/// A guarded set whose owner is this test.
struct Set {
    _home: tempfile::TempDir,
    dir: PathBuf,
    guard: Child,
    state: Value,
}

impl Set {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("set");
        let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["infra", "guard", "--brokers", "1", "--dir"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(guard.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let reply: Value = serde_json::from_str(&line).unwrap();
        let state = reply["Ready"].clone();
        assert!(state.is_object(), "the set did not start: {line}");
        Self {
            _home: home,
            dir,
            guard,
            state,
        }
    }

    fn act(&self, verb: &str, part: &str) {
        let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["infra", verb, part, "--dir"])
            .arg(&self.dir)
            .status()
            .unwrap();
        assert!(status.success(), "{verb} {part}");
    }

    fn connect(&self, kind: &str) -> std::io::Result<TcpStream> {
        let parts = self.state["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["kind"] == kind).unwrap();
        let port = u16::try_from(part["port"].as_u64().unwrap()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        Ok(stream)
    }

    fn ping(&self) -> std::io::Result<String> {
        let mut stream = self.connect("redis")?;
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

#[test]
fn a_set_ends_with_its_owner() {
    let mut set = Set::start();
    for part in PARTS {
        set.connect(part).unwrap();
    }
    drop(set.guard.stdin.take());
    assert!(set.guard.wait().unwrap().success());
    for part in PARTS {
        assert!(set.connect(part).is_err(), "{part} still listens");
    }
    assert!(!set.dir.exists());
}

#[test]
fn each_part_is_stopped_and_started_again_on_its_port() {
    let set = Set::start();
    for part in PARTS {
        set.act("stop", part);
        assert!(set.connect(part).is_err(), "{part} still listens");
        set.act("start", part);
        set.connect(part).unwrap();
    }
}

#[test]
fn a_paused_part_does_not_answer_until_it_is_started() {
    let set = Set::start();
    assert_eq!(set.ping().unwrap(), "+PONG\r\n");
    set.act("pause", "redis");
    assert!(set.ping().is_err());
    set.act("start", "redis");
    assert_eq!(set.ping().unwrap(), "+PONG\r\n");
}
