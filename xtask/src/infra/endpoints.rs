//! Where the three parts answer.

use std::env;

use serde::{Deserialize, Serialize};

const KAFKA: &str = "KAFKA_BROKERS";
const DATABASE: &str = "DATABASE_URL";
const REDIS: &str = "REDIS_URL";
/// Set beside the other three by `infra up`, to the same value as `KAFKA_BROKERS`. As long as the two
/// agree, the addresses in the environment are of a set of our own, running or not.
const OWN: &str = "TROLLEYBUS_INFRA";

/// The addresses in the form that the services take them from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    /// `host:port`, comma-separated.
    pub(crate) kafka: String,
    /// `postgres://user@host:port/database`.
    pub(crate) database: String,
    /// `redis://host:port`.
    pub(crate) redis: String,
}

impl Endpoints {
    /// The servers of somebody else that the environment names, if it names all three.
    pub(crate) fn from_env() -> Option<Self> {
        Self::foreign(|name| env::var(name).ok())
    }

    fn foreign(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let named = |name| variable(name).filter(|value| !value.is_empty());
        let endpoints = Self {
            kafka: named(KAFKA)?,
            database: named(DATABASE)?,
            redis: named(REDIS)?,
        };
        (named(OWN).as_ref() != Some(&endpoints.kafka)).then_some(endpoints)
    }

    /// The names and values for the environment of a service.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 3] {
        [
            (KAFKA, &self.kafka),
            (DATABASE, &self.database),
            (REDIS, &self.redis),
        ]
    }

    /// One `export` line a part, for `eval` in a POSIX shell.
    pub(crate) fn exports(&self) -> String {
        self.variables()
            .map(|(name, value)| export(name, value))
            .concat()
    }

    /// The same for a set of our own, with the mark that tells it from servers of somebody else.
    pub(crate) fn own_exports(&self) -> String {
        self.exports() + &export(OWN, &self.kafka)
    }
}

fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_survive_a_quote_in_a_value() {
        let endpoints = Endpoints {
            kafka: "127.0.0.1:9092".to_owned(),
            database: "postgres://u:it's@h/d".to_owned(),
            redis: "redis://h".to_owned(),
        };
        assert_eq!(
            endpoints.exports(),
            "export KAFKA_BROKERS='127.0.0.1:9092'\n\
             export DATABASE_URL='postgres://u:it'\\''s@h/d'\n\
             export REDIS_URL='redis://h'\n"
        );
        assert_eq!(
            endpoints.own_exports(),
            endpoints.exports() + "export TROLLEYBUS_INFRA='127.0.0.1:9092'\n"
        );
    }

    #[test]
    fn addresses_are_taken_from_the_environment_unless_they_are_our_own() {
        let with = |own: &'static str| {
            Endpoints::foreign(move |name| match name {
                KAFKA => Some("k:1".to_owned()),
                OWN => Some(own.to_owned()),
                _ => Some("x".to_owned()),
            })
        };
        assert!(with("k:1").is_none());
        assert!(with("k:2").is_some() && with("").is_some());
        assert!(Endpoints::foreign(|name| (name == KAFKA).then(String::new)).is_none());
    }
}
