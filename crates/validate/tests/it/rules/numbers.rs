use crate::support::{Row, faults, run};

#[test]
fn bounds_alone_and_together() {
    run(&[
        Row {
            field: "int32",
            rules: "int32.gt = 5",
            good: &["6"],
            bad: &[("5", &["int32.gt"]), ("0", &["int32.gt"])],
        },
        Row {
            field: "int32",
            rules: "int32.gte = 5",
            good: &["5"],
            bad: &[("4", &["int32.gte"])],
        },
        Row {
            field: "int32",
            rules: "int32.lt = 5",
            good: &["4", "-4"],
            bad: &[("5", &["int32.lt"])],
        },
        Row {
            field: "int32",
            rules: "int32.lte = 5",
            good: &["5"],
            bad: &[("6", &["int32.lte"])],
        },
        Row {
            field: "int32",
            rules: "int32 = {gt: 1, lt: 4}",
            good: &["2", "3"],
            bad: &[("1", &["int32.gt_lt"]), ("4", &["int32.gt_lt"])],
        },
        Row {
            field: "int32",
            rules: "int32 = {gt: 1, lte: 4}",
            good: &["2", "4"],
            bad: &[("1", &["int32.gt_lte"]), ("5", &["int32.gt_lte"])],
        },
        Row {
            field: "int32",
            rules: "int32 = {gte: 1, lt: 4}",
            good: &["1", "3"],
            bad: &[("0", &["int32.gte_lt"]), ("4", &["int32.gte_lt"])],
        },
        Row {
            field: "int32",
            rules: "int32 = {gte: 1, lte: 4}",
            good: &["1", "4"],
            bad: &[("0", &["int32.gte_lte"]), ("5", &["int32.gte_lte"])],
        },
    ]);
}

#[test]
fn an_upper_bound_below_the_lower_one_excludes_what_is_between() {
    run(&[
        Row {
            field: "int32",
            rules: "int32 = {gt: 4, lt: 1}",
            good: &["0", "5"],
            bad: &[
                ("1", &["int32.gt_lt_exclusive"]),
                ("4", &["int32.gt_lt_exclusive"]),
            ],
        },
        Row {
            field: "int32",
            rules: "int32 = {gt: 4, lte: 1}",
            good: &["1", "5"],
            bad: &[
                ("2", &["int32.gt_lte_exclusive"]),
                ("4", &["int32.gt_lte_exclusive"]),
            ],
        },
        Row {
            field: "int32",
            rules: "int32 = {gte: 4, lt: 1}",
            good: &["0", "4"],
            bad: &[
                ("1", &["int32.gte_lt_exclusive"]),
                ("3", &["int32.gte_lt_exclusive"]),
            ],
        },
        Row {
            field: "int32",
            rules: "int32 = {gte: 4, lte: 1}",
            good: &["1", "4"],
            bad: &[
                ("2", &["int32.gte_lte_exclusive"]),
                ("3", &["int32.gte_lte_exclusive"]),
            ],
        },
    ]);
}

#[test]
fn chosen_values() {
    run(&[
        Row {
            field: "int64",
            rules: "int64.const = 0",
            good: &["0", "-"],
            bad: &[("1", &["int64.const"])],
        },
        Row {
            field: "int64",
            rules: "int64 = {in: [1, 2]}",
            good: &["1", "2"],
            bad: &[("3", &["int64.in"]), ("-", &["int64.in"])],
        },
        Row {
            field: "int64",
            rules: "int64 = {not_in: [1, 2]}",
            good: &["3"],
            bad: &[("2", &["int64.not_in"])],
        },
        Row {
            field: "int64",
            rules: "int64 = {not_in: [1], gt: 1}",
            good: &["2"],
            bad: &[("1", &["int64.not_in", "int64.gt"])],
        },
        Row {
            field: "bool",
            rules: "bool.const = true",
            good: &["true"],
            bad: &[("false", &["bool.const"])],
        },
        Row {
            field: "Color",
            rules: "enum.const = 5",
            good: &["5"],
            bad: &[("1", &["enum.const"])],
        },
        Row {
            field: "Color",
            rules: "enum.defined_only = true",
            good: &["0", "5"],
            bad: &[
                ("2", &["enum.defined_only"]),
                ("-1", &["enum.defined_only"]),
            ],
        },
        Row {
            field: "Color",
            rules: "enum.defined_only = false",
            good: &["2"],
            bad: &[],
        },
        Row {
            field: "Color",
            rules: "enum = {in: [1, 5]}",
            good: &["1", "\"BLUE\""],
            bad: &[("0", &["enum.in"])],
        },
        Row {
            field: "Color",
            rules: "enum = {not_in: [0]}",
            good: &["1", "7"],
            bad: &[("-", &["enum.not_in"])],
        },
    ]);
}

#[test]
fn every_kind_of_number_has_its_rules() {
    run(&[
        Row {
            field: "float",
            rules: "float.gt = 1.5",
            good: &["1.75"],
            bad: &[("1.5", &["float.gt"])],
        },
        Row {
            field: "double",
            rules: "double.lt = 1.5",
            good: &["1.4"],
            bad: &[("1.5", &["double.lt"])],
        },
        Row {
            field: "int32",
            rules: "int32.gt = -2147483648",
            good: &["0"],
            bad: &[("-2147483648", &["int32.gt"])],
        },
        Row {
            field: "int64",
            rules: "int64.gt = -9223372036854775808",
            good: &["0"],
            bad: &[("\"-9223372036854775808\"", &["int64.gt"])],
        },
        Row {
            field: "uint32",
            rules: "uint32.lt = 4294967295",
            good: &["0"],
            bad: &[("4294967295", &["uint32.lt"])],
        },
        Row {
            field: "uint64",
            rules: "uint64.lt = 18446744073709551615",
            good: &["0"],
            bad: &[("\"18446744073709551615\"", &["uint64.lt"])],
        },
        Row {
            field: "sint32",
            rules: "sint32.gt = -1",
            good: &["0"],
            bad: &[("-1", &["sint32.gt"])],
        },
        Row {
            field: "sint64",
            rules: "sint64.gt = -1",
            good: &["0"],
            bad: &[("-1", &["sint64.gt"])],
        },
        Row {
            field: "fixed32",
            rules: "fixed32.gt = 1",
            good: &["2"],
            bad: &[("1", &["fixed32.gt"])],
        },
        Row {
            field: "fixed64",
            rules: "fixed64.gt = 1",
            good: &["2"],
            bad: &[("1", &["fixed64.gt"])],
        },
        Row {
            field: "sfixed32",
            rules: "sfixed32.gt = -1",
            good: &["0"],
            bad: &[("-1", &["sfixed32.gt"])],
        },
        Row {
            field: "sfixed64",
            rules: "sfixed64.gt = -1",
            good: &["0"],
            bad: &[("-1", &["sfixed64.gt"])],
        },
    ]);
}

#[test]
fn a_nan_satisfies_no_bound() {
    run(&[
        Row {
            field: "double",
            rules: "double.gt = 1",
            good: &["\"Infinity\""],
            bad: &[("\"NaN\"", &["double.gt"])],
        },
        Row {
            field: "double",
            rules: "double = {gt: 1, lt: 2}",
            good: &["1.5"],
            bad: &[("\"NaN\"", &["double.gt_lt"])],
        },
        Row {
            field: "double",
            rules: "double = {gt: 2, lt: 1}",
            good: &["3"],
            bad: &[("\"NaN\"", &["double.gt_lt_exclusive"])],
        },
        Row {
            field: "float",
            rules: "float = {in: [1]}",
            good: &["1"],
            bad: &[("\"NaN\"", &["float.in"])],
        },
        Row {
            field: "float",
            rules: "float.finite = true",
            good: &["1"],
            bad: &[
                ("\"NaN\"", &["float.finite"]),
                ("\"-Infinity\"", &["float.finite"]),
            ],
        },
        Row {
            field: "double",
            rules: "double.finite = false",
            good: &["\"NaN\""],
            bad: &[],
        },
    ]);
}

#[test]
fn a_bound_that_is_nan_is_a_fault() {
    let faults = faults("message A { float a = 1 [(buf.validate.field).float = {lt: nan}]; }");
    assert_eq!(faults[0].0, "t.A.a");
    assert!(faults[0].1.contains("NaN"), "{faults:?}");
}
