//! Wrong settings end every process at once, with all of them named and no secret shown.

use std::time::Instant;

use crate::harness::process;

/// Something that a log must never hold.
const SECRET: &str = "hunter2-do-not-tell";

/// A process, its settings, and those that must be named.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const CASES: [Case; 8] = [
    (
        "trolleybus-gateway",
        &[
            ("PORT", "99999"),
            ("KAFKA_BROKERS", "no address"),
            ("REDIS_URL", "http://:hunter2-do-not-tell@localhost"),
            ("PASETO_ACCESS_KEY", "k4.secret.hunter2-do-not-tell"),
            ("PASETO_REFRESH_KEY", "hunter2-do-not-tell"),
            ("BUS_KEYS", "k4.local.hunter2-do-not-tell"),
            ("CORS_ORIGINS", "*"),
            (
                "UPSTREAMS",
                "user.v1.UserService=https://:hunter2-do-not-tell@host",
            ),
            ("DESCRIPTOR_SETS", "nowhere.binpb"),
            ("DEFAULT_ACCESS", "everybody"),
            ("UPSTREAM_TLS_CA", "nowhere.pem"),
            ("UPSTREAM_TLS_CERT", "nowhere.pem"),
            ("LOG_FORMAT", "xml"),
        ],
        &[
            "PORT",
            "KAFKA_BROKERS",
            "REDIS_URL",
            "PASETO_ACCESS_KEY",
            "PASETO_REFRESH_KEY",
            "BUS_KEYS",
            "CORS_ORIGINS",
            "UPSTREAMS",
            "DESCRIPTOR_SETS",
            "DEFAULT_ACCESS",
            "UPSTREAM_TLS_CA",
            "UPSTREAM_TLS_CERT and UPSTREAM_TLS_KEY",
            "LOG_FORMAT",
        ],
    ),
    (
        "trolleybus-gateway",
        &[],
        &[
            "KAFKA_BROKERS",
            "REDIS_URL",
            "PASETO_ACCESS_KEY",
            "PASETO_REFRESH_KEY",
            "BUS_KEYS",
        ],
    ),
    (
        "trolleybus-user",
        &[
            ("GRPC_PORT", "-1"),
            ("KAFKA_BROKERS", "localhost"),
            ("KAFKA_SASL_PASSWORD", "hunter2-do-not-tell"),
            ("BUS_TRUSTED_TOPICS", "user.*"),
            (
                "DATABASE_URL",
                "mysql://ada:hunter2-do-not-tell@localhost/x",
            ),
            ("DATABASE_MAX_CONNECTIONS", "0"),
            ("SESSION_KEYS", "hunter2-do-not-tell"),
            ("PASETO_ACCESS_KEY", "k4.public.hunter2-do-not-tell"),
            ("BUS_KEYS", "hunter2-do-not-tell"),
            ("ARGON2_MEMORY_KIB", "1"),
            ("HASH_CONCURRENCY", "0"),
            ("SESSION_LIFETIME", "forever"),
            ("LOG_LEVEL", "a=b=c"),
        ],
        &[
            "GRPC_PORT",
            "KAFKA_BROKERS",
            "KAFKA_SASL_PASSWORD",
            "BUS_TRUSTED_TOPICS",
            "DATABASE_URL",
            "DATABASE_MAX_CONNECTIONS",
            "SESSION_KEYS",
            "PASETO_ACCESS_KEY",
            "BUS_KEYS",
            "ARGON2_MEMORY_KIB",
            "HASH_CONCURRENCY",
            "SESSION_LIFETIME",
            "LOG_LEVEL",
        ],
    ),
    (
        "trolleybus-user",
        &[],
        &[
            "KAFKA_BROKERS",
            "DATABASE_URL",
            "PASETO_ACCESS_KEY",
            "BUS_KEYS",
        ],
    ),
    (
        "trolleybus-notification",
        &[
            ("GRPC_PORT", "http"),
            ("KAFKA_BROKERS", "localhost:0"),
            ("KAFKA_SECURITY_PROTOCOL", "tls"),
            ("SMTP_URL", "http://ada:hunter2-do-not-tell@localhost"),
            ("MAIL_FROM", "nobody"),
            ("SMTP_CONCURRENCY", "many"),
            ("SMTP_TIMEOUT", "never"),
            ("PASETO_ACCESS_KEY", "hunter2-do-not-tell"),
            ("BUS_KEYS_FILE", "/no/such/file"),
        ],
        &[
            "GRPC_PORT",
            "KAFKA_BROKERS",
            "KAFKA_SECURITY_PROTOCOL",
            "SMTP_URL",
            "MAIL_FROM",
            "SMTP_CONCURRENCY",
            "SMTP_TIMEOUT",
            "PASETO_ACCESS_KEY",
            "BUS_KEYS_FILE",
        ],
    ),
    (
        "trolleybus-notification",
        &[],
        &["KAFKA_BROKERS", "PASETO_ACCESS_KEY", "BUS_KEYS"],
    ),
    (
        "trolleybus",
        &[
            ("PORT", "many"),
            ("USER_GRPC_PORT", "x"),
            ("NOTIFICATION_GRPC_PORT", "70000"),
            (
                "SMTP_URL",
                "smtp://ada:hunter2-do-not-tell@localhost?tls=perhaps",
            ),
            ("ARGON2_ITERATIONS", "0"),
            ("LOG_FORMAT", "yaml"),
        ],
        &[
            "PORT",
            "USER_GRPC_PORT",
            "NOTIFICATION_GRPC_PORT",
            "SMTP_URL",
            "ARGON2_ITERATIONS",
            "LOG_FORMAT",
        ],
    ),
    (
        "trolleybus",
        &[
            ("MAIL_FROM", "x"),
            ("SMTP_TIMEOUT", "x"),
            ("CORS_ORIGINS", "localhost"),
        ],
        &["MAIL_FROM", "SMTP_TIMEOUT", "CORS_ORIGINS"],
    ),
];

#[tokio::test]
async fn every_wrong_setting_is_named_at_once() {
    let dir = tempfile::TempDir::new().unwrap();
    for (name, settings, named) in CASES {
        let mut env: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        env.push(("DATA_DIR", dir.path().display().to_string()));
        for verb in [&[][..], &["config", "check"]] {
            let begun = Instant::now();
            let output = process::run(name, verb, &env).await;
            let text = [output.stdout, output.stderr]
                .map(|b| String::from_utf8(b).unwrap())
                .concat();
            println!("{name} {verb:?}: ended after {:?}", begun.elapsed());
            assert_eq!(output.status.code(), Some(1), "{name} {verb:?}: {text}");
            for setting in named {
                let line = text
                    .lines()
                    .filter(|line| line.trim().starts_with(&format!("{setting}:")));
                assert_eq!(line.count(), 1, "{name} {verb:?}, {setting}: {text}");
            }
            assert_eq!(
                text.matches("the configuration cannot be used").count(),
                1,
                "{text}"
            );
            assert!(!text.contains(SECRET), "{name}: {text}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
