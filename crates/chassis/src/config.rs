//! Settings, checked together.
//!
//! Every setting is a documented flag with an environment name. Values arrive as text and are read
//! here, so that one message names every wrong setting instead of the first one.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Collects what is wrong with the settings.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

/// The settings cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the configuration cannot be used:\n  {}", problems.join("\n  "))]
pub struct ConfigError {
    /// One line each, naming the setting.
    pub problems: Vec<String>,
}

// === impl Problems ===

impl Problems {
    /// Notes that `name` is wrong. `problem` says why and what to set.
    pub fn add(&mut self, name: &str, problem: impl Display) {
        self.0.push(format!("{name}: {problem}"));
    }

    /// Reads a setting. `expected` completes "expected …".
    pub fn parse<T: FromStr>(&mut self, name: &str, text: &str, expected: &str) -> Option<T> {
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.add(name, format_args!("expected {expected}"));
        }
        value
    }

    /// Reads a setting with a reader that explains its refusals. The value is never echoed: it may
    /// be a secret.
    pub fn read<T, E: Display>(
        &mut self,
        name: &str,
        text: Option<&str>,
        reader: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            self.add(name, "is not set");
            return None;
        };
        reader(text).map_err(|error| self.add(name, error)).ok()
    }

    /// A secret from its setting or from the file that `<name>_FILE` points to. `None` where
    /// neither is set.
    pub fn secret(
        &mut self,
        name: &str,
        value: Option<&str>,
        file: Option<&PathBuf>,
    ) -> Option<String> {
        match (value.filter(|value| !value.trim().is_empty()), file) {
            (Some(_), Some(_)) => {
                self.add(
                    name,
                    format_args!("is set and {name}_FILE too; set one of them"),
                );
                None
            }
            (Some(value), None) => Some(value.trim().to_owned()),
            (None, Some(file)) => match std::fs::read_to_string(file) {
                Ok(text) => Some(text.trim().to_owned()),
                Err(error) => {
                    self.add(
                        &format!("{name}_FILE"),
                        format_args!("{}: {error}", file.display()),
                    );
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// The configuration, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.0.is_empty() => Ok(config),
            _ => Err(ConfigError { problems: self.0 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let mut problems = Problems::default();
        let port: Option<u16> = problems.parse("PORT", "99999", "a port, 0 to 65535");
        let url = problems.read("REDIS_URL", None, |text| Ok::<_, String>(text.to_owned()));
        let error = problems.finish(port.zip(url)).unwrap_err().to_string();
        assert!(
            error.contains("PORT: expected a port, 0 to 65535"),
            "{error}"
        );
        assert!(error.contains("REDIS_URL: is not set"), "{error}");
    }

    #[test]
    fn a_secret_comes_from_its_file() {
        let file = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        std::fs::write(&file, "k4.local.x\n").unwrap();
        let mut problems = Problems::default();
        let secret = problems.secret("BUS_KEYS", None, Some(&file));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(secret.as_deref(), Some("k4.local.x"));
        assert_eq!(problems.secret("BUS_KEYS", None, Some(&file)), None);
        let error = problems.finish(Some(())).unwrap_err().to_string();
        assert!(error.contains("BUS_KEYS_FILE: "), "{error}");
    }
}
