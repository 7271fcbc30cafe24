//! How the broker is reached, as flags and environment variables.

use std::path::{Path, PathBuf};

use chassis::config::Problems;
use rdkafka::producer::BaseProducer;

use crate::settings::security::{
    Broker, HAS_TLS, Identity, Mechanism, Sasl, Secret, Security, Tls,
};

const PROTOCOL: &str = "KAFKA_SECURITY_PROTOCOL";
const MECHANISM: &str = "KAFKA_SASL_MECHANISM";
const USERNAME: &str = "KAFKA_SASL_USERNAME";
const PASSWORD: &str = "KAFKA_SASL_PASSWORD";
const CA: &str = "KAFKA_TLS_CA";
const CERT: &str = "KAFKA_TLS_CERT";
const KEY: &str = "KAFKA_TLS_KEY";
const KEY_PASSWORD: &str = "KAFKA_TLS_KEY_PASSWORD";

/// What to do about a build without OpenSSL.
const WITHOUT_TLS: &str =
    "this program was built without TLS; use the image, or build it with `--features kafka-tls`";

/// How the broker is reached.
#[derive(Debug, Clone, clap::Args)]
pub struct SecurityArgs {
    /// How Kafka is reached: `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`
    #[arg(
        long,
        env = "KAFKA_SECURITY_PROTOCOL",
        default_value = "plaintext",
        value_name = "PROTOCOL"
    )]
    pub kafka_security_protocol: String,
    /// How the password is shown to Kafka: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`
    #[arg(long, env = "KAFKA_SASL_MECHANISM", value_name = "MECHANISM")]
    pub kafka_sasl_mechanism: Option<String>,
    /// The user that this process is to Kafka
    #[arg(long, env = "KAFKA_SASL_USERNAME", value_name = "USER")]
    pub kafka_sasl_username: Option<String>,
    /// Its password
    #[arg(
        long,
        env = "KAFKA_SASL_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub kafka_sasl_password: Option<Secret>,
    /// A file that holds `KAFKA_SASL_PASSWORD`
    #[arg(long, env = "KAFKA_SASL_PASSWORD_FILE", value_name = "FILE")]
    pub kafka_sasl_password_file: Option<PathBuf>,
    /// The authorities that may vouch for Kafka, a PEM file; the system's if not set
    #[arg(long, env = "KAFKA_TLS_CA", value_name = "FILE")]
    pub kafka_tls_ca: Option<PathBuf>,
    /// The certificate that this process shows to Kafka, a PEM file
    #[arg(long, env = "KAFKA_TLS_CERT", value_name = "FILE")]
    pub kafka_tls_cert: Option<PathBuf>,
    /// The key of that certificate, a PEM file
    #[arg(long, env = "KAFKA_TLS_KEY", value_name = "FILE")]
    pub kafka_tls_key: Option<PathBuf>,
    /// What opens that key, if it is encrypted
    #[arg(
        long,
        env = "KAFKA_TLS_KEY_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub kafka_tls_key_password: Option<Secret>,
    /// A file that holds `KAFKA_TLS_KEY_PASSWORD`
    #[arg(long, env = "KAFKA_TLS_KEY_PASSWORD_FILE", value_name = "FILE")]
    pub kafka_tls_key_password_file: Option<PathBuf>,
}

// === impl SecurityArgs ===

impl SecurityArgs {
    /// Checks the settings, and that the files are there and fit each other.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Security> {
        let protocol = self.kafka_security_protocol.trim().to_ascii_lowercase();
        let (has_tls, has_sasl) = match protocol.as_str() {
            "" | "plaintext" => (false, false),
            "ssl" => (true, false),
            "sasl_plaintext" => (false, true),
            "sasl_ssl" => (true, true),
            _ => {
                problems.add(
                    PROTOCOL,
                    "expected plaintext, ssl, sasl_plaintext or sasl_ssl",
                );
                return None;
            }
        };
        if has_tls && !HAS_TLS {
            problems.add(PROTOCOL, WITHOUT_TLS);
            return None;
        }
        let tls = if has_tls {
            Some(self.tls(problems)?)
        } else {
            self.nothing_of_tls(problems)?;
            None
        };
        let sasl = if has_sasl {
            Some(self.sasl(&protocol, problems)?)
        } else {
            self.nothing_of_sasl(problems)?;
            None
        };
        let security = Security { tls, sasl };
        fits(&security, problems)?;
        Some(security)
    }

    fn tls(&self, problems: &mut Problems) -> Option<Tls> {
        let ca = readable(CA, path(self.kafka_tls_ca.as_ref()), CERTIFICATE, problems);
        let (cert, key) = (
            path(self.kafka_tls_cert.as_ref()),
            path(self.kafka_tls_key.as_ref()),
        );
        let password = problems.secret(
            KEY_PASSWORD,
            self.kafka_tls_key_password.as_ref().map(Secret::expose),
            self.kafka_tls_key_password_file.as_ref(),
        );
        if password.is_some() && key.is_none() {
            let problem = format!("is set, but {KEY} is not; set both or neither");
            problems.add(KEY_PASSWORD, problem);
            return None;
        }
        let identity = match (cert, key) {
            (None, None) => None,
            (Some(_), None) => {
                let problem = format!("is not set, but {CERT} is; set both or neither");
                problems.add(KEY, problem);
                return None;
            }
            (None, Some(_)) => {
                let problem = format!("is not set, but {KEY} is; set both or neither");
                problems.add(CERT, problem);
                return None;
            }
            (cert, key) => {
                let cert = readable(CERT, cert, CERTIFICATE, problems);
                let key = readable(KEY, key, PRIVATE_KEY, problems);
                Some(Identity {
                    cert: cert??,
                    key: key??,
                    key_password: password.map(Secret::from),
                })
            }
        };
        Some(Tls { ca: ca?, identity })
    }

    fn sasl(&self, protocol: &str, problems: &mut Problems) -> Option<Sasl> {
        let mechanism = problems.read(MECHANISM, self.kafka_sasl_mechanism.as_deref(), mechanism);
        let username = problems.read(USERNAME, self.kafka_sasl_username.as_deref(), |name| {
            Ok::<_, &str>(name.to_owned())
        });
        let password = problems.secret(
            PASSWORD,
            self.kafka_sasl_password.as_ref().map(Secret::expose),
            self.kafka_sasl_password_file.as_ref(),
        );
        let is_nowhere =
            self.kafka_sasl_password_file.is_none() && !is_set(self.kafka_sasl_password.as_ref());
        if password.is_none() && is_nowhere {
            let problem = format!("is not set, but {PROTOCOL}={protocol} needs it");
            problems.add(PASSWORD, problem);
        }
        Some(Sasl {
            mechanism: mechanism?,
            username: username?,
            password: password?.into(),
        })
    }

    fn nothing_of_tls(&self, problems: &mut Problems) -> Option<()> {
        let password = self.kafka_tls_key_password_file.is_some()
            || is_set(self.kafka_tls_key_password.as_ref());
        let set = [
            (CA, path(self.kafka_tls_ca.as_ref()).is_some()),
            (CERT, path(self.kafka_tls_cert.as_ref()).is_some()),
            (KEY, path(self.kafka_tls_key.as_ref()).is_some()),
            (KEY_PASSWORD, password),
        ];
        unused(&set, "ssl or sasl_ssl", problems)
    }

    fn nothing_of_sasl(&self, problems: &mut Problems) -> Option<()> {
        let given = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        let password =
            self.kafka_sasl_password_file.is_some() || is_set(self.kafka_sasl_password.as_ref());
        let set = [
            (MECHANISM, given(self.kafka_sasl_mechanism.as_deref())),
            (USERNAME, given(self.kafka_sasl_username.as_deref())),
            (PASSWORD, password),
        ];
        unused(&set, "sasl_ssl", problems)
    }
}

/// A password that nobody asks for is most likely one that somebody believes to protect something.
fn unused(set: &[(&str, bool)], wanted: &str, problems: &mut Problems) -> Option<()> {
    let mut unused = set.iter().filter(|(_, is_set)| *is_set).peekable();
    let well = unused.peek().is_none();
    for (name, _) in unused {
        let problem =
            format!("is set, but {PROTOCOL} does not use it; set that to {wanted}, or unset this");
        problems.add(name, problem);
    }
    well.then_some(())
}

/// What of a PEM file's begin lines is looked for.
const CERTIFICATE: &str = "CERTIFICATE-----";
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// A PEM file that can be read, if one is named.
fn readable(
    name: &str,
    path: Option<&Path>,
    kind: &str,
    problems: &mut Problems,
) -> Option<Option<PathBuf>> {
    let Some(path) = path else { return Some(None) };
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) if text.contains(kind) => return Some(Some(path.to_owned())),
        Ok(_) => {
            let kind = kind.trim_end_matches('-').to_ascii_lowercase();
            problems.add(
                name,
                format_args!("{shown}: expected a PEM file with a {kind}"),
            );
        }
        Err(error) => problems.add(name, format_args!("{shown}: {error}")),
    }
    None
}

/// Asks OpenSSL: whether the key opens, fits its certificate, and so on.
fn fits(security: &Security, problems: &mut Problems) -> Option<()> {
    if security.tls.is_none() {
        return Some(());
    }
    let broker = Broker {
        addresses: String::new(),
        security: security.clone(),
    };
    let client: Result<BaseProducer, _> = broker.client("trolleybus-check").create();
    client
        .map_err(|error| {
            let at_fault = match &security.tls {
                Some(Tls { identity: None, .. }) | None => CA,
                Some(_) => CERT,
            };
            problems.add(at_fault, format_args!("OpenSSL refuses it: {error}"));
        })
        .ok()
        .map(drop)
}

fn mechanism(text: &str) -> Result<Mechanism, &'static str> {
    const KNOWN: [Mechanism; 3] = [
        Mechanism::Plain,
        Mechanism::ScramSha256,
        Mechanism::ScramSha512,
    ];
    let found = KNOWN
        .into_iter()
        .find(|known| known.name().eq_ignore_ascii_case(text));
    match found {
        Some(Mechanism::Plain) => Ok(Mechanism::Plain),
        Some(_) if !HAS_TLS => Err(WITHOUT_TLS),
        Some(scram) => Ok(scram),
        None => Err("expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    }
}

fn is_set(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| !secret.expose().trim().is_empty())
}

fn path(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path)
        .filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests;
