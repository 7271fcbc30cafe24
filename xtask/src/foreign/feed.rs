//! A gRPC server in Python, of a contract that no binary here was compiled with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::BUILD_LIMIT;
use crate::context::Context;
use crate::infra::free_ports;
use crate::process::captured;
use crate::system::{self, Ready, Running};

/// Its folder in `tests/interop`.
const NAME: &str = "python";

/// The contract, as its owner has it.
const CONTRACT: &str = "feed/v1/feed.proto";

/// What runs in Python, and what it imports.
#[derive(Debug)]
pub(crate) struct Feed {
    root: PathBuf,
    sources: PathBuf,
    /// Packages and generated modules.
    modules: PathBuf,
    /// The descriptor set.
    set: PathBuf,
}

/// A running server; ended on drop.
#[derive(Debug)]
pub(crate) struct Server {
    _process: Running,
    set: String,
    upstreams: String,
}

impl Feed {
    /// Installs the packages and generates code and descriptors.
    ///
    /// # Errors
    /// When an installation or the compiler fails.
    pub(crate) fn build(context: &Context) -> Result<Self> {
        let feed = Self {
            root: context.root().to_owned(),
            sources: super::sources(context, NAME),
            modules: super::pip(context, NAME)?,
            set: super::built(context, NAME).join("feed.binpb"),
        };
        let mut protoc = feed.protoc();
        protoc
            .args(["--include_imports", "--include_source_info", CONTRACT])
            .arg(flag("python_out", &feed.modules))
            .arg(flag("grpc_python_out", &feed.modules))
            .arg(flag("descriptor_set_out", &feed.set));
        captured(&mut protoc, BUILD_LIMIT)?;
        Ok(feed)
    }

    /// The compiler, with the folders of this contract and of the platform's.
    pub(crate) fn protoc(&self) -> Command {
        let mut protoc = Command::new("python3");
        protoc
            .env("PYTHONPATH", &self.modules)
            .args(["-m", "grpc_tools.protoc"])
            .arg(flag("proto_path", &self.root.join("tests/contract/proto")))
            .arg(flag("proto_path", &self.root.join("proto")));
        protoc
    }

    /// Starts the server, with its log in `home`.
    ///
    /// # Errors
    /// With the end of its log when it ends or takes too long.
    pub(crate) fn serve(&self, home: &Path) -> Result<Server> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)?[0]));
        let command = self.python("server.py", &address.port().to_string());
        let process = system::start(&command, "the Python server", home, Ready::Listens(address))?;
        system::await_ready(&process)?;
        let set = self.set.to_str().context("the folder's name is no text")?;
        Ok(Server {
            _process: process,
            set: set.to_owned(),
            upstreams: format!("feed.v1.FeedService=http://{address}"),
        })
    }

    /// A program of its folder.
    pub(crate) fn python(&self, program: &str, argument: &str) -> Command {
        let mut command = Command::new("python3");
        command
            .env("PYTHONPATH", &self.modules)
            .arg(self.sources.join(program))
            .arg(argument);
        command
    }
}

impl Server {
    /// What a gateway needs to front it.
    pub(crate) fn settings(&self) -> [(&str, &str); 3] {
        [
            ("DESCRIPTOR_SETS", &self.set),
            ("UPSTREAMS", &self.upstreams),
            ("DEFAULT_ACCESS", "public"),
        ]
    }
}

/// `--name=path`.
pub(crate) fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}
