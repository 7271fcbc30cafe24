//! Tokens and sessions.

use std::path::PathBuf;

use chassis::config::Problems;
use token::{AccessSigner, AccessVerifier, RefreshKeys};

use crate::Tokens;

/// Tokens and sessions.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tokens")]
pub struct AuthArgs {
    /// Signs access tokens: a PASERK k4.secret; after a comma, further keys whose tokens are accepted
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

// === impl AuthArgs ===

impl AuthArgs {
    /// The keys of a gateway that hosts accounts.
    pub(super) fn minted(&self, problems: &mut Problems) -> Option<Tokens> {
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
    pub(super) fn verified(&self, needed: bool, problems: &mut Problems) -> Option<Tokens> {
        let access = self.access_key(problems);
        match (&access, needed) {
            (None, false) => return Some(Tokens::Verified(AccessVerifier::without_keys())),
            (None, true) => {
                problems.add(
                    "PASETO_ACCESS_KEY",
                    "is not set, and there are methods that need a token: give the public key that \
                     verifies it, or say in DEFAULT_ACCESS that they are public",
                );
                return None;
            }
            (Some(_), _) => {}
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

    pub(super) fn has_redis(&self) -> bool {
        let url = self.redis_url.as_deref();
        url.is_some_and(|url| !url.trim().is_empty()) || self.redis_url_file.is_some()
    }

    pub(super) fn redis(&self, problems: &mut Problems) -> Option<String> {
        let file = self.redis_url_file.as_ref();
        let url = problems.secret("REDIS_URL", self.redis_url.as_deref(), file);
        problems.read("REDIS_URL", url.as_deref(), |url| {
            crate::redis::check_url(url).map(|()| url.to_owned())
        })
    }
}
