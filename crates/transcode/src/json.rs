//! ProtoJSON to messages: first the text is scanned into a tree, then the tree is read by the
//! descriptor. Both know the path of the field where they stand, so that a fault can be named.

mod mask;
mod message;
mod scan;

pub(crate) use mask::paths_of;
pub(crate) use message::Reader;
pub(crate) use scan::{depth, scan};
