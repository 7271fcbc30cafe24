//! What standalone is started with. Everything has a default.

use std::path::PathBuf;

use chassis::admin::AdminArgs;
use chassis::config::Problems;
use chassis::telemetry::{LogArgs, LogConfig};
use gateway::Contracts;
use gateway::contracts::Bus;
use gateway::settings::{DEFAULT_ADMIN_PORT, HttpArgs, HttpConfig, UpstreamArgs};
use notification::MailArgs;
use user::config::PasswordArgs;
use user::password::HasherSettings;

/// All settings of standalone.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StandaloneArgs {
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    #[command(flatten)]
    pub(crate) passwords: PasswordArgs,
    #[command(flatten)]
    pub(crate) mail: MailArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What only standalone has.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Standalone")]
pub(crate) struct OwnArgs {
    /// Where accounts and keys are kept
    #[arg(
        long,
        env = "DATA_DIR",
        default_value = ".trolleybus",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// The user service's gRPC port; 0 takes a free one
    #[arg(
        long,
        env = "USER_GRPC_PORT",
        default_value = "50051",
        value_name = "PORT"
    )]
    pub(crate) user_grpc_port: String,
    /// The notification service's gRPC port; 0 takes a free one
    #[arg(
        long,
        env = "NOTIFICATION_GRPC_PORT",
        default_value = "50052",
        value_name = "PORT"
    )]
    pub(crate) notification_grpc_port: String,
}

/// The settings, checked.
pub(crate) struct Config {
    pub(crate) http: HttpConfig,
    pub(crate) contracts: Contracts,
    pub(crate) data_dir: PathBuf,
    pub(crate) user_grpc_port: u16,
    pub(crate) notification_grpc_port: u16,
    pub(crate) hasher: HasherSettings,
    pub(crate) mail: notification::Config,
    pub(crate) admin_port: u16,
    pub(crate) log: LogConfig,
}

impl StandaloneArgs {
    pub(crate) fn resolve(&self, problems: &mut Problems) -> Option<Config> {
        let http = self.http.resolve(problems);
        let contracts = self.upstream.resolve(Bus::Here, problems);
        let mut port = |name, text: &str| problems.parse(name, text, "a port, 0 to 65535");
        let user_grpc_port = port("USER_GRPC_PORT", &self.own.user_grpc_port);
        let notification_grpc_port =
            port("NOTIFICATION_GRPC_PORT", &self.own.notification_grpc_port);
        let hasher = self.passwords.resolve(problems);
        let mail = self.mail.resolve(problems);
        let admin_port = self.admin.resolve(DEFAULT_ADMIN_PORT, problems);
        let log = self.log.resolve(problems);
        Some(Config {
            http: http?,
            contracts: contracts?,
            data_dir: self.own.data_dir.clone(),
            user_grpc_port: user_grpc_port?,
            notification_grpc_port: notification_grpc_port?,
            hasher: hasher?,
            mail: mail?,
            admin_port: admin_port?,
            log: log?,
        })
    }
}
