//! A PostgreSQL that trusts every local client and does not wait for the disk.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::super::programs::postgres_user;
use super::super::state::{Part, State};
use super::Native;
use super::session::Session;
use crate::process::{captured, detached};

/// The superuser and the database of a set.
pub(super) const NAME: &str = "trolleybus";
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn url(address: &str) -> String {
    format!("postgres://{NAME}@{address}/{NAME}")
}

/// Where the data goes: into the set's folder, or, when the user that PostgreSQL runs as cannot get
/// there, into one of its own below the system's folder for temporary files.
pub(super) fn home(dir: &Path) -> Result<PathBuf> {
    let Some((uid, gid)) = postgres_user()? else {
        return Ok(dir.join("postgres"));
    };
    let mut test = Command::new("test");
    test.arg("-x").arg(dir).uid(uid).gid(gid);
    if test.status().context("cannot run `test`")?.success() {
        return Ok(dir.join("postgres"));
    }
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    Ok(std::env::temp_dir().join(format!("trolleybus-infra-{:016x}", hasher.finish())))
}

/// Runs `initdb` unless that was done before.
pub(super) fn prepare(set: &Native<'_>, state: &State) -> Result<()> {
    let home = &state.postgres_home;
    // Written last, so its absence tells an interrupted attempt.
    let marker = home.join("initialised");
    let user = postgres_user()?;
    if marker.is_file() {
        owned(home, user)?;
        // It names a process that is known to be gone. PostgreSQL would believe a recycled pid.
        let pid_file = home.join("data/postmaster.pid");
        return match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", pid_file.display()))
            }
            _ => Ok(()),
        };
    }
    if fs::symlink_metadata(home).is_ok() {
        owned(home, user)?;
        fs::remove_dir_all(home).with_context(|| format!("cannot clear {}", home.display()))?;
    }
    fs::create_dir(home).with_context(|| format!("cannot create {}", home.display()))?;
    let mut initdb = Command::new(set.programs.postgres.join("initdb"));
    initdb.args([
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
        "-U",
        NAME,
        "-D",
    ]);
    initdb.arg(home.join("data")).current_dir(home);
    if let Some((uid, gid)) = user {
        chown(home, Some(uid), Some(gid))?;
        initdb.uid(uid).gid(gid);
    }
    captured(&mut initdb, LIMIT)?;
    fs::write(&marker, "")?;
    Ok(())
}

/// Refuses a folder that somebody else put at a place that everybody can write to.
fn owned(home: &Path, user: Option<(u32, u32)>) -> Result<()> {
    let metadata = fs::symlink_metadata(home)?;
    let expected = user.map_or(nix::unistd::geteuid().as_raw(), |(uid, _)| uid);
    // Root may own it when an attempt was interrupted between creating and giving it away.
    if !metadata.is_dir() || (metadata.uid() != expected && metadata.uid() != 0) {
        bail!("{} belongs to somebody else: remove it", home.display());
    }
    Ok(())
}

pub(super) fn spawn(set: &Native<'_>, state: &State, part: &Part) -> Result<Child> {
    let mut command = Command::new(set.programs.postgres.join("postgres"));
    command
        .arg("-D")
        .arg(state.postgres_home.join("data"))
        .current_dir(&state.postgres_home);
    command.arg("-p").arg(part.port.to_string());
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "max_connections=300",
    ] {
        command.args(["-c", setting]);
    }
    detached(&command, &set.log(part), postgres_user()?)
}

/// # Errors
/// Unless it answers a query.
pub(super) fn ready(part: &Part) -> Result<()> {
    Session::open(part.port)?.query("select 1").map(drop)
}

/// Creates the database unless it exists.
///
/// # Errors
/// When PostgreSQL refuses.
pub(super) fn create_database(part: &Part) -> Result<()> {
    let mut session = Session::open(part.port)?;
    let found = session.query(&format!(
        "select 1 from pg_database where datname = '{NAME}'"
    ))?;
    if found == 0 {
        session.query(&format!("create database {NAME}"))?;
    }
    Ok(())
}
