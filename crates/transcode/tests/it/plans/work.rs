//! What plans do grows no faster than their input either.

use transcode::fuzz;

use super::{post, put};
use crate::work::{linear, pieces};

#[test]
fn of_planned_requests() {
    let send = |body: &str| {
        let planned = fuzz::planned_request(&post("/v1/kinds"), None, None, body.as_bytes());
        assert!(planned.is_some());
    };
    for (what, before, piece, after) in [
        ("elements", "{\"numbers\":[", "#", "]}"),
        ("texts", "{\"texts\":[", "\"a\\n#\"", "]}"),
        (
            "messages",
            "{\"inners\":[",
            "{\"inner\":{\"number\":#}}",
            "]}",
        ),
        ("times", "{\"times\":[", "\"2026-01-31T12:00:00Z\"", "]}"),
        ("entries", "{\"byText\":{", "\"k#\":\"v\"", "}}"),
        (
            "keys to unescape",
            "{\"byText\":{",
            "\"\\u0061#\":\"v\"",
            "}}",
        ),
        (
            "entries of messages",
            "{\"byNumber\":{",
            "\"#\":{\"number\":#}",
            "}}",
        ),
        (
            "maps in a map",
            "{\"byName\":{",
            "\"#\":{\"byName\":{\"b\":{},\"a\":{}}}",
            "}}",
        ),
    ] {
        let piece = move |index: usize| piece.replace('#', &index.to_string());
        linear(what, pieces(before, piece, after), send);
    }
    linear(
        "lengths of lengths",
        |size| {
            let text = format!("{{\"text\":\"{}\"}}", "x".repeat(size));
            "{\"self\":".repeat(15) + &text + &"}".repeat(15)
        },
        send,
    );
    let path = |path: &str| {
        let planned = fuzz::planned_request(&put(path), None, None, b"{}");
        assert!(planned.is_some());
    };
    linear(
        "a path",
        |size| "/v1/inner/".to_owned() + &"x".repeat(size),
        path,
    );
}

#[test]
fn of_planned_answers() {
    let answer = |record: fn(u32) -> Vec<u8>| {
        move |text: &str| {
            let records: Vec<_> = (0..text.len() as u32).rev().map(record).collect();
            let planned = fuzz::planned_answer(&post("/v1/kinds"), &records.concat());
            assert!(planned.is_some());
        }
    };
    let length = |size| "x".repeat(size);
    linear("elements", length, answer(|_| b"\xc2\x02\x01x".to_vec()));
    linear(
        "messages",
        length,
        answer(|_| b"\x82\x03\x02\x10\x07".to_vec()),
    );
    linear(
        "unknown fields",
        length,
        answer(|_| b"\xea\x06\x01x".to_vec()),
    );
    linear(
        "packed elements",
        length,
        answer(|_| b"\xca\x02\x02\x07\x08".to_vec()),
    );
    // The keys come from the last one on.
    let entry = |index| {
        let key = format!("{index:05}");
        [b"\xe2\x03\x0a\x0a\x05", key.as_bytes(), b"\x12\x01v"].concat()
    };
    linear("entries", length, answer(entry));
}

/// Lists in pieces, each among those of others: what would take hours if each of a list's records
/// were looked for from the start.
#[test]
fn of_lists_in_pieces() {
    let round: [&[u8]; 4] = [
        b"\xc2\x02\x01x",
        b"\xc8\x02\x07",
        b"\xd0\x02\x07",
        b"\x82\x03\x02\x10\x07",
    ];
    let message = round.concat().repeat(50_000);
    assert!(fuzz::planned_answer(&post("/v1/kinds"), &message).is_some());
}
