//! Path templates as OpenAPI writes them.
//!
//! OpenAPI has one segment per parameter, and clients escape the slashes of a value. So the literals
//! of a variable go into the path, and each of its wildcards is a parameter.

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

/// The path, and its parameters in order.
pub(crate) fn path_of(binding: &Binding) -> (String, Vec<Wildcard>) {
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
