//! Names of schemas and operations: short where that is unique.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::binding::Binding;

/// Names that this crate gives to schemas of its own.
const TAKEN: &str = "Status";

/// The schema name of each full name: the last part where no other ends in the same, else all of it.
pub(crate) fn schema_names<'n>(full: impl Iterator<Item = &'n str>) -> BTreeMap<String, String> {
    let full: HashSet<&str> = full.collect();
    let mut uses: HashMap<&str, usize> = HashMap::from([(TAKEN, 1)]);
    for name in &full {
        *uses.entry(short(name)).or_default() += 1;
    }
    full.iter()
        .map(|name| {
            let own = if uses.get(short(name)) == Some(&1) {
                short(name)
            } else {
                name
            };
            ((*name).to_owned(), own.to_owned())
        })
        .collect()
}

/// The operation id of each binding: the method's name in camel case, behind the service's where
/// two services have a method of one name, and a number where a method has several routes.
pub(crate) fn operation_ids(bindings: &[Arc<Binding>]) -> Vec<String> {
    let mut services: HashMap<&str, HashSet<&str>> = HashMap::new();
    for binding in bindings {
        let service = binding.method.parent_service().full_name();
        services
            .entry(binding.method.name())
            .or_default()
            .insert(service);
    }
    let mut used = HashSet::new();
    // The next number to try, so that a method of many routes does not try all of them each time.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    bindings
        .iter()
        .map(|binding| {
            let method = &binding.method;
            let base = if services[method.name()].len() == 1 {
                camel(method.name())
            } else {
                let service = method.parent_service().name();
                let service = service.strip_suffix("Service").unwrap_or(service);
                format!("{}{}", camel(service), method.name())
            };
            let mut id = base.clone();
            while !used.insert(id.clone()) {
                let number = numbers.entry(base.clone()).or_insert(2);
                id = format!("{base}{number}");
                *number += 1;
            }
            id
        })
        .collect()
}

fn short(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

fn camel(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
