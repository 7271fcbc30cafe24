//! The validator.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _};

use crate::compile::{self, Plans};
use crate::scope::Scope;
use crate::{BuildError, CheckError, Fault, Violation};

/// Says what the time is.
type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The rules of contracts, compiled. Clones share them.
#[derive(Clone)]
pub struct Validator {
    plans: Arc<Plans>,
    clock: Clock,
}

impl Validator {
    /// Compiles the rules of every message in `pool`.
    ///
    /// # Errors
    /// Every rule that is not supported or makes no sense, all at once.
    pub fn new(pool: &DescriptorPool) -> Result<Self, BuildError> {
        Self::compiled(pool, pool.all_messages())
    }

    /// Compiles the rules of the messages with these full names, and of those that their fields
    /// can hold.
    ///
    /// # Errors
    /// Every rule that is not supported or makes no sense, all at once; names that are not in
    /// `pool`.
    pub fn for_messages(pool: &DescriptorPool, full_names: &[&str]) -> Result<Self, BuildError> {
        let mut messages: Vec<MessageDescriptor> = Vec::with_capacity(full_names.len());
        let mut faults = Vec::new();
        for name in full_names {
            match pool.get_message_by_name(name) {
                Some(message) => messages.push(message),
                None => faults.push(Fault {
                    element: (*name).to_owned(),
                    problem: "no contract has this message".to_owned(),
                }),
            }
        }
        if faults.is_empty() {
            Self::compiled(pool, messages.into_iter())
        } else {
            Err(BuildError { faults })
        }
    }

    fn compiled(
        pool: &DescriptorPool,
        messages: impl Iterator<Item = MessageDescriptor>,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            plans: Arc::new(compile::compile(pool, messages)?),
            clock: Arc::new(SystemTime::now),
        })
    }

    /// The same rules by another clock, which the rules `lt_now`, `gt_now` and `within` ask: at
    /// most once a check.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Whether a message of this type can break a rule: it has one, or one below it has.
    #[must_use]
    pub fn has_rules(&self, full_name: &str) -> bool {
        let id = self.plans.by_name.get(full_name);
        id.is_some_and(|id| !self.plans.list[*id].is_empty())
    }

    /// Checks a message.
    ///
    /// # Errors
    /// The rules that it breaks, at most [`MAX_VIOLATIONS`](crate::MAX_VIOLATIONS); that its type
    /// was not compiled.
    pub fn check(&self, message: &DynamicMessage) -> Result<(), Vec<Violation>> {
        let descriptor = message.descriptor();
        match self.plans.by_name.get(descriptor.full_name()) {
            Some(id) => self.check_by(*id, message),
            // What cannot be judged must not pass.
            None => Err(vec![Violation {
                field: String::new(),
                rule_id: "unknown_message".to_owned(),
                message: format!("no rules are known for `{}`", descriptor.full_name()),
            }]),
        }
    }

    /// Decodes `bytes` as the message with that full name, and checks it. Without rules, it is
    /// not even decoded.
    ///
    /// # Errors
    /// What is wrong with the name, the bytes or the message.
    pub fn check_bytes(&self, full_name: &str, bytes: &[u8]) -> Result<(), CheckError> {
        let id = *self
            .plans
            .by_name
            .get(full_name)
            .ok_or_else(|| CheckError::UnknownMessage(full_name.to_owned()))?;
        let plan = &self.plans.list[id];
        if plan.is_empty() {
            return Ok(());
        }
        let message = DynamicMessage::decode(plan.descriptor.clone(), bytes)
            .map_err(|error| CheckError::Undecodable(error.to_string()))?;
        self.check_by(id, &message).map_err(CheckError::Invalid)
    }

    fn check_by(&self, id: usize, message: &DynamicMessage) -> Result<(), Vec<Violation>> {
        let mut scope = Scope::new(&*self.clock);
        self.plans.list[id].check(message, &self.plans.list, &mut scope);
        scope.finish()
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator")
            .field("messages", &self.plans.list.len())
            .finish_non_exhaustive()
    }
}
