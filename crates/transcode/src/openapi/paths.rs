//! Path templates as OpenAPI writes them.
//!
//! OpenAPI has one segment per parameter, and clients escape the slashes of a value. So the literals
//! of a variable go into the path, and each of its wildcards is a parameter.

use std::collections::HashMap;

use crate::binding::Binding;
use crate::path::encode_segment;
use crate::template::Segment;

/// One wildcard of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// The parameter's name, unique in the path.
    pub(crate) name: String,
    /// Which variable it is all or part of.
    pub(crate) variable: Option<usize>,
    /// Whether it is all of the variable.
    pub(crate) whole: bool,
}

/// The paths of a document. Two that differ in the names of their parameters alone are the same one (OpenAPI
/// 3.1, "Paths Object"), under the names that came first.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// By path without names.
    known: HashMap<String, (String, Vec<String>)>,
}

impl Paths {
    /// The path of a route, and its parameters in order.
    pub(crate) fn of(&mut self, binding: &Binding) -> (String, Vec<Wildcard>) {
        let (path, mut wildcards) = path_of(binding);
        let names = || wildcards.iter().map(|wildcard| wildcard.name.clone());
        let (path, names) = self
            .known
            .entry(without_names(&path))
            .or_insert_with(|| (path, names().collect()))
            .clone();
        for (wildcard, name) in wildcards.iter_mut().zip(names) {
            wildcard.name = name;
        }
        (path, wildcards)
    }
}

/// Braces of literals are escaped, so those that are left are of parameters.
fn without_names(path: &str) -> String {
    let mut within = false;
    let kept = path.chars().filter(|character| {
        within = match character {
            '{' => true,
            '}' => false,
            _ => within,
        };
        !within || *character == '{'
    });
    kept.collect()
}

/// The path, and its parameters in order.
fn path_of(binding: &Binding) -> (String, Vec<Wildcard>) {
    let template = &binding.template;
    let mut path = String::new();
    let mut wildcards: Vec<Wildcard> = Vec::new();
    for (at, segment) in template.segments.iter().enumerate() {
        path.push('/');
        if let Segment::Literal(text) = segment {
            path.push_str(&encode_segment(text));
            continue;
        }
        let variable = template
            .variables
            .iter()
            .position(|variable| variable.segments.contains(&at));
        let wildcard = match variable {
            None => Wildcard {
                name: format!("segment{}", wildcards.len() + 1),
                variable,
                whole: false,
            },
            Some(index) => {
                let variable = &template.variables[index];
                let whole = variable.segments.len() == 1;
                let before = &template.segments[variable.segments.start..at];
                let wild = |segment: &&Segment| !matches!(segment, Segment::Literal(_));
                let number = before.iter().filter(wild).count() + 1;
                Wildcard {
                    name: if whole {
                        variable.field.clone()
                    } else {
                        format!("{}{number}", variable.field)
                    },
                    variable: Some(index),
                    whole,
                }
            }
        };
        path.push('{');
        path.push_str(&wildcard.name);
        path.push('}');
        wildcards.push(wildcard);
    }
    if path.is_empty() {
        path.push('/');
    }
    if let Some(verb) = &template.verb {
        path.push(':');
        path.push_str(&encode_segment(verb));
    }
    (path, wildcards)
}
