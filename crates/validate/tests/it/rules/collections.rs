use crate::support::{Row, faults, run};

#[test]
fn lists_as_a_whole() {
    run(&[
        Row {
            field: "repeated int32",
            rules: "repeated.min_items = 2",
            good: &["[1, 2]"],
            bad: &[
                ("[1]", &["repeated.min_items"]),
                ("-", &["repeated.min_items"]),
            ],
        },
        Row {
            field: "repeated int32",
            rules: "repeated.max_items = 1",
            good: &["[1]", "-"],
            bad: &[("[1, 2]", &["repeated.max_items"])],
        },
        Row {
            field: "repeated string",
            rules: "repeated.unique = true",
            good: &["[\"a\", \"b\"]", "-"],
            bad: &[("[\"a\", \"b\", \"a\"]", &["repeated.unique"])],
        },
        Row {
            field: "repeated bytes",
            rules: "repeated.unique = true",
            good: &["[\"YQ==\", \"Yg==\"]"],
            bad: &[("[\"YQ==\", \"YQ==\"]", &["repeated.unique"])],
        },
        Row {
            field: "repeated double",
            rules: "repeated.unique = true",
            good: &["[\"NaN\", \"NaN\"]", "[1, 1.5]"],
            bad: &[("[0.0, -0.0]", &["repeated.unique"])],
        },
        Row {
            field: "repeated float",
            rules: "repeated.unique = true",
            good: &["[1, 2]"],
            bad: &[("[1, 1]", &["repeated.unique"])],
        },
        Row {
            field: "repeated Color",
            rules: "repeated.unique = true",
            good: &["[0, 1]"],
            bad: &[("[1, 1]", &["repeated.unique"])],
        },
        Row {
            field: "repeated bool",
            rules: "repeated.unique = true",
            good: &["[true, false]"],
            bad: &[("[true, true]", &["repeated.unique"])],
        },
        Row {
            field: "repeated uint64",
            rules: "repeated.unique = true",
            good: &["[1, 2]"],
            bad: &[("[1, 1]", &["repeated.unique"])],
        },
        Row {
            field: "repeated sint64",
            rules: "repeated.unique = true",
            good: &["[1, -1]"],
            bad: &[("[-1, -1]", &["repeated.unique"])],
        },
        Row {
            field: "repeated fixed32",
            rules: "repeated.unique = true",
            good: &["[1, 2]"],
            bad: &[("[1, 1]", &["repeated.unique"])],
        },
    ]);
}

#[test]
fn items() {
    run(&[
        Row {
            field: "repeated string",
            rules: "repeated.items.string.min_len = 2",
            good: &["[\"ab\"]", "-"],
            bad: &[(
                "[\"ab\", \"a\", \"\"]",
                &["val[1]@string.min_len", "val[2]@string.min_len"],
            )],
        },
        Row {
            field: "repeated string",
            rules: "repeated.items = {string: {min_len: 2}, ignore: IGNORE_IF_ZERO_VALUE}",
            good: &["[\"ab\", \"\"]"],
            bad: &[("[\"a\"]", &["val[0]@string.min_len"])],
        },
        Row {
            field: "repeated string",
            rules: "repeated.items = {string: {min_len: 2}, ignore: IGNORE_ALWAYS}",
            good: &["[\"a\"]"],
            bad: &[],
        },
        Row {
            field: "repeated Inner",
            rules: "repeated.min_items = 1",
            good: &["[{\"name\": \"a\"}]"],
            bad: &[("[{\"name\": \"a\"}, {}]", &["val[1].name@string.min_len"])],
        },
        Row {
            field: "repeated Inner",
            rules: "repeated.items.ignore = IGNORE_ALWAYS",
            good: &["[{}]"],
            bad: &[],
        },
        Row {
            field: "repeated google.protobuf.Int32Value",
            rules: "repeated.items.int32.gt = 0",
            good: &["[1]"],
            bad: &[("[0]", &["val[0]@int32.gt"])],
        },
        Row {
            field: "repeated Color",
            rules: "repeated.items.enum.defined_only = true",
            good: &["[0]"],
            bad: &[("[3]", &["val[0]@enum.defined_only"])],
        },
    ]);
}

#[test]
fn maps() {
    run(&[
        Row {
            field: "map<string, int32>",
            rules: "map.min_pairs = 1",
            good: &["{\"a\": 1}"],
            bad: &[("-", &["map.min_pairs"])],
        },
        Row {
            field: "map<string, int32>",
            rules: "map.max_pairs = 1",
            good: &["{\"a\": 1}"],
            bad: &[("{\"a\": 1, \"b\": 1}", &["map.max_pairs"])],
        },
        Row {
            field: "map<string, int32>",
            rules: "map.keys.string.min_len = 2",
            good: &["{\"ab\": 1}"],
            bad: &[("{\"a\": 1}", &["val[\"a\"]@string.min_len"])],
        },
        Row {
            field: "map<string, int32>",
            rules: "map.keys = {string: {min_len: 2}, ignore: IGNORE_IF_ZERO_VALUE}",
            good: &["{\"\": 1}"],
            bad: &[("{\"a\": 1}", &["val[\"a\"]@string.min_len"])],
        },
        Row {
            field: "map<int64, int32>",
            rules: "map.values.int32.gt = 0",
            good: &["{\"-5\": 1}"],
            bad: &[(
                "{\"-5\": 0, \"3\": 0, \"4\": 1}",
                &["val[-5]@int32.gt", "val[3]@int32.gt"],
            )],
        },
        Row {
            field: "map<bool, string>",
            rules: "map.values.string.min_len = 1",
            good: &["{\"true\": \"a\"}"],
            bad: &[("{\"true\": \"\"}", &["val[true]@string.min_len"])],
        },
        Row {
            field: "map<uint32, Inner>",
            rules: "map.max_pairs = 9",
            good: &["{\"1\": {\"name\": \"a\"}}"],
            bad: &[("{\"1\": {}}", &["val[1].name@string.min_len"])],
        },
        Row {
            field: "map<string, Inner>",
            rules: "map.values.ignore = IGNORE_ALWAYS",
            good: &["{\"a\": {}}"],
            bad: &[],
        },
        Row {
            field: "map<string, int32>",
            rules: "map.keys.string.max_len = 1",
            good: &["{\"a\": 1}"],
            bad: &[("{\"a\\\"b\": 1}", &["val[\"a\\\"b\"]@string.max_len"])],
        },
    ]);
}

#[test]
fn rules_that_make_no_sense_are_faults() {
    for (field, rules) in [
        ("repeated string", "repeated = {min_items: 2, max_items: 1}"),
        ("repeated Inner", "repeated.unique = true"),
        ("repeated string", "repeated.items.required = true"),
        ("map<string, string>", "map = {min_pairs: 2, max_pairs: 1}"),
        ("map<string, string>", "map.keys.required = true"),
        ("repeated string", "string.min_len = 1"),
        ("string", "repeated.min_items = 1"),
        ("map<string, string>", "repeated.min_items = 1"),
        ("repeated string", "map.min_pairs = 1"),
        ("repeated string", "repeated.items.int32.gt = 1"),
        ("map<string, string>", "map.values.int32.gt = 1"),
    ] {
        let source = format!("message A {{ {field} a = 1 [(buf.validate.field).{rules}]; }}");
        let faults = faults(&source);
        assert_eq!(faults.len(), 1, "{field} {rules}: {faults:?}");
        assert_eq!(faults[0].0, "t.A.a");
    }
}
