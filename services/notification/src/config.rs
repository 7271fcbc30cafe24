//! Settings of the sender and the SMTP server.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use chassis::config::Problems;
use jiff::SignedDuration;
use lettre::message::Mailbox as Correspondent;

mod server;

pub use server::{Server, ServerError, Tls};

/// How many mails may be under way at once. Providers close connections beyond a few dozen.
const CONCURRENCY: RangeInclusive<usize> = 1..=256;
/// How long one mail may take. Two of them, one to wait for a connection and one to send, should
/// stay below the 30 s that the contract gives each call.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Settings of mails.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Mail")]
pub struct MailArgs {
    /// The SMTP server: `smtps://user:password@host:465`, `smtp://host:587?tls=required` for STARTTLS,
    /// `smtp://host:25` for no encryption. Unset: mails are captured and not sent
    #[arg(long, env = "SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<String>,
    /// A file that holds `SMTP_URL`
    #[arg(long, env = "SMTP_URL_FILE", value_name = "PATH")]
    pub smtp_url_file: Option<PathBuf>,
    /// Whom mails come from
    #[arg(
        long,
        env = "MAIL_FROM",
        default_value = "Trolleybus <no-reply@trolleybus.example>",
        value_name = "MAILBOX"
    )]
    pub mail_from: String,
    /// How many mails are sent at once, each over its own connection
    #[arg(long, env = "SMTP_CONCURRENCY", default_value = "8", value_name = "N")]
    pub smtp_concurrency: String,
    /// How long it may take to send a mail, from connecting to the server's last reply
    #[arg(
        long,
        env = "SMTP_TIMEOUT",
        default_value = "10s",
        value_name = "DURATION"
    )]
    pub smtp_timeout: String,
}

/// How mails are sent.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom mails come from.
    pub from: Correspondent,
    /// Where mails go.
    pub delivery: Delivery,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// To the mailbox in memory.
    Capture,
    /// To an SMTP server.
    Smtp(Smtp),
}

/// How mails are handed to an SMTP server.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// The server.
    pub server: Server,
    /// How many mails are sent at once.
    pub concurrency: usize,
    /// How long a mail may take.
    pub timeout: Duration,
}

// === impl MailArgs ===

impl MailArgs {
    /// Checks the settings.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Config> {
        let from = problems.read("MAIL_FROM", Some(&self.mail_from), sender);
        let concurrency = problems
            .parse(
                "SMTP_CONCURRENCY",
                &self.smtp_concurrency,
                "a number from 1 to 256",
            )
            .and_then(|number: usize| {
                if CONCURRENCY.contains(&number) {
                    return Some(number);
                }
                problems.add("SMTP_CONCURRENCY", "expected a number from 1 to 256");
                None
            });
        let timeout = problems.read("SMTP_TIMEOUT", Some(&self.smtp_timeout), duration);

        let is_set = self
            .smtp_url
            .as_deref()
            .is_some_and(|url| !url.trim().is_empty())
            || self.smtp_url_file.is_some();
        let url = problems.secret(
            "SMTP_URL",
            self.smtp_url.as_deref(),
            self.smtp_url_file.as_ref(),
        );
        let delivery = if is_set {
            let server = url.and_then(|url| problems.read("SMTP_URL", Some(&url), Server::parse));
            Delivery::Smtp(Smtp {
                server: server?,
                concurrency: concurrency?,
                timeout: timeout?,
            })
        } else {
            Delivery::Capture
        };
        concurrency.zip(timeout)?;
        Some(Config {
            from: from?,
            delivery,
        })
    }
}

impl fmt::Debug for MailArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailArgs")
            .field("smtp_url", &self.smtp_url.as_ref().map(|_| "[redacted]"))
            .field("smtp_url_file", &self.smtp_url_file)
            .field("mail_from", &self.mail_from)
            .field("smtp_concurrency", &self.smtp_concurrency)
            .field("smtp_timeout", &self.smtp_timeout)
            .finish()
    }
}

/// The sender: its domain may be any, since only the operator chooses it.
fn sender(text: &str) -> Result<Correspondent, &'static str> {
    let expected = "expected an address, or a name and an address in angle brackets, on one line";
    if text.contains(char::is_control) {
        return Err(expected);
    }
    text.parse().map_err(|_| expected)
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let expected = "expected a duration from 100ms to 60s";
    let duration: SignedDuration = text.parse().map_err(|_| expected)?;
    let duration = Duration::try_from(duration).map_err(|_| expected)?;
    if TIMEOUT.contains(&duration) {
        Ok(duration)
    } else {
        Err(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(smtp_url: Option<&str>) -> MailArgs {
        MailArgs {
            smtp_url: smtp_url.map(str::to_owned),
            smtp_url_file: None,
            mail_from: "Trolleybus <no-reply@trolleybus.example>".into(),
            smtp_concurrency: "8".into(),
            smtp_timeout: "10s".into(),
        }
    }

    fn resolve(args: &MailArgs) -> Result<Config, String> {
        let mut problems = Problems::default();
        let config = args.resolve(&mut problems);
        problems.finish(config).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_server_mails_are_captured() {
        for url in [None, Some(""), Some("  ")] {
            assert!(matches!(
                resolve(&args(url)).unwrap().delivery,
                Delivery::Capture
            ));
        }
    }

    #[test]
    fn the_server_may_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "smtps://u:hunter2@mail.example\n").unwrap();
        let args = MailArgs {
            smtp_url_file: Some(file.path().into()),
            ..args(None)
        };
        let Delivery::Smtp(smtp) = resolve(&args).unwrap().delivery else {
            panic!("captured")
        };
        assert_eq!(smtp.server.address(), "mail.example:465");
        assert_eq!(
            (smtp.concurrency, smtp.timeout),
            (8, Duration::from_secs(10))
        );
    }

    #[test]
    fn an_empty_or_absent_file_is_a_problem_and_not_a_captured_mail() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = MailArgs {
            smtp_url_file: Some(file.path().into()),
            ..args(None)
        };
        assert!(resolve(&empty).unwrap_err().contains("SMTP_URL"));
        let absent = MailArgs {
            smtp_url_file: Some("/no/such/file".into()),
            ..args(None)
        };
        assert!(resolve(&absent).unwrap_err().contains("SMTP_URL_FILE"));
    }

    #[test]
    fn every_wrong_setting_is_named_and_no_secret_shown() {
        let args = MailArgs {
            mail_from: "a\r\nBcc: b@c.example".into(),
            smtp_concurrency: "0".into(),
            smtp_timeout: "2h".into(),
            ..args(Some("http://u:hunter2@mail.example"))
        };
        let error = resolve(&args).unwrap_err();
        for name in ["SMTP_URL", "MAIL_FROM", "SMTP_CONCURRENCY", "SMTP_TIMEOUT"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("hunter2") && !format!("{args:?}").contains("hunter2"));
    }

    #[test]
    fn a_resolved_password_is_not_printed() {
        let config = resolve(&args(Some("smtps://u:hunter2@mail.example"))).unwrap();
        let printed = format!("{config:?}");
        assert!(
            printed.contains("mail.example") && !printed.contains("hunter2"),
            "{printed}"
        );
    }

    #[test]
    fn the_sender_may_have_any_domain() {
        let args = MailArgs {
            mail_from: "root@localhost".into(),
            ..args(None)
        };
        assert_eq!(resolve(&args).unwrap().from.email.domain(), "localhost");
    }
}
