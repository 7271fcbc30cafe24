use crate::support::{Row, run};

// In JSON, bytes are base64: "YWI=" is `ab`, "YWJj" is `abc`, "/w==" is 0xff.

#[test]
fn lengths_parts_and_choices() {
    run(&[
        Row {
            field: "bytes",
            rules: "bytes.len = 2",
            good: &["\"YWI=\""],
            bad: &[("\"YWJj\"", &["bytes.len"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.min_len = 3",
            good: &["\"YWJj\""],
            bad: &[("\"YWI=\"", &["bytes.min_len"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.max_len = 2",
            good: &["\"YWI=\""],
            bad: &[("\"YWJj\"", &["bytes.max_len"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.const = \"ab\"",
            good: &["\"YWI=\""],
            bad: &[("\"YWJj\"", &["bytes.const"])],
        },
        Row {
            field: "bytes",
            rules: "bytes = {in: [\"ab\"]}",
            good: &["\"YWI=\""],
            bad: &[("-", &["bytes.in"])],
        },
        Row {
            field: "bytes",
            rules: "bytes = {not_in: [\"ab\"]}",
            good: &["-"],
            bad: &[("\"YWI=\"", &["bytes.not_in"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.prefix = \"ab\"",
            good: &["\"YWJj\""],
            bad: &[("\"/w==\"", &["bytes.prefix"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.suffix = \"bc\"",
            good: &["\"YWJj\""],
            bad: &[("\"YWI=\"", &["bytes.suffix"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.contains = \"b\"",
            good: &["\"YWJj\""],
            bad: &[("\"/w==\"", &["bytes.contains"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.contains = \"\"",
            good: &["-"],
            bad: &[],
        },
        Row {
            field: "bytes",
            rules: "bytes.pattern = \"^[a-c]*$\"",
            good: &["\"YWJj\"", "-"],
            bad: &[("\"/w==\"", &["bytes.pattern"])],
        },
    ]);
}

#[test]
fn formats() {
    const FOUR: &str = "\"AAAAAA==\"";
    const SIXTEEN: &str = "\"AAAAAAAAAAAAAAAAAAAAAA==\"";
    run(&[
        Row {
            field: "bytes",
            rules: "bytes.ip = true",
            good: &[FOUR, SIXTEEN],
            bad: &[("\"AA==\"", &["bytes.ip"]), ("-", &["bytes.ip_empty"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.ipv4 = true",
            good: &[FOUR],
            bad: &[(SIXTEEN, &["bytes.ipv4"]), ("-", &["bytes.ipv4_empty"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.ipv6 = true",
            good: &[SIXTEEN],
            bad: &[(FOUR, &["bytes.ipv6"]), ("-", &["bytes.ipv6_empty"])],
        },
        Row {
            field: "bytes",
            rules: "bytes.uuid = true",
            good: &[SIXTEEN],
            bad: &[(FOUR, &["bytes.uuid"]), ("-", &["bytes.uuid_empty"])],
        },
    ]);
}
