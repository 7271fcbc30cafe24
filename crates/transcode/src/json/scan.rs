//! JSON text to a tree, refusing what a tree cannot show: duplicate keys, NUL characters (escaped
//! as `\u0000` too) and nesting past a limit.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::error::{FieldViolation, RequestError};
use crate::violations::Place;

/// `serde_json` gives up at 128 levels by itself; staying below makes the fault ours to word.
const HARD_LIMIT: usize = 120;

/// Reads JSON text. `name` is the field that all of it is for; empty for the whole message.
///
/// # Errors
/// When the text is not JSON, or holds what is refused. No value of the input is repeated.
pub(crate) fn scan(body: &[u8], name: &str, max_depth: usize) -> Result<Json, RequestError> {
    let mut place = Place::default();
    if !name.is_empty() {
        place.field(name);
    }
    let context = Context {
        place: RefCell::new(place),
        fault: Cell::new(None),
        depth: Cell::new(0),
        max_depth: max_depth.min(HARD_LIMIT),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Tree(&context)
        .deserialize(&mut deserializer)
        .and_then(|tree| deserializer.end().map(|()| tree))
        .map_err(|error| context.explain(&error))
}

/// How many arrays and objects are inside one another. The recursion is bounded by what [`scan`]
/// lets pass.
pub(crate) fn depth(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

struct Context {
    /// Left where it was when a fault was found.
    place: RefCell<Place>,
    fault: Cell<Option<&'static str>>,
    depth: Cell<usize>,
    max_depth: usize,
}

impl Context {
    /// Keeps the fault; the returned error only ends the parsing.
    fn fail<E: serde::de::Error>(&self, description: &'static str) -> E {
        self.fault.set(Some(description));
        E::custom("refused")
    }

    fn explain(&self, error: &serde_json::Error) -> RequestError {
        let Some(description) = self.fault.get() else {
            // Syntax errors of serde_json say what was expected and where, never what was there.
            return RequestError::invalid(format!("the body is not valid JSON: {error}"));
        };
        let (line, column) = (error.line(), error.column());
        let description = format!("{description}, at line {line} column {column}");
        let place = self.place.borrow();
        if place.as_str().is_empty() {
            return RequestError::invalid(format!("the body: {description}"));
        }
        RequestError::fields(vec![FieldViolation {
            field: place.as_str().to_owned(),
            description,
        }])
    }

    /// Runs `read` one level down.
    fn nested<T, E: serde::de::Error>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let depth = self.depth.get() + 1;
        if depth > self.max_depth {
            return Err(self.fail("nested too deeply"));
        }
        self.depth.set(depth);
        let result = read()?;
        self.depth.set(depth - 1);
        Ok(result)
    }

    fn check_text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fail("NUL characters are not accepted"));
        }
        Ok(())
    }
}

struct Tree<'c>(&'c Context);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Json, E> {
        self.0.check_text(&value)?;
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let context = self.0;
        context.nested(|| {
            let mut items = Vec::new();
            loop {
                let mark = context.place.borrow_mut().index(items.len());
                let Some(item) = seq.next_element_seed(Tree(context))? else {
                    context.place.borrow_mut().leave(mark);
                    return Ok(Json::Array(items));
                };
                context.place.borrow_mut().leave(mark);
                items.push(item);
            }
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let context = self.0;
        context.nested(|| {
            let mut entries = Map::new();
            while let Some(key) = map.next_key::<String>()? {
                let mark = context.place.borrow_mut().field(&key);
                context.check_text(&key)?;
                if entries.contains_key(&key) {
                    return Err(context.fail("the key appears twice"));
                }
                let value = map.next_value_seed(Tree(context))?;
                context.place.borrow_mut().leave(mark);
                entries.insert(key, value);
            }
            Ok(Json::Object(entries))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tree_cannot_show_is_refused_with_its_place() {
        for (body, field, message) in [
            (
                r#"{"a":1,"a":2}"#,
                "a",
                "`a`: the key appears twice, at line 1",
            ),
            (
                r#"{"a":[{"b":1},{"b":1,"b":1}]}"#,
                "a[1].b",
                "appears twice",
            ),
            (r#"{"a":{"b":"x\u0000y"}}"#, "a.b", "NUL"),
            (r#"{"a":{"\u0000":1}}"#, "a.(unprintable name)", "NUL"),
            (r#"[[[[1]]]]"#, "[0][0][0]", "nested too deeply"),
        ] {
            let error = scan(body.as_bytes(), "", 3).unwrap_err();
            assert!(error.message.contains(message), "{body}: {error}");
            assert_eq!(error.violations[0].field, field, "{body}");
        }
    }

    #[test]
    fn bad_syntax_tells_line_and_column_but_no_value() {
        for (body, place) in [
            ("", "line 1 column 0"),
            ("{\n \"password\": \"hunter2\",\n}", "line 3 column 1"),
            ("{\"password\":\"hunter2", "line 1"),
            ("{\"a\":hunter2}", "line 1 column 6"),
            ("{} hunter2", "line 1 column 4"),
            ("{\"a\":1e999}", "line 1"),
            ("{\"a\":\"\\ud800\"}", "line 1"),
        ] {
            let error = scan(body.as_bytes(), "", 100).unwrap_err();
            assert!(error.message.contains("not valid JSON"), "{body}: {error}");
            assert!(error.message.contains(place), "{body}: {error}");
            assert!(!error.message.contains("hunter2"), "{body}: {error}");
        }
        assert!(scan(b"\"\xff\"", "", 100).is_err());
    }

    #[test]
    fn a_depth_bomb_is_refused_early() {
        let error = scan("[".repeat(1_000_000).as_bytes(), "", usize::MAX).unwrap_err();
        assert!(
            error.message.contains("nested too deeply"),
            "{}",
            error.message.len()
        );
    }
}
