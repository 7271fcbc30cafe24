//! Settings that every service has.

use std::path::PathBuf;

use token::AccessVerifier;

use crate::config::Problems;

/// Where a service listens. The default port is each service's own.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "gRPC")]
pub struct GrpcArgs {
    /// The address to listen on; 0.0.0.0 for all of this machine's
    #[arg(
        long,
        env = "HOST",
        default_value = "127.0.0.1",
        value_name = "ADDRESS"
    )]
    pub host: String,
    /// The port of gRPC, with health and reflection; 0 takes a free one
    #[arg(long, env = "GRPC_PORT", value_name = "PORT")]
    pub grpc_port: Option<String>,
}

/// Where a service listens, checked.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// The address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What verifies access tokens.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tokens")]
pub struct VerifierArgs {
    /// Verifies access tokens: PASERK k4.public (or k4.secret), comma-separated; all are accepted
    #[arg(
        long,
        env = "PASETO_ACCESS_KEY",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub paseto_access_key: Option<String>,
    /// A file that holds `PASETO_ACCESS_KEY`
    #[arg(long, env = "PASETO_ACCESS_KEY_FILE", value_name = "FILE")]
    pub paseto_access_key_file: Option<PathBuf>,
}

impl GrpcArgs {
    /// Checks the settings. `default_port` is the service's own.
    pub fn resolve(&self, default_port: u16, problems: &mut Problems) -> Option<GrpcConfig> {
        let port = match &self.grpc_port {
            None => Some(default_port),
            Some(text) => problems.parse("GRPC_PORT", text, "a port, 0 to 65535"),
        };
        let host = problems.read("HOST", Some(&self.host), |host| {
            Ok::<_, &str>(host.to_owned())
        });
        Some(GrpcConfig {
            host: host?,
            port: port?,
        })
    }
}

impl VerifierArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<AccessVerifier> {
        let file = self.paseto_access_key_file.as_ref();
        let keys = problems.secret("PASETO_ACCESS_KEY", self.paseto_access_key.as_deref(), file);
        problems.read(
            "PASETO_ACCESS_KEY",
            keys.as_deref(),
            AccessVerifier::from_paserk,
        )
    }
}
