//! The platform in a single process, on free ports and with a data folder of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::infra::free_ports;
use crate::system::{self, Ready, Running};

/// A running one; ended on drop.
#[derive(Debug)]
pub(crate) struct Standalone {
    process: Running,
    binary: PathBuf,
    data: PathBuf,
    /// Where the gateway speaks HTTP.
    pub(crate) http: SocketAddr,
    /// Where the user service speaks gRPC.
    pub(crate) user_grpc: SocketAddr,
    /// Where the notification service speaks gRPC.
    pub(crate) notification_grpc: SocketAddr,
}

/// A folder that is deleted on drop.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Standalone {
    /// Starts it with its data and its log in `home`, and waits until it is ready.
    ///
    /// # Errors
    /// With the end of its log when it ends or takes too long.
    pub(crate) fn start(binary: &Path, home: &Path) -> Result<Self> {
        Self::start_with(binary, home, &[])
    }

    /// The same with further settings.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(crate) fn start_with(
        binary: &Path,
        home: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        fs::create_dir_all(home)?;
        let ports = free_ports(3)?;
        let at = |index: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[index]));
        let data = home.join("data");
        let mut command = Command::new(binary);
        command.current_dir(home).env("DATA_DIR", &data);
        command.env("ADMIN_PORT", "0");
        command.envs(settings.iter().copied());
        for (name, port) in ["PORT", "USER_GRPC_PORT", "NOTIFICATION_GRPC_PORT"]
            .into_iter()
            .zip(&ports)
        {
            command.env(name, port.to_string());
        }
        let process = system::start(&command, "trolleybus", home, Ready::Http(at(0)))?;
        system::await_ready(&process)?;
        Ok(Self {
            process,
            binary: binary.to_owned(),
            data,
            http: at(0),
            user_grpc: at(1),
            notification_grpc: at(2),
        })
    }

    /// The process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// One of its verbs, on the same data.
    pub(crate) fn verb(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(name).env("DATA_DIR", &self.data);
        command
    }
}

impl Scratch {
    /// An empty folder below `target`, named after what it is for.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn new(context: &Context, name: &str) -> Result<Self> {
        let dir = context
            .root()
            .join(format!("target/{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}
