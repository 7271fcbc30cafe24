//! Settings.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chassis::config::Problems;

use crate::database::Database;
use crate::password::{Cost, CostError, DEFAULT_LONGEST_WAIT, HasherSettings};
use crate::session::{SessionSettings, WrappingKeys};

/// Settings of the database: all that `migrate` needs.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Where accounts are stored: `postgres://user@host/database` or `sqlite:data/user.db`
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// A file that holds the URL, in place of `DATABASE_URL`
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Connections of this process at most
    #[arg(
        long,
        env = "DATABASE_MAX_CONNECTIONS",
        default_value = "10",
        value_name = "COUNT"
    )]
    pub database_max_connections: String,
}

/// Settings of passwords.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Passwords")]
pub struct PasswordArgs {
    /// Memory of an Argon2id hash in KiB; not below OWASP's least
    #[arg(
        long,
        env = "ARGON2_MEMORY_KIB",
        default_value = "19456",
        value_name = "KIB"
    )]
    pub argon2_memory_kib: String,
    /// Passes of an Argon2id hash; not below OWASP's least
    #[arg(
        long,
        env = "ARGON2_ITERATIONS",
        default_value = "2",
        value_name = "COUNT"
    )]
    pub argon2_iterations: String,
    /// Lanes of an Argon2id hash
    #[arg(
        long,
        env = "ARGON2_PARALLELISM",
        default_value = "1",
        value_name = "COUNT"
    )]
    pub argon2_parallelism: String,
    /// Passwords that are hashed at once; as many as there are cores where not set
    #[arg(long, env = "HASH_CONCURRENCY", value_name = "COUNT")]
    pub hash_concurrency: Option<String>,
}

/// Settings of sessions.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Sessions")]
pub struct SessionArgs {
    /// The keys that session keys are encrypted with, `k4.local.…` with commas between: the first
    /// encrypts, all decrypt. Derived from `BUS_KEYS` where not set
    #[arg(
        long,
        env = "SESSION_KEYS",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub session_keys: Option<String>,
    /// A file that holds the keys, in place of `SESSION_KEYS`
    #[arg(long, env = "SESSION_KEYS_FILE", value_name = "FILE")]
    pub session_keys_file: Option<PathBuf>,
    /// A session ends when it is not refreshed for this long, such as `7d`, `12h`, `30m` or `90s`
    #[arg(
        long,
        env = "SESSION_IDLE_LIFETIME",
        default_value = "7d",
        value_name = "DURATION"
    )]
    pub session_idle_lifetime: String,
    /// A session ends after this long whatever is done with it
    #[arg(
        long,
        env = "SESSION_LIFETIME",
        default_value = "30d",
        value_name = "DURATION"
    )]
    pub session_lifetime: String,
}

/// All settings of this service that are not common to all services.
#[derive(Debug, Clone, clap::Args)]
pub struct UserArgs {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Passwords.
    #[command(flatten)]
    pub passwords: PasswordArgs,
    /// Sessions.
    #[command(flatten)]
    pub sessions: SessionArgs,
}

/// Settings of this service, checked.
#[derive(Debug, Clone)]
pub struct UserConfig {
    /// Where accounts are stored.
    pub database: Database,
    /// How passwords are hashed.
    pub hasher: HasherSettings,
    /// How sessions are made.
    pub sessions: SessionSettings,
}

// === impl UserArgs ===

impl UserArgs {
    /// Checks the settings. `derived` stands in where no session keys are set.
    pub fn resolve(
        &self,
        derived: Option<WrappingKeys>,
        problems: &mut Problems,
    ) -> Option<UserConfig> {
        let database = self.database.resolve(problems);
        let hasher = self.passwords.resolve(problems);
        let sessions = self.sessions.resolve(derived, problems);
        Some(UserConfig {
            database: database?,
            hasher: hasher?,
            sessions: sessions?,
        })
    }
}

// === impl DatabaseArgs ===

impl DatabaseArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Database> {
        let most: Option<u32> = problems.parse(
            "DATABASE_MAX_CONNECTIONS",
            &self.database_max_connections,
            "a number of connections, 1 or more",
        );
        if most == Some(0) {
            problems.add("DATABASE_MAX_CONNECTIONS", "expected 1 or more");
        }
        let database: Option<Database> = secret(
            problems,
            "DATABASE_URL",
            self.database_url.as_deref(),
            self.database_url_file.as_ref(),
        );
        Some(database?.with_max_connections(most?))
    }
}

impl std::fmt::Debug for DatabaseArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseArgs").finish_non_exhaustive()
    }
}

// === impl PasswordArgs ===

impl PasswordArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<HasherSettings> {
        let mut number = |name, text: &str| problems.parse::<u32>(name, text, "a whole number");
        let memory = number("ARGON2_MEMORY_KIB", &self.argon2_memory_kib);
        let iterations = number("ARGON2_ITERATIONS", &self.argon2_iterations);
        let lanes = number("ARGON2_PARALLELISM", &self.argon2_parallelism);
        let concurrency = match &self.hash_concurrency {
            None => Some(HasherSettings::default().concurrency),
            Some(text) => {
                problems.parse::<NonZeroUsize>("HASH_CONCURRENCY", text, "a count, 1 or more")
            }
        };
        let cost = Cost::new(memory?, iterations?, lanes?).map_err(|error| {
            let name = match error {
                CostError::Memory => "ARGON2_MEMORY_KIB",
                CostError::Iterations => "ARGON2_ITERATIONS",
                CostError::Parallelism => "ARGON2_PARALLELISM",
            };
            problems.add(name, error);
        });
        Some(HasherSettings {
            cost: cost.ok()?,
            concurrency: concurrency?,
            longest_wait: DEFAULT_LONGEST_WAIT,
        })
    }
}

// === impl SessionArgs ===

impl SessionArgs {
    /// Checks the settings. `derived` stands in where no keys are set.
    pub fn resolve(
        &self,
        derived: Option<WrappingKeys>,
        problems: &mut Problems,
    ) -> Option<SessionSettings> {
        let (text, file) = (
            self.session_keys.as_deref(),
            self.session_keys_file.as_ref(),
        );
        let keys: Option<WrappingKeys> = if is_set(text, file) {
            secret(problems, "SESSION_KEYS", text, file)
        } else {
            derived
        };
        let idle = duration(
            problems,
            "SESSION_IDLE_LIFETIME",
            &self.session_idle_lifetime,
        );
        let lifetime = duration(problems, "SESSION_LIFETIME", &self.session_lifetime);
        if let (Some(idle), Some(lifetime)) = (idle, lifetime)
            && idle > lifetime
        {
            problems.add("SESSION_IDLE_LIFETIME", "is longer than SESSION_LIFETIME");
        }
        Some(SessionSettings {
            keys: keys?,
            idle_lifetime: idle?,
            lifetime: lifetime?,
        })
    }
}

impl std::fmt::Debug for SessionArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionArgs")
            .field("session_idle_lifetime", &self.session_idle_lifetime)
            .field("session_lifetime", &self.session_lifetime)
            .finish_non_exhaustive()
    }
}

/// A secret setting from its variable or file. The same problem is noted once.
fn secret<T: std::str::FromStr<Err: std::fmt::Display>>(
    problems: &mut Problems,
    name: &str,
    value: Option<&str>,
    file: Option<&PathBuf>,
) -> Option<T> {
    match problems.secret(name, value, file) {
        // Why is noted already.
        None if is_set(value, file) => None,
        text => problems.read(name, text.as_deref(), str::parse),
    }
}

fn is_set(value: Option<&str>, file: Option<&PathBuf>) -> bool {
    value.is_some_and(|value| !value.trim().is_empty()) || file.is_some()
}

/// A whole number of days, hours, minutes or seconds, at least one second.
fn duration(problems: &mut Problems, name: &str, text: &str) -> Option<Duration> {
    problems.read(name, Some(text), |text| {
        let (unit, seconds) = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
            .into_iter()
            .find(|(unit, _)| text.ends_with(unit))
            .ok_or("expected a duration such as 7d, 12h, 30m or 90s")?;
        let number = text
            .trim_end_matches(unit)
            .parse::<u32>()
            .ok()
            .filter(|number| *number > 0);
        let number = number.ok_or("expected a duration such as 7d, 12h, 30m or 90s")?;
        Ok::<_, &str>(Duration::from_secs(u64::from(number) * seconds))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        user: UserArgs,
    }

    const KEY: &str = "--session-keys=k4.local.AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn resolve(args: &[&str]) -> Result<UserConfig, String> {
        let cli = Cli::try_parse_from([&["user"], args].concat()).unwrap();
        let mut problems = Problems::default();
        let derived = WrappingKeys::new(&[[7; 32]]).unwrap();
        let config = cli.user.resolve(Some(derived), &mut problems);
        problems.finish(config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_need_a_database() {
        let config = resolve(&["--database-url=sqlite::memory:"]).unwrap();
        assert_eq!(config.hasher, HasherSettings::default());
        assert_eq!(
            config.sessions.idle_lifetime,
            crate::session::DEFAULT_IDLE_LIFETIME
        );
        assert_eq!(config.sessions.lifetime, crate::session::DEFAULT_LIFETIME);
        let error = resolve(&[]).unwrap_err();
        assert!(error.contains("DATABASE_URL: is not set"), "{error}");
        assert!(!error.contains("SESSION_KEYS"), "{error}");
    }

    #[test]
    fn every_problem_is_told_and_no_secret() {
        let error = resolve(&[
            "--database-url=mysql://ada:hunter2@localhost/x",
            "--database-max-connections=0",
            "--argon2-memory-kib=4096",
            "--hash-concurrency=0",
            "--session-keys=k4.local.hunter3",
            "--session-idle-lifetime=soon",
            "--session-lifetime=0d",
        ])
        .unwrap_err();
        for part in [
            "DATABASE_URL: expected a URL that begins with postgres:// or sqlite:",
            "DATABASE_MAX_CONNECTIONS: expected 1 or more",
            "ARGON2_MEMORY_KIB: expected 19456 (OWASP's least)",
            "HASH_CONCURRENCY: expected a count",
            "SESSION_KEYS: key 1 is not",
            "SESSION_IDLE_LIFETIME: expected a duration",
            "SESSION_LIFETIME: expected a duration",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(!error.contains("hunter"), "{error}");
    }

    #[test]
    fn an_idle_lifetime_beyond_the_lifetime_is_refused() {
        let error = resolve(&[
            "--database-url=sqlite::memory:",
            KEY,
            "--session-lifetime=12h",
        ]);
        assert!(
            error
                .unwrap_err()
                .contains("SESSION_IDLE_LIFETIME: is longer")
        );
    }
}
