//! Bodies.

use super::{LOGIN, REFRESH, REGISTER, check, head, post, registration, request};
use crate::harness::Platform;

pub(crate) async fn bodies_that_are_no_request_are_refused(mut platform: Platform) {
    let good = r#""email":"ada@example.com","password":"correct horse","name":"Ada""#;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let mut invalid_utf8 = registration("\"a@example.com\"", "\"correct horse\"", "\"Ada_\"");
    *invalid_utf8
        .iter_mut()
        .rfind(|byte| **byte == b'_')
        .unwrap() = 0xff;
    let fields = [
        ("no object", post(REGISTER, "[]")),
        ("a bare number", post(REGISTER, "1")),
        ("nothing at all", request("POST", REGISTER, &[], b"")),
        ("missing fields", post(REGISTER, "{}")),
        ("cut short", post(REGISTER, r#"{"email":"#)),
        ("no JSON", post(REGISTER, "email=ada")),
        (
            "more after the end",
            post(REGISTER, format!("{{{good}}} {{}}")),
        ),
        ("a trailing comma", post(REGISTER, format!("{{{good},}}"))),
        (
            "a duplicate key",
            post(REGISTER, format!(r#"{{{good},"name":"Eve"}}"#)),
        ),
        (
            "an unknown field",
            post(REGISTER, format!(r#"{{{good},"admin":true}}"#)),
        ),
        (
            "roles of one's own",
            post(REGISTER, format!(r#"{{{good},"roles":["admin"]}}"#)),
        ),
        (
            "a number for text",
            registration("1", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "an object for text",
            registration("{}", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a list for text",
            registration("[\"a@example.com\"]", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a raw NUL",
            registration("\"a@example.com\"", "\"correct horse\"", "\"A\0da\""),
        ),
        (
            "an escaped NUL in a name",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\u0000da""#),
        ),
        (
            "an escaped NUL in an address",
            registration(r#""a\u0000@example.com""#, "\"correct horse\"", "\"Ada\""),
        ),
        (
            "an escaped NUL in a password",
            registration("\"a@example.com\"", r#""correct\u0000 horse""#, "\"Ada\""),
        ),
        (
            "half a surrogate pair",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\ud800da""#),
        ),
        ("invalid UTF-8", invalid_utf8),
        (
            "a control character",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\nda""#),
        ),
        (
            "text that turns around",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\u202eda""#),
        ),
        (
            "another header in an address",
            registration(
                r#""a@example.com\r\nBcc: b@example.com""#,
                "\"correct horse\"",
                "\"Ada\"",
            ),
        ),
        (
            "no address",
            registration("\"ada\"", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a short password",
            registration("\"a@example.com\"", "\"1234567\"", "\"Ada\""),
        ),
        (
            "a long password",
            registration("\"a@example.com\"", &long(257), "\"Ada\""),
        ),
        (
            "a long name",
            registration("\"a@example.com\"", "\"correct horse\"", &long(101)),
        ),
        (
            "an empty name",
            registration("\"a@example.com\"", "\"correct horse\"", "\"\""),
        ),
        ("deep lists", post(REGISTER, deep)),
        ("deep objects", post(REGISTER, deep_objects)),
        (
            "a query beside a body",
            post(&format!("{REGISTER}?name=Eve"), format!("{{{good}}}")),
        ),
        ("an empty login", post(LOGIN, "{}")),
        (
            "a NUL at login",
            post(
                LOGIN,
                r#"{"email":"a\u0000@example.com","password":"correct horse"}"#,
            ),
        ),
        (
            "a number at refresh",
            post(REFRESH, r#"{"refreshToken":7}"#),
        ),
    ];
    let cases = fields.map(|(name, bytes)| (name, bytes, 400, "INVALID_REQUEST"));
    check(&mut platform, cases.into()).await;
}

pub(crate) async fn bodies_of_the_wrong_size_or_form_are_refused(mut platform: Platform) {
    let large = vec![b' '; 2 * 1024 * 1024];
    let mut chunked = head("POST", REGISTER);
    chunked.extend(b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for chunk in large.chunks(64 * 1024) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let mut announced = head("POST", REGISTER);
    announced.extend(b"content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{}");
    let form = |form| request("POST", REGISTER, &[form], b"{}");
    let cases = vec![
        (
            "a large body",
            post(REGISTER, &large),
            413,
            "BODY_TOO_LARGE",
        ),
        ("a large body in chunks", chunked, 413, "BODY_TOO_LARGE"),
        (
            "a body that is said to be large",
            announced,
            413,
            "BODY_TOO_LARGE",
        ),
        (
            "plain text",
            form("content-type: text/plain"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "XML",
            form("content-type: application/xml"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "no form at all",
            form("content-type: nonsense"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ];
    check(&mut platform, cases).await;
}
