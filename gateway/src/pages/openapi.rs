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
    /// Whether the accounts are among what is described.
    has_accounts: bool,
    made: Arc<OnceLock<Bytes>>,
}

// === impl Document ===

impl Document {
    /// The document of all routes.
    #[must_use]
    pub fn new(transcoder: Arc<Transcoder>, has_accounts: bool) -> Self {
        Self {
            transcoder,
            has_accounts,
            made: Arc::default(),
        }
    }

    /// The document as JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let make = || make(&self.transcoder, self.has_accounts);
        self.made.get_or_init(make).clone()
    }
}

fn make(transcoder: &Transcoder, has_accounts: bool) -> Bytes {
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
    let (title, what) = if has_accounts {
        ("Trolleybus", "Accounts over REST.")
    } else {
        ("API", "gRPC services over REST.")
    };
    let info = Info {
        title: title.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        description: format!("{what} The same methods answer to gRPC and gRPC-Web on this port."),
        extra_paths,
    };
    Bytes::from(transcoder.openapi(&info).to_string())
}
