//! What fuzzing needs of the inside, with the properties that must hold. Not for other use.

use bytes::Bytes;
use http::Method;

use crate::error::{RequestError, ResponseError};
use crate::response::Response;
use crate::route::Route;
use crate::router::{Found, Path, Router, Verb, naive};
use crate::template::Template;

/// A rule is compared with every other one, so not too many.
const MAX_RULES: usize = 64;

/// What is read as a template means the same when it is printed and read again.
pub fn template(text: &str) {
    if let Ok(template) = Template::parse(text) {
        let printed = template.to_string();
        assert_eq!(Template::parse(&printed), Ok(template), "{printed}");
    }
}

/// The router answers as the plain matcher does. A line is a method and a template; the last line is
/// a method and a path. `*` is any method.
pub fn path(text: &str) {
    let mut lines: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let Some((method, text)) = lines.pop() else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let mut router = Router::default();
    let mut rules = Vec::new();
    for (verb, text) in lines.into_iter().take(MAX_RULES) {
        let verb = match (verb, Method::from_bytes(verb.as_bytes())) {
            ("*", _) => Verb::All,
            (_, Ok(method)) => Verb::Only(method),
            _ => continue,
        };
        if let Ok(template) = Template::parse(text)
            && router.insert(&verb, &template, rules.len()).is_ok()
        {
            rules.push((verb, template));
        }
    }
    let Some(Ok(path)) = Path::parse(text) else {
        assert_eq!(naive::find(&rules, &method, text), None);
        return;
    };
    let found = router.find(&method, &path);
    let found = found.map(|Found { endpoint, .. }| endpoint);
    assert_eq!(found, naive::find(&rules, &method, text));
    let mut methods: Vec<_> = router.methods(&path).into_iter().collect();
    methods.sort_unstable();
    assert_eq!(methods, naive::methods(&rules, text));
}

/// A request by its plan, if it is one that plans take.
#[must_use]
pub fn planned_request(
    route: &Route<'_>,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Option<Bytes> {
    route.planned(query, content_type, body)
}

/// The same request by way of a dynamic message.
///
/// # Errors
/// As [`Route::request`].
pub fn dynamic_request(
    route: &Route<'_>,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Bytes, RequestError> {
    route.dynamic(query, content_type, body)
}

/// An answer by its plan, if it is one that plans take.
#[must_use]
pub fn planned_answer(route: &Route<'_>, message: &[u8]) -> Option<Response> {
    Response::planned(route.binding, &route.transcoder.shapes, message)
}

/// The same answer by way of a dynamic message.
///
/// # Errors
/// As [`Route::response`].
pub fn dynamic_answer(route: &Route<'_>, message: &[u8]) -> Result<Response, ResponseError> {
    Response::dynamic(route.binding, message)
}
