//! Starting programs: to their end within a time, or detached from the terminal.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often a program with a time limit is looked at.
const POLL: Duration = Duration::from_millis(10);
/// How much of a log an error quotes, in lines.
const TAIL_LINES: usize = 25;

/// The program `name` on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// Runs a program to its end with its output going to standard error, so that standard output stays
/// for what xtask itself prints.
///
/// # Errors
/// When it cannot start, fails, or takes longer than `limit`.
pub(crate) fn succeed(command: &mut Command, limit: Duration) -> Result<()> {
    let name = describe(command);
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let status = wait(child, limit, &name)?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs a program to its end, without a time limit, on the terminal of xtask itself.
///
/// # Errors
/// When it cannot start or fails.
pub(crate) fn passthrough(command: &mut Command) -> Result<()> {
    let name = describe(command);
    command.stdin(Stdio::null());
    let status = command
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs a program to its end and returns what it printed on standard output.
///
/// # Errors
/// When it cannot start, fails (the error quotes its output), or takes longer than `limit`.
pub(crate) fn captured(command: &mut Command, limit: Duration) -> Result<String> {
    let name = describe(command);
    // Files, not pipes: a pipe that nobody empties blocks the program that fills it.
    let (mut output, mut errors) = (scratch()?, scratch()?);
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(errors.try_clone()?);
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let status = wait(child, limit, &name)?;
    let (output, errors) = (contents(&mut output)?, contents(&mut errors)?);
    if !status.success() {
        bail!(
            "{name} failed: {status}\n{}",
            last_lines(&format!("{output}{errors}"), TAIL_LINES)
        );
    }
    Ok(output)
}

/// Starts a program in a session of its own, so that neither Ctrl-C nor a closed terminal ends it;
/// its output is appended to `log`. `user` is the user and group id to run as, if not the own ones.
///
/// # Errors
/// When the log cannot be opened or the program cannot start.
pub(crate) fn detached(command: &Command, log: &Path, user: Option<(u32, u32)>) -> Result<Child> {
    // `setsid` execs in place as long as it does not lead a process group, so the pid stays.
    let mut session = if find("setsid").is_some() {
        behind(&["setsid"], command)
    } else {
        let mut session = behind(&[], command);
        session.process_group(0);
        session
    };
    if let Some((uid, gid)) = user {
        session.uid(uid).gid(gid);
    }
    logged(session, log)
}

/// Starts a program that the kernel kills when the calling thread ends, however that comes about;
/// where that cannot be had, Ctrl-C ends both. Its output is appended to `log`.
///
/// # Errors
/// When the log cannot be opened or the program cannot start.
pub(crate) fn dependent(command: &Command, log: &Path) -> Result<Child> {
    // Execs in place, so the pid stays.
    let setpriv = ["setpriv", "--pdeathsig", "KILL"];
    let prefix = if find("setpriv").is_some() {
        &setpriv[..]
    } else {
        &[]
    };
    logged(behind(prefix, command), log)
}

/// The same command, started by another program.
fn behind(prefix: &[&str], command: &Command) -> Command {
    let mut words = prefix.iter().map(OsStr::new).chain([command.get_program()]);
    let mut outer = Command::new(words.next().unwrap_or(command.get_program()));
    outer.args(words).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(key, value),
            None => outer.env_remove(key),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        outer.current_dir(dir);
    }
    outer
}

/// Starts a command with no input and its output in `log`.
fn logged(mut command: Command, log: &Path) -> Result<Child> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    command
        .spawn()
        .with_context(|| format!("cannot start {}", describe(&command)))
}

/// The last lines of a log, for an error message.
pub(crate) fn log_tail(log: &Path) -> String {
    match fs::read(log) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), TAIL_LINES),
        Err(error) => format!("(no log: {error})"),
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn wait(mut child: Child, limit: Duration, name: &str) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("{name} did not end within {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// The start of a command line, as error messages name it.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut name = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args().take(4) {
        name.push(' ');
        name.push_str(&argument.to_string_lossy());
    }
    format!("`{name}`")
}

/// An unnamed file that vanishes with its last handle.
fn scratch() -> Result<File> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "xtask-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let path = env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn contents(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_captured_and_a_failure_quotes_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out"]);
        assert_eq!(
            captured(&mut command, Duration::from_secs(5)).unwrap(),
            "out\n"
        );
        let mut command = Command::new("sh");
        command.args(["-c", "echo because >&2; exit 3"]);
        let error = captured(&mut command, Duration::from_secs(5))
            .unwrap_err()
            .to_string();
        assert!(error.contains("because") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_program_past_its_time_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let error = captured(&mut command, Duration::from_millis(50))
            .unwrap_err()
            .to_string();
        assert!(error.contains("did not end within"), "{error}");
    }

    #[test]
    fn a_detached_program_leads_its_own_group_under_the_returned_pid() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "ps -o pid=,pgid= -p $$"]);
        let mut child = detached(&command, &log, None).unwrap();
        let pid = child.id().to_string();
        child.wait().unwrap();
        let log = fs::read_to_string(&log).unwrap();
        assert_eq!(
            log.split_whitespace().collect::<Vec<_>>(),
            [pid.as_str(), pid.as_str()]
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dependent_program_ends_with_the_thread_that_started_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let started = thread::spawn(move || {
            let mut command = Command::new("sleep");
            command.arg("60");
            let child = dependent(&command, &log).unwrap();
            // Until it has executed `sleep`, the wish to be killed may not be in place.
            let comm = format!("/proc/{}/comm", child.id());
            while fs::read_to_string(&comm).unwrap() != "sleep\n" {
                thread::yield_now();
            }
            child
        });
        let mut child = started.join().unwrap();
        assert!(!wait_at_most(&mut child, Duration::from_secs(10)).success());
    }

    fn wait_at_most(child: &mut Child, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it still runs");
            thread::yield_now();
        }
    }

    #[test]
    fn only_the_end_of_a_long_text_is_quoted() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
