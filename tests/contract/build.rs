//! Compiles the test contracts: `echo.v1`, `feed.v1`, `hello.v1`, `order.v1`, and two versions of `compat.v1`, each by itself.

use std::path::{Path, PathBuf};

use anyhow::Result;
use prost::Message as _;

/// Where the platform's options and Google's files are.
const PLATFORM: &str = "../../proto";

/// Packages whose Rust types are never needed: only their descriptors are.
const DESCRIPTORS_ONLY: [&str; 2] = ["google.api", "trolleybus.v1"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PLATFORM}/trolleybus");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    compile(&out.join("echo"), "proto", "echo/v1/echo.proto")?;
    compile(&out.join("feed"), "proto", "feed/v1/feed.proto")?;
    compile(&out.join("hello"), "proto", "hello/v1/hello.proto")?;
    compile(&out.join("order"), "proto", "order/v1/order.proto")?;
    compile(&out.join("older"), "compat/older", "compat/v1/compat.proto")?;
    compile(&out.join("newer"), "compat/newer", "compat/v1/compat.proto")
}

fn compile(out: &Path, root: &str, file: &str) -> Result<()> {
    println!("cargo::rerun-if-changed={root}");
    std::fs::create_dir_all(out)?;
    let mut compiler = protox::Compiler::new([root, PLATFORM])?;
    compiler.include_source_info(true).include_imports(true);
    compiler
        .open_file(file)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    // Encoded rather than taken as a struct: only the encoded form keeps custom options.
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("contract.binpb"), &encoded)?;
    let mut set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    set.file
        .retain(|file| !DESCRIPTORS_ONLY.contains(&file.package()));
    tonic_prost_build::configure()
        .out_dir(out)
        .compile_fds_with_config(set, tonic_prost_build::Config::new())?;
    Ok(())
}
