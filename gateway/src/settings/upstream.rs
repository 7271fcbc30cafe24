//! What the gateway fronts.

use std::path::PathBuf;

use chassis::config::Problems;
use chassis::contract::Access;

use super::http::certified;
use crate::certificate::Certificate;
use crate::contracts::{self, Bus, DescriptorSet, Target};
use crate::upstream::UpstreamTls;
use crate::{Contracts, limits};

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
    /// The certificate that upstreams with TLS are shown if they ask who calls, a PEM file with those between
    /// it and its root; read again when it changes. None without one
    #[arg(long, env = "UPSTREAM_TLS_CERT", value_name = "FILE")]
    pub upstream_tls_cert: Option<PathBuf>,
    /// The private key of that certificate, a PEM file
    #[arg(long, env = "UPSTREAM_TLS_KEY", value_name = "FILE")]
    pub upstream_tls_key: Option<PathBuf>,
    /// Rate limits in place of the contract's: `package.Service/Method=10/1m/address`, with `identity`
    /// for each user, or `=off`; comma-separated
    #[arg(long, env = "RATE_LIMITS", default_value = "", value_name = "LIMITS")]
    pub rate_limits: String,
}

// === impl UpstreamArgs ===

impl UpstreamArgs {
    /// Whether there are upstreams, and all of them over HTTP/2.
    pub(super) fn is_http2_alone(&self) -> bool {
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
        let tls = self.tls(problems);
        let (upstreams, access, sets) = (upstreams.ok()?, access.ok()?, sets.ok()?);
        let contracts = Contracts::read(&sets, &upstreams, access, bus);
        let contracts = add_all(problems, "UPSTREAMS and DESCRIPTOR_SETS", contracts)?;
        let contracts = contracts.with_rate_limits(limits.ok()?);
        let contracts = add_all(problems, "RATE_LIMITS", contracts)?;
        Some(contracts.with_upstream_tls(tls?))
    }

    fn tls(&self, problems: &mut Problems) -> Option<UpstreamTls> {
        let ca = self.upstream_tls_ca.as_ref().map(|file| {
            std::fs::read(file).map_err(|error| {
                let problem = format_args!("{}: {error}", file.display());
                problems.add("UPSTREAM_TLS_CA", problem);
            })
        });
        let certificate = certified(
            "UPSTREAM_TLS_CERT and UPSTREAM_TLS_KEY",
            self.upstream_tls_cert.as_ref(),
            self.upstream_tls_key.as_ref(),
            problems,
            Certificate::read,
        );
        Some(UpstreamTls {
            ca: ca.transpose().ok()?,
            certificate: certificate?,
        })
    }
}

/// Notes each fault.
fn add_all<T>(problems: &mut Problems, name: &str, read: Result<T, Vec<String>>) -> Option<T> {
    let add = |faults: Vec<String>| faults.iter().for_each(|fault| problems.add(name, fault));
    read.map_err(add).ok()
}
