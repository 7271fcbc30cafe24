//! An unmodified Spring client calls a service over the bus.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, BUILD_LIMIT, Program};
use crate::process::captured;

const NAME: &str = "spring";

const PROGRAMS: [Program; 3] = [
    Program { name: "java", package: "default-jre-headless" },
    Program { name: "javac", package: "default-jdk-headless" },
    Program { name: "mvn", package: "maven" },
];

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &PROGRAMS)? {
        return Ok(Outcome::LeftOut(reason));
    }
    // The project says where it is built.
    let mut maven = Command::new("mvn");
    maven
        .current_dir(foreign::sources(context, NAME))
        .args(["--batch-mode", "--quiet", "compile", "dependency:copy-dependencies"]);
    captured(&mut maven, BUILD_LIMIT)?;
    let dir = foreign::built(context, NAME);
    let mut path = OsString::from(dir.join("classes"));
    path.push(":");
    path.push(dir.join("lib").join("*"));
    foreign::run(context, NAME, &["java".into(), "-cp".into(), path, "interop.Client".into()])
}
