//! One rule, checked against its method: what a route needs to turn requests into messages.

use std::fmt;

use http::{Method, StatusCode, Uri};
use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};

use crate::any::reaches_any;
use crate::field_path::FieldPath;
use crate::location::Location;
use crate::plan::Plan;
use crate::policy::MethodPolicy;
use crate::response::has_body;
use crate::resume::Resume;
use crate::router::Verb;
use crate::rule::Rule;
use crate::template::Template;
use crate::wkt;

/// A checked rule.
pub(crate) struct Binding {
    pub(crate) method: MethodDescriptor,
    /// `/package.Service/Method`.
    pub(crate) grpc_uri: Uri,
    pub(crate) policy: MethodPolicy,
    pub(crate) verb: Verb,
    /// As written.
    pub(crate) pattern: String,
    pub(crate) template: Template,
    /// The field of each variable of the template, in its order.
    pub(crate) variables: Vec<FieldPath>,
    pub(crate) body: Body,
    /// The response field that is the answer's body; the whole response when none.
    pub(crate) response_body: Option<FieldDescriptor>,
    /// Where what was created is found.
    pub(crate) location: Option<Location>,
    /// How a stream of events is taken up again.
    pub(crate) resume: Option<Resume>,
    /// Whether responses may hold a `google.protobuf.Any`.
    pub(crate) answers_any: bool,
    /// How ordinary requests and answers go without a tree.
    pub(crate) plan: Plan,
}

/// What the HTTP body fills.
pub(crate) enum Body {
    /// Nothing: it is not read.
    None,
    /// `*`: the whole request.
    All,
    /// This field, whose path has one step.
    Field(FieldPath),
}

/// The route, such as `GET /v1/books/{id}`.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.pattern)
    }
}

impl Body {
    pub(crate) fn field(&self) -> Option<&FieldPath> {
        match self {
            Body::Field(path) => Some(path),
            Body::None | Body::All => None,
        }
    }
}

impl Binding {
    /// Checks a rule.
    ///
    /// # Errors
    /// Everything that is wrong with it, each as a sentence.
    pub(crate) fn new(
        method: &MethodDescriptor,
        rule: Rule,
        policy: &MethodPolicy,
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        if method.is_client_streaming() {
            faults.push("client streaming has no HTTP form; remove google.api.http".to_owned());
        }
        if method.is_server_streaming() && !has_body(policy.success_status) {
            faults.push(format!(
                "a stream has a body, which an answer with status {} cannot have",
                policy.success_status.as_u16()
            ));
        }
        if rule.verb == Verb::Only(Method::OPTIONS) {
            let fault = "OPTIONS is answered with the methods of the path; take another method";
            faults.push(fault.to_owned());
        }
        let template = Template::parse(&rule.template)
            .map_err(|error| faults.push(format!("`{}`: {error}", rule.template)))
            .ok();
        let mut variables = Vec::new();
        for variable in template.iter().flat_map(|template| &template.variables) {
            match FieldPath::textual(&method.input(), &variable.field, "a path") {
                Ok(path) => variables.push(path),
                Err(fault) => faults.push(format!("`{}`: {fault}", rule.template)),
            }
        }
        let body = body(method, &rule.body)
            .map_err(|fault| faults.push(fault))
            .unwrap_or(Body::None);
        if let Some(field) = body.field()
            && let Some(variable) = variables.iter().find(|variable| **variable == *field)
        {
            let name = variable.leaf().name();
            faults.push(format!("`{name}` is both the body and in the path"));
        }
        let response_body = match rule.response_body.as_str() {
            "" => None,
            name => {
                let field = method.output().get_field_by_name(name);
                if field.is_none() {
                    let output = method.output();
                    let output = output.full_name();
                    faults.push(format!("response_body: {output} has no field `{name}`"));
                }
                field
            }
        };
        let location = location(method, policy)
            .map_err(|fault| faults.push(fault))
            .unwrap_or_default();
        let resume = policy.cursor.as_ref();
        let resume = resume
            .map(|cursor| Resume::new(method, cursor))
            .transpose()
            .map_err(|fault| faults.push(fault))
            .unwrap_or_default();
        let grpc_path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let grpc_uri = Uri::try_from(&grpc_path).ok();
        let grpc_uri = grpc_uri.filter(|uri| uri.path() == grpc_path);
        if grpc_uri.is_none() {
            faults.push(format!("`{grpc_path}` is no path that can be called"));
        }
        let (Some(template), Some(grpc_uri), []) = (template, grpc_uri, &*faults) else {
            return Err(faults);
        };
        Ok(Self {
            method: method.clone(),
            grpc_uri,
            policy: policy.clone(),
            verb: rule.verb,
            pattern: rule.template,
            template,
            variables,
            body,
            response_body,
            location,
            resume,
            answers_any: reaches_any(&method.output()),
            plan: Plan::default(),
        })
    }
}

fn location(method: &MethodDescriptor, policy: &MethodPolicy) -> Result<Option<Location>, String> {
    let Some(text) = &policy.location else {
        return Ok(None);
    };
    if policy.success_status != StatusCode::CREATED || method.is_server_streaming() {
        return Err("has a location, which only a unary call with status 201 has".to_owned());
    }
    Location::parse(text, &method.output()).map(Some)
}

fn body(method: &MethodDescriptor, name: &str) -> Result<Body, String> {
    let input = method.input();
    match name {
        "" => Ok(Body::None),
        "*" => Ok(Body::All),
        name => match input.get_field_by_name(name) {
            Some(field) => Ok(Body::Field(FieldPath {
                fields: vec![field],
            })),
            None => Err(format!("body: {} has no field `{name}`", input.full_name())),
        },
    }
}

/// Whether the kind is `google.api.HttpBody`.
pub(crate) fn is_http_body(kind: &Kind) -> bool {
    matches!(kind, Kind::Message(message) if message.full_name() == wkt::HTTP_BODY)
}
