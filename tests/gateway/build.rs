//! Compiles the contract of the benchmark, and one of many methods.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use prost::Message as _;

/// Where Google's files are.
const PLATFORM: &str = "../../proto";

/// Packages whose Rust types are never needed.
const DESCRIPTORS_ONLY: [&str; 1] = ["google.api"];

/// How many methods the large contract has.
const METHODS: usize = 500;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let small = compile("proto", "bench/v1/bench.proto", &out.join("bench.binpb"))?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .compile_fds_with_config(small, tonic_prost_build::Config::new())?;
    let generated = out.join("proto");
    std::fs::create_dir_all(&generated)?;
    std::fs::write(generated.join("large.proto"), large()?)?;
    compile(
        generated.to_str().expect("a path is text"),
        "large.proto",
        &out.join("large.binpb"),
    )?;
    Ok(())
}

fn compile(root: &str, file: &str, set: &Path) -> Result<prost_types::FileDescriptorSet> {
    let mut compiler = protox::Compiler::new([root, PLATFORM])?;
    compiler.include_source_info(true).include_imports(true);
    compiler
        .open_file(file)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    // Encoded rather than taken as a struct: only the encoded form keeps the routes.
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(set, &encoded)?;
    let mut files = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    files
        .file
        .retain(|file| !DESCRIPTORS_ONLY.contains(&file.package()));
    Ok(files)
}

/// Ten methods a service, with a route, a request and a response each.
fn large() -> Result<String> {
    let mut text = String::from(
        "syntax = \"proto3\";\npackage large.v1;\nimport \"google/api/annotations.proto\";\n",
    );
    for service in 0..METHODS / 10 {
        writeln!(text, "// Service {service}.\nservice S{service} {{")?;
        for method in 0..10 {
            writeln!(
                text,
                "  // Method {method}.\n  rpc M{method}(Q{service}x{method}) returns (R{service}x{method}) {{\n    \
                 option (google.api.http) = {{ post: \"/v1/s{service}/{{id}}/m{method}\" body: \"*\" }};\n  }}"
            )?;
        }
        writeln!(text, "}}")?;
        for method in 0..10 {
            writeln!(
                text,
                "// A request.\nmessage Q{service}x{method} {{ string id = 1; string name = 2; repeated int64 numbers = 3; }}\n\
                 // A response.\nmessage R{service}x{method} {{ string id = 1; map<string, string> labels = 2; }}"
            )?;
        }
    }
    Ok(text)
}
