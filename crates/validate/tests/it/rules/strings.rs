use crate::support::{Row, faults, run};

#[test]
fn lengths_count_characters_or_bytes() {
    run(&[
        Row {
            field: "string",
            rules: "string.len = 2",
            good: &["\"éé\""],
            bad: &[("\"é\"", &["string.len"]), ("\"abc\"", &["string.len"])],
        },
        Row {
            field: "string",
            rules: "string.min_len = 2",
            good: &["\"éé\""],
            bad: &[("\"é\"", &["string.min_len"]), ("-", &["string.min_len"])],
        },
        Row {
            field: "string",
            rules: "string.max_len = 2",
            good: &["\"éé\"", "-"],
            bad: &[("\"abc\"", &["string.max_len"])],
        },
        Row {
            field: "string",
            rules: "string.len_bytes = 2",
            good: &["\"é\""],
            bad: &[("\"a\"", &["string.len_bytes"])],
        },
        Row {
            field: "string",
            rules: "string.min_bytes = 2",
            good: &["\"é\""],
            bad: &[("\"a\"", &["string.min_bytes"])],
        },
        Row {
            field: "string",
            rules: "string.max_bytes = 2",
            good: &["\"é\""],
            bad: &[("\"éa\"", &["string.max_bytes"])],
        },
    ]);
}

#[test]
fn parts_and_choices() {
    run(&[
        Row {
            field: "string",
            rules: "string.const = \"a\"",
            good: &["\"a\""],
            bad: &[("\"b\"", &["string.const"])],
        },
        Row {
            field: "string",
            rules: "string = {in: [\"a\", \"b\"]}",
            good: &["\"b\""],
            bad: &[("\"c\"", &["string.in"])],
        },
        Row {
            field: "string",
            rules: "string = {not_in: [\"a\"]}",
            good: &["\"b\""],
            bad: &[("\"a\"", &["string.not_in"])],
        },
        Row {
            field: "string",
            rules: "string.prefix = \"ab\"",
            good: &["\"abc\""],
            bad: &[("\"cab\"", &["string.prefix"])],
        },
        Row {
            field: "string",
            rules: "string.suffix = \"ab\"",
            good: &["\"cab\""],
            bad: &[("\"abc\"", &["string.suffix"])],
        },
        Row {
            field: "string",
            rules: "string.contains = \"ab\"",
            good: &["\"cabc\""],
            bad: &[("\"acb\"", &["string.contains"])],
        },
        Row {
            field: "string",
            rules: "string.not_contains = \"ab\"",
            good: &["\"acb\""],
            bad: &[("\"cabc\"", &["string.not_contains"])],
        },
        Row {
            field: "string",
            rules: r#"string.pattern = "^[^\\p{Cc}\\x{200e}]*$""#,
            good: &["\"né\"", "-"],
            bad: &[
                ("\"a\\u200e\"", &["string.pattern"]),
                ("\"a\\n\"", &["string.pattern"]),
            ],
        },
        Row {
            field: "string",
            rules: r#"string.pattern = "b""#,
            good: &["\"abc\""],
            bad: &[("\"ac\"", &["string.pattern"])],
        },
        Row {
            field: "string",
            rules: "string = {min_len: 3, prefix: \"a\"}",
            good: &["\"abc\""],
            bad: &[("\"b\"", &["string.min_len", "string.prefix"])],
        },
    ]);
}

#[test]
fn formats_tell_empty_values_apart() {
    run(&[
        Row {
            field: "string",
            rules: "string.email = true",
            good: &["\"a@b.c\""],
            bad: &[("\"a\"", &["string.email"]), ("-", &["string.email_empty"])],
        },
        Row {
            field: "string",
            rules: "string.hostname = true",
            good: &["\"a.b\""],
            bad: &[
                ("\"a_b\"", &["string.hostname"]),
                ("-", &["string.hostname_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ip = true",
            good: &["\"::1\"", "\"1.2.3.4\""],
            bad: &[("\"a\"", &["string.ip"]), ("-", &["string.ip_empty"])],
        },
        Row {
            field: "string",
            rules: "string.ipv4 = true",
            good: &["\"1.2.3.4\""],
            bad: &[("\"::1\"", &["string.ipv4"]), ("-", &["string.ipv4_empty"])],
        },
        Row {
            field: "string",
            rules: "string.ipv6 = true",
            good: &["\"::1\""],
            bad: &[
                ("\"1.2.3.4\"", &["string.ipv6"]),
                ("-", &["string.ipv6_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.uri = true",
            good: &["\"a:b\""],
            bad: &[("\"/a\"", &["string.uri"]), ("-", &["string.uri_empty"])],
        },
        Row {
            field: "string",
            rules: "string.uri_ref = true",
            good: &["\"/a\"", "-"],
            bad: &[("\"a b\"", &["string.uri_ref"])],
        },
        Row {
            field: "string",
            rules: "string.address = true",
            good: &["\"a.b\"", "\"::1\""],
            bad: &[
                ("\"a_b\"", &["string.address"]),
                ("-", &["string.address_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.uuid = true",
            good: &["\"0190b6a4-7c3e-7000-8000-0123456789ab\""],
            bad: &[("\"a\"", &["string.uuid"]), ("-", &["string.uuid_empty"])],
        },
        Row {
            field: "string",
            rules: "string.tuuid = true",
            good: &["\"0190b6a47c3e700080000123456789ab\""],
            bad: &[("\"a\"", &["string.tuuid"]), ("-", &["string.tuuid_empty"])],
        },
        Row {
            field: "string",
            rules: "string.ip_with_prefixlen = true",
            good: &["\"::1/8\"", "\"1.2.3.4/8\""],
            bad: &[
                ("\"::1\"", &["string.ip_with_prefixlen"]),
                ("-", &["string.ip_with_prefixlen_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ipv4_with_prefixlen = true",
            good: &["\"1.2.3.4/8\""],
            bad: &[
                ("\"::1/8\"", &["string.ipv4_with_prefixlen"]),
                ("-", &["string.ipv4_with_prefixlen_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ipv6_with_prefixlen = true",
            good: &["\"::1/8\""],
            bad: &[
                ("\"1.2.3.4/8\"", &["string.ipv6_with_prefixlen"]),
                ("-", &["string.ipv6_with_prefixlen_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ip_prefix = true",
            good: &["\"10.0.0.0/8\"", "\"::/8\""],
            bad: &[
                ("\"10.0.0.1/8\"", &["string.ip_prefix"]),
                ("-", &["string.ip_prefix_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ipv4_prefix = true",
            good: &["\"10.0.0.0/8\""],
            bad: &[
                ("\"::/8\"", &["string.ipv4_prefix"]),
                ("-", &["string.ipv4_prefix_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ipv6_prefix = true",
            good: &["\"::/8\""],
            bad: &[
                ("\"10.0.0.0/8\"", &["string.ipv6_prefix"]),
                ("-", &["string.ipv6_prefix_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.host_and_port = true",
            good: &["\"a:1\"", "\"[::1]:1\""],
            bad: &[
                ("\"a\"", &["string.host_and_port"]),
                ("-", &["string.host_and_port_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.ulid = true",
            good: &["\"01ARZ3NDEKTSV4RRFFQ69G5FAV\""],
            bad: &[("\"a\"", &["string.ulid"]), ("-", &["string.ulid_empty"])],
        },
        Row {
            field: "string",
            rules: "string.protobuf_fqn = true",
            good: &["\"a.B\""],
            bad: &[
                ("\".a\"", &["string.protobuf_fqn"]),
                ("-", &["string.protobuf_fqn_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.protobuf_dot_fqn = true",
            good: &["\".a.B\""],
            bad: &[
                ("\"a\"", &["string.protobuf_dot_fqn"]),
                ("-", &["string.protobuf_dot_fqn_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.email = false",
            good: &["\"a\"", "-"],
            bad: &[],
        },
    ]);
}

#[test]
fn known_expressions_strict_and_not() {
    run(&[
        Row {
            field: "string",
            rules: "string.well_known_regex = KNOWN_REGEX_HTTP_HEADER_NAME",
            good: &["\"x-a\""],
            bad: &[
                ("\"a b\"", &["string.well_known_regex.header_name"]),
                ("-", &["string.well_known_regex.header_name_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string = {well_known_regex: KNOWN_REGEX_HTTP_HEADER_NAME, strict: false}",
            good: &["\"a b\""],
            bad: &[
                ("\"a\\n\"", &["string.well_known_regex.header_name"]),
                ("-", &["string.well_known_regex.header_name_empty"]),
            ],
        },
        Row {
            field: "string",
            rules: "string.well_known_regex = KNOWN_REGEX_HTTP_HEADER_VALUE",
            good: &["\"a b\"", "-"],
            bad: &[("\"a\\u0001\"", &["string.well_known_regex.header_value"])],
        },
        Row {
            field: "string",
            rules: "string = {well_known_regex: KNOWN_REGEX_HTTP_HEADER_VALUE, strict: false}",
            good: &["\"a\\u0001\""],
            bad: &[("\"a\\r\"", &["string.well_known_regex.header_value"])],
        },
        Row {
            field: "string",
            rules: "string.well_known_regex = KNOWN_REGEX_UNSPECIFIED",
            good: &["\"a\\n\""],
            bad: &[],
        },
    ]);
}

#[test]
fn rules_that_nothing_can_pass_are_faults() {
    for rules in [
        "string = {min_len: 3, max_len: 2}",
        "string = {len: 3, max_len: 2}",
        "string = {len: 1, min_len: 2}",
        "string = {min_bytes: 3, max_bytes: 2}",
        "string.pattern = \"(\"",
        "string.pattern = \"[a[b]\"",
    ] {
        let source = format!("message A {{ string a = 1 [(buf.validate.field).{rules}]; }}");
        let faults = faults(&source);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].0, "t.A.a");
    }
}
