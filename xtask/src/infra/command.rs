//! `cargo xtask infra`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use super::endpoints::Endpoints;
use super::native::secured;
use super::set::{self, Action};
use super::state::{Engine, PartKind, State, Which};
use super::{docker, private};
use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start Kafka, PostgreSQL and Redis; prints `export` lines for `eval "$(cargo xtask infra up)"`.
    Up {
        /// How many Kafka brokers.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3))]
        brokers: u16,
    },
    /// Stop what `up` started; the data stay for the next time.
    Down {
        /// Delete the data as well.
        #[arg(long)]
        purge: bool,
    },
    /// Say what runs, where, and print its `export` lines.
    Status,
    /// Start a part that was stopped, on its old port; let a paused one go on.
    Start(OnePart),
    /// Stop one part of a set: at once, as a power failure would, unless told otherwise.
    Stop {
        #[command(flatten)]
        part: OnePart,
        /// Let it finish its work.
        #[arg(long)]
        gently: bool,
    },
    /// Freeze one part: its connections stay open and it does not answer.
    Pause(OnePart),
    /// Keep a set until standard input closes.
    #[command(hide = true)]
    Guard {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        brokers: u16,
    },
    /// Keep a broker that asks for TLS and passwords and has access rules, until standard input closes.
    #[command(hide = true)]
    Secured,
}

/// A part and the set that it is of.
#[derive(Debug, clap::Args)]
pub(crate) struct OnePart {
    part: PartKind,
    /// Only the broker with this node id, counted from 1; all of them if not given.
    #[arg(long)]
    node: Option<u16>,
    /// The folder of the set; that of `infra up` if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs one of the commands.
///
/// # Errors
/// What each says.
pub(crate) fn run(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Up { brokers } => up(context, brokers),
        Command::Down { purge } => down(context, purge),
        Command::Status => status(context),
        Command::Start(part) => act(context, part, Action::Start),
        Command::Stop { part, gently } => act(
            context,
            part,
            if gently { Action::Stop } else { Action::Kill },
        ),
        Command::Pause(part) => act(context, part, Action::Pause),
        Command::Guard { dir, brokers } => private::guard(context, &dir, brokers),
        Command::Secured => secured::keep(context),
    }
}

fn act(context: &Context, part: OnePart, action: Action) -> Result<()> {
    let dir = part.dir.unwrap_or_else(|| set::developer_dir(context));
    let which = Which {
        kind: Some(part.part),
        node: part.node,
    };
    set::act(context, &dir, which, action)
}

fn up(context: &Context, brokers: u16) -> Result<()> {
    if let Some(endpoints) = Endpoints::from_env() {
        eprintln!("using the servers that the environment names");
        print!("{}", endpoints.exports());
        return Ok(());
    }
    let state = set::start(context, &set::developer_dir(context), brokers, None)?;
    print!("{}", state.endpoints.own_exports());
    Ok(())
}

fn down(context: &Context, purge: bool) -> Result<()> {
    let dir = set::developer_dir(context);
    let stopped = if purge {
        set::purge(&dir)?
    } else {
        set::stop(&dir)?
    };
    eprintln!(
        "{}",
        if stopped {
            "stopped"
        } else {
            "nothing to stop"
        }
    );
    Ok(())
}

fn status(context: &Context) -> Result<()> {
    if let Some(endpoints) = Endpoints::from_env() {
        eprintln!("the environment names servers, which are used instead of any below");
        print!("{}", endpoints.exports());
    }
    let dir = set::developer_dir(context);
    let Some(state) = State::load(&dir)? else {
        eprintln!("nothing was started");
        return Ok(());
    };
    match &state.engine {
        Engine::Docker { project } => docker::status(&dir, project)?,
        Engine::Native => {
            for part in &state.parts {
                let running = match &part.process {
                    Some(process) if process.alive() => format!("runs as {}", process.pid()),
                    Some(_) => "ended by itself or was killed".to_owned(),
                    None => "stopped".to_owned(),
                };
                eprintln!("{:<10} port {:<5} {running}", part.name(), part.port);
            }
            eprintln!("logs and data: {}", dir.display());
        }
    }
    print!("{}", state.endpoints.own_exports());
    Ok(())
}
