//! ProtoJSON to messages and back, by their descriptors. Text is scanned into a tree first, which is read
//! by the descriptor; both know the path of the field where they stand, so that a fault can be named.

mod mask;
mod message;
mod print;
mod scan;

pub(crate) use mask::paths_of;
pub(crate) use message::Reader;
pub(crate) use print::{Defaults, Unprintable, print, print_field, print_into};
pub(crate) use scan::{depth, scan};
