//! Grammars of well-known texts. Each function is pure and takes linear time.

pub(crate) mod email;
pub(crate) mod header;
pub(crate) mod host;
pub(crate) mod ip;
pub(crate) mod name;
pub(crate) mod uri;
pub(crate) mod uuid;
