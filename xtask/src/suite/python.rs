//! A gRPC server in Python, of a contract that no binary here was compiled with, is fronted through its
//! descriptor set: over REST, gRPC and gRPC-Web, by a client in Python.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, BUILD_LIMIT, Program};
use crate::infra::free_ports;
use crate::process::captured;
use crate::standalone::{Scratch, Standalone};
use crate::system::{self, Ready};

const NAME: &str = "python";

const PROGRAMS: [Program; 1] = [Program { name: "python3", package: "python3 python3-pip" }];

/// The contract, as its owner has it.
const CONTRACT: &str = "feed/v1/feed.proto";

/// All calls of the client.
const LIMIT: Duration = Duration::from_secs(120);

/// What runs in Python, and what it imports.
struct Built {
    sources: PathBuf,
    /// Packages and generated modules.
    modules: PathBuf,
    /// The descriptor set.
    set: PathBuf,
}

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &PROGRAMS)? {
        return Ok(Outcome::LeftOut(reason));
    }
    let built = build(context)?;
    let scratch = Scratch::new(context, NAME)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)?[0]));
    let server = built.python("server.py", &address.port().to_string());
    let server = system::start(&server, "the Python server", scratch.path(), Ready::Listens(address))?;
    system::await_ready(&server)?;
    let set = built.set.to_str().context("the folder's name is no text")?;
    let upstreams = format!("feed.v1.FeedService=http://{address}");
    let settings = [
        ("DESCRIPTOR_SETS", set),
        ("UPSTREAMS", &upstreams),
        ("DEFAULT_ACCESS", "public"),
    ];
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let standalone = Standalone::start_with(&binary, &scratch.path().join("platform"), &settings)?;
    let mut client = built.python("client.py", &standalone.http.to_string());
    let report = captured(&mut client, LIMIT).context("a promise is not kept")?;
    print!("{report}");
    let passed = report.lines().filter(|line| line.starts_with("ok ")).count();
    ensure!(passed > 0, "the client has no case");
    Ok(Outcome::Passed(passed))
}

/// Installs the packages, once for each version of the list, and generates code and descriptors.
fn build(context: &Context) -> Result<Built> {
    let sources = foreign::sources(context, NAME);
    let dir = foreign::built(context, NAME);
    let modules = dir.join("modules");
    let (list, installed) = (sources.join("requirements.txt"), dir.join("installed.txt"));
    let wanted = fs::read_to_string(&list)?;
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        if modules.exists() {
            fs::remove_dir_all(&modules)?;
        }
        fs::create_dir_all(&modules)?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target"]);
        captured(pip.arg(&modules).arg("--requirement").arg(&list), BUILD_LIMIT)?;
        fs::write(&installed, &wanted)?;
    }
    let built = Built {
        sources,
        set: dir.join("feed.binpb"),
        modules,
    };
    let argument = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let mut protoc = Command::new("python3");
    protoc
        .env("PYTHONPATH", &built.modules)
        .args(["-m", "grpc_tools.protoc", "--include_imports", CONTRACT])
        .arg(argument("proto_path", &context.root().join("tests/contract/proto")))
        .arg(argument("proto_path", &context.root().join("proto")))
        .arg(argument("python_out", &built.modules))
        .arg(argument("grpc_python_out", &built.modules))
        .arg(argument("descriptor_set_out", &built.set));
    captured(&mut protoc, BUILD_LIMIT)?;
    Ok(built)
}

impl Built {
    fn python(&self, program: &str, argument: &str) -> Command {
        let mut command = Command::new("python3");
        command
            .env("PYTHONPATH", &self.modules)
            .arg(self.sources.join(program))
            .arg(argument);
        command
    }
}
