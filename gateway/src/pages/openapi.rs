//! The OpenAPI document, made from the contracts and their comments.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, json};
use transcode::Transcoder;
use transcode::openapi::Info;

/// The document. It is made when it is first asked for: few who start a gateway look at it, and one of
/// many methods takes its time. Clones share it.
#[derive(Debug, Clone)]
pub struct Document {
    transcoder: Arc<Transcoder>,
    made: Arc<OnceLock<Bytes>>,
}

// === impl Document ===

impl Document {
    /// The document of all routes.
    #[must_use]
    pub fn new(transcoder: Arc<Transcoder>) -> Self {
        let made = Arc::default();
        Self { transcoder, made }
    }

    /// The document as JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.made.get_or_init(|| make(&self.transcoder)).clone()
    }
}

fn make(transcoder: &Transcoder) -> Bytes {
    let mut extra_paths = Map::new();
    let state = json!({
        "type": "object",
        "required": ["status", "dependencies"],
        "properties": {
            "status": {"type": "string", "enum": ["ok", "unavailable", "stopping"]},
            "dependencies": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["status"],
                    "properties": {"status": {"type": "string", "enum": ["up", "down"]}},
                },
            },
        },
    });
    let answer = |description: &str| json!({"description": description, "content": {"application/json": {"schema": state}}});
    let health = json!({
        "get": {
            "operationId": "getHealth",
            "tags": ["Health"],
            "summary": "The state of the platform's dependencies.",
            "security": [],
            "responses": {
                "200": answer("Everything answers."),
                "503": answer("Something does not, or the gateway is stopping."),
            },
        },
    });
    extra_paths.insert("/health".into(), health);
    let info = Info {
        title: "Trolleybus".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        description:
            "Accounts over REST. The same methods answer to gRPC and gRPC-Web on this port.".into(),
        extra_paths,
    };
    Bytes::from(transcoder.openapi(&info).to_string())
}
