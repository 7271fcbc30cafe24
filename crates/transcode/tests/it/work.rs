//! Work grows no faster than the input: four times as much of it takes four times as many allocations
//! and bytes, at most a little more. Clocks are not asked, because machines are busy.

use std::fmt::Write as _;

use allocation_counter::measure;
use http::Method;
use transcode::{Miss, StreamForm};

use crate::support::library;

/// The smaller input. Large enough that what is done once does not count.
const SIZE: usize = 2_000;

/// Four times the input, and what tables lose when they grow.
const BOUND: u64 = 5;

#[track_caller]
pub(crate) fn linear(what: &str, input: impl Fn(usize) -> String, work: impl Fn(&str)) {
    let cost = |size| {
        let input = input(size);
        let cost = measure(|| work(&input));
        (cost.count_total, cost.bytes_total)
    };
    // What is made once per process is made by the first.
    cost(1);
    let (small, large) = (cost(SIZE), cost(4 * SIZE));
    assert!(
        large.0 <= BOUND * small.0,
        "{what}: {small:?}, {large:?} allocations"
    );
    assert!(
        large.1 <= BOUND * small.1,
        "{what}: {small:?}, {large:?} bytes"
    );
}

fn query(text: &str) {
    let route = library().find(&Method::GET, "/v1/search").unwrap();
    let _ = route.request(Some(text), None, b"");
}

fn body(text: &str) {
    let route = library().find(&Method::POST, "/v1/everything").unwrap();
    let _ = route.request(None, Some("application/json"), text.as_bytes());
}

/// `before`, a piece for each index, `after`.
pub(crate) fn pieces(
    before: &str,
    piece: impl Fn(usize) -> String,
    after: &str,
) -> impl Fn(usize) -> String {
    let (before, after) = (before.to_owned(), after.to_owned());
    move |size| {
        let mut text = before.clone();
        for index in 0..size {
            if index > 0 && after.ends_with(['}', ']']) {
                text.push(',');
            }
            text.push_str(&piece(index));
        }
        text + &after
    }
}

#[test]
fn of_queries() {
    for (what, piece) in [
        ("entries", "labels[k#]=v&"),
        ("elements", "numbers=#&"),
        ("elements of an enum", "kinds=KIND_NOVEL&"),
        ("one field many times", "id=#&"),
        (
            "both names of one field",
            "snakeCaseName=1&snake_case_name=2&",
        ),
        ("one entry many times", "labels[k]=#&"),
        ("members of one oneof", "left=#&right=1&author.born=2&"),
        ("unknown keys", "x#=1&"),
        (
            "fields within a message",
            "nested.nested.nested.labels[k#]=v&",
        ),
        ("escapes", "labels[%6B%20#]=%76+&"),
        ("broken escapes", "id=%z#&"),
        ("empty pairs", "&&&=&"),
    ] {
        let piece = move |index: usize| piece.replace('#', &index.to_string());
        linear(what, pieces("", piece, ""), query);
    }
    linear(
        "one deep key",
        |size| "nested.".repeat(size) + "id=1",
        query,
    );
    linear("one long key", |size| "n".repeat(size * 10) + "=1", query);
    linear(
        "one long value",
        |size| format!("id={}", "%41".repeat(size)),
        query,
    );
}

#[test]
fn of_json() {
    for (what, before, piece, after) in [
        ("elements", "{\"numbers\":[", "#", "]}"),
        ("wrong elements", "{\"numbers\":[", "\"x\"", "]}"),
        ("messages", "{\"authors\":[", "{\"born\":#}", "]}"),
        ("entries", "{\"labels\":{", "\"k#\":\"v\"", "}}"),
        (
            "entries of messages",
            "{\"byNumber\":{",
            "\"#\":{\"born\":1}",
            "}}",
        ),
        ("wrong entries", "{\"byNumber\":{", "\"x#\":{}", "}}"),
        ("one key many times", "{", "\"id\":#", "}"),
        ("one entry many times", "{\"labels\":{", "\"k\":\"#\"", "}}"),
        ("keys of one map entry", "{\"byFlag\":{", "\"tru#\":1", "}}"),
        ("unknown keys", "{", "\"x#\":1", "}"),
        (
            "free objects",
            "{\"free\":{",
            "\"k#\":{\"a\":[1,null]}",
            "}}",
        ),
        ("free lists", "{\"list\":[", "[[#]]", "]}"),
        ("nothing", "{\"numbers\":[", "null", "]}"),
    ] {
        let piece = move |index: usize| piece.replace('#', &index.to_string());
        linear(what, pieces(before, piece, after), body);
    }
    for (what, open, close) in [
        ("deep objects", "{\"nested\":", "}"),
        ("deep lists", "{\"list\":[", "]}"),
        ("deep nothing", "[", ""),
    ] {
        linear(what, |size| open.repeat(size) + &close.repeat(size), body);
    }
    linear(
        "digits",
        |size| format!("{{\"i64\":{}}}", "9".repeat(size)),
        body,
    );
    linear(
        "digits of a float",
        |size| format!("{{\"f64\":0.{}1}}", "0".repeat(size)),
        body,
    );
    linear(
        "digits in a string",
        |size| format!("{{\"f64\":\"{}\"}}", "9".repeat(size)),
        body,
    );
    linear(
        "an exponent",
        |size| format!("{{\"f64\":1e-{}}}", "9".repeat(size)),
        body,
    );
    linear(
        "paths of a mask",
        |size| format!("{{\"mask\":\"{}a\"}}", "aB.c,".repeat(size)),
        body,
    );
    linear(
        "base64",
        |size| format!("{{\"data\":\"{}\"}}", "AAAA".repeat(size)),
        body,
    );
    linear(
        "an Any",
        pieces(
            "{\"any\":{\"@type\":\"x/library.v1.Everything\",\"numbers\":[",
            |_| "1".into(),
            "]}}",
        ),
        body,
    );
}

/// The fields of a form name the paths of a mask, each once.
#[test]
fn of_masks() {
    let patch = |content_type: &'static str| {
        move |text: &str| {
            let route = library()
                .find(&Method::PATCH, "/v1/shelves/a/books/b")
                .unwrap();
            let _ = route.request(None, Some(content_type), text.as_bytes());
        }
    };
    let form = patch("application/x-www-form-urlencoded");
    linear("keys of a form", |size| "tags=x&".repeat(size), form);
    let json = patch("application/json");
    linear(
        "elements",
        pieces("{\"tags\":[", |_| "\"x\"".into(), "]}"),
        json,
    );
}

#[test]
fn of_paths() {
    let find = |path: &str| match library().find(&Method::GET, path) {
        Ok(route) => drop(route.request(None, None, b"")),
        Err(Miss::BadPath(_) | Miss::NotFound | Miss::MethodNotAllowed { .. }) => {}
    };
    linear("unknown segments", |size| "/a".repeat(size), find);
    linear("empty segments", |size| "/".repeat(size), find);
    linear(
        "a variable's segments",
        |size| "/v1/files".to_owned() + &"/%41b".repeat(size),
        find,
    );
    linear(
        "colons",
        |size| "/v1/books/".to_owned() + &":archive".repeat(size),
        find,
    );
    linear(
        "one long segment",
        |size| "/v1/books/".to_owned() + &"%41".repeat(size),
        find,
    );
}

#[test]
fn of_answers() {
    let answer = |method: Method, path: &'static str| {
        move |message: &str| {
            let route = library().find(&method, path).unwrap();
            let _ = route.response(message.as_bytes());
            let mut stream = route.stream(StreamForm::Events);
            let _ = stream.message(message.as_bytes());
        }
    };
    // Protobuf that is text too: field 1 or 4 of one letter.
    linear(
        "elements",
        |size| "\x22\x01a".repeat(size),
        answer(Method::GET, "/v1/books/7"),
    );
    linear(
        "elements of a field",
        |size| "\x0a\x01a".repeat(size),
        answer(Method::PUT, "/v1/tags"),
    );
    linear(
        "one field many times",
        |size| "\x0a\x01a".repeat(size),
        answer(Method::GET, "/v1/books/7"),
    );
    linear(
        "unknown fields",
        |size| "\x7a\x01a".repeat(size),
        answer(Method::GET, "/v1/books/7"),
    );
    let maps = |size| {
        let mut text = String::new();
        for index in 0..size {
            write!(text, "\x72\x09\x0a\x04{index:04}\x12\x01v").unwrap();
        }
        text
    };
    linear("entries", maps, answer(Method::GET, "/v1/search"));
}

#[test]
fn of_headers() {
    let accept = |text: &str| {
        let _ = StreamForm::negotiate(text);
    };
    linear("ranges", |size| "text/*;q=.2,".repeat(size), accept);
    linear(
        "parameters",
        |size| "text/*".to_owned() + &";a=b".repeat(size),
        accept,
    );
}
