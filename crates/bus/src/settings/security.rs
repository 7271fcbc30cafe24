//! How the broker is reached: in the clear or over TLS, and as whom.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rdkafka::ClientConfig;
use zeroize::Zeroizing;

use super::Settings;

/// Whether this build can speak TLS and SCRAM.
pub const HAS_TLS: bool = cfg!(feature = "kafka-tls");

/// A broker and the way to it: what a command needs that neither signs nor reads records.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `host:port`, comma-separated.
    pub addresses: String,
    /// How it is reached.
    pub security: Security,
}

/// How the broker is reached; by default in the clear and as nobody.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// TLS, if the broker asks for it.
    pub tls: Option<Tls>,
    /// Who this process is, if the broker asks for a password.
    pub sasl: Option<Sasl>,
}

/// TLS to the broker. Files are PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The authorities that may vouch for the broker; the system's if not given.
    pub ca: Option<PathBuf>,
    /// The certificate that this process shows.
    pub identity: Option<Identity>,
}

/// A certificate and its key, for brokers that ask for one.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, with those that lead to its authority.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What opens the key, if it is encrypted.
    pub key_password: Option<Secret>,
}

/// A user and a password.
#[derive(Debug, Clone)]
pub struct Sasl {
    /// How the password is shown.
    pub mechanism: Mechanism,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// How a password is shown to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is: over TLS only, or whoever listens has it.
    Plain,
    /// By proof of knowing it, with SHA-256.
    ScramSha256,
    /// By proof of knowing it, with SHA-512.
    ScramSha512,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

// === impl Broker ===

impl Broker {
    /// What every client of it has in common.
    pub(crate) fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.addresses)
            .set("client.id", client_id)
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("allow.auto.create.topics", "false")
            .set("log.connection.close", "false")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Error);
        self.security.set(&mut config);
        config
    }
}

/// A broker that is reached in the clear.
impl From<&str> for Broker {
    fn from(addresses: &str) -> Self {
        Self {
            addresses: addresses.to_owned(),
            security: Security::default(),
        }
    }
}

/// A broker that is reached in the clear.
impl From<&String> for Broker {
    fn from(addresses: &String) -> Self {
        addresses.as_str().into()
    }
}

impl From<&Settings> for Broker {
    fn from(settings: &Settings) -> Self {
        Self {
            addresses: settings.brokers.clone(),
            security: settings.security.clone(),
        }
    }
}

// === impl Security ===

impl Security {
    /// Whether the broker is reached in the clear and as nobody.
    #[must_use]
    pub const fn is_plaintext(&self) -> bool {
        self.tls.is_none() && self.sasl.is_none()
    }

    fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }

    fn set(&self, config: &mut ClientConfig) {
        if self.is_plaintext() {
            return;
        }
        config.set("security.protocol", self.protocol());
        if let Some(tls) = &self.tls {
            // An OpenSSL that was built here does not know where the system keeps its authorities.
            let ca = tls.ca.as_deref().map_or("probe".into(), text);
            config.set("ssl.ca.location", ca);
            if let Some(identity) = &tls.identity {
                config
                    .set("ssl.certificate.location", text(&identity.cert))
                    .set("ssl.key.location", text(&identity.key));
                if let Some(password) = &identity.key_password {
                    config.set("ssl.key.password", password.expose());
                }
            }
        }
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", sasl.mechanism.name())
                .set("sasl.username", &sasl.username)
                .set("sasl.password", sasl.password.expose());
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

// === impl Mechanism ===

impl Mechanism {
    /// As Kafka calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

// === impl Secret ===

impl Secret {
    /// The text, for whoever has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured() -> Broker {
        Broker {
            addresses: "kafka:9093".into(),
            security: Security {
                tls: Some(Tls {
                    ca: Some("ca.pem".into()),
                    identity: Some(Identity {
                        cert: "cert.pem".into(),
                        key: "key.pem".into(),
                        key_password: Some("hunter1".to_owned().into()),
                    }),
                }),
                sasl: Some(Sasl {
                    mechanism: Mechanism::ScramSha512,
                    username: "user".into(),
                    password: "hunter2".to_owned().into(),
                }),
            },
        }
    }

    #[test]
    fn every_client_is_told_of_the_security() {
        let keys = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";
        let keys = crate::keys::KeyRing::parse(keys).unwrap();
        let mut settings = Settings::new("kafka:9093", "test", keys);
        settings.security = secured().security;
        for config in [
            secured().client("test"),
            settings.call_producer(),
            settings.event_producer(),
            settings.consumer(),
        ] {
            for (name, value) in [
                ("security.protocol", "sasl_ssl"),
                ("ssl.ca.location", "ca.pem"),
                ("ssl.certificate.location", "cert.pem"),
                ("ssl.key.location", "key.pem"),
                ("ssl.key.password", "hunter1"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.username", "user"),
                ("sasl.password", "hunter2"),
            ] {
                assert_eq!(config.get(name), Some(value), "{name}");
            }
        }
    }

    #[test]
    fn in_the_clear_nothing_is_set_that_needs_openssl() {
        let config = Broker::from("kafka:9092").client("test");
        assert_eq!(config.get("security.protocol"), None);
        assert_eq!(config.get("ssl.ca.location"), None);
    }

    #[test]
    fn secrets_are_never_shown() {
        let shown = format!("{:?} {:?}", secured(), secured().client("test"));
        assert!(
            shown.contains("***") && !shown.contains("hunter"),
            "{shown}"
        );
    }
}
