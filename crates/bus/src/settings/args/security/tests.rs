use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    security: SecurityArgs,
}

fn resolve(flags: &[&str]) -> Result<Security, String> {
    let cli = Cli::parse_from(["test"].iter().chain(flags));
    let mut problems = Problems::default();
    let security = cli.security.resolve(&mut problems);
    problems
        .finish(security)
        .map_err(|error| error.problems.join("\n"))
}

/// Asserts that the settings are refused by exactly these problems, in any words after these.
fn refused(flags: &[&str], begins: &[&str]) {
    let problems = resolve(flags).map(|_| ()).unwrap_err();
    let lines: Vec<_> = problems.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{problems}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}\n{begin}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
}

const PLAIN: [&str; 3] = [
    "--kafka-security-protocol=SASL_PLAINTEXT",
    "--kafka-sasl-mechanism=plain",
    "--kafka-sasl-username=user",
];

#[test]
fn nothing_set_is_plaintext() {
    assert!(resolve(&[]).unwrap().is_plaintext());
    assert!(
        resolve(&["--kafka-security-protocol="])
            .unwrap()
            .is_plaintext()
    );
}

#[test]
fn a_password_needs_no_tls_where_it_is_shown_as_it_is() {
    let password = ["--kafka-sasl-password=hunter2"];
    let sasl = resolve(&[&PLAIN[..], &password].concat())
        .unwrap()
        .sasl
        .unwrap();
    assert_eq!(sasl.mechanism, Mechanism::Plain);
    assert_eq!(sasl.username, "user");
    assert_eq!(sasl.password.expose(), "hunter2");
}

#[test]
fn a_password_comes_from_its_file() {
    let file = std::env::temp_dir().join(format!("sasl-{}", std::process::id()));
    std::fs::write(&file, "hunter2\n").unwrap();
    let flag = format!("--kafka-sasl-password-file={}", file.display());
    let sasl = resolve(&[&PLAIN[..], &[flag.as_str()]].concat());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(sasl.unwrap().sasl.unwrap().password.expose(), "hunter2");
    refused(
        &[&PLAIN[..], &[flag.as_str()]].concat(),
        &["KAFKA_SASL_PASSWORD_FILE: "],
    );
}

#[test]
fn an_unknown_protocol_or_mechanism_is_refused() {
    refused(
        &["--kafka-security-protocol=tls"],
        &["KAFKA_SECURITY_PROTOCOL: expected plaintext, ssl, sasl_plaintext or sasl_ssl"],
    );
    refused(
        &[
            "--kafka-security-protocol=sasl_plaintext",
            "--kafka-sasl-mechanism=OAUTHBEARER",
            "--kafka-sasl-username=user",
            "--kafka-sasl-password=hunter2",
        ],
        &["KAFKA_SASL_MECHANISM: expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"],
    );
}

#[test]
fn what_sasl_lacks_is_named_all_at_once() {
    refused(
        &["--kafka-security-protocol=sasl_plaintext"],
        &[
            "KAFKA_SASL_MECHANISM: is not set",
            "KAFKA_SASL_USERNAME: is not set",
            "KAFKA_SASL_PASSWORD: is not set, but KAFKA_SECURITY_PROTOCOL=sasl_plaintext needs it",
        ],
    );
}

#[test]
fn what_the_protocol_does_not_use_is_refused() {
    refused(
        &["--kafka-sasl-password=hunter2", "--kafka-sasl-mechanism="],
        &["KAFKA_SASL_PASSWORD: is set, but KAFKA_SECURITY_PROTOCOL does not use it"],
    );
    refused(
        &["--kafka-tls-ca=ca.pem", "--kafka-tls-cert=cert.pem"],
        &[
            "KAFKA_TLS_CA: is set, but KAFKA_SECURITY_PROTOCOL does not use it; set that to ssl",
            "KAFKA_TLS_CERT: is set, but",
        ],
    );
}

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn without_openssl_tls_and_scram_say_how_to_get_them() {
    const HOW: &str = "this program was built without TLS; use the image, or build it with";
    for protocol in ["ssl", "sasl_ssl"] {
        let flag = format!("--kafka-security-protocol={protocol}");
        refused(
            &[flag.as_str()],
            &[&format!("KAFKA_SECURITY_PROTOCOL: {HOW}")],
        );
    }
    refused(
        &[
            "--kafka-security-protocol=sasl_plaintext",
            "--kafka-sasl-mechanism=SCRAM-SHA-512",
            "--kafka-sasl-username=user",
            "--kafka-sasl-password=hunter2",
        ],
        &[&format!("KAFKA_SASL_MECHANISM: {HOW}")],
    );
}

#[cfg(feature = "kafka-tls")]
mod with_tls {
    use super::*;

    const SSL: &str = "--kafka-security-protocol=ssl";

    #[test]
    fn tls_needs_nothing_more() {
        let tls = resolve(&[SSL]).unwrap().tls.unwrap();
        assert!(tls.ca.is_none() && tls.identity.is_none());
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        refused(
            &[SSL, "--kafka-tls-cert=cert.pem"],
            &["KAFKA_TLS_KEY: is not set, but KAFKA_TLS_CERT is"],
        );
        refused(
            &[SSL, "--kafka-tls-key=key.pem"],
            &["KAFKA_TLS_CERT: is not set, but KAFKA_TLS_KEY is"],
        );
        refused(
            &[SSL, "--kafka-tls-key-password=hunter2"],
            &["KAFKA_TLS_KEY_PASSWORD: is set, but KAFKA_TLS_KEY is not"],
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        refused(
            &[SSL, "--kafka-tls-ca=/no/such/file"],
            &["KAFKA_TLS_CA: /no/such/file: No such file"],
        );
        let file = std::env::temp_dir().join(format!("ca-{}", std::process::id()));
        let flag = format!("--kafka-tls-ca={}", file.display());
        std::fs::write(&file, "no certificate").unwrap();
        let expected = format!(
            "KAFKA_TLS_CA: {}: expected a PEM file with a certificate",
            file.display()
        );
        refused(&[SSL, &flag], &[&expected]);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&file, broken).unwrap();
        refused(&[SSL, &flag], &["KAFKA_TLS_CA: OpenSSL refuses it: "]);
        std::fs::remove_file(&file).unwrap();
    }
}
