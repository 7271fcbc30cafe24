//! One table for each family of rules.

mod bytes;
mod collections;
mod numbers;
mod strings;
mod well_known_types;
