//! From contracts to plans.

mod field;
mod options;

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::error::{BuildError, Fault};
use crate::plan::{MessagePlan, PlanId};
use crate::reader::{Reader, Site};
use crate::rule::message_oneof::MessageOneof;
use options::Extensions;

/// The package of the rules themselves, whose messages are no contracts.
const RULES_PACKAGE: &str = "buf.validate";

/// The plans, and which message has which.
pub(crate) struct Plans {
    pub(crate) list: Vec<MessagePlan>,
    pub(crate) by_name: HashMap<String, PlanId>,
}

/// Compiles messages, and those below them.
pub(crate) struct Compiler {
    extensions: Extensions,
    /// Numbers of the messages met so far; those from `plans.len()` on are still to be compiled.
    ids: HashMap<String, PlanId>,
    met: Vec<MessageDescriptor>,
    faults: Vec<Fault>,
}

/// Compiles `messages` of `pool`, and those below them.
pub(crate) fn compile(
    pool: &DescriptorPool,
    messages: impl Iterator<Item = MessageDescriptor>,
) -> Result<Plans, BuildError> {
    let mut compiler = Compiler {
        extensions: Extensions::of(pool),
        ids: HashMap::new(),
        met: Vec::new(),
        faults: Vec::new(),
    };
    for message in messages {
        if message.package_name() != RULES_PACKAGE && !message.is_map_entry() {
            compiler.id_of(&message);
        }
    }
    let mut plans = Vec::new();
    while let Some(message) = compiler.met.get(plans.len()).cloned() {
        plans.push(compiler.message(&message));
    }
    compiler.extension_fields(pool);
    if !compiler.faults.is_empty() {
        return Err(BuildError {
            faults: compiler.faults,
        });
    }
    prune(&mut plans);
    Ok(Plans {
        list: plans,
        by_name: compiler.ids,
    })
}

impl Compiler {
    /// The number of a message's plan, which is or will be compiled.
    pub(crate) fn id_of(&mut self, message: &MessageDescriptor) -> PlanId {
        if let Some(id) = self.ids.get(message.full_name()) {
            return *id;
        }
        let id = self.met.len();
        self.ids.insert(message.full_name().to_owned(), id);
        self.met.push(message.clone());
        id
    }

    fn message(&mut self, message: &MessageDescriptor) -> MessagePlan {
        let mut plan = MessagePlan::new(message.clone());
        if let Some(rules) = self.rules(message.full_name(), message.options(), |own| &own.message)
        {
            let mut site = Site {
                element: message.full_name(),
                faults: &mut self.faults,
            };
            let mut reader = Reader::new(rules, "message.");
            let groups = reader.list("oneof", |value| value.as_message().cloned());
            plan.groups = groups
                .into_iter()
                .filter_map(|group| MessageOneof::read(message, group, &mut site))
                .collect();
            reader.finish(&mut site);
        }
        for oneof in message.oneofs() {
            let Some(rules) = self.rules(oneof.full_name(), oneof.options(), |own| &own.oneof)
            else {
                continue;
            };
            let mut reader = Reader::new(rules, "oneof.");
            if reader.flag("required") {
                let fields = oneof.fields().collect();
                plan.required_oneofs.push((oneof.name().to_owned(), fields));
            }
            reader.finish(&mut Site {
                element: oneof.full_name(),
                faults: &mut self.faults,
            });
        }
        for field in message.fields() {
            let in_group = plan.groups.iter().any(|group| group.contains(&field));
            if let Some(field) = self.field(&field, in_group) {
                plan.fields.push(field);
            }
        }
        plan
    }

    /// Rules of extension fields are never looked at by any validator: say so rather than let
    /// them pass for checked.
    fn extension_fields(&mut self, pool: &DescriptorPool) {
        for extension in pool.all_extensions() {
            let is_ours = extension.package_name() == RULES_PACKAGE;
            let rules = self.rules(extension.full_name(), extension.options(), |own| &own.field);
            if rules.is_some() && !is_ours {
                self.faults.push(Fault {
                    element: extension.full_name().to_owned(),
                    problem: "rules of an extension field are not supported".to_owned(),
                });
            }
        }
    }
}

/// Drops what leads to no rule, so that checks do not go there.
fn prune(plans: &mut [MessagePlan]) {
    // A plan matters if it has rules, or leads to one that matters: until nothing changes.
    let mut matters = vec![false; plans.len()];
    loop {
        let before = matters.clone();
        for (id, plan) in plans.iter().enumerate() {
            let leads = plan.fields.iter().any(|field| {
                let leads = |id: PlanId| matters[id];
                field.has_rules() || field.nested().any(leads)
            });
            matters[id] = leads || !plan.groups.is_empty() || !plan.required_oneofs.is_empty();
        }
        if before == matters {
            break;
        }
    }
    for plan in plans {
        for field in &mut plan.fields {
            for value in field.values_mut() {
                value.nested = value.nested.filter(|nested| matters[*nested]);
            }
        }
        plan.fields.retain(|field| !field.is_empty());
    }
}
