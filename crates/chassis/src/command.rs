//! What the command lines of all processes have in common.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, Parser, Subcommand};
use thiserror::Error;

/// `keys …`
#[derive(Debug, Clone, Subcommand)]
pub enum KeysVerb {
    /// Make new keys
    Generate {
        /// How to print them: `env` for lines of an environment file
        #[arg(long, default_value = "env", value_parser = ["env"])]
        format: String,
        /// Write them to files of this folder instead, leaving what is there already
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `config …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigVerb {
    /// Check the settings and say what is wrong with them
    Check,
    /// Print all settings as a Markdown table
    Reference,
}

/// `topics …`
#[derive(Debug, Clone, Subcommand)]
pub enum TopicsVerb {
    /// Create the topics that are missing and check the others
    Apply {
        /// How many partitions the topics of methods get
        #[arg(long, env = "TOPIC_PARTITIONS", default_value_t = 8, value_name = "N",
              value_parser = clap::value_parser!(i32).range(1..=1000))]
        partitions: i32,
        /// How many replicas; the broker's own default if not given
        #[arg(long, env = "TOPIC_REPLICATION_FACTOR", value_name = "N",
              value_parser = clap::value_parser!(i32).range(1..=15))]
        replication_factor: Option<i32>,
    },
    /// Print what the broker's access rules have to allow this process, as command lines of Kafka's
    /// `kafka-acls.sh`
    Acls {
        /// Who this process is to the broker, such as User:gateway
        #[arg(long, value_name = "PRINCIPAL")]
        principal: String,
        /// For the command `topics apply`, not for the process
        #[arg(long)]
        apply: bool,
        /// The properties with which `kafka-acls.sh` itself reaches the broker
        #[arg(long, value_name = "FILE")]
        command_config: Option<String>,
    },
}

/// Reads the command line. Settings may stand before or after a verb.
#[must_use]
pub fn parse<C: Parser>() -> C {
    let command = C::command().mut_args(|arg| {
        let is_setting = arg.get_env().is_some();
        if is_setting { arg.global(true) } else { arg }
    });
    C::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Ends the process: with 0, or with 1 and the error with its causes in one message. Nobody who set
/// a port wrong is helped by a backtrace.
#[expect(clippy::print_stderr, reason = "a command line")]
pub fn end<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Keys could not be made or written.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The system has no randomness.
    #[error("no keys can be made: {0}")]
    Generate(#[from] token::KeyError),
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl KeysVerb {
    /// Makes the keys. The text to print.
    ///
    /// # Errors
    /// No randomness, or a file that cannot be written.
    pub fn run(&self) -> Result<String, KeysError> {
        let Self::Generate { out, .. } = self;
        let keys = token::generate()?;
        match out {
            None => Ok(format!(
                "PASETO_ACCESS_KEY={}\nPASETO_ACCESS_PUBLIC_KEY={}\nPASETO_REFRESH_KEY={}\n\
                 BUS_KEYS={}\nSESSION_KEYS={}\n",
                keys.access_secret, keys.access_public, keys.refresh, keys.bus, keys.session
            )),
            Some(dir) => write_files(dir, &keys),
        }
    }
}

/// One file a key. The access keys are one pair: either both are written or neither.
fn write_files(dir: &Path, keys: &token::KeySet) -> Result<String, KeysError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KeysError::Write { path, source }
    };
    private_folder(dir).map_err(failed(dir))?;
    let (secret, public) = ("paseto-access-secret", "paseto-access-public");
    let pair_exists = dir.join(secret).exists();
    let mut report = String::new();
    for (name, key, keep) in [
        (secret, &keys.access_secret, pair_exists),
        (public, &keys.access_public, pair_exists),
        (
            "paseto-refresh",
            &keys.refresh,
            dir.join("paseto-refresh").exists(),
        ),
        ("bus", &keys.bus, dir.join("bus").exists()),
        ("session", &keys.session, dir.join("session").exists()),
    ] {
        let path = dir.join(name);
        if keep {
            let _ = writeln!(report, "kept    {}", path.display());
        } else {
            write_secret(&path, key).map_err(failed(&path))?;
            let _ = writeln!(report, "written {}", path.display());
        }
    }
    Ok(report)
}

/// Makes a folder, and those above it, that this user alone can look into. One that exists stays as
/// it is.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Readable for this user alone.
#[cfg(unix)]
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")
}

#[cfg(not(unix))]
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, format!("{text}\n"))
}

/// The settings of a command as Markdown tables, one a group: what `--help` says, for the
/// documentation.
#[must_use]
pub fn reference(command: &Command) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for arg in command.get_arguments() {
        let Some(env) = arg.get_env() else { continue };
        let heading = arg.get_help_heading().unwrap_or("Other").to_owned();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let default = arg
            .get_default_values()
            .first()
            .map(|value| value.to_string_lossy());
        let default = default.filter(|value| !value.is_empty());
        let default = default.map_or_else(String::new, |value| format!("`{value}`"));
        let flag = arg
            .get_long()
            .map_or_else(String::new, |long| format!("`--{long}`"));
        let row = format!(
            "| `{}` | {flag} | {default} | {help} |",
            env.to_string_lossy()
        );
        match groups.iter_mut().find(|(name, _)| *name == heading) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((heading, vec![row])),
        }
    }
    let mut text = String::new();
    for (heading, rows) in groups {
        let _ = write!(
            text,
            "### {heading}\n\n| Variable | Flag | Default | What it is |\n|---|---|---|---|\n"
        );
        for row in rows {
            let _ = writeln!(text, "{row}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_there_are_kept() {
        let dir = std::env::temp_dir().join(format!("keys-{}", std::process::id()));
        let verb = KeysVerb::Generate {
            format: "env".into(),
            out: Some(dir.clone()),
        };
        assert_eq!(verb.run().unwrap().matches("written").count(), 5);
        let before = std::fs::read(dir.join("bus")).unwrap();
        assert_eq!(verb.run().unwrap().matches("kept").count(), 5);
        assert_eq!(std::fs::read(dir.join("bus")).unwrap(), before);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn printed_keys_are_lines_of_an_environment_file() {
        let text = KeysVerb::Generate {
            format: "env".into(),
            out: None,
        }
        .run()
        .unwrap();
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        assert_eq!(names.len(), 5);
        assert!(
            names.iter().all(|(_, key)| key.starts_with("k4.")),
            "{text}"
        );
    }
}
