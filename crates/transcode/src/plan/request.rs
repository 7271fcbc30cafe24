//! Requests of a binding.

use http::Method;
use prost_reflect::{FieldDescriptor, Kind as Described};

use super::compile::{Compiler, has_rivals};
use super::read;
use super::shape::{Field, Kind, Many, Scalar, ShapeId, Shapes};
use super::wire::{self, WireType, put_key, put_payload};
use crate::binding::{self, Binding, is_http_body};
use crate::field_path::FieldPath;
use crate::router::Verb;

/// Room for a variable's keys and lengths.
const PER_VARIABLE: usize = 16;

pub(crate) struct RequestPlan {
    body: Body,
    variables: Vec<Variable>,
}

enum Body {
    /// Not read.
    None,
    /// The message.
    Whole(ShapeId),
    /// A field of it.
    Field(Box<Field>),
}

/// A field that a variable of the path fills.
struct Variable {
    /// The numbers of the messages that it is in, from the outermost on.
    parents: Vec<u32>,
    field: Field,
}

impl RequestPlan {
    /// `None` for bodies that are not JSON, for variables of types that need more than a look, for
    /// a PATCH whose mask is made of the body, and for what no table describes.
    pub(super) fn new(binding: &Binding, compiler: &mut Compiler) -> Option<Self> {
        let body = match &binding.body {
            binding::Body::None => Body::None,
            binding::Body::All => {
                let input = compiler.message(&binding.method.input());
                if is_http_body(&Described::Message(binding.method.input())) {
                    return None;
                }
                compiler.fields(input)?;
                Body::Whole(input)
            }
            binding::Body::Field(path) => {
                let leaf = path.leaf();
                if is_http_body(&leaf.kind()) || may_fill_mask(binding) {
                    return None;
                }
                Body::Field(Box::new(compiler.field(leaf)?))
            }
        };
        let variables = binding.variables.iter();
        let variables = variables.map(|path| Variable::new(path, compiler));
        Some(Self {
            body,
            variables: variables.collect::<Option<_>>()?,
        })
    }

    /// The encoded message. The path is stronger than the body: of a field that comes twice,
    /// protobuf takes the last, and of a message it puts both together.
    pub(crate) fn read(
        &self,
        shapes: &Shapes,
        body: &[u8],
        max_depth: usize,
        values: &[String],
    ) -> Option<Vec<u8>> {
        let mut out = match &self.body {
            _ if body.is_empty() => Vec::new(),
            Body::None => Vec::new(),
            Body::Whole(id) => read::message(shapes, *id, body, max_depth)?,
            Body::Field(field) => read::field(shapes, field, body, max_depth)?,
        };
        let lengths = values.iter().map(|value| value.len() + PER_VARIABLE);
        out.reserve(lengths.sum());
        for (variable, value) in self.variables.iter().zip(values) {
            variable.put(shapes, &mut out, value)?;
        }
        Some(out)
    }
}

impl Variable {
    fn new(path: &FieldPath, compiler: &mut Compiler) -> Option<Self> {
        if path.fields.iter().any(has_rivals) {
            return None;
        }
        let field = compiler.field(path.leaf())?;
        let good = match field.kind {
            Kind::Message(_) => false,
            Kind::Scalar(kind) => !matches!(kind, Scalar::Bytes | Scalar::Float | Scalar::Double),
        };
        let (_, parents) = path.fields.split_last()?;
        let groups = parents.iter().any(FieldDescriptor::is_group);
        (good && !groups && field.many == Many::One).then(|| Self {
            parents: parents.iter().map(FieldDescriptor::number).collect(),
            field,
        })
    }

    /// The value is written even where it is the default: the body may have said another.
    fn put(&self, shapes: &Shapes, out: &mut Vec<u8>, value: &str) -> Option<()> {
        let Kind::Scalar(kind) = self.field.kind else {
            return None;
        };
        let payload = read::from_text(shapes, kind, value)?;
        let mut opened = Vec::new();
        for parent in &self.parents {
            put_key(out, *parent, WireType::Bytes);
            opened.push(wire::open(out));
        }
        put_key(out, self.field.number, self.field.wire_type);
        put_payload(out, payload);
        for start in opened.into_iter().rev() {
            wire::close(out, start);
        }
        Some(())
    }
}

/// Whether the fields of the body can become the mask of a PATCH.
fn may_fill_mask(binding: &Binding) -> bool {
    binding.verb == Verb::Only(Method::PATCH)
        && binding.method.input().fields().any(|field| {
            matches!(field.kind(), Described::Message(desc)
                if desc.full_name() == "google.protobuf.FieldMask")
        })
}
