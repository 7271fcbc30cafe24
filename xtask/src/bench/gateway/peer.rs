//! Another gateway, started by a command of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::bench::peer::Peer;
use crate::system::{self, Ready, Running};

impl Peer {
    /// Starts it at `address` in front of `upstream`.
    ///
    /// # Errors
    /// When it does not listen in time.
    pub(super) fn start(
        &self,
        dir: &Path,
        address: SocketAddr,
        upstream: SocketAddr,
    ) -> Result<Running> {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec {}", self.command)])
            .env("PORT", address.port().to_string())
            .env("UPSTREAM", upstream.to_string());
        let process = system::start(&command, "peer", dir, Ready::Listens(address))?;
        system::await_ready(&process)
            .with_context(|| format!("the peer {} cannot be measured", self.name))?;
        Ok(process)
    }
}
