//! OpenAPI 3.1 from descriptors, their comments and their rules.
//!
//! Not shown, because OpenAPI has no words for it: routes of HTTP methods other than the usual
//! eight.

mod comments;
mod example;
mod names;
mod operation;
mod paths;
mod rules;
mod schema;

use serde_json::{Map, Value as Json, json};

use crate::transcoder::Transcoder;
use comments::Comments;
use operation::{Operations, tag_of};
use schema::Schemas;

/// What the document says of the whole API.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// The API's name.
    pub title: String,
    /// The API's version.
    pub version: String,
    /// What it is for, in `CommonMark`. May be empty.
    pub description: String,
    /// Path items that no contract has, such as `/health`, by path.
    pub extra_paths: Map<String, Json>,
}

pub(crate) fn document(transcoder: &Transcoder, info: &Info) -> Json {
    let comments = Comments::default();
    let schemas = Schemas::of(&transcoder.bindings, &comments);
    let operations = Operations::new(&transcoder.bindings, &schemas, &comments);
    let mut paths = info.extra_paths.clone();
    for (path, method, operation) in operations.all() {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Json::Object(item) = item {
            item.insert(method, operation);
        }
    }
    let mut about = json!({"title": info.title, "version": info.version});
    if !info.description.is_empty() {
        about["description"] = Json::String(info.description.clone());
    }
    json!({
        "openapi": "3.1.0",
        "info": about,
        "servers": [{"url": "/"}],
        "tags": tags(transcoder, &comments),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": {"Error": {
                "description": "What went wrong.",
                "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Status"},
                }},
            }},
            "securitySchemes": {"bearerAuth": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "PASETO",
                "description": "An access token.",
            }},
        },
    })
}

fn tags(transcoder: &Transcoder, comments: &Comments) -> Vec<Json> {
    let mut tags: Vec<Json> = Vec::new();
    for binding in &transcoder.bindings {
        let service = binding.method.parent_service();
        let name = tag_of(service);
        if tags.iter().any(|tag| tag["name"] == name.as_str()) {
            continue;
        }
        let mut tag = json!({"name": name});
        let text = comments.text(&service.parent_file(), service.path());
        if !text.is_empty() {
            tag["description"] = Json::String(text);
        }
        tags.push(tag);
    }
    tags
}
