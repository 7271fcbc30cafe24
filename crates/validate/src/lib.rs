//! The [`buf.validate`](https://buf.build/bufbuild/protovalidate) standard rules, read from
//! descriptors when the process starts and compiled into checks. No I/O.
//!
//! [`Validator::new`] walks the messages, turns every rule into a check and reports
//! all that is wrong with the contracts at once. A rule that it does not have, a CEL expression, a
//! rule for another type than the field's: each is an error that names the field. So a contract
//! never seems to be checked when it is not.
//!
//! [`Validator::check`] then walks a message beside its plan, and returns every broken rule with
//! the path of the value. Parts of a message that have no rules below them are not visited.
//!
//! What happens, in order: `compile` reads contracts (through `reader`, which notices what nobody
//! asked for), `plan` holds the outcome and walks messages, `rule` has one file for each family of
//! rules, `format` the grammars that the string rules name.

mod compile;
mod error;
mod format;
mod pattern;
mod plan;
mod reader;
mod rule;
mod scope;
mod time;
mod validator;
mod violation;

pub use error::{BuildError, CheckError, Fault};
pub use scope::MAX_VIOLATIONS;
pub use validator::Validator;
pub use violation::Violation;
