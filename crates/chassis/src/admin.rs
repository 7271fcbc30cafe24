//! Metrics and probes, on a port that is not for the public.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::header;
use tokio::task::JoinHandle;

use crate::config::Problems;
use crate::grpc::{ListenError, listen};
use crate::health::{Health, State as Condition};
use crate::metrics::{CONTENT_TYPE, Metrics, Name};
use crate::shutdown::Shutdown;

mod probes;

pub use probes::probes;

const UP: Name = Name {
    name: "component_up",
    help: "Whether a component of the process is up: 1 or 0",
};

/// Where metrics and probes are. The default port is each process's own.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Admin")]
pub struct AdminArgs {
    /// The port of metrics and probes, never for the public; 0 takes a free one
    #[arg(long, env = "ADMIN_PORT", value_name = "PORT")]
    pub admin_port: Option<String>,
}

/// The pages, served until this is dropped: through the soft stop too, which is when they are
/// watched.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

// === impl AdminArgs ===

impl AdminArgs {
    /// Checks the settings. `default_port` is the process's own.
    pub fn resolve(&self, default_port: u16, problems: &mut Problems) -> Option<u16> {
        match &self.admin_port {
            None => Some(default_port),
            Some(text) => problems.parse("ADMIN_PORT", text, "a port, 0 to 65535"),
        }
    }
}

// === impl Admin ===

impl Admin {
    /// Serves `/metrics`, `/livez`, `/readyz` and `/health`.
    ///
    /// # Errors
    /// The port is taken, or the address is not this machine's.
    pub async fn start(
        host: &str,
        port: u16,
        metrics: Metrics,
        health: Health,
        shutdown: Shutdown,
    ) -> Result<Self, ListenError> {
        let (listener, address) = listen(host, port, "ADMIN_PORT").await?;
        let pages = Router::new()
            .route("/metrics", get(render))
            .with_state((metrics, health.clone()))
            .merge(probes(health, shutdown));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, pages).await {
                tracing::error!("metrics and probes are served no more: {error}");
            }
        });
        tracing::info!("metrics and probes are on http://{address}");
        Ok(Self { address, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn render(
    State((metrics, health)): State<(Metrics, Health)>,
) -> ([(header::HeaderName, &'static str); 1], String) {
    for (component, condition) in health.states() {
        let up = metrics.gauge(UP, &[("component", &component)]);
        up.set(i64::from(condition == Condition::Up));
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render())
}
