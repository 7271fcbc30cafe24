//! Another gateway, started by a command of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context as _, Result};

use crate::system::{self, Ready, Running};

/// A name and a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    command: String,
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('=').ok_or("expected NAME=COMMAND")?;
        if parts.0.is_empty() || parts.1.is_empty() {
            return Err("neither the name nor the command may be empty");
        }
        let (name, command) = (parts.0.to_owned(), parts.1.to_owned());
        Ok(Self { name, command })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        let peer: Peer = "go=bin/gateway --x=1".parse().unwrap();
        assert_eq!(
            (peer.name.as_str(), peer.command.as_str()),
            ("go", "bin/gateway --x=1")
        );
        assert!("go".parse::<Peer>().is_err() && "=x".parse::<Peer>().is_err());
    }
}
