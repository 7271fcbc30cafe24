use crate::support::{Row, faults, run};

#[test]
fn durations() {
    run(&[
        Row {
            field: "google.protobuf.Duration",
            rules: "duration.const = {seconds: 3}",
            good: &["\"3s\"", "-"],
            bad: &[("\"3.000000001s\"", &["duration.const"])],
        },
        Row {
            field: "google.protobuf.Duration",
            rules: "duration = {in: [{seconds: 1}, {nanos: 5}]}",
            good: &["\"1s\"", "\"0.000000005s\""],
            bad: &[("\"2s\"", &["duration.in"])],
        },
        Row {
            field: "google.protobuf.Duration",
            rules: "duration = {not_in: [{seconds: 1}]}",
            good: &["\"2s\""],
            bad: &[("\"1s\"", &["duration.not_in"])],
        },
        Row {
            field: "google.protobuf.Duration",
            rules: "duration = {gt: {}, lte: {seconds: 60}}",
            good: &["\"60s\""],
            bad: &[
                ("\"0s\"", &["duration.gt_lte"]),
                ("\"-1s\"", &["duration.gt_lte"]),
                ("\"60.1s\"", &["duration.gt_lte"]),
            ],
        },
        Row {
            field: "google.protobuf.Duration",
            rules: "duration = {gte: {seconds: 5}, lt: {seconds: 1}}",
            good: &["\"0s\"", "\"5s\""],
            bad: &[("\"1s\"", &["duration.gte_lt_exclusive"])],
        },
        Row {
            field: "google.protobuf.Duration",
            rules: "required = true | duration.lt = {seconds: 1}",
            good: &["\"0s\""],
            bad: &[("-", &["required"]), ("\"1s\"", &["duration.lt"])],
        },
    ]);
}

// The clock stands at 2025-11-24T16:00:00Z.

#[test]
fn timestamps() {
    const NOW: &str = "\"2025-11-24T16:00:00Z\"";
    const BEFORE: &str = "\"2025-11-24T15:59:59.999999999Z\"";
    const AFTER: &str = "\"2025-11-24T16:00:00.000000001Z\"";
    run(&[
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp.lt_now = true",
            good: &[NOW, BEFORE, "-"],
            bad: &[(AFTER, &["timestamp.lt_now"])],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp.gt_now = true",
            good: &[NOW, AFTER],
            bad: &[(BEFORE, &["timestamp.gt_now"])],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp.lt_now = false",
            good: &[AFTER],
            bad: &[],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp.within = {seconds: 60}",
            good: &["\"2025-11-24T15:59:00Z\"", "\"2025-11-24T16:01:00Z\""],
            bad: &[
                ("\"2025-11-24T15:58:59Z\"", &["timestamp.within"]),
                ("\"2025-11-24T16:01:01Z\"", &["timestamp.within"]),
            ],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp.const = {seconds: 1764000000}",
            good: &[NOW],
            bad: &[(AFTER, &["timestamp.const"])],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp = {gt: {seconds: 0}, lt: {seconds: 10}}",
            good: &["\"1970-01-01T00:00:05Z\""],
            bad: &[
                ("\"1970-01-01T00:00:00Z\"", &["timestamp.gt_lt"]),
                ("\"1969-12-31T23:59:59Z\"", &["timestamp.gt_lt"]),
            ],
        },
        Row {
            field: "google.protobuf.Timestamp",
            rules: "timestamp = {gte: {seconds: 5}, lt_now: true}",
            good: &[NOW],
            bad: &[
                (AFTER, &["timestamp.lt_now"]),
                ("\"1970-01-01T00:00:00Z\"", &["timestamp.gte"]),
            ],
        },
    ]);
}

#[test]
fn field_masks() {
    run(&[
        Row {
            field: "google.protobuf.FieldMask",
            rules: "field_mask.const = {paths: [\"a\", \"b\"]}",
            good: &["\"a,b\"", "-"],
            bad: &[
                ("\"a\"", &["field_mask.const"]),
                ("\"b,a\"", &["field_mask.const"]),
            ],
        },
        Row {
            field: "google.protobuf.FieldMask",
            rules: "field_mask = {in: [\"a\", \"b.c\"]}",
            good: &["\"a,a.x,b.c\"", "\"\""],
            bad: &[
                ("\"b\"", &["field_mask.in"]),
                ("\"ab\"", &["field_mask.in"]),
            ],
        },
        Row {
            field: "google.protobuf.FieldMask",
            rules: "field_mask = {not_in: [\"a\"]}",
            good: &["\"b,ab\""],
            bad: &[
                ("\"b,a\"", &["field_mask.not_in"]),
                ("\"a.x\"", &["field_mask.not_in"]),
            ],
        },
    ]);
}

#[test]
fn anys() {
    const DURATION: &str =
        r#"{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}"#;
    run(&[
        Row {
            field: "google.protobuf.Any",
            rules: "any = {in: [\"type.googleapis.com/google.protobuf.Duration\"]}",
            good: &[DURATION, "-"],
            bad: &[(r#"{"@type": "type.googleapis.com/t.Plain"}"#, &["any.in"])],
        },
        Row {
            field: "google.protobuf.Any",
            rules: "any = {not_in: [\"type.googleapis.com/google.protobuf.Duration\"]}",
            good: &[r#"{"@type": "type.googleapis.com/t.Plain"}"#],
            bad: &[(DURATION, &["any.not_in"])],
        },
    ]);
}

#[test]
fn wrappers_take_the_rules_of_what_they_wrap() {
    run(&[
        Row {
            field: "google.protobuf.StringValue",
            rules: "string.min_len = 1",
            good: &["\"a\"", "-"],
            bad: &[("\"\"", &["string.min_len"])],
        },
        Row {
            field: "google.protobuf.BytesValue",
            rules: "bytes.min_len = 1",
            good: &["\"YQ==\""],
            bad: &[("\"\"", &["bytes.min_len"])],
        },
        Row {
            field: "google.protobuf.BoolValue",
            rules: "bool.const = true",
            good: &["true"],
            bad: &[("false", &["bool.const"])],
        },
        Row {
            field: "google.protobuf.Int32Value",
            rules: "int32.gt = 0",
            good: &["1"],
            bad: &[("0", &["int32.gt"])],
        },
        Row {
            field: "google.protobuf.Int64Value",
            rules: "int64.gt = 0",
            good: &["1"],
            bad: &[("0", &["int64.gt"])],
        },
        Row {
            field: "google.protobuf.UInt32Value",
            rules: "uint32.gt = 0",
            good: &["1"],
            bad: &[("0", &["uint32.gt"])],
        },
        Row {
            field: "google.protobuf.UInt64Value",
            rules: "uint64.gt = 0",
            good: &["1"],
            bad: &[("0", &["uint64.gt"])],
        },
        Row {
            field: "google.protobuf.FloatValue",
            rules: "float.gt = 0",
            good: &["1"],
            bad: &[("0", &["float.gt"])],
        },
        Row {
            field: "google.protobuf.DoubleValue",
            rules: "required = true | double.gt = 0",
            good: &["1"],
            bad: &[("0", &["double.gt"]), ("-", &["required"])],
        },
    ]);
}

#[test]
fn rules_of_another_type_are_faults() {
    for (field, rules) in [
        ("string", "int32.gt = 1"),
        ("int32", "sint32.gt = 1"),
        ("int32", "enum.defined_only = true"),
        ("Color", "int32.gt = 1"),
        ("Inner", "string.min_len = 1"),
        ("google.protobuf.Duration", "timestamp.lt_now = true"),
        ("google.protobuf.StringValue", "bytes.len = 1"),
        (
            "google.protobuf.Timestamp",
            "timestamp.within = {seconds: -1}",
        ),
        ("string", "any = {in: [\"a\"]}"),
    ] {
        let source = format!("message A {{ {field} a = 1 [(buf.validate.field).{rules}]; }}");
        let faults = faults(&source);
        assert_eq!(faults.len(), 1, "{field} {rules}: {faults:?}");
        assert_eq!(faults[0].0, "t.A.a");
    }
}
