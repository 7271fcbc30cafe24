//! What the gateway is started with.

use bus::Settings;
use bus::settings::BusArgs;
use chassis::admin::AdminArgs;
use chassis::config::Problems;
use chassis::telemetry::{LogArgs, LogConfig};

use crate::contracts::Bus;
use crate::{Contracts, Tokens};

mod auth;
mod http;
mod upstream;

pub use auth::AuthArgs;
pub use http::{HttpArgs, HttpConfig};
pub use upstream::UpstreamArgs;

/// The application name of the gateway on the bus: replies come to `reply.gateway`.
pub const APP: &str = "gateway";

/// The gateway's own port of metrics and probes.
pub const DEFAULT_ADMIN_PORT: u16 = 9464;

/// All settings of the gateway.
#[derive(Debug, Clone, clap::Args)]
pub struct GatewayArgs {
    /// How clients reach it.
    #[command(flatten)]
    pub http: HttpArgs,
    /// What it fronts.
    #[command(flatten)]
    pub upstream: UpstreamArgs,
    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
    /// Tokens and sessions.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// Metrics and probes.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The settings, checked.
#[derive(Debug)]
pub struct GatewayConfig {
    /// How clients reach it.
    pub http: HttpConfig,
    /// What it fronts.
    pub contracts: Contracts,
    /// The bus, if anything goes over it.
    pub bus: Option<Settings>,
    /// What is known of tokens.
    pub tokens: Tokens,
    /// Where ended sessions are listed. Without accounts there need be no such list.
    pub redis_url: Option<String>,
    /// The port of metrics and probes.
    pub admin_port: u16,
    /// Logs.
    pub log: LogConfig,
}

// === impl GatewayArgs ===

impl GatewayArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<GatewayConfig> {
        let http = self.http.resolve(problems);
        let here = if self.bus.is_given() || !self.upstream.is_http2_alone() {
            Bus::Here
        } else {
            Bus::Absent
        };
        let contracts = self.upstream.resolve(here, problems);
        let bus = match here {
            Bus::Here => self.bus.resolve("trolleybus-gateway", problems).map(Some),
            Bus::Absent => Some(None),
        };
        // Where the contracts cannot be read, what else is wrong is still to be said.
        let hosts_accounts = match &contracts {
            Some(contracts) => contracts.hosts_accounts(),
            None => here == Bus::Here,
        };
        let (tokens, redis_url) = if hosts_accounts {
            (
                self.auth.minted(problems),
                self.auth.redis(problems).map(Some),
            )
        } else {
            let needed = contracts.as_ref().is_some_and(Contracts::needs_tokens);
            let redis_url = match self.auth.has_redis() {
                true => self.auth.redis(problems).map(Some),
                false => Some(None),
            };
            (self.auth.verified(needed, problems), redis_url)
        };
        let admin_port = self.admin.resolve(DEFAULT_ADMIN_PORT, problems);
        let log = self.log.resolve(problems);
        Some(GatewayConfig {
            http: http?,
            contracts: contracts?,
            bus: bus?,
            tokens: tokens?,
            redis_url: redis_url?,
            admin_port: admin_port?,
            log: log?,
        })
    }
}
