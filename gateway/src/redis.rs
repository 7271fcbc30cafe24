//! One connection to Redis or Valkey, for all that the gateways of a platform share.

use std::time::Duration;

use chassis::health::{Component, Health};
use chassis::shutdown::Shutdown;
use fred::prelude::{Builder, Client, ClientLike as _, Config};
use fred::types::config::ReconnectPolicy;

/// How long one command may take; fred itself would wait for ever.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1000);

/// How often a lost connection is tried again.
const RECONNECT_EVERY: Duration = Duration::from_millis(500);

/// How often Redis is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A connection to Redis or Valkey. Clones share it.
#[derive(Debug, Clone)]
pub struct Redis {
    client: Client,
}

impl Redis {
    /// Connects in the background, now or when the server appears; the component `redis` of
    /// `health` follows. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The URL is none.
    pub fn connect(url: &str, health: &Health, shutdown: &Shutdown) -> Result<Self, String> {
        let mut config = parse(url)?;
        // The first connection is tried for as long as any other, should the server come later.
        config.fail_fast = false;
        let address = config
            .server
            .hosts()
            .first()
            .map_or_else(String::new, ToString::to_string);
        let client = Builder::from_config(config)
            .with_performance_config(|performance| {
                performance.default_command_timeout = COMMAND_TIMEOUT;
            })
            .with_connection_config(|connection| {
                connection.connection_timeout = COMMAND_TIMEOUT;
                // A command may wait for the connection to come back, but no longer than it lives.
                connection.max_command_attempts = 2;
            })
            .set_policy(ReconnectPolicy::new_constant(
                0,
                u32::try_from(RECONNECT_EVERY.as_millis()).unwrap_or(u32::MAX),
            ))
            .build()
            .map_err(|error| error.to_string())?;
        let _connection = client.connect();
        tokio::spawn(watch(
            client.clone(),
            health.component("redis"),
            address,
            shutdown.clone(),
        ));
        Ok(Self { client })
    }

    /// Whether commands would be answered, as far as is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// For commands.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// Checks a URL: `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS.
///
/// # Errors
/// What is wrong with it, without its password.
pub fn check_url(url: &str) -> Result<(), String> {
    parse(url).map(|_| ())
}

fn parse(url: &str) -> Result<Config, String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("redis" | "rediss" | "valkey" | "valkeys")) {
        return Err("expected redis://host:port or rediss://host:port".into());
    }
    Config::from_url(url)
        .map_err(|_| "expected redis://[user:password@]host:port[/database]".into())
}

async fn watch(client: Client, redis: Component, address: String, shutdown: Shutdown) {
    loop {
        match client.ping::<String>(None).await {
            Ok(_) => redis.up(),
            Err(_) => redis.down(format!("no Redis answers at {address}")),
        }
        if !shutdown.sleep(ASK_EVERY).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_without_telling_its_password() {
        assert!(parse("redis://127.0.0.1:6379").is_ok());
        for bad in [
            "http://localhost",
            "localhost:6379",
            "redis://:hunter2@host:notaport",
            "",
        ] {
            let error = parse(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
