//! Compiles the contracts with a compiler written in Rust, so that no `protoc` is needed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use prost::Message as _;
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

/// Packages whose Rust types come from elsewhere or are never needed: only their descriptors are.
const DESCRIPTORS_ONLY: [&str; 4] = ["google.api", "google.rpc", "buf.validate", "trolleybus.v1"];

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = proto_files(Path::new("."))?;
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true);
    compiler
        .open_files(&files)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    // Encoded rather than taken as a struct: only the encoded form keeps custom options.
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("contracts.binpb"), &encoded)?;

    let pool = DescriptorPool::decode(encoded.as_slice()).context("the contracts do not link")?;
    let redacted = redacted_messages(&pool)?;

    let mut set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    set.file
        .retain(|file| !DESCRIPTORS_ONLY.contains(&file.package()));
    let mut config = tonic_prost_build::Config::new();
    config.skip_debug(
        redacted
            .iter()
            .map(|message| format!(".{}", message.full_name())),
    );
    tonic_prost_build::configure().compile_fds_with_config(set, config)?;

    std::fs::write(
        out.join("redacted.rs"),
        redacted.iter().map(debug_impl).collect::<String>(),
    )?;
    Ok(())
}

/// Every `.proto` file below `dir`, as paths relative to it, in a stable order.
fn proto_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "proto")
            {
                found.push(path.strip_prefix(dir)?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The messages that have a field marked `debug_redact`.
fn redacted_messages(pool: &DescriptorPool) -> Result<Vec<MessageDescriptor>> {
    let mut redacted = Vec::new();
    for message in pool.all_messages() {
        if DESCRIPTORS_ONLY.contains(&message.package_name())
            || !message.fields().any(|field| is_redacted(&field))
        {
            continue;
        }
        if message.parent_message().is_some() || message.oneofs().any(|oneof| !oneof.is_synthetic())
        {
            bail!(
                "{}: debug_redact is supported in top-level messages without a oneof",
                message.full_name()
            );
        }
        redacted.push(message);
    }
    Ok(redacted)
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    options
        .get_field_by_name("debug_redact")
        .and_then(|value| value.as_bool())
        .unwrap_or(false)
}

/// A `Debug` that prints `[redacted]` where the contract says `debug_redact`.
fn debug_impl(message: &MessageDescriptor) -> String {
    let module = message.package_name().replace('.', "::");
    let fields: String = message
        .fields()
        .map(|field| {
            let name = field.name().to_owned();
            let value = if is_redacted(&field) {
                "&\"[redacted]\"".into()
            } else {
                format!("&self.{name}")
            };
            format!(".field({name:?}, {value})")
        })
        .collect();
    format!(
        "impl ::core::fmt::Debug for crate::{module}::{name} {{\n    \
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n        \
         f.debug_struct({name:?}){fields}.finish()\n    }}\n}}\n",
        name = message.name(),
    )
}
