//! Pinned tools that some suites need, each in a folder of its own below `target/tools`.
//!
//! None is needed to build, to run or to pass the Rust tests. In CI and with `--install` a missing one
//! is installed; otherwise one on `PATH` does, and without that the suite is left out.

mod browser;
mod kubernetes;
mod registry;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::process::find;

pub(crate) use browser::{Browser, NO_BROWSER, browser};
pub(crate) use kubernetes::schemas;
use registry::{go, pip};

/// One pinned tool.
struct Tool {
    name: &'static str,
    version: &'static str,
    /// Where the program lies in the tool's folder.
    program: &'static str,
    /// Fills an empty folder.
    install: fn(&Context, &Path) -> Result<()>,
}

const TOOLS: [Tool; 7] = [
    Tool {
        name: "buf",
        version: "1.75.0",
        program: "bin/buf",
        install: |_, dir| pip(dir, "buf-bin==1.75.0"),
    },
    Tool {
        name: "helm",
        version: "4.3.1",
        program: "helm/helm",
        install: kubernetes::layer,
    },
    Tool {
        name: "kubeconform",
        version: "0.8.0",
        program: "kubeconform",
        install: |_, dir| go(dir, "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"),
    },
    Tool {
        name: "kubernetes-schemas",
        version: kubernetes::SCHEMAS_VERSION,
        program: "schemas",
        install: kubernetes::convert_schemas,
    },
    Tool {
        name: "grpcurl",
        version: "1.9.4",
        program: "grpcurl",
        install: |_, dir| go(dir, "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"),
    },
    Tool {
        name: "just",
        version: "1.59.0",
        program: "bin/just",
        install: |_, dir| pip(dir, "rust-just==1.59.0"),
    },
    Tool {
        name: "playwright",
        version: browser::PLAYWRIGHT_VERSION,
        program: "node_modules/playwright-core",
        install: browser::install,
    },
];

impl Tool {
    /// The one of that name.
    fn named(name: &str) -> Result<&'static Self> {
        let known = || TOOLS.map(|tool| tool.name).join(", ");
        TOOLS
            .iter()
            .find(|tool| tool.name == name)
            .with_context(|| format!("no tool is called {name}; there are: {}", known()))
    }

    /// Its folder; the version is part of the name, so a new pin is a new installation.
    fn dir(&self, context: &Context) -> PathBuf {
        context
            .tools_dir()
            .join(format!("{}-{}", self.name, self.version))
    }

    /// Installs it unless that was done before.
    fn install(&self, context: &Context) -> Result<PathBuf> {
        let dir = self.dir(context);
        let program = dir.join(self.program);
        if program.exists() {
            return Ok(program);
        }
        eprintln!("installing {} {}", self.name, self.version);
        let scratch = context
            .tools_dir()
            .join(format!("{}-{}.new", self.name, std::process::id()));
        fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot create {}", scratch.display()))?;
        let installed = (self.install)(context, &scratch);
        if installed.is_err() || !scratch.join(self.program).exists() {
            fs::remove_dir_all(&scratch)?;
            installed.with_context(|| format!("cannot install {}", self.name))?;
            bail!("{} was installed but has no {}", self.name, self.program);
        }
        // Renamed as a whole, so a folder of that name is complete. Another run may have been faster.
        if let Err(error) = fs::rename(&scratch, &dir) {
            fs::remove_dir_all(&scratch)?;
            if !program.exists() {
                return Err(error).context("cannot put the tool in place");
            }
        }
        Ok(program)
    }

    /// The program: installed, installed now if that is allowed, or whatever `PATH` has.
    fn program(&self, context: &Context) -> Result<Option<PathBuf>> {
        let program = self.dir(context).join(self.program);
        if program.exists() {
            return Ok(Some(program));
        }
        if context.may_install() {
            return self.install(context).map(Some);
        }
        Ok(find(self.name))
    }
}

/// Installs the named tools, or all of them.
///
/// # Errors
/// When a name is not known or an installation fails.
pub(crate) fn install(context: &Context, names: &[String]) -> Result<()> {
    let mut wanted = names
        .iter()
        .map(|name| Tool::named(name))
        .collect::<Result<Vec<&'static Tool>>>()?;
    if wanted.is_empty() {
        wanted = TOOLS.iter().collect();
    }
    for tool in wanted {
        println!("{}", tool.install(context)?.display());
    }
    Ok(())
}

/// What a suite says when a tool that it needs is not there.
pub(crate) fn missing(name: &str) -> String {
    format!("{name} is missing; run: cargo xtask tools {name}")
}

/// # Errors
/// When the installation fails, here and below.
pub(crate) fn buf(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("buf")?.program(context)
}

/// Helm 4.
pub(crate) fn helm(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("helm")?.program(context)
}

/// The validator of Kubernetes objects; see [`schemas`].
pub(crate) fn kubeconform(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("kubeconform")?.program(context)
}

/// The command-line client for gRPC.
pub(crate) fn grpcurl(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("grpcurl")?.program(context)
}

/// The runner of the justfile.
pub(crate) fn just(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("just")?.program(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_name_of_its_own() {
        for tool in &TOOLS {
            assert_eq!(Tool::named(tool.name).unwrap().program, tool.program);
        }
        assert!(Tool::named("bufff").is_err());
    }
}
