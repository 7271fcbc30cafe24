//! Which template a path matches: a tree of segments, searched from the most specific side.
//!
//! At every position a literal is preferred to `*`, and `*` to `**`, whatever the order of
//! declaration; when the preferred branch leads nowhere, or not for this HTTP method, the next is
//! tried. A custom verb that some template declares is preferred to a colon that is data. The tree
//! has one way to each of its nodes, so a search visits a node at most twice, and the work is
//! bounded by the path's length plus the size of the tree that the path touches.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use indexmap::IndexSet;

use crate::path::{self, BadEscape};
use crate::template::{Segment, Template};

/// All templates. `usize` payloads are indices that the owner gives meaning to.
#[derive(Debug, Default)]
pub(crate) struct Router {
    nodes: Vec<Node>,
    verbs: BTreeSet<String>,
}

/// Of few names each, mostly: they are compared sooner than hashed.
#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<String, usize>,
    any: Option<usize>,
    rest: Endpoints,
    here: Endpoints,
    /// How often searches came by.
    #[cfg(test)]
    visits: AtomicUsize,
}

/// What may be called at one node, by custom verb.
type Endpoints = BTreeMap<Option<String>, Vec<(Verb, usize)>>;

/// The HTTP method of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// This method.
    Only(Method),
    /// The custom kind `*`: any method that has no rule of its own.
    All,
}

/// A path, split and decoded.
#[derive(Debug)]
pub(crate) struct Path<'p> {
    segments: Vec<PathSegment<'p>>,
    /// The last segment without its verb, and the verb, when it holds a colon.
    verbed: Option<(PathSegment<'p>, Cow<'p, str>)>,
}

/// One segment of a path, raw and decoded.
type PathSegment<'p> = (&'p str, Cow<'p, str>);

/// A match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) endpoint: usize,
    /// Whether the end of the path was read as a custom verb.
    pub(crate) verbed: bool,
}

impl<'p> Path<'p> {
    /// Splits and decodes a raw path. `None` when it does not start with `/`.
    pub(crate) fn parse(raw: &'p str) -> Option<Result<Self, BadEscape>> {
        let tail = raw.strip_prefix('/')?;
        Some(Self::parse_tail(tail))
    }

    fn parse_tail(tail: &'p str) -> Result<Self, BadEscape> {
        if tail.is_empty() {
            return Ok(Self {
                segments: Vec::new(),
                verbed: None,
            });
        }
        let segments = tail
            .split('/')
            .map(|raw| Ok((raw, path::decode_segment(raw, false)?)))
            .collect::<Result<Vec<_>, BadEscape>>()?;
        let verbed = match segments.last().and_then(|(raw, _)| raw.rsplit_once(':')) {
            Some((base, verb)) => Some((
                (base, path::decode_segment(base, false)?),
                path::decode_segment(verb, false)?,
            )),
            None => None,
        };
        Ok(Self { segments, verbed })
    }

    /// Decoded segment `index`, as a match with or without a verb sees it.
    pub(crate) fn segment(&self, index: usize, verbed: bool) -> Option<&str> {
        self.pair(index, verbed).map(|(_, text)| text.as_ref())
    }

    /// Raw segment `index`.
    pub(crate) fn raw(&self, index: usize, verbed: bool) -> Option<&'p str> {
        self.pair(index, verbed).map(|(raw, _)| *raw)
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    fn pair(&self, index: usize, verbed: bool) -> Option<&PathSegment<'p>> {
        match &self.verbed {
            Some((base, _)) if verbed && index + 1 == self.segments.len() => Some(base),
            _ => self.segments.get(index),
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Verb {
    pub(crate) fn name(&self) -> &str {
        match self {
            Verb::Only(method) => method.as_str(),
            Verb::All => "*",
        }
    }
}

impl Router {
    /// Adds a template.
    ///
    /// # Errors
    /// The endpoint that already has this very route.
    pub(crate) fn insert(
        &mut self,
        verb: &Verb,
        template: &Template,
        endpoint: usize,
    ) -> Result<(), usize> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        let mut to_rest = false;
        for segment in &template.segments {
            let fresh = self.nodes.len();
            let next = match segment {
                Segment::Literal(text) => {
                    *self.nodes[at].literals.entry(text.clone()).or_insert(fresh)
                }
                Segment::Any => *self.nodes[at].any.get_or_insert(fresh),
                Segment::Rest => {
                    to_rest = true;
                    break;
                }
            };
            if next == fresh {
                self.nodes.push(Node::default());
            }
            at = next;
        }
        let node = &mut self.nodes[at];
        let endpoints = if to_rest {
            &mut node.rest
        } else {
            &mut node.here
        };
        let endpoints = endpoints.entry(template.verb.clone()).or_default();
        if let Some((_, taken)) = endpoints.iter().find(|(other, _)| other == verb) {
            return Err(*taken);
        }
        endpoints.push((verb.clone(), endpoint));
        self.verbs.extend(template.verb.clone());
        Ok(())
    }

    /// The most specific endpoint for a method and a path. HEAD follows GET.
    pub(crate) fn find(&self, method: &Method, path: &Path<'_>) -> Option<Found> {
        let mut found = None;
        self.search(path, &mut |endpoints, verbed| {
            let endpoint = choose(endpoints, method);
            found = endpoint.map(|endpoint| Found { endpoint, verbed });
            found.is_some()
        });
        found
    }

    /// The names of the methods that some template has at this path; `*` for all.
    pub(crate) fn methods<'s>(&'s self, path: &Path<'_>) -> IndexSet<&'s str> {
        let mut methods = IndexSet::new();
        self.search(path, &mut |endpoints, _| {
            methods.extend(endpoints.iter().map(|(verb, _)| verb.name()));
            false
        });
        methods
    }

    fn search<'s>(
        &'s self,
        path: &Path<'_>,
        stop: &mut dyn FnMut(&'s [(Verb, usize)], bool) -> bool,
    ) {
        if self.nodes.is_empty() {
            return;
        }
        if let Some((_, verb)) = &path.verbed
            && self.verbs.contains(verb.as_ref())
        {
            let verb = Some(verb.clone().into_owned());
            if self.descend(0, 0, path, &verb, stop) {
                return;
            }
        }
        self.descend(0, 0, path, &None, stop);
    }

    /// Recursion is as deep as the deepest template, never as the path.
    fn descend<'s>(
        &'s self,
        at: usize,
        depth: usize,
        path: &Path<'_>,
        verb: &Option<String>,
        stop: &mut dyn FnMut(&'s [(Verb, usize)], bool) -> bool,
    ) -> bool {
        let node = &self.nodes[at];
        #[cfg(test)]
        node.visits.fetch_add(1, Ordering::Relaxed);
        let verbed = verb.is_some();
        match path.segment(depth, verbed) {
            None => {
                if let Some(endpoints) = node.here.get(verb)
                    && stop(endpoints, verbed)
                {
                    return true;
                }
            }
            Some(text) => {
                if let Some(next) = node.literals.get(text)
                    && self.descend(*next, depth + 1, path, verb, stop)
                {
                    return true;
                }
                if let Some(next) = node.any
                    && !text.is_empty()
                    && self.descend(next, depth + 1, path, verb, stop)
                {
                    return true;
                }
            }
        }
        node.rest
            .get(verb)
            .is_some_and(|endpoints| stop(endpoints, verbed))
    }
}

/// The rule for this very method, then GET for HEAD, then `*`.
fn choose(endpoints: &[(Verb, usize)], method: &Method) -> Option<usize> {
    let only = |wanted: &Method| {
        endpoints
            .iter()
            .find(|(verb, _)| matches!(verb, Verb::Only(own) if own == wanted))
    };
    only(method)
        .or_else(|| {
            (method == Method::HEAD)
                .then(|| only(&Method::GET))
                .flatten()
        })
        .or_else(|| endpoints.iter().find(|(verb, _)| *verb == Verb::All))
        .map(|(_, endpoint)| *endpoint)
}

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod naive;
#[cfg(test)]
mod tests;
