//! Answers that plans must leave alone, and rare ones that they take.

use super::{answer, post, put};

/// Wire bytes of a field by hand: its number, and what it holds.
fn record(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(u64::from(number) << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend(bytes);
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn fixed(field: u64, bytes: &[u8]) -> Vec<u8> {
    let wire_type = if bytes.len() == 8 { 1 } else { 5 };
    [varint(field << 3 | wire_type), bytes.to_vec()].concat()
}

#[test]
fn what_is_rare_or_wrong_is_left_to_dynamic_messages() {
    let entry = |key: &str| record(60, &[record(1, key.as_bytes()), record(2, b"v")].concat());
    let time = |seconds: i64, nanos: i32| {
        [
            number(1, seconds as u64),
            number(2, i64::from(nanos) as u64),
        ]
        .concat()
    };
    for (what, bytes) in [
        ("bytes where a number is", record(2, b"x")),
        ("a number where text is", number(1, 7)),
        ("32 bits where 64 are", fixed(9, &[0; 4])),
        ("packed text", number(40, 7)),
        ("a number in a list of messages", number(48, 7)),
        ("text that is not UTF-8", record(1, b"\xff")),
        ("text in a list that is not UTF-8", record(40, b"\xc3")),
        ("a key that is not UTF-8", record(60, &record(1, b"\xff"))),
        ("text that is cut off", record(1, b"abc")[..3].to_vec()),
        ("a field that is cut off", vec![0x10]),
        ("a packed list that is cut off", record(43, &[1, 2, 3])),
        ("a message that is cut off", record(17, &[0x0a, 5, b'x'])),
        ("an empty key", vec![0, 0]),
        ("one scalar twice", [number(2, 1), number(2, 2)].concat()),
        (
            "one message twice",
            [record(17, b""), record(17, b"")].concat(),
        ),
        ("two of a oneof", [record(30, b"x"), number(31, 1)].concat()),
        (
            "one of a oneof twice",
            [number(31, 1), number(31, 1)].concat(),
        ),
        (
            "a message of a oneof twice",
            [record(32, b""), record(32, b"")].concat(),
        ),
        (
            "one key twice",
            [entry("a"), entry("b"), entry("a")].concat(),
        ),
        ("no key twice", [record(60, b""), record(60, b"")].concat()),
        (
            "one value twice",
            record(60, &[record(2, b"a"), record(2, b"b")].concat()),
        ),
        ("a group", vec![0xdb, 0x06, 0xdc, 0x06]),
        ("the end of a group", vec![0xdc, 0x06]),
        ("an early time", record(70, &time(-62_135_596_801, 0))),
        ("a late time", record(70, &time(253_402_300_800, 0))),
        ("nanoseconds below zero", record(70, &time(0, -1))),
        (
            "a second of nanoseconds",
            record(70, &time(0, 1_000_000_000)),
        ),
        (
            "seconds twice",
            record(70, &[number(1, 1), number(1, 1)].concat()),
        ),
        ("seconds as bytes", record(70, &record(1, b""))),
        ("a long duration", record(71, &time(315_576_000_001, 0))),
        ("signs that disagree", record(71, &time(1, -1))),
        (
            "a wrapped value twice",
            record(77, &[number(1, 1), number(1, 1)].concat()),
        ),
        (
            "a wrapped value of another type",
            record(77, &record(1, b"")),
        ),
    ] {
        assert_eq!(answer(&post("/v1/kinds"), &bytes), None, "{what}");
    }
}

#[test]
fn what_prost_takes_and_encoders_may_write_is_planned() {
    for (what, bytes, json) in [
        (
            "unknown fields",
            [record(99, b"x"), number(98, 1), fixed(97, &[0; 4])].concat(),
            "",
        ),
        (
            "long varints",
            vec![0x10, 0x81, 0x80, 0x80, 0],
            r#""i32":1"#,
        ),
        (
            "33 bits where 32 count",
            number(2, 1 << 32 | 5),
            r#""i32":5"#,
        ),
        ("a boolean that is 2", number(14, 2), r#""flag":true"#),
        (
            "an enum's number without a name",
            number(16, 77),
            r#""kind":77"#,
        ),
        ("an enum's alias", number(16, 1), r#""kind":"KIND_A""#),
        (
            "an enum below zero",
            number(16, -5_i64 as u64),
            r#""kind":"KIND_BELOW""#,
        ),
        (
            "NaN",
            fixed(13, &f64::NAN.to_le_bytes()),
            r#""twice":"NaN""#,
        ),
        (
            "infinity",
            fixed(12, &f32::NEG_INFINITY.to_le_bytes()),
            r#""single":"-Infinity""#,
        ),
        (
            "zero below zero",
            fixed(13, &(-0.0_f64).to_le_bytes()),
            r#""twice":-0.0"#,
        ),
        (
            "zero below zero, wrapped",
            record(82, &fixed(1, &(-0.0_f64).to_le_bytes())),
            r#""wrappedDouble":-0.0"#,
        ),
        (
            "wrapped NaN",
            record(81, &fixed(1, &f32::NAN.to_le_bytes())),
            r#""wrappedFloat":"NaN""#,
        ),
        (
            "wrapped infinity",
            record(82, &fixed(1, &f64::NEG_INFINITY.to_le_bytes())),
            r#""wrappedDouble":"-Infinity""#,
        ),
        (
            "a fraction of a second before 1970",
            record(70, &[number(1, -1_i64 as u64), number(2, 1)].concat()),
            r#""at":"1969-12-31T23:59:59.000000001Z""#,
        ),
        (
            "a short duration",
            record(71, &number(2, -1_i64 as u64)),
            r#""lasts":"-0.000000001s""#,
        ),
        (
            "lists in pieces",
            [
                number(41, 1),
                number(2, 9),
                record(41, &[2, 3]),
                record(40, b"x"),
                number(41, 4),
            ]
            .concat(),
            r#""numbers":[1,2,3,4]"#,
        ),
        (
            "a list that should not be packed",
            record(49, &[1, 2]),
            r#""loose":[1,2]"#,
        ),
        ("an empty list", record(41, b""), r#""numbers":[]"#),
        (
            "a default that is optional",
            number(21, 0),
            r#""maybeNumber":0"#,
        ),
        (
            "an entry without anything",
            record(60, b""),
            r#""byText":{"":""}"#,
        ),
        (
            "an entry without its message",
            record(61, b""),
            r#""byNumber":{"0":{"text":"","number":0,"children":[]}}"#,
        ),
        (
            "an entry without its enum",
            record(62, b""),
            r#""byFlag":{"false":"KIND_UNSPECIFIED"}"#,
        ),
        (
            "an entry with more",
            record(
                60,
                &[record(2, b"v"), record(3, b"x"), record(1, b"k")].concat(),
            ),
            r#""byText":{"k":"v"}"#,
        ),
        (
            "a member of a oneof that comes first",
            [number(31, 7), record(1, b"x")].concat(),
            r#""right":"7""#,
        ),
        (
            "fields from the last on",
            [number(2, 1), record(1, b"x")].concat(),
            r#""text":"x","i32":1"#,
        ),
        (
            "text to escape",
            record(1, "\"\\\n\0\u{1}é\u{7f}".as_bytes()),
            "\"text\":\"\\\"\\\\\\n\\u0000\\u0001é\u{7f}\"",
        ),
        (
            "a name to escape",
            record(90, b"x"),
            r#""a \"quoted\" näme":"x""#,
        ),
    ] {
        let printed = answer(&post("/v1/kinds"), &bytes).unwrap_or_else(|| panic!("{what}"));
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.contains(json), "{what}: {printed}");
    }
}

#[test]
fn depth_ends_before_that_of_prost() {
    let deep = |levels: usize| {
        let mut bytes = Vec::new();
        for _ in 0..levels {
            let mut outer = varint(18 << 3 | 2);
            outer.extend(varint(bytes.len() as u64));
            outer.extend(&bytes);
            bytes = outer;
        }
        bytes
    };
    assert!(answer(&post("/v1/kinds"), &deep(90)).is_some());
    for levels in [91, 99, 100, 101, 1_000, 20_000] {
        assert_eq!(answer(&post("/v1/kinds"), &deep(levels)), None, "{levels}");
    }
    // What is left to dynamic messages goes on counting: free JSON inside of messages.
    let free = |messages: usize, lists: usize| {
        let mut bytes = number(1, 0);
        for _ in 0..lists {
            bytes = long(6, &long(1, &bytes));
        }
        bytes = long(3, &bytes);
        for _ in 0..messages {
            bytes = long(11, &bytes);
        }
        bytes
    };
    assert!(answer(&post("/v1/free"), &free(10, 10)).is_some());
    assert!(answer(&post("/v1/free"), &free(60, 14)).is_some());
    assert_eq!(answer(&post("/v1/free"), &free(60, 21)), None);
    assert_eq!(answer(&post("/v1/free"), &free(5, 60)), None);
}

fn long(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(number << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend(bytes);
    out
}

#[test]
fn groups_and_unknown_fields_of_what_has_no_table_are_seen() {
    let group = [&[0x13][..], &record(1, b"x"), &[0x14]].concat();
    assert_eq!(answer(&post("/v1/grouped"), &group), None);
    let printed = answer(&post("/v1/around"), &long(2, &group)).unwrap();
    assert_eq!(printed, br#"{"grouped":[{"part":[{"text":"x"}]}]}"#);
    assert_eq!(
        answer(&post("/v1/around"), &long(2, &record(9, b"x"))),
        None
    );
    assert_eq!(
        answer(&post("/v1/old"), b"").unwrap(),
        br#"{"colours":[],"numbers":[],"byText":{},"byNumber":{}}"#
    );
}

#[test]
fn a_field_that_is_the_body_is_planned_and_the_others_must_be_right_too() {
    let inner = put("/v1/inner/x");
    assert_eq!(answer(&inner, b"").unwrap(), b"null");
    assert_eq!(
        answer(&inner, &record(17, b"")).unwrap(),
        br#"{"text":"","number":0,"children":[]}"#
    );
    let numbers = put("/v1/numbers");
    assert_eq!(answer(&numbers, b"").unwrap(), b"[]");
    assert_eq!(
        answer(&numbers, &[number(41, 1), number(41, 2)].concat()).unwrap(),
        b"[1,2]"
    );
    assert_eq!(
        answer(&numbers, &[number(41, 1), record(1, b"\xff")].concat()),
        None
    );
    let maybe = put("/v1/texts");
    assert_eq!(answer(&maybe, b"").unwrap(), b"null");
    assert_eq!(answer(&maybe, &record(20, b"")).unwrap(), b"\"\"");
}

#[test]
fn well_known_types_alone_are_planned() {
    assert_eq!(
        answer(&post("/v1/at"), b"").unwrap(),
        b"\"1970-01-01T00:00:00Z\""
    );
    assert_eq!(
        answer(&post("/v1/nothing"), &record(1, b"x")).unwrap(),
        b"{}"
    );
    assert_eq!(answer(&post("/v1/nothing"), b"\xff"), None);
}
