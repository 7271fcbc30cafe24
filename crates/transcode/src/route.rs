//! A matched route: requests to messages.

mod body;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Uri};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, ReflectMessage as _};

use crate::binding::{Binding, Body};
use crate::error::{RequestError, ResponseError};
use crate::field_path::{self, FieldPath};
use crate::json;
use crate::path;
use crate::policy::MethodPolicy;
use crate::query::{self, Pairs, pairs};
use crate::response::Response;
use crate::router::{Path, Verb};
use crate::scalar;
use crate::stream::{self, StreamEncoder, StreamForm};
use crate::transcoder::Transcoder;
use crate::violations::Violations;
use crate::wkt;
use body::Said;

/// JSON no deeper than this is within protobuf's limit of 100 nested messages, whatever it holds:
/// a level of `google.protobuf.Struct` takes at most four.
const ALWAYS_READABLE: usize = 20;

/// The route that a request took, with what its path says.
pub struct Route<'t> {
    pub(crate) transcoder: &'t Transcoder,
    pub(crate) binding: &'t Arc<Binding>,
    /// The value of each variable of the template, unescaped.
    values: Vec<String>,
}

impl fmt::Debug for Route<'_> {
    /// Without the values of the path, which can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("route", &self.binding.to_string())
            .field("grpc_path", &self.grpc_path())
            .finish_non_exhaustive()
    }
}

impl<'t> Route<'t> {
    pub(crate) fn new(
        transcoder: &'t Transcoder,
        binding: &'t Arc<Binding>,
        path: &Path<'_>,
        verbed: bool,
    ) -> Result<Self, RequestError> {
        let template = &binding.template;
        let values = template
            .variables
            .iter()
            .map(|variable| {
                let start = variable.segments.start;
                if !variable.multi {
                    return Ok(path.segment(start, verbed).unwrap_or_default().to_owned());
                }
                let end = if variable.segments.end == template.segments.len() {
                    path.len()
                } else {
                    variable.segments.end
                };
                let mut value = String::new();
                for index in start..end {
                    if index > start {
                        value.push('/');
                    }
                    let raw = path.raw(index, verbed).unwrap_or_default();
                    value
                        .push_str(&path::decode_segment(raw, true).map_err(|error| {
                            RequestError::invalid(format!("the path: {error}"))
                        })?);
                }
                Ok(value)
            })
            .collect::<Result<_, RequestError>>()?;
        Ok(Self {
            transcoder,
            binding,
            values,
        })
    }

    /// The method to call.
    #[must_use]
    pub fn method(&self) -> &'t MethodDescriptor {
        &self.binding.method
    }

    /// The path of the gRPC call: `/auth.v1.AuthService/Login`.
    #[must_use]
    pub fn grpc_path(&self) -> &'t str {
        self.binding.grpc_uri.path()
    }

    /// The same as what a request asks for. A clone copies nothing.
    #[must_use]
    pub fn grpc_uri(&self) -> &'t Uri {
        &self.binding.grpc_uri
    }

    /// The template that matched, as the contract has it: a label of few values for logs and metrics.
    #[must_use]
    pub fn template(&self) -> &'t str {
        &self.binding.pattern
    }

    /// What the policy said of the method.
    #[must_use]
    pub fn policy(&self) -> &'t MethodPolicy {
        &self.binding.policy
    }

    /// Whether the HTTP body is read at all.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        !matches!(self.binding.body, Body::None)
    }

    /// The request message, encoded, from what the path, the query and the body say; the path is
    /// stronger than the body, the body than the query. `query` is raw. An empty `body` is absent.
    ///
    /// # Errors
    /// When anything in the request has no place in the message; see [`RequestError`].
    pub fn request(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, RequestError> {
        match self.planned(query, content_type, body) {
            Some(bytes) => Ok(bytes),
            None => self.dynamic(query, content_type, body),
        }
    }

    /// The same request for a stream of events that begins after the event of this id, the value of
    /// `Last-Event-ID`: what the path, the query and the body say of the place counts no more. Without a
    /// [`Cursor`](crate::Cursor), and for an empty id, it is left as it is.
    ///
    /// # Errors
    /// The id is none of the method's; see [`RequestError`].
    pub fn resumed(&self, request: Bytes, last_event_id: &[u8]) -> Result<Bytes, RequestError> {
        match &self.binding.resume {
            Some(resume) if !last_event_id.is_empty() => {
                resume.after_event(&self.binding.method, &request, last_event_id)
            }
            _ => Ok(request),
        }
    }

    /// An ordinary request, by the binding's plan.
    pub(crate) fn planned(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Option<Bytes> {
        let plan = self.binding.plan.request.as_ref()?;
        let takes_body = self.takes_body() && !body.is_empty();
        if query.is_some_and(|query| !query.is_empty())
            || takes_body && !body::is_json(content_type)
        {
            return None;
        }
        let max_depth = self.transcoder.options.max_body_depth;
        let max_depth = max_depth.min(ALWAYS_READABLE);
        let shapes = &self.transcoder.shapes;
        plan.read(shapes, body, max_depth, &self.values)
            .map(Bytes::from)
    }

    /// Any request: the message is built, and what is wrong is found.
    pub(crate) fn dynamic(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, RequestError> {
        let mut message = DynamicMessage::new(self.binding.method.input());
        let mut violations = Violations::default();
        self.read_query(query, body.is_empty(), &mut message, &mut violations)?;
        let said = self.read_body(content_type, body, &mut message, &mut violations)?;
        self.read_path(&mut message, &mut violations);
        violations.into_result()?;
        self.fill_mask(&said, &mut message);
        let bytes = message.encode_to_vec();
        // Free-form JSON nests several messages a level; nobody could read what nests past
        // protobuf's own limit.
        if let Said::Json(json) = &said
            && json::depth(json) > ALWAYS_READABLE
            && DynamicMessage::decode(message.descriptor(), bytes.as_slice()).is_err()
        {
            return Err(RequestError::invalid("the body: nested too deeply"));
        }
        Ok(bytes.into())
    }

    /// The HTTP answer from the encoded response message.
    ///
    /// # Errors
    /// When the bytes are not the response message, or the message has no JSON form.
    pub fn response(&self, message: &[u8]) -> Result<Response, ResponseError> {
        Response::new(self.binding, &self.transcoder.shapes, message)
    }

    /// The form of a stream that a client likes best, by its `Accept` header; see
    /// [`StreamForm::negotiate`]. A stream of `google.api.HttpBody` has one form only, that of its
    /// bytes, whatever the client says: it alone knows what they are.
    #[must_use]
    pub fn stream_form(&self, accept: &str) -> Option<StreamForm> {
        if stream::is_raw(self.binding) {
            return Some(StreamForm::default());
        }
        StreamForm::negotiate(accept)
    }

    /// Encodes the messages that a server-streaming method answers with.
    #[must_use]
    pub fn stream(&self, form: StreamForm) -> StreamEncoder {
        let shapes = Arc::clone(&self.transcoder.shapes);
        StreamEncoder::new(Arc::clone(self.binding), shapes, form)
    }

    fn read_query(
        &self,
        query: Option<&str>,
        body_is_empty: bool,
        message: &mut DynamicMessage,
        violations: &mut Violations,
    ) -> Result<(), RequestError> {
        let Some(query) = query else {
            return Ok(());
        };
        if matches!(self.binding.body, Body::All) {
            let input = self.binding.method.input();
            for (key, _) in pairs(query) {
                let key = path::decode_query(key).unwrap_or_default();
                let first = key.split(['.', '[']).next().unwrap_or_default();
                let is_known = field_path::field(&input, first).is_some();
                if is_known || !self.binding.policy.ignore_unknown_fields {
                    violations.add_at(&key, "send it in the body; this route takes no query");
                }
            }
            return Ok(());
        }
        let mut decided: Vec<&FieldPath> = self.binding.variables.iter().collect();
        decided.extend(self.binding.body.field().filter(|_| !body_is_empty));
        let reader = Pairs {
            max_depth: self.transcoder.options.max_body_depth,
            ignore_unknown: self.binding.policy.ignore_unknown_fields,
            decided: &decided,
        };
        reader.read(query, message, violations)
    }

    fn read_path(&self, message: &mut DynamicMessage, violations: &mut Violations) {
        let names = self.binding.template.variables.iter();
        for ((path, value), name) in self.binding.variables.iter().zip(&self.values).zip(names) {
            violations.within(&name.field, |violations| {
                match scalar::from_text(&path.leaf().kind(), value) {
                    Err(expected) => violations.add(expected),
                    Ok(value) => match path.slot(message) {
                        Ok(slot) => *slot = value,
                        Err(oneof) => {
                            violations.add(format!("another field of the oneof `{oneof}` is set"));
                        }
                    },
                }
            });
        }
    }

    /// A PATCH that gives no mask means the fields that its body holds.
    fn fill_mask(&self, said: &Said<'_>, message: &mut DynamicMessage) {
        let Some(resource) = self.binding.body.field() else {
            return;
        };
        let Kind::Message(resource) = resource.leaf().kind() else {
            return;
        };
        if self.binding.verb != Verb::Only(Method::PATCH) {
            return;
        }
        let input = self.binding.method.input();
        let mut masks = input.fields().filter_map(|field| match field.kind() {
            Kind::Message(desc)
                if desc.full_name() == "google.protobuf.FieldMask" && !field.is_list() =>
            {
                Some((field, desc))
            }
            _ => None,
        });
        if let (Some((field, desc)), None) = (masks.next(), masks.next())
            && !message.has_field(&field)
        {
            let paths = match said {
                Said::Json(json) => json::paths_of(&resource, json),
                Said::Form(form) => {
                    let max_depth = self.transcoder.options.max_body_depth;
                    query::paths_of(&resource, form, max_depth)
                }
                Said::Nothing => return,
            };
            let mask = wkt::mask(&desc, paths);
            message.set_field(&field, prost_reflect::Value::Message(mask));
        }
    }
}
