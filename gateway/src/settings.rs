//! What the gateway is started with.

use std::path::PathBuf;

use bus::Settings;
use bus::settings::BusArgs;
use chassis::admin::AdminArgs;
use chassis::config::Problems;
use chassis::contract::Access;
use chassis::telemetry::{LogArgs, LogConfig};
use http::HeaderValue;
use token::{AccessSigner, AccessVerifier, RefreshKeys};

use crate::contracts::{self, Bus, DescriptorSet, Target};
use crate::tls::{Files, Tls};
use crate::{Contracts, Edge, Tokens, limits, metadata};

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
    /// How many proxies stand before the gateway, each of which adds the address that it is called from
    /// to `x-forwarded-for`. With 0 the client is whoever connects
    #[arg(
        long,
        env = "TRUSTED_PROXIES",
        default_value = "0",
        value_name = "NUMBER"
    )]
    pub trusted_proxies: String,
    /// Headers of clients that go on to the services as metadata beside the usual ones, comma-separated;
    /// over REST also as `grpc-metadata-NAME`
    #[arg(
        long,
        env = "METADATA_HEADERS",
        default_value = "",
        value_name = "NAMES"
    )]
    pub metadata_headers: String,
    /// The certificate with which the port speaks TLS, a PEM file with those between it and its root; read
    /// again when it changes. In the clear without one
    #[arg(long, env = "TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of that certificate, a PEM file
    #[arg(long, env = "TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

/// What the gateway fronts.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Upstreams")]
pub struct UpstreamArgs {
    /// Where the calls of services go: `package.Service=kafka`, `=http://host:port` (gRPC over HTTP/2) or
    /// `=https://host:port`, comma-separated. The platform's own go to Kafka unless they are named;
    /// without Kafka's settings and with HTTP/2 alone they are left out
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
    /// The authorities that may vouch for upstreams with TLS, a PEM file; the system's if not set
    #[arg(long, env = "UPSTREAM_TLS_CA", value_name = "FILE")]
    pub upstream_tls_ca: Option<PathBuf>,
    /// Rate limits in place of the contract's: `package.Service/Method=10/1m/address`, with `identity`
    /// for each user, or `=off`; comma-separated
    #[arg(long, env = "RATE_LIMITS", default_value = "", value_name = "LIMITS")]
    pub rate_limits: String,
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

/// How clients reach the gateway, checked.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The address to listen on.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is set beside the address.
    pub edge: Edge,
    /// The certificate, if the port speaks TLS.
    pub tls: Option<Tls>,
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

impl AuthArgs {
    /// The keys of a gateway that hosts accounts.
    fn minted(&self, problems: &mut Problems) -> Option<Tokens> {
        let access = self.access_key(problems);
        let file = self.paseto_refresh_key_file.as_ref();
        let refresh = problems.secret(
            "PASETO_REFRESH_KEY",
            self.paseto_refresh_key.as_deref(),
            file,
        );
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
        Some(Tokens::Minted {
            signer: signer?,
            refresh_keys: refresh_keys?,
        })
    }

    /// The key of a gateway that hosts none: only where some method needs a token.
    fn verified(&self, needed: bool, problems: &mut Problems) -> Option<Tokens> {
        let access = self.access_key(problems);
        if access.is_none() && !needed {
            return Some(Tokens::Verified(AccessVerifier::without_keys()));
        }
        let verifier = problems.read(
            "PASETO_ACCESS_KEY",
            access.as_deref(),
            AccessVerifier::from_paserk,
        );
        verifier.map(Tokens::Verified)
    }

    fn access_key(&self, problems: &mut Problems) -> Option<String> {
        let file = self.paseto_access_key_file.as_ref();
        problems.secret("PASETO_ACCESS_KEY", self.paseto_access_key.as_deref(), file)
    }

    fn has_redis(&self) -> bool {
        let url = self.redis_url.as_deref();
        url.is_some_and(|url| !url.trim().is_empty()) || self.redis_url_file.is_some()
    }

    fn redis(&self, problems: &mut Problems) -> Option<String> {
        let file = self.redis_url_file.as_ref();
        let url = problems.secret("REDIS_URL", self.redis_url.as_deref(), file);
        problems.read("REDIS_URL", url.as_deref(), |url| {
            crate::redis::check_url(url).map(|()| url.to_owned())
        })
    }
}

impl UpstreamArgs {
    /// Whether there are upstreams, and all of them over HTTP/2.
    fn is_http2_alone(&self) -> bool {
        contracts::upstreams(&self.upstreams).is_ok_and(|upstreams| {
            let mut targets = upstreams.values();
            !upstreams.is_empty() && targets.all(|target| matches!(target, Target::Http2(_)))
        })
    }

    /// Checks the settings, and reads the descriptor sets. `bus` says whether there is one.
    pub fn resolve(&self, bus: Bus, problems: &mut Problems) -> Option<Contracts> {
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
        let limits = limits::setting::read(&self.rate_limits)
            .map_err(|problem| problems.add("RATE_LIMITS", problem));
        let (upstreams, access, sets) = (upstreams.ok()?, access.ok()?, sets.ok()?);
        let contracts = Contracts::read(&sets, &upstreams, access, bus);
        let contracts = add_all(problems, "UPSTREAMS and DESCRIPTOR_SETS", contracts)?;
        let contracts = contracts.with_rate_limits(limits.ok()?);
        let contracts = add_all(problems, "RATE_LIMITS", contracts)?;
        let Some(file) = &self.upstream_tls_ca else {
            return Some(contracts);
        };
        match std::fs::read(file) {
            Ok(pem) => Some(contracts.with_upstream_ca(pem)),
            Err(error) => {
                problems.add(
                    "UPSTREAM_TLS_CA",
                    format_args!("{}: {error}", file.display()),
                );
                None
            }
        }
    }
}

/// Notes each fault.
fn add_all<T>(problems: &mut Problems, name: &str, read: Result<T, Vec<String>>) -> Option<T> {
    let add = |faults: Vec<String>| faults.iter().for_each(|fault| problems.add(name, fault));
    read.map_err(add).ok()
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
        let trusted_proxies = problems.parse(
            "TRUSTED_PROXIES",
            &self.trusted_proxies,
            "the number of proxies before the gateway, such as 1",
        );
        let names = self.metadata_headers.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        let mut metadata = Vec::new();
        for name in names {
            match metadata::allowed(name) {
                Ok(name) => metadata.push(name),
                Err(problem) => problems.add("METADATA_HEADERS", problem),
            }
        }
        let tls = self.tls(problems);
        Some(HttpConfig {
            host: host?,
            port: port?,
            tls: tls?,
            edge: Edge {
                cors_origins,
                trusted_proxies: trusted_proxies?,
                metadata,
            },
        })
    }
}

impl HttpArgs {
    /// `Some(None)` is in the clear.
    fn tls(&self, problems: &mut Problems) -> Option<Option<Tls>> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Some(None),
            (Some(certificate), Some(key)) => {
                let files = Files {
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                let tls = Tls::read(files);
                tls.map(Some)
                    .map_err(|problem| problems.add("TLS_CERT and TLS_KEY", problem))
                    .ok()
            }
            _ => {
                problems.add("TLS_CERT and TLS_KEY", "one is set and the other is not");
                None
            }
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
}
