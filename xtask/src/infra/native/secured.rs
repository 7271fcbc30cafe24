//! A broker that asks for TLS and passwords and has access rules, for the tests of these.
//!
//! It is there until standard input closes, which the kernel does when the test ends. It has three
//! listeners for clients: TLS, TLS with a certificate of the client, and TLS with a password. The
//! fourth is in the clear, and everybody may do everything there: for setting up a test.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::super::ports;
use super::super::programs::{NotPossible, Programs};
use super::{POLL, READY_LIMIT, kafka};
use crate::context::Context;
use crate::process::{captured, dependent, log_tail};

mod certificates;

/// The users, each with its name as its password. The first may do everything; the others what access
/// rules allow.
const USERS: [&str; 4] = ["admin", "topics", "caller", "worker"];

/// What a test has to know, as one line of JSON.
#[derive(Serialize)]
enum Reply<'a> {
    Ready(Secured<'a>),
    /// Why this machine cannot run it.
    NotPossible(String),
}

#[derive(Serialize)]
struct Secured<'a> {
    /// Where the PEM files and `kafka-acls.sh` are.
    dir: &'a Path,
    /// In the clear; everybody may do everything.
    open: String,
    /// TLS.
    tls: String,
    /// TLS with a certificate of the client.
    mutual: String,
    /// TLS and a password.
    users: String,
}

/// Starts it, says where it is, and ends it when standard input closes.
///
/// # Errors
/// When it cannot be started.
pub(in super::super) fn keep(context: &Context) -> Result<()> {
    // The name is that of the sets of a run of tests, by which the next run finds what was left behind.
    let name = format!("private-{}-secured", std::process::id());
    let dir = context.infra_dir().join(name);
    fs::create_dir_all(&dir)?;
    let kept = match start(context, &dir) {
        Ok(mut broker) => {
            std::io::stdin().lock().read_to_end(&mut Vec::new())?;
            broker.kill()?;
            broker.wait().context("the broker does not end").map(drop)
        }
        Err(error) if error.is::<NotPossible>() => say(&Reply::NotPossible(error.to_string())),
        Err(error) => Err(error),
    };
    fs::remove_dir_all(&dir)?;
    kept
}

fn start(context: &Context, dir: &Path) -> Result<Child> {
    let programs = Programs::find(context)?;
    let (libraries, tools) = (kafka::libraries(context)?, kafka::tools(context)?);
    let classes = format!("{}/*:{}/*", libraries.display(), tools.display());
    certificates::write(dir)?;
    let [open, tls, mutual, users, controller] = ports::pick(5)?[..] else {
        bail!("too few ports were picked");
    };
    let ports = Ports {
        open,
        tls,
        mutual,
        users,
        controller,
    };
    let properties = dir.join("server.properties");
    fs::write(&properties, configuration(dir, &ports))?;
    fs::write(dir.join("log4j2.xml"), kafka::LOGGING)?;
    // Kafka's own is a script like this one.
    let script = format!(
        "exec '{}' -cp '{classes}' org.apache.kafka.tools.AclCommand \"$@\"\n",
        programs.java.display()
    );
    let path = dir.join("kafka-acls.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    let java = || {
        let logging = format!(
            "-Dlog4j2.configurationFile={}",
            dir.join("log4j2.xml").display()
        );
        let mut java = Command::new(&programs.java);
        java.args(["-cp", &classes, &logging, "-Xmx320m"]);
        java
    };
    let mut format = java();
    format
        .args([
            "kafka.tools.StorageTool",
            "format",
            "-t",
            kafka::CLUSTER_ID,
            "-c",
        ])
        .arg(&properties);
    for user in USERS {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let scram = format!("{mechanism}=[name={user},password={user}]");
            format.args(["--add-scram", &scram]);
        }
    }
    captured(&mut format, kafka::FORMAT_LIMIT)?;
    let log = dir.join("kafka.log");
    let mut broker = java();
    broker
        .args(["-XX:TieredStopAtLevel=1", "kafka.Kafka"])
        .arg(&properties)
        .current_dir(dir);
    let mut broker = dependent(&broker, &log)?;
    let until = Instant::now() + READY_LIMIT;
    while let Err(failure) = kafka::ready(open, &[1]) {
        if let Some(status) = broker.try_wait()? {
            bail!("the broker ended at once: {status}\n{}", log_tail(&log));
        }
        if Instant::now() >= until {
            bail!(
                "the broker does not answer ({failure:#})\n{}",
                log_tail(&log)
            );
        }
        thread::sleep(POLL);
    }
    let at = |port| format!("127.0.0.1:{port}");
    say(&Reply::Ready(Secured {
        dir,
        open: at(open),
        tls: at(tls),
        mutual: at(mutual),
        users: at(users),
    }))?;
    Ok(broker)
}

fn say(reply: &Reply<'_>) -> Result<()> {
    println!("{}", serde_json::to_string(reply)?);
    Ok(())
}

struct Ports {
    open: u16,
    tls: u16,
    mutual: u16,
    users: u16,
    controller: u16,
}

fn configuration(dir: &Path, ports: &Ports) -> String {
    let Ports {
        open,
        tls,
        mutual,
        users,
        controller,
    } = ports;
    let clients = format!(
        "OPEN://127.0.0.1:{open},TLS://127.0.0.1:{tls},MUTUAL://127.0.0.1:{mutual},\
         USERS://127.0.0.1:{users}"
    );
    let passwords = USERS
        .map(|user| format!(" user_{user}=\"{user}\""))
        .concat();
    let login = |module| format!("org.apache.kafka.common.security.{module} required");
    let file = |name| dir.join(name).display().to_string();
    let of_users = |mechanism: &str| format!("listener.name.users.{mechanism}.sasl.jaas.config");
    let mut text = String::new();
    for (key, value) in [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        (
            "controller.quorum.voters",
            format!("1@127.0.0.1:{controller}"),
        ),
        (
            "listeners",
            format!("{clients},CONTROLLER://127.0.0.1:{controller}"),
        ),
        ("advertised.listeners", clients),
        (
            "listener.security.protocol.map",
            "OPEN:PLAINTEXT,TLS:SSL,MUTUAL:SSL,USERS:SASL_SSL,CONTROLLER:PLAINTEXT".to_owned(),
        ),
        ("inter.broker.listener.name", "OPEN".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.location", file(certificates::BROKER)),
        ("ssl.truststore.type", "PEM".to_owned()),
        ("ssl.truststore.location", file(certificates::CA)),
        (
            "listener.name.mutual.ssl.client.auth",
            "required".to_owned(),
        ),
        (
            "listener.name.users.sasl.enabled.mechanisms",
            "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
        ),
        (
            &of_users("plain"),
            format!("{}{passwords};", login("plain.PlainLoginModule")),
        ),
        (
            &of_users("scram-sha-256"),
            login("scram.ScramLoginModule") + ";",
        ),
        (
            &of_users("scram-sha-512"),
            login("scram.ScramLoginModule") + ";",
        ),
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
        ),
        (
            "super.users",
            format!(
                "User:ANONYMOUS;User:CN={};User:admin",
                certificates::CLIENT_NAME
            ),
        ),
        ("log.dirs", file("data")),
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("offsets.topic.num.partitions", "1".to_owned()),
        ("transaction.state.log.replication.factor", "1".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
    ] {
        writeln!(text, "{key}={value}").expect("writing to a string does not fail");
    }
    text
}
