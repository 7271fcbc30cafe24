//! Structured logs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Problems;

/// Settings of the logs.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Which lines are logged: a level, or directives such as `info,bus=debug`
    #[arg(
        long,
        env = "LOG_LEVEL",
        default_value = "info",
        value_name = "DIRECTIVES"
    )]
    pub log_level: String,
    /// `pretty` for people, `json` for machines, `auto` for `pretty` on a terminal and `json` elsewhere
    #[arg(
        long,
        env = "LOG_FORMAT",
        default_value = "auto",
        value_name = "FORMAT"
    )]
    pub log_format: String,
}

/// How logs are written.
#[derive(Debug)]
pub struct LogConfig {
    filter: EnvFilter,
    json: bool,
}

impl LogArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<LogConfig> {
        let json = match self.log_format.as_str() {
            "json" => Some(true),
            "pretty" => Some(false),
            "auto" => Some(!std::io::stderr().is_terminal()),
            _ => {
                problems.add("LOG_FORMAT", "expected auto, pretty or json");
                None
            }
        };
        let filter = problems.read("LOG_LEVEL", Some(&self.log_level), |text| {
            // librdkafka reports each refused connection itself, where the health component says it
            // once; the migrator tells of every step, even where there is none to take.
            EnvFilter::builder().parse(format!(
                "librdkafka=off,rdkafka=off,sea_orm_migration=warn,{text}"
            ))
        });
        Some(LogConfig {
            filter: filter?,
            json: json?,
        })
    }
}

impl LogConfig {
    /// Begins logging to standard error. A second call changes nothing.
    pub fn install(self) {
        let registry = tracing_subscriber::registry().with(self.filter);
        let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        // The only failure is that a subscriber is installed already, and then that one serves.
        let _ = if self.json {
            registry
                .with(fmt.json().flatten_event(true).with_span_list(false))
                .try_init()
        } else {
            registry.with(fmt.with_target(false)).try_init()
        };
    }
}
