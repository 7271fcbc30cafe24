//! What can be wrong with contracts, and with messages.

use std::fmt;

use crate::Violation;

/// Something in a contract that cannot be compiled into a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The full name of the field, oneof or message.
    pub element: String,
    /// What is wrong with its rules.
    pub problem: String,
}

/// All that is wrong with the contracts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the contracts have validation rules that cannot be used:{}", lines(.faults))]
pub struct BuildError {
    /// At least one, in the order of the contracts.
    pub faults: Vec<Fault>,
}

/// Why bytes are not a valid message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// No message of that name was compiled.
    #[error("the validator does not know the message `{0}`")]
    UnknownMessage(String),
    /// The bytes are not such a message.
    #[error("the message cannot be decoded: {0}")]
    Undecodable(String),
    /// The message breaks rules: at least one.
    #[error("the message breaks validation rules:{}", lines(.0))]
    Invalid(Vec<Violation>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.element, self.problem)
    }
}

fn lines(items: &[impl fmt::Display]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
