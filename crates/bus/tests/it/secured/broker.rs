//! The broker, shared by all cases.
#![expect(clippy::print_stdout, reason = "says what is left out")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bus::settings::security::Tls;

/// Where it answers.
pub(super) struct Secured {
    /// Where its files are.
    pub(super) dir: PathBuf,
    /// In the clear; everybody may do everything.
    pub(super) open: String,
    /// TLS.
    pub(super) tls: String,
    /// TLS, for clients that show a certificate.
    pub(super) mutual: String,
    /// TLS, for users with a password.
    pub(super) users: String,
    /// Ends the broker when its standard input closes, which the kernel does when this process ends.
    _guard: Child,
}

// === impl Secured ===

impl Secured {
    /// The broker of this run. `None`, and a line that says so, where it cannot be started.
    pub(super) fn get() -> Option<&'static Self> {
        static BROKER: OnceLock<Option<Secured>> = OnceLock::new();
        BROKER.get_or_init(Self::start).as_ref()
    }

    fn start() -> Option<Self> {
        let Ok(xtask) = std::env::var("TROLLEYBUS_XTASK") else {
            println!("left out: there is no xtask to start a broker with; run `cargo xtask test`");
            return None;
        };
        let mut command = Command::new(xtask);
        command
            // cargo's word on where this package is: xtask would take that for its own.
            .env_remove("CARGO_MANIFEST_DIR")
            .args(["infra", "secured"])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut guard = command.spawn().unwrap();
        let mut line = String::new();
        let output = guard.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let reply: serde_json::Value =
            serde_json::from_str(&line).expect("the broker did not start; see above");
        if let Some(reason) = reply["NotPossible"].as_str() {
            println!("left out: {reason}");
            guard.wait().unwrap();
            return None;
        }
        let text = |name: &str| reply["Ready"][name].as_str().unwrap().to_owned();
        Some(Self {
            dir: text("dir").into(),
            open: text("open"),
            tls: text("tls"),
            mutual: text("mutual"),
            users: text("users"),
            _guard: guard,
        })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn tls(&self) -> Tls {
        Tls {
            ca: Some(self.file("ca.pem")),
            identity: None,
        }
    }
}
