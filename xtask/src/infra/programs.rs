//! The programs that a native set needs: found, installed, or named with the line that installs them.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::process::{captured, find, succeed};

const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// Why no infrastructure can be had on this machine, with the line that changes it.
#[derive(Debug)]
pub(crate) struct NotPossible(pub(super) String);

impl fmt::Display for NotPossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotPossible {}

/// Something that may be missing, and the Debian package that has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// What is missing, as a person would call it.
    pub(crate) what: &'static str,
    /// The package that brings it.
    pub(crate) package: &'static str,
}

impl Needs {
    /// Installs packages if that is allowed and possible.
    ///
    /// # Errors
    /// [`NotPossible`] with the line to run, or a failed installation.
    pub(crate) fn install(context: &Context, missing: &[Self]) -> Result<()> {
        let what = missing
            .iter()
            .map(|needs| needs.what)
            .collect::<Vec<_>>()
            .join(", ");
        let packages: Vec<&str> = missing.iter().map(|needs| needs.package).collect();
        let line = format!(
            "apt-get update && apt-get install -y --no-install-recommends {}",
            packages.join(" ")
        );
        if !context.may_install() {
            bail!(NotPossible(format!(
                "missing: {what}; to install, run as root: {line}"
            )));
        }
        if find("apt-get").is_none() || !nix::unistd::geteuid().is_root() {
            bail!(NotPossible(format!(
                "missing: {what}; only root on Debian or Ubuntu can install them here; there: {line}"
            )));
        }
        eprintln!("installing {what}");
        let apt = || {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
            apt
        };
        succeed(apt().arg("update"), INSTALL_LIMIT)?;
        let install = ["install", "-y", "--no-install-recommends"];
        succeed(apt().args(install).args(packages), INSTALL_LIMIT)
    }
}

/// Everything that a native set runs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(super) java: PathBuf,
    /// The folder with `initdb` and `postgres`.
    pub(super) postgres: PathBuf,
    pub(super) redis: PathBuf,
}

impl Programs {
    /// Finds them all, installing what is missing if that is allowed.
    ///
    /// # Errors
    /// [`NotPossible`] when something is missing and is not to be installed.
    pub(super) fn find(context: &Context) -> Result<Self> {
        if let Ok(programs) = Self::present(context) {
            return Ok(programs);
        }
        if let Err(missing) = Self::present(context) {
            Needs::install(context, &missing)?;
        }
        Self::present(context).map_err(|missing| {
            let what = missing
                .iter()
                .map(|needs| needs.what)
                .collect::<Vec<_>>()
                .join(", ");
            NotPossible(format!("still missing after the installation: {what}")).into()
        })
    }

    fn present(context: &Context) -> Result<Self, Vec<Needs>> {
        let java = java();
        let postgres = postgres();
        let redis = find("redis-server").or_else(|| find("valkey-server"));
        let maven = super::native::kafka::libraries_present(context) || find("mvn").is_some();
        if let (Some(java), Some(postgres), Some(redis), true) = (&java, &postgres, &redis, maven) {
            return Ok(Self {
                java: java.clone(),
                postgres: postgres.clone(),
                redis: redis.clone(),
            });
        }
        let parts = [
            (java.is_some(), "Java 17 or newer", "default-jre-headless"),
            (maven, "Maven (fetches Kafka)", "maven"),
            (postgres.is_some(), "PostgreSQL's server", "postgresql"),
            (redis.is_some(), "Redis' server", "redis-server"),
        ];
        Err(parts
            .into_iter()
            .filter(|(present, ..)| !present)
            .map(|(_, what, package)| Needs { what, package })
            .collect())
    }
}

/// A Java that can run Kafka 4.
fn java() -> Option<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    home.into_iter().chain(find("java")).find(|java| {
        let mut version = Command::new(java);
        version.arg("--version");
        captured(&mut version, Duration::from_secs(20))
            .is_ok_and(|text| java_version(&text).is_some_and(|version| version >= 17))
    })
}

/// The major version in the first line of `java --version`, such as `openjdk 17.0.15 2025-04-15`.
fn java_version(text: &str) -> Option<u32> {
    let version = text.lines().next()?.split_whitespace().nth(1)?;
    version
        .split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The newest installed PostgreSQL; Debian keeps its servers off `PATH`.
fn postgres() -> Option<PathBuf> {
    if let Some(initdb) = find("initdb") {
        return Some(initdb.parent()?.to_owned());
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").is_file().then_some((version, bin))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin)
}

/// The parts by which Debian's `postgresql` names the user its servers run as.
pub(super) fn postgres_user() -> Result<Option<(u32, u32)>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let user = nix::unistd::User::from_name("postgres")?
        .context("PostgreSQL refuses to run as root and there is no user `postgres`: create it")?;
    Ok(Some((user.uid.as_raw(), user.gid.as_raw())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_of_several_vendors_are_read() {
        assert_eq!(
            java_version("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime"),
            Some(17)
        );
        assert_eq!(java_version("java 21 2023-09-19 LTS"), Some(21));
        assert_eq!(java_version("openjdk 26-ea 2026-03-17"), Some(26));
        assert_eq!(java_version(""), None);
    }
}
