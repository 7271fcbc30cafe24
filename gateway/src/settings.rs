//! What the gateway is started with.

use std::path::PathBuf;

use bus::Settings;
use bus::settings::BusArgs;
use chassis::admin::AdminArgs;
use chassis::config::Problems;
use chassis::contract::Access;
use chassis::telemetry::{LogArgs, LogConfig};
use http::HeaderValue;
use token::{AccessSigner, RefreshKeys};

use crate::Contracts;
use crate::contracts::{self, DescriptorSet};

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

/// How clients reach the gateway.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// The address to listen on; 0.0.0.0 for all of this machine's
    #[arg(
        long,
        env = "HOST",
        default_value = "127.0.0.1",
        value_name = "ADDRESS"
    )]
    pub host: String,
    /// The port of REST, gRPC and gRPC-Web; 0 takes a free one
    #[arg(long, env = "PORT", default_value = "3000", value_name = "PORT")]
    pub port: String,
    /// The origins that browsers may call from, comma-separated; none by default
    #[arg(long, env = "CORS_ORIGINS", default_value = "", value_name = "ORIGINS")]
    pub cors_origins: String,
}

/// What the gateway fronts.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Upstreams")]
pub struct UpstreamArgs {
    /// Where the calls of services go: `package.Service=kafka` or `=http://host:port` (gRPC over
    /// HTTP/2), comma-separated. The platform's own go to Kafka unless they are named
    #[arg(long, env = "UPSTREAMS", default_value = "", value_name = "UPSTREAMS")]
    pub upstreams: String,
    /// Files that `buf build -o` writes, comma-separated, of services which the gateway was not
    /// compiled with
    #[arg(
        long,
        env = "DESCRIPTOR_SETS",
        default_value = "",
        value_name = "FILES"
    )]
    pub descriptor_sets: String,
    /// Who may call methods over HTTP/2 whose contract does not say: public or authenticated; unset, it
    /// has to say
    #[arg(long, env = "DEFAULT_ACCESS", value_name = "ACCESS")]
    pub default_access: Option<String>,
}

/// Tokens and sessions.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tokens")]
pub struct AuthArgs {
    /// Signs access tokens: a PASERK k4.secret
    #[arg(
        long,
        env = "PASETO_ACCESS_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub paseto_access_key: Option<String>,
    /// A file that holds `PASETO_ACCESS_KEY`
    #[arg(long, env = "PASETO_ACCESS_KEY_FILE", value_name = "FILE")]
    pub paseto_access_key_file: Option<PathBuf>,
    /// Seals refresh tokens: PASERK k4.local, comma-separated; the first seals, all open
    #[arg(
        long,
        env = "PASETO_REFRESH_KEY",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub paseto_refresh_key: Option<String>,
    /// A file that holds `PASETO_REFRESH_KEY`
    #[arg(long, env = "PASETO_REFRESH_KEY_FILE", value_name = "FILE")]
    pub paseto_refresh_key_file: Option<PathBuf>,
    /// Redis or Valkey, where ended sessions are listed: `redis://[user:password@]host:port`
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// A file that holds `REDIS_URL`
    #[arg(long, env = "REDIS_URL_FILE", value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
}

/// The settings, checked.
#[derive(Debug)]
pub struct GatewayConfig {
    /// How clients reach it.
    pub http: HttpConfig,
    /// What it fronts.
    pub contracts: Contracts,
    /// The bus.
    pub bus: Settings,
    /// Signs access tokens.
    pub signer: AccessSigner,
    /// Seals refresh tokens.
    pub refresh_keys: RefreshKeys,
    /// Where ended sessions are listed.
    pub redis_url: String,
    /// The port of metrics and probes.
    pub admin_port: u16,
    /// Logs.
    pub log: LogConfig,
}

/// How clients reach the gateway, checked.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The address to listen on.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The origins that browsers may call from.
    pub cors_origins: Vec<HeaderValue>,
}

// === impl GatewayArgs ===

impl GatewayArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<GatewayConfig> {
        let http = self.http.resolve(problems);
        let contracts = self.upstream.resolve(problems);
        let bus = self.bus.resolve("trolleybus-gateway", problems);
        let auth = &self.auth;
        let mut secret = |name, value: &Option<String>, file: &Option<PathBuf>| {
            problems.secret(name, value.as_deref(), file.as_ref())
        };
        let access = secret(
            "PASETO_ACCESS_KEY",
            &auth.paseto_access_key,
            &auth.paseto_access_key_file,
        );
        let refresh = secret(
            "PASETO_REFRESH_KEY",
            &auth.paseto_refresh_key,
            &auth.paseto_refresh_key_file,
        );
        let redis_url = secret("REDIS_URL", &auth.redis_url, &auth.redis_url_file);
        let signer = problems.read(
            "PASETO_ACCESS_KEY",
            access.as_deref(),
            AccessSigner::from_paserk,
        );
        let refresh_keys = problems.read(
            "PASETO_REFRESH_KEY",
            refresh.as_deref(),
            RefreshKeys::from_paserk,
        );
        let redis_url = problems.read("REDIS_URL", redis_url.as_deref(), |url| {
            crate::revocation::check_url(url).map(|()| url.to_owned())
        });
        let admin_port = self.admin.resolve(DEFAULT_ADMIN_PORT, problems);
        let log = self.log.resolve(problems);
        Some(GatewayConfig {
            http: http?,
            contracts: contracts?,
            bus: bus?,
            signer: signer?,
            refresh_keys: refresh_keys?,
            redis_url: redis_url?,
            admin_port: admin_port?,
            log: log?,
        })
    }
}

impl UpstreamArgs {
    /// Checks the settings, and reads the descriptor sets.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Contracts> {
        let upstreams = contracts::upstreams(&self.upstreams)
            .map_err(|problem| problems.add("UPSTREAMS", problem));
        let given = self.default_access.as_deref().map(str::trim);
        let access = match given.filter(|access| !access.is_empty()) {
            None => Ok(None),
            Some("public") => Ok(Some(Access::Public)),
            Some("authenticated") => Ok(Some(Access::Authenticated)),
            Some(_) => {
                problems.add("DEFAULT_ACCESS", "expected public or authenticated");
                Err(())
            }
        };
        let files = self.descriptor_sets.split(',').map(str::trim);
        let files = files.filter(|file| !file.is_empty());
        let sets: Vec<_> = files
            .map(|file| match std::fs::read(file) {
                Ok(bytes) => Ok(DescriptorSet {
                    name: file.to_owned(),
                    bytes,
                }),
                Err(error) => {
                    problems.add("DESCRIPTOR_SETS", format_args!("{file}: {error}"));
                    Err(())
                }
            })
            .collect();
        let sets = sets.into_iter().collect::<Result<Vec<_>, ()>>();
        let (upstreams, access, sets) = (upstreams.ok()?, access.ok()?, sets.ok()?);
        match Contracts::read(&sets, &upstreams, access) {
            Ok(contracts) => Some(contracts),
            Err(faults) => {
                for fault in faults {
                    problems.add("UPSTREAMS and DESCRIPTOR_SETS", fault);
                }
                None
            }
        }
    }
}

impl HttpArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<HttpConfig> {
        let port = problems.parse("PORT", &self.port, "a port, 0 to 65535");
        let host = problems.read("HOST", Some(&self.host), |host| {
            Ok::<_, &str>(host.to_owned())
        });
        let mut cors_origins = Vec::new();
        for origin in self
            .cors_origins
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            match HeaderValue::try_from(origin) {
                Ok(value) if is_origin(origin) => cors_origins.push(value),
                _ => problems.add(
                    "CORS_ORIGINS",
                    "expected https://host[:port], comma-separated",
                ),
            }
        }
        Some(HttpConfig {
            host: host?,
            port: port?,
            cors_origins,
        })
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
}
