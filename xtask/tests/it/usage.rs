use std::process::Command;

fn xtask(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn an_unknown_suite_is_refused_with_those_that_exist() {
    let (success, text) = xtask(&["test", "--only", "nonsense"]);
    assert!(!success);
    assert!(
        text.contains("no suite is called nonsense; there are: rust, "),
        "{text}"
    );
}

#[test]
fn an_unknown_tool_is_refused_with_those_that_exist() {
    let (success, text) = xtask(&["tools", "nonsense"]);
    assert!(!success && text.contains("there are: buf"), "{text}");
}

#[test]
fn stopping_a_part_of_no_set_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (success, text) = xtask(&[
        "infra",
        "stop",
        "kafka",
        "--dir",
        dir.path().to_str().unwrap(),
    ]);
    assert!(
        !success && text.contains("no infrastructure was started in"),
        "{text}"
    );
}
