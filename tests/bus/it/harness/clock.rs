//! Processes whose clock is not the machine's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that shifts a clock, compiled into `dir`. `None`, and a line that says why, where it
/// cannot be.
pub(crate) fn library(dir: &Path) -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        println!("left out: clocks are shifted on Linux only");
        return None;
    }
    let library = dir.join("shifted_clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/harness/shifted_clock.c");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let mut compile = Command::new(&compiler);
    compile
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(&library);
    let compiled = compile.arg(source).arg("-ldl").output();
    match compiled {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            println!("left out: clocks cannot be shifted without a C compiler: {error}");
            None
        }
    }
}
