//! OpenAPI 3.1 from descriptors, their comments and their rules.

use serde_json::{Map, Value as Json};

use crate::transcoder::Transcoder;

/// What the document says of the whole API.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// The API's name.
    pub title: String,
    /// The API's version.
    pub version: String,
    /// What it is for, in CommonMark. May be empty.
    pub description: String,
    /// Path items that no contract has, such as `/health`, by path.
    pub extra_paths: Map<String, Json>,
}

pub(crate) fn document(_transcoder: &Transcoder, _info: &Info) -> Json {
    Json::Null
}
