//! A Redis that keeps nothing.

use std::process::{Child, Command};

use anyhow::{Result, bail};

use super::super::state::Part;
use super::{Native, probe};
use crate::process::detached;

pub(super) fn spawn(set: &Native<'_>, part: &Part) -> Result<Child> {
    let mut command = Command::new(&set.programs.redis);
    command
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
        ])
        .arg(part.port.to_string())
        .current_dir(set.dir);
    detached(&command, &set.log(part), None)
}

/// # Errors
/// Unless it answers PING.
pub(super) fn ready(part: &Part) -> Result<()> {
    let answer = probe::ask::<7>(&mut probe::connect(part.port)?, b"PING\r\n")?;
    if &answer != b"+PONG\r\n" {
        bail!(
            "PING was answered with {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}
