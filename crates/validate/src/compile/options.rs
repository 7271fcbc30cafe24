//! Finds the rules among the options of a contract's elements.

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor};

use super::{Compiler, RULES_PACKAGE};
use crate::error::Fault;

/// The number of the extensions that hold rules.
const RULES: u32 = 1159;
/// The number of the extension that defines rules of one's own.
const PREDEFINED: u32 = 1160;

/// The extensions that hold rules; `None` where the contracts do not import them.
pub(super) struct Extensions {
    pub(super) message: Option<ExtensionDescriptor>,
    pub(super) oneof: Option<ExtensionDescriptor>,
    pub(super) field: Option<ExtensionDescriptor>,
}

impl Extensions {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let find = |name| pool.get_extension_by_name(name);
        Self {
            message: find("buf.validate.message"),
            oneof: find("buf.validate.oneof"),
            field: find("buf.validate.field"),
        }
    }
}

impl Compiler {
    /// The rules among `options`, by the extension that `which` names; `None` if there are none.
    pub(super) fn rules(
        &mut self,
        element: &str,
        options: DynamicMessage,
        which: impl FnOnce(&Extensions) -> &Option<ExtensionDescriptor>,
    ) -> Option<DynamicMessage> {
        let mut fault = |problem: &str| {
            self.faults.push(Fault {
                element: element.to_owned(),
                problem: problem.to_owned(),
            });
        };
        // The numbers are registered for these rules, so nothing else may stand there.
        let foreign = options.extensions().any(|(extension, _)| {
            [RULES, PREDEFINED].contains(&extension.number())
                && extension.package_name() != RULES_PACKAGE
        });
        let unknown = options
            .unknown_fields()
            .any(|unknown| [RULES, PREDEFINED].contains(&unknown.number()));
        if foreign || unknown {
            fault("there are rules, but not by the published buf/validate/validate.proto");
        }
        let mut options = options;
        let extension = which(&self.extensions).as_ref()?;
        let value = options.take_extension(extension)?;
        let rules = value.as_message().cloned();
        if rules.is_none() {
            fault("the rules are not those of the published buf/validate/validate.proto");
        }
        rules
    }
}
