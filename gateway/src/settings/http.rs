//! How clients reach the gateway.

use std::path::PathBuf;

use chassis::config::Problems;
use http::HeaderValue;

use crate::certificate::Files;
use crate::tls::Tls;
use crate::{Edge, metadata};

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
    /// Whether anybody may ask over gRPC what the port serves (server reflection): on or off
    #[arg(
        long,
        env = "GRPC_REFLECTION",
        default_value = "on",
        value_name = "on|off"
    )]
    pub grpc_reflection: String,
    /// The certificate with which the port speaks TLS, a PEM file with those between it and its root; read
    /// again when it changes. In the clear without one
    #[arg(long, env = "TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of that certificate, a PEM file
    #[arg(long, env = "TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
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

// === impl HttpArgs ===

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
        let without_reflection = match self.grpc_reflection.trim() {
            "on" => Some(false),
            "off" => Some(true),
            _ => {
                problems.add("GRPC_REFLECTION", "expected on or off");
                None
            }
        };
        let tls = self.tls(problems);
        Some(HttpConfig {
            host: host?,
            port: port?,
            tls: tls?,
            edge: Edge {
                cors_origins,
                trusted_proxies: trusted_proxies?,
                metadata,
                without_reflection: without_reflection?,
            },
        })
    }
}

impl HttpArgs {
    /// `Some(None)` is in the clear.
    fn tls(&self, problems: &mut Problems) -> Option<Option<Tls>> {
        let (certificate, key) = (self.tls_cert.as_ref(), self.tls_key.as_ref());
        certified(
            "TLS_CERT and TLS_KEY",
            certificate,
            key,
            problems,
            Tls::read,
        )
    }
}

/// What `read` makes of a certificate and its key, which are set both or neither: `Some(None)`.
pub(super) fn certified<T>(
    names: &str,
    certificate: Option<&PathBuf>,
    key: Option<&PathBuf>,
    problems: &mut Problems,
    read: impl FnOnce(Files) -> Result<T, String>,
) -> Option<Option<T>> {
    match (certificate, key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => {
            let read = read(Files {
                certificate: certificate.clone(),
                key: key.clone(),
            });
            read.map(Some)
                .map_err(|problem| problems.add(names, problem))
                .ok()
        }
        _ => {
            problems.add(names, "one is set and the other is not");
            None
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
}
