//! Compiles the contract of the idle worker: as many methods, and so topics, as [`TOPICS`] says.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

/// Where the platform's options are.
const PLATFORM: &str = "../../proto";

/// A large service has about as many methods.
const TOPICS: usize = 20;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PLATFORM}/trolleybus");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("idle.proto"), contract()?)?;
    let mut compiler = protox::Compiler::new([out.as_path(), PLATFORM.as_ref()])?;
    compiler.include_imports(true);
    compiler
        .open_file("idle.proto")
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    // Encoded rather than taken as a struct: only the encoded form keeps custom options.
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("idle.binpb"), encoded)?;
    Ok(())
}

fn contract() -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "syntax = \"proto3\";\npackage idle.v1;\n\
         import \"google/protobuf/empty.proto\";\nimport \"trolleybus/v1/options.proto\";\n\
         service IdleService {\n",
    );
    for number in 1..=TOPICS {
        writeln!(
            text,
            "rpc Method{number}(google.protobuf.Empty) returns (google.protobuf.Empty) {{\n\
             option idempotency_level = NO_SIDE_EFFECTS;\n\
             option (trolleybus.v1.method) = {{access: ACCESS_PUBLIC}};\n}}"
        )?;
    }
    text.push_str("}\n");
    Ok(text)
}
