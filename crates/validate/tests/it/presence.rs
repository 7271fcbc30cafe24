//! `required` and `ignore`, for fields with and without presence.

use crate::support::{Row, run};

#[test]
fn required() {
    run(&[
        Row {
            field: "string",
            rules: "required = true",
            good: &["\"a\""],
            bad: &[("-", &["required"]), ("\"\"", &["required"])],
        },
        Row {
            field: "optional string",
            rules: "required = true",
            good: &["\"a\"", "\"\""],
            bad: &[("-", &["required"])],
        },
        Row {
            field: "int32",
            rules: "required = true",
            good: &["1"],
            bad: &[("0", &["required"])],
        },
        Row {
            field: "repeated int32",
            rules: "required = true",
            good: &["[0]"],
            bad: &[("-", &["required"])],
        },
        Row {
            field: "map<string, int32>",
            rules: "required = true",
            good: &["{\"\": 0}"],
            bad: &[("-", &["required"])],
        },
        Row {
            field: "Plain",
            rules: "required = true",
            good: &["{}"],
            bad: &[("-", &["required"])],
        },
        Row {
            field: "string",
            rules: "required = true | string.min_len = 2",
            good: &["\"ab\""],
            bad: &[("-", &["required"]), ("\"a\"", &["string.min_len"])],
        },
        Row {
            field: "string",
            rules: "required = false",
            good: &["-"],
            bad: &[],
        },
    ]);
}

#[test]
fn ignore() {
    run(&[
        Row {
            field: "int32",
            rules: "int32.gt = 0",
            good: &["1"],
            bad: &[("-", &["int32.gt"])],
        },
        Row {
            field: "optional int32",
            rules: "int32.gt = 0",
            good: &["-"],
            bad: &[("0", &["int32.gt"])],
        },
        Row {
            field: "int32",
            rules: "ignore = IGNORE_UNSPECIFIED | int32.gt = 0",
            good: &["1"],
            bad: &[("-", &["int32.gt"])],
        },
        Row {
            field: "int32",
            rules: "ignore = IGNORE_IF_ZERO_VALUE | int32.gt = 0",
            good: &["-", "0"],
            bad: &[("-1", &["int32.gt"])],
        },
        Row {
            field: "optional int32",
            rules: "ignore = IGNORE_IF_ZERO_VALUE | int32.gt = 0",
            good: &["-"],
            bad: &[("0", &["int32.gt"])],
        },
        Row {
            field: "repeated int32",
            rules: "ignore = IGNORE_IF_ZERO_VALUE | repeated.min_items = 2",
            good: &["-"],
            bad: &[("[1]", &["repeated.min_items"])],
        },
        Row {
            field: "map<string, int32>",
            rules: "ignore = IGNORE_IF_ZERO_VALUE | map.min_pairs = 2",
            good: &["-"],
            bad: &[("{\"a\": 1}", &["map.min_pairs"])],
        },
        Row {
            field: "int32",
            rules: "ignore = IGNORE_ALWAYS | required = true | int32.gt = 0",
            good: &["-", "-1"],
            bad: &[],
        },
        Row {
            field: "Inner",
            rules: "ignore = IGNORE_ALWAYS",
            good: &["{}"],
            bad: &[],
        },
        Row {
            field: "Inner",
            rules: "ignore = IGNORE_IF_ZERO_VALUE",
            good: &["-"],
            bad: &[("{}", &["val.name@string.min_len"])],
        },
    ]);
}
