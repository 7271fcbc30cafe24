//! The platform in one process.

use std::sync::Arc;

use tempfile::TempDir;
use token::{AccessSigner, RefreshKeys};

use super::client::Client;
use super::platform::{LOGS, Parts, Platform};
use super::process::Process;

/// The process and its folder, which is deleted with the last platform that uses it.
pub(crate) struct Standalone {
    pub(crate) process: Process,
    pub(crate) dir: Arc<TempDir>,
}

/// The settings of a standalone platform in a folder, on free ports.
pub(crate) fn settings(dir: &TempDir) -> Vec<(&'static str, String)> {
    let free = || "0".to_owned();
    vec![
        ("DATA_DIR", dir.path().display().to_string()),
        (LOGS.0, LOGS.1.to_owned()),
        ("PORT", free()),
        ("USER_GRPC_PORT", free()),
        ("NOTIFICATION_GRPC_PORT", free()),
        ("ADMIN_PORT", free()),
    ]
}

// === impl Standalone ===

impl Standalone {
    pub(crate) async fn in_new_folder(more: &[(&'static str, String)]) -> Platform {
        Self::in_folder(Arc::new(TempDir::new().unwrap()), more).await
    }

    pub(crate) async fn in_folder(dir: Arc<TempDir>, more: &[(&'static str, String)]) -> Platform {
        let env = [settings(&dir), more.to_vec()].concat();
        let process = Process::start("trolleybus", &env);
        process.out.line("Ctrl-C").await;
        let printed = process.out.lines();
        let address = |label: &str| {
            let line = printed
                .iter()
                .find_map(|line| line.trim().strip_prefix(label));
            line.unwrap_or_else(|| panic!("no {label}: {printed:#?}"))
                .trim()
                .to_owned()
        };
        let key = |name: &str| {
            let text = std::fs::read_to_string(dir.path().join("keys").join(name)).unwrap();
            text.trim().to_owned()
        };
        Platform {
            client: Client::new(&address("REST, gRPC, gRPC-Web")),
            user: format!("http://{}", address("gRPC, user service")),
            notification: format!("http://{}", address("gRPC, notification")),
            signer: AccessSigner::from_paserk(&key("paseto-access-secret")).unwrap(),
            refresh_keys: RefreshKeys::from_paserk(&key("paseto-refresh")).unwrap(),
            parts: Parts::Standalone(Box::new(Self { process, dir })),
        }
    }
}
