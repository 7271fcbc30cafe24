//! The platform's own contracts.

use prost_reflect::DescriptorPool;
use validate::Validator;

use crate::support::{broken, message};

fn contracts() -> DescriptorPool {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_imports(true);
    for file in ["auth", "notification", "user"] {
        compiler
            .open_file(format!("{file}/v1/{file}.proto"))
            .unwrap();
    }
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

#[test]
fn they_compile_and_refuse_what_they_should() {
    let pool = contracts();
    let validator = Validator::new(&pool).unwrap();
    let outcome = |json| broken(&validator, &message(&pool, "auth.v1.RegisterRequest", json));
    assert_eq!(
        outcome(r#"{"email": "ann@example.com", "password": "correct horse", "name": "Ann"}"#),
        [""; 0]
    );
    let refused = outcome(r#"{"email": "ann", "password": "x", "name": "Ann\u200e"}"#);
    assert_eq!(
        refused,
        [
            "email@string.email",
            "name@string.pattern",
            "password@string.min_len"
        ]
    );
}
