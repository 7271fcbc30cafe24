//! The three processes of the platform, as an operator would start them, on free ports.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::infra::{Endpoints, free_ports};
use crate::process::{Identity, captured, dependent, log_tail};

const VERB_LIMIT: Duration = Duration::from_secs(60);
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often a process is looked at until it is ready: a start is measured by it.
const POLL: Duration = Duration::from_millis(2);

/// One running process and where it answers.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    identity: Identity,
    log: PathBuf,
    ready: Ready,
}

/// How a process shows that it is ready.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ready {
    /// `/readyz` answers with success.
    Http(SocketAddr),
    /// It accepts connections.
    Listens(SocketAddr),
}

impl Ready {
    fn holds(self) -> bool {
        match self {
            Self::Http(address) => {
                request(address, "GET", "/readyz", "", "").is_ok_and(|answer| answer.status == 200)
            }
            Self::Listens(address) => {
                TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
            }
        }
    }
}

impl Running {
    pub(crate) const fn pid(&self) -> u32 {
        self.identity.pid()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.identity.kill_tree() {
            eprintln!("{} may still run: {error:#}", self.name);
        }
    }
}

/// Gateway, user and notification on real servers; ended on drop.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) processes: Vec<Running>,
    /// Where the gateway speaks HTTP.
    pub(crate) http: SocketAddr,
}

impl System {
    /// Makes keys, applies migrations and topics, starts the binaries in `bin` and waits until each
    /// says that it is ready. Logs go to `dir`.
    ///
    /// # Errors
    /// When a verb fails or a process does not become ready; the error shows the end of its log.
    pub(crate) fn start(bin: &Path, dir: &Path, endpoints: &Endpoints) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut environment: BTreeMap<String, String> = endpoints
            .variables()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let mut keys = Command::new(bin.join("trolleybus-gateway"));
        let keys = captured(
            keys.args(["keys", "generate", "--format", "env"]),
            VERB_LIMIT,
        )?;
        environment.extend(parse_env(&keys));
        for (name, value) in [
            ("HOST", "127.0.0.1"),
            ("LOG_FORMAT", "json"),
            ("LOG_LEVEL", "warn"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let verb = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(bin.join(name));
            captured(command.args(arguments).envs(&environment), VERB_LIMIT)
        };
        verb("trolleybus-user", &["migrate"])?;
        verb("trolleybus-gateway", &["topics", "apply"])?;

        let ports = free_ports(3)?;
        let at = |index: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[index]));
        let (user_grpc, notification_grpc, http) = (at(0), at(1), at(2));
        let mut processes = Vec::new();
        for (name, variable, ready) in [
            ("trolleybus-user", "GRPC_PORT", Ready::Listens(user_grpc)),
            (
                "trolleybus-notification",
                "GRPC_PORT",
                Ready::Listens(notification_grpc),
            ),
            ("trolleybus-gateway", "PORT", Ready::Http(http)),
        ] {
            let (Ready::Listens(address) | Ready::Http(address)) = ready;
            let mut command = Command::new(bin.join(name));
            command.arg("serve").envs(&environment).current_dir(dir);
            command.env(variable, address.port().to_string());
            command.env("ADMIN_PORT", "0");
            processes.push(start(&command, name, dir, ready)?);
        }
        for process in &processes {
            await_ready(process)?;
        }
        Ok(Self { processes, http })
    }
}

/// Starts one process, with its output in `dir`; it does not outlive the thread that calls this.
pub(crate) fn start(
    command: &Command,
    name: &'static str,
    dir: &Path,
    ready: Ready,
) -> Result<Running> {
    let log = dir.join(format!("{name}.log"));
    let mut child = dependent(command, &log)?;
    let identity = Identity::of(child.id())?;
    // Reaped whenever it ends.
    thread::spawn(move || child.wait());
    Ok(Running {
        name,
        identity,
        log,
        ready,
    })
}

/// Waits until a process shows that it is ready.
///
/// # Errors
/// With the end of its log when it ends or takes too long.
pub(crate) fn await_ready(process: &Running) -> Result<()> {
    let deadline = Instant::now() + READY_LIMIT;
    loop {
        if process.ready.holds() {
            return Ok(());
        }
        if !process.identity.alive() {
            bail!("{} ended\n{}", process.name, log_tail(&process.log));
        }
        if Instant::now() >= deadline {
            bail!(
                "{} does not become ready\n{}",
                process.name,
                log_tail(&process.log)
            );
        }
        thread::sleep(POLL);
    }
}

/// An HTTP response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// One HTTP/1.0 request, whose response ends with the connection: enough for setting up. `headers` are
/// whole lines with their ends.
///
/// # Errors
/// When the exchange fails or what comes back is not HTTP.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(
        format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    parse_answer(&text).context("an answer that is not HTTP")
}

fn parse_answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

/// `NAME=value` lines, with or without `export` and quotes.
fn parse_env(text: &str) -> Vec<(String, String)> {
    text.lines()
        .map(|line| line.trim().trim_start_matches("export "))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let bare = ['"', '\'']
                .into_iter()
                .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
            (name.to_owned(), bare.unwrap_or(value).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_however_they_are_quoted() {
        let text = "# keys\nA=k4.secret.x=\nexport B='k:1'\nC=\"z\"\n\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parse_env(text),
            [pair("A", "k4.secret.x="), pair("B", "k:1"), pair("C", "z")]
        );
    }

    #[test]
    fn the_status_and_the_body_of_an_answer_are_read() {
        let answer = parse_answer("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}").unwrap();
        assert_eq!(
            answer,
            Answer {
                status: 200,
                body: "{}".to_owned()
            }
        );
        assert_eq!(parse_answer("garbage"), None);
    }
}
