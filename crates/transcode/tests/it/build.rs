//! Contracts that cannot be served: every fault is told, with the method's name.

use prost_reflect::DescriptorPool;
use transcode::{BuildError, Options, Transcoder};

use crate::support::{LIBRARY, ok, pool};

/// Compiles `rpc`s into a service `bad.v1.Bad` and builds its routes.
fn build(rpcs: &str) -> Result<Transcoder, BuildError> {
    let source = format!(
        "syntax = \"proto3\";\npackage bad.v1;\nimport \"google/api/annotations.proto\";\n\
         service Bad {{\n{rpcs}\n}}\n\
         message M {{ string id = 1; repeated string many = 2; map<string, string> map = 3; M m = 4; }}\n"
    );
    let folder = std::env::temp_dir().join(format!("transcode-{}", std::process::id()));
    let folder = folder.join(format!("{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("bad.proto"), source).unwrap();
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let mut compiler = protox::Compiler::new([folder.as_path(), contracts.as_ref()]).unwrap();
    compiler.include_imports(true);
    compiler.open_files(["bad.proto"]).unwrap();
    let set = compiler.encode_file_descriptor_set();
    std::fs::remove_dir_all(&folder).unwrap();
    let pool = DescriptorPool::decode(set.as_slice()).unwrap();
    Transcoder::new(&pool, &["bad.v1.Bad"], ok, Options::default())
}

fn rpc(name: &str, rule: &str) -> String {
    format!("rpc {name}(M) returns (M) {{ option (google.api.http) = {{ {rule} }}; }}\n")
}

#[test]
fn every_kind_of_fault_is_found() {
    for (rule, reason) in [
        (r#"get: "v1/x""#, "must start with `/`"),
        (r#"get: "/{id=**}/x""#, "`**` must be the last segment"),
        (r#"get: "/{nowhere}""#, "leads to no field `nowhere`"),
        (r#"get: "/{m.nowhere}""#, "leads to no field `nowhere`"),
        (r#"get: "/{id.x}""#, "not a singular message"),
        (r#"get: "/{many}""#, "repeated"),
        (r#"get: "/{map}""#, "repeated"),
        (r#"get: "/{m}""#, "is a message"),
        (
            r#"post: "/x" body: "nowhere""#,
            "body: bad.v1.M has no field `nowhere`",
        ),
        (
            r#"post: "/x" body: "m.id""#,
            "body: bad.v1.M has no field `m.id`",
        ),
        (
            r#"post: "/{id}" body: "id""#,
            "both the body and in the path",
        ),
        (
            r#"get: "/x" response_body: "nowhere""#,
            "response_body: bad.v1.M has no field",
        ),
        (r#"body: "*""#, "names no HTTP method"),
        (
            r#"custom: {kind: "OPTIONS" path: "/x"}"#,
            "OPTIONS is answered",
        ),
        (
            r#"custom: {kind: "A B" path: "/x"}"#,
            "an HTTP method or `*`",
        ),
        (
            r#"get: "/x" additional_bindings {get: "/y" additional_bindings {get: "/z"}}"#,
            "cannot hold additional_bindings",
        ),
        (
            r#"get: "/x" additional_bindings {get: "/x"}"#,
            "already the route of bad.v1.Bad.Go",
        ),
    ] {
        let error = build(&rpc("Go", rule)).unwrap_err();
        assert_eq!(error.faults[0].subject, "bad.v1.Bad.Go", "{rule}");
        assert!(error.to_string().contains(reason), "{rule}: {error}");
    }
}

#[test]
fn all_faults_are_told_together() {
    let rpcs = [
        rpc("A", r#"get: "/{nowhere}" response_body: "nowhere""#),
        rpc("B", r#"get: "/b/{id}""#),
        rpc("C", r#"get: "/b/{m.id=*}""#),
        "rpc D(stream M) returns (M) { option (google.api.http) = {get: \"/d\"}; }".to_owned(),
    ];
    let error = build(&rpcs.concat()).unwrap_err();
    let subjects: Vec<_> = error
        .faults
        .iter()
        .map(|fault| fault.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "bad.v1.Bad.A",
            "bad.v1.Bad.A",
            "bad.v1.Bad.C",
            "bad.v1.Bad.D"
        ]
    );
    assert!(
        error
            .to_string()
            .contains("GET /b/{m.id=*} is already the route of bad.v1.Bad.B")
    );
}

#[test]
fn an_unknown_service_is_a_fault() {
    let error = Transcoder::new(pool(), &["no.Such", LIBRARY], ok, Options::default()).unwrap_err();
    assert_eq!(error.faults.len(), 1);
    assert_eq!(error.faults[0].subject, "no.Such");
}
