//! What the cases are made of.

pub(crate) mod check;
mod clock;
pub(crate) mod figures;
pub(crate) mod kafka;
pub(crate) mod process;
pub(crate) mod set;
pub(crate) mod wait;
pub(crate) mod world;

pub(crate) use figures::{patient, soak, soaking};
pub(crate) use wait::{PATIENCE, eventually, within};
pub(crate) use world::World;
