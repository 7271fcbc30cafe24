//! Reads `google.api.http` from the options of a method.

use http::Method;
use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};

use crate::router::Verb;

/// The extension of `google.protobuf.MethodOptions`, number 72295728.
const EXTENSION: &str = "google.api.http";

/// One binding of a method, as written.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) verb: Verb,
    pub(crate) template: String,
    /// A field of the request, `*`, or empty.
    pub(crate) body: String,
    /// A field of the response, or empty.
    pub(crate) response_body: String,
}

/// The rules of a method: none when it has no option, else the main one and its
/// `additional_bindings`. Each is an error text where it makes no sense.
pub(crate) fn rules(method: &MethodDescriptor) -> Vec<Result<Rule, String>> {
    let Some(extension) = method.parent_pool().get_extension_by_name(EXTENSION) else {
        return Vec::new();
    };
    let options = method.options();
    if !options.has_extension(&extension) {
        return Vec::new();
    }
    let value = options.get_extension(&extension);
    let Some(main) = value.as_message() else {
        return vec![Err(format!("{EXTENSION} is not a message in this pool"))];
    };
    let mut rules = vec![rule(main)];
    for additional in list(main, "additional_bindings") {
        if list(&additional, "additional_bindings").next().is_some() {
            rules.push(Err(
                "additional_bindings cannot hold additional_bindings".into()
            ));
        }
        rules.push(rule(&additional));
    }
    rules
}

fn rule(message: &DynamicMessage) -> Result<Rule, String> {
    let standard = [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ]
    .into_iter()
    .find(|(name, _)| message.has_field_by_name(name));
    let (verb, template) = if let Some((name, method)) = standard {
        (Verb::Only(method), text(message, name))
    } else if let Some(custom) = message
        .has_field_by_name("custom")
        .then(|| message.get_field_by_name("custom"))
        .flatten()
        .and_then(|value| value.as_message().cloned())
    {
        let kind = text(&custom, "kind");
        let verb = if kind == "*" {
            Verb::All
        } else {
            Method::from_bytes(kind.as_bytes())
                .map(Verb::Only)
                .map_err(|_| "the kind of a custom pattern must be an HTTP method or `*`")?
        };
        (verb, text(&custom, "path"))
    } else {
        return Err("the rule names no HTTP method and path".into());
    };
    Ok(Rule {
        verb,
        template,
        body: text(message, "body"),
        response_body: text(message, "response_body"),
    })
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn list(message: &DynamicMessage, field: &str) -> impl Iterator<Item = DynamicMessage> {
    let known = message.descriptor().get_field_by_name(field);
    let values = match known.map(|field| message.get_field(&field).into_owned()) {
        Some(Value::List(values)) => values,
        _ => Vec::new(),
    };
    values.into_iter().filter_map(|value| match value {
        Value::Message(message) => Some(message),
        _ => None,
    })
}
