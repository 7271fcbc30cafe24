//! `/health` for people and monitors, `/livez` and `/readyz` for orchestrators.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::health::{self, Health};
use crate::shutdown::Shutdown;

/// The pages; ready means that every component of `health` is up and that `stopping` has not begun.
pub fn probes(health: Health, stopping: Shutdown) -> Router {
    Router::new()
        .route("/health", get(report))
        .route("/readyz", get(report))
        .route("/livez", get(async || Json(json!({"status": "ok"}))))
        .with_state((health, stopping))
}

/// 200 while every dependency answers, 503 otherwise and once the soft stop has begun; the state of
/// each.
async fn report(State((health, stopping)): State<(Health, Shutdown)>) -> (StatusCode, Json<Value>) {
    let mut dependencies = Map::new();
    let mut ready = true;
    for (name, state) in health.states() {
        let state = match state {
            health::State::Up => json!({"status": "up"}),
            health::State::Down(_) => {
                ready = false;
                // Why is in the log: an address is nothing to tell the world.
                json!({"status": "down"})
            }
        };
        dependencies.insert(name, state);
    }
    let (code, status) = if stopping.has_begun() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if ready {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    (
        code,
        Json(json!({"status": status, "dependencies": dependencies})),
    )
}
