//! Pages beside the contract's routes: health, and the API's documents.

use axum::Router;
use chassis::health::Health;

pub mod docs;
pub mod health;
pub mod openapi;

/// The pages. Whatever is not one of them falls through to REST.
pub fn router(health: Health, openapi: bytes::Bytes) -> Router {
    health::router(health).merge(docs::router(openapi))
}
