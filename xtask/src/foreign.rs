//! Clients and servers of other platforms: the programs of `tests/interop`.

mod feed;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::infra::Needs;
use crate::process::{captured, find};
use crate::suite::Outcome;

pub(crate) use feed::{Feed, flag};

/// Fetching what a client is made of, and compiling it.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// One run: the start of the service, the client's calls, the stop.
const LIMIT: Duration = Duration::from_secs(240);

/// What Python is missing without.
pub(crate) const PYTHON: Program = Program {
    name: "python3",
    package: "python3 python3-pip",
};
/// The same of Node.
pub(crate) const NODE: [Program; 2] = [
    Program {
        name: "node",
        package: "nodejs",
    },
    Program {
        name: "npm",
        package: "npm",
    },
];

/// A program that a client needs, and the Debian package that has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

/// Where the sources of a client are.
pub(crate) fn sources(context: &Context, name: &str) -> PathBuf {
    context.root().join("tests/interop").join(name)
}

/// Where a client is built.
pub(crate) fn built(context: &Context, name: &str) -> PathBuf {
    context.root().join("target/interop").join(name)
}

/// Why a client cannot be built here, if it cannot be, after installing what is missing where that
/// is allowed.
///
/// # Errors
/// When an installation fails.
pub(crate) fn missing(context: &Context, programs: &[Program]) -> Result<Option<String>> {
    let absent = || {
        programs
            .iter()
            .filter(|program| find(program.name).is_none())
    };
    if context.may_install() && absent().next().is_some() {
        let needs = absent().map(|program| Needs {
            what: program.name,
            package: program.package,
        });
        Needs::install(context, &needs.collect::<Vec<_>>())?;
    }
    let names: Vec<_> = absent().map(|program| program.name).collect();
    let packages: Vec<_> = absent().map(|program| program.package).collect();
    Ok((!names.is_empty()).then(|| {
        let (names, packages) = (names.join(", "), packages.join(" "));
        format!("missing: {names}; run: apt-get install {packages}")
    }))
}

/// Installs the packages of a client's `requirements.txt`, once for each version of the list. Returns the
/// folder for `PYTHONPATH`.
///
/// # Errors
/// When the installation fails.
pub(crate) fn pip(context: &Context, name: &str) -> Result<PathBuf> {
    let list = sources(context, name).join("requirements.txt");
    let modules = built(context, name).join("modules");
    once(&list, &modules, || {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary",
            ":all:",
            "--target",
        ]);
        pip.arg(&modules).arg("--requirement").arg(&list);
        captured(&mut pip, BUILD_LIMIT)
    })?;
    Ok(modules)
}

/// Copies the named sources of a client to where it is built, and installs the packages of its
/// `package-lock.json` there, once for each version of the list. Returns the folder.
///
/// # Errors
/// When a file is missing or the installation fails.
pub(crate) fn npm(context: &Context, name: &str, files: &[&str]) -> Result<PathBuf> {
    let (sources, dir) = (sources(context, name), built(context, name));
    fs::create_dir_all(&dir)?;
    for file in files.iter().chain(&["package.json", "package-lock.json"]) {
        fs::copy(sources.join(file), dir.join(file)).with_context(|| format!("no {file}"))?;
    }
    once(
        &sources.join("package-lock.json"),
        &dir.join("node_modules"),
        || {
            let mut npm = Command::new("npm");
            npm.current_dir(&dir);
            npm.args([
                "ci",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ]);
            captured(&mut npm, BUILD_LIMIT)
        },
    )?;
    Ok(dir)
}

/// Fills a folder anew unless it was filled from this very list.
fn once(list: &Path, folder: &Path, fill: impl FnOnce() -> Result<String>) -> Result<()> {
    let wanted = fs::read(list).with_context(|| format!("no {}", list.display()))?;
    // In the folder itself: without the one there is not the other.
    let mark = folder.join(".installed");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fill()?;
    Ok(fs::write(mark, wanted)?)
}

/// Runs a client against a service that `bus-interop` starts, and counts the cases that hold.
///
/// # Errors
/// When one does not.
pub(crate) fn run<S: AsRef<OsStr>>(context: &Context, name: &str, client: &[S]) -> Result<Outcome> {
    let mut command = Command::new(context.bin_dir("debug")?.join("bus-interop"));
    command
        .arg(name)
        .args(client)
        .env("KAFKA_BROKERS", &context.servers()?.endpoints.kafka);
    cases(&mut command, LIMIT)
}

/// Runs a client, which prints a line that begins with `ok` for each case that holds and fails at the
/// first that does not, and counts them.
///
/// # Errors
/// When one does not hold, or there is none.
pub(crate) fn cases(client: &mut Command, limit: Duration) -> Result<Outcome> {
    let report = captured(client, limit).context("a case does not hold")?;
    print!("{report}");
    let passed = report
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    ensure!(passed > 0, "the client has no case");
    Ok(Outcome::Passed(passed))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_folder_is_filled_once_for_each_list() {
        let dir = tempfile::tempdir().unwrap();
        let (list, folder) = (dir.path().join("list"), dir.path().join("folder"));
        let filled = Cell::new(0);
        let fill = || {
            once(&list, &folder, || {
                filled.set(filled.get() + 1);
                Ok(String::new())
            })
        };
        fs::write(&list, "a==1").unwrap();
        fill().unwrap();
        fs::write(folder.join("old"), "").unwrap();
        fill().unwrap();
        assert_eq!(filled.get(), 1);
        fs::write(&list, "a==2").unwrap();
        fill().unwrap();
        assert_eq!(filled.get(), 2);
        assert!(!folder.join("old").exists());
    }

    #[test]
    fn a_folder_that_was_not_filled_is_filled_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let (list, folder) = (dir.path().join("list"), dir.path().join("folder"));
        fs::write(&list, "a==1").unwrap();
        assert!(once(&list, &folder, || anyhow::bail!("no")).is_err());
        let filled = Cell::new(false);
        once(&list, &folder, || {
            filled.set(true);
            Ok(String::new())
        })
        .unwrap();
        assert!(filled.get());
    }
}
