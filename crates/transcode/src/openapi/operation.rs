//! Operations: one per route that OpenAPI can name.

use std::sync::Arc;

use http::Method;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, ServiceDescriptor};
use serde_json::{Map, Value as Json, json};

use super::comments::{Comments, split};
use super::paths::{Paths, Wildcard};
use super::rules::bounds;
use super::schema::Schemas;
use super::{example, names};
use crate::binding::{Binding, Body, is_http_body};
use crate::field_path::is_textual;
use crate::policy::Security;
use crate::router::Verb;
use crate::stream::StreamForm;
use crate::wkt;

/// Query parameters are listed this many messages deep.
const MAX_QUERY_DEPTH: usize = 3;

/// Makes operations.
pub(crate) struct Operations<'d> {
    bindings: &'d [Arc<Binding>],
    schemas: &'d Schemas<'d>,
    comments: &'d Comments,
}

/// The tag of a service: its name without `Service`.
pub(crate) fn tag_of(service: &ServiceDescriptor) -> String {
    let name = service.name();
    match name.strip_suffix("Service") {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => name.to_owned(),
    }
}

impl<'d> Operations<'d> {
    pub(crate) fn new(
        bindings: &'d [Arc<Binding>],
        schemas: &'d Schemas<'d>,
        comments: &'d Comments,
    ) -> Self {
        Self {
            bindings,
            schemas,
            comments,
        }
    }

    /// Path, HTTP method in lower case, operation.
    pub(crate) fn all(&self) -> Vec<(String, String, Json)> {
        let ids = names::operation_ids(self.bindings);
        let mut paths = Paths::default();
        self.bindings
            .iter()
            .zip(ids)
            .filter_map(|(binding, id)| {
                let method = http_method(binding)?;
                let (path, wildcards) = paths.of(binding);
                Some((path, method, self.operation(binding, &id, &wildcards)))
            })
            .collect()
    }

    fn operation(&self, binding: &Binding, id: &str, wildcards: &[Wildcard]) -> Json {
        let method = &binding.method;
        let comment = self.comments.text(&method.parent_file(), method.path());
        let (summary, description) = split(&comment);
        let mut operation = json!({
            "operationId": id,
            "tags": [tag_of(method.parent_service())],
            "responses": self.responses(binding),
            "security": match &binding.policy.security {
                Security::Bearer { scopes } => json!([{"bearerAuth": scopes}]),
                Security::Public => json!([]),
            },
        });
        let mut set = |key: &str, value: Json| operation[key] = value;
        if !summary.is_empty() {
            set("summary", json!(summary));
        }
        if !description.is_empty() {
            set("description", json!(description));
        }
        let mut parameters = self.path_parameters(binding, wildcards);
        if !matches!(binding.body, Body::All) {
            self.query_parameters(binding, &mut parameters);
        }
        parameters.extend(self.last_event_id(binding));
        if !parameters.is_empty() {
            set("parameters", json!(parameters));
        }
        if let Some(body) = self.request_body(binding) {
            set("requestBody", body);
        }
        let options = method.options();
        let deprecated = options.get_field_by_name("deprecated");
        if deprecated.is_some_and(|value| value.as_bool() == Some(true)) {
            set("deprecated", json!(true));
        }
        operation
    }

    fn path_parameters(&self, binding: &Binding, wildcards: &[Wildcard]) -> Vec<Json> {
        wildcards
            .iter()
            .map(|wildcard| {
                let mut parameter = json!({
                    "name": wildcard.name,
                    "in": "path",
                    "required": true,
                    "schema": {"type": "string"},
                });
                if let Some(index) = wildcard.variable {
                    let field = binding.variables[index].leaf();
                    let name = &binding.template.variables[index].field;
                    if wildcard.whole {
                        let mut schema = self.schemas.field(field);
                        describe(&mut parameter, &mut schema);
                        parameter["schema"] = schema;
                        if wildcard.name != *name {
                            let said = parameter["description"].as_str().unwrap_or_default();
                            let said = format!("The field `{name}`. {said}");
                            parameter["description"] = json!(said.trim_end());
                        }
                    } else {
                        parameter["description"] = json!(format!("A part of `{name}`."));
                    }
                }
                parameter
            })
            .collect()
    }

    fn query_parameters(&self, binding: &Binding, out: &mut Vec<Json>) {
        let mut bound: Vec<&[FieldDescriptor]> = binding
            .variables
            .iter()
            .map(|path| path.fields.as_slice())
            .collect();
        bound.extend(binding.body.field().map(|path| path.fields.as_slice()));
        self.query_fields(&binding.method.input(), &mut Vec::new(), &bound, out);
    }

    fn query_fields(
        &self,
        desc: &MessageDescriptor,
        prefix: &mut Vec<FieldDescriptor>,
        bound: &[&[FieldDescriptor]],
        out: &mut Vec<Json>,
    ) {
        for field in desc.fields() {
            prefix.push(field.clone());
            if !bound.contains(&prefix.as_slice()) {
                match field.kind() {
                    Kind::Message(inner) if !field.is_map() && !is_textual(&field.kind()) => {
                        let plain = !field.is_list() && !wkt::is_special(inner.full_name());
                        if plain && prefix.len() < MAX_QUERY_DEPTH {
                            self.query_fields(&inner, prefix, bound, out);
                        }
                    }
                    _ => out.extend(self.query_parameter(&field, prefix)),
                }
            }
            prefix.pop();
        }
    }

    fn query_parameter(&self, field: &FieldDescriptor, path: &[FieldDescriptor]) -> Option<Json> {
        let names: Vec<_> = path.iter().map(FieldDescriptor::json_name).collect();
        let mut schema = self.schemas.field(field);
        let mut parameter = json!({"name": names.join("."), "in": "query"});
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            if !is_textual(&entry.map_entry_value_field().kind()) {
                return None;
            }
            parameter["style"] = json!("deepObject");
            parameter["explode"] = json!(true);
        }
        if path.len() == 1 && bounds(field).required {
            parameter["required"] = json!(true);
        }
        describe(&mut parameter, &mut schema);
        parameter["schema"] = schema;
        Some(parameter)
    }

    /// What an `EventSource` sends when it comes again.
    fn last_event_id(&self, binding: &Binding) -> Option<Json> {
        let after = binding.resume.as_ref()?.after().leaf();
        Some(json!({
            "name": "Last-Event-ID",
            "in": "header",
            "description": "Of events: begin after the one with this `id`.",
            "schema": self.schemas.bare_field(after),
        }))
    }

    fn request_body(&self, binding: &Binding) -> Option<Json> {
        let (required, content) = match &binding.body {
            Body::None => return None,
            Body::All if is_http_body(&Kind::Message(binding.method.input())) => (false, raw()),
            Body::All => {
                let input = binding.method.input();
                let without: Vec<u32> = binding
                    .variables
                    .iter()
                    .filter(|path| path.fields.len() == 1)
                    .map(|path| path.leaf().number())
                    .collect();
                let schema = if without.is_empty() {
                    self.schemas.kind(&Kind::Message(input.clone()))
                } else {
                    let open = binding.policy.ignore_unknown_fields;
                    self.schemas.object_without(&input, &without, open)
                };
                let required = input
                    .fields()
                    .any(|field| !without.contains(&field.number()) && bounds(&field).required);
                let example = example::object(&input, &without);
                (required, json_content(schema, Some(example)))
            }
            Body::Field(path) if is_http_body(&path.leaf().kind()) => {
                (bounds(path.leaf()).required, raw())
            }
            Body::Field(path) => {
                let field = path.leaf();
                let schema = self.schemas.bare_field(field);
                (
                    bounds(field).required,
                    json_content(schema, example::field(field)),
                )
            }
        };
        Some(json!({"required": required, "content": content}))
    }

    fn responses(&self, binding: &Binding) -> Json {
        let output = binding.method.output();
        let about = self.comments.text(&output.parent_file(), output.path());
        let about = if about.is_empty() || output.full_name().starts_with("google.") {
            "Success.".to_owned()
        } else {
            about
        };
        let mut success = json!({"description": about});
        let status = binding.policy.success_status;
        if status != http::StatusCode::NO_CONTENT {
            success["content"] = match &binding.response_body {
                None if is_http_body(&Kind::Message(output.clone())) => raw(),
                Some(field) if is_http_body(&field.kind()) => raw(),
                body => {
                    let schema = match body {
                        None => self.schemas.kind(&Kind::Message(output)),
                        Some(field) => self.schemas.bare_field(field),
                    };
                    if binding.method.is_server_streaming() {
                        stream_content(&schema)
                    } else {
                        json_content(schema, None)
                    }
                }
            };
        }
        if binding.location.is_some() {
            success["headers"] = json!({"Location": {
                "description": "The path of what was created.",
                "schema": {"type": "string", "format": "uri-reference"},
            }});
        }
        let error = json!({"$ref": "#/components/responses/Error"});
        let mut responses = Map::new();
        responses.insert(status.as_str().to_owned(), success);
        responses.insert("400".to_owned(), error.clone());
        if let Security::Bearer { scopes } = &binding.policy.security {
            responses.insert("401".to_owned(), error.clone());
            if !scopes.is_empty() {
                responses.insert("403".to_owned(), error.clone());
            }
        }
        responses.insert("default".to_owned(), error);
        Json::Object(responses)
    }
}

/// Moves the schema's description to the parameter, where tools show it.
fn describe(parameter: &mut Json, schema: &mut Json) {
    if let Some(text) = schema
        .as_object_mut()
        .and_then(|schema| schema.remove("description"))
    {
        parameter["description"] = text;
    }
}

/// The forms of a stream, each element of which has the schema. An error in mid-stream comes last.
fn stream_content(element: &Json) -> Json {
    let error = json!({"$ref": "#/components/schemas/Status"});
    let element = json!({"anyOf": [element, error]});
    let forms = [
        (
            StreamForm::JsonArray,
            json!({"type": "array", "items": element}),
        ),
        (StreamForm::Events, json!({"type": "string"})),
        (StreamForm::Ndjson, element),
    ];
    let forms = forms.into_iter().map(|(form, schema)| {
        let content = json!({"schema": schema});
        (form.media_type().to_owned(), content)
    });
    Json::Object(forms.collect())
}

fn json_content(schema: Json, example: Option<Json>) -> Json {
    let mut media = Map::new();
    media.insert("schema".to_owned(), schema);
    if let Some(example) = example {
        media.insert("example".to_owned(), example);
    }
    json!({"application/json": media})
}

/// Raw bytes of any type.
fn raw() -> Json {
    json!({"*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}})
}

/// `None` for methods that OpenAPI has no name for. A rule for any method is shown as the usual one.
fn http_method(binding: &Binding) -> Option<String> {
    match &binding.verb {
        Verb::All if matches!(binding.body, Body::None) => Some("get".to_owned()),
        Verb::All => Some("post".to_owned()),
        Verb::Only(method) => {
            let known = [
                Method::GET,
                Method::PUT,
                Method::POST,
                Method::DELETE,
                Method::OPTIONS,
                Method::HEAD,
                Method::PATCH,
                Method::TRACE,
            ];
            known
                .contains(method)
                .then(|| method.as_str().to_ascii_lowercase())
        }
    }
}
