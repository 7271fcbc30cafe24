//! Kafka in KRaft mode from its Maven artifacts: each node is broker and controller.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::super::state::{Part, PartKind, State};
use super::{Native, probe};
use crate::context::Context;
use crate::process::{captured, detached, find};

pub(super) const KAFKA_VERSION: &str = "4.1.1";
/// Without a binding for SLF4J it would log nothing.
const LOG4J_VERSION: &str = "2.24.3";
/// Base64 of `trolleybus-local`: a cluster id is any 16 bytes.
pub(super) const CLUSTER_ID: &str = "dHJvbGxleWJ1cy1sb2NhbA";
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
pub(super) const FORMAT_LIMIT: Duration = Duration::from_secs(60);

pub(super) const LOGGING: &str = r#"<Configuration>
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c: %m%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.server" level="info"/>
    <Root level="warn"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"#;

/// The folder of the libraries, named by version.
fn library_dir(context: &Context) -> PathBuf {
    context
        .infra_dir()
        .join(format!("kafka-libs-{KAFKA_VERSION}"))
}

/// Whether Kafka was fetched before.
pub(crate) fn libraries_present(context: &Context) -> bool {
    library_dir(context).is_dir()
}

/// Fetches Kafka and what it needs with Maven, once.
///
/// # Errors
/// When the download fails.
pub(super) fn libraries(context: &Context) -> Result<PathBuf> {
    let dependencies = [
        dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION, ""),
        dependency(
            "org.apache.logging.log4j",
            "log4j-slf4j-impl",
            LOG4J_VERSION,
            "",
        ),
    ];
    let target = library_dir(context);
    fetched(
        context,
        &format!("Kafka {KAFKA_VERSION}"),
        &target,
        &dependencies,
    )?;
    Ok(target)
}

/// Fetches Kafka's command-line tools, once: what they need is among Kafka's own libraries.
///
/// # Errors
/// When the download fails.
pub(super) fn tools(context: &Context) -> Result<PathBuf> {
    const ALONE: &str = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId>\
                         </exclusion></exclusions>";
    let tools = dependency("org.apache.kafka", "kafka-tools", KAFKA_VERSION, ALONE);
    let target = context
        .infra_dir()
        .join(format!("kafka-tools-{KAFKA_VERSION}"));
    let what = format!("the tools of Kafka {KAFKA_VERSION}");
    fetched(context, &what, &target, &[tools])?;
    Ok(target)
}

fn dependency(group: &str, artifact: &str, version: &str, more: &str) -> String {
    format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{version}</version>{more}</dependency>"
    )
}

/// Fetches what Maven knows into a folder, unless it is there.
fn fetched(context: &Context, what: &str, target: &Path, dependencies: &[String]) -> Result<()> {
    if target.is_dir() {
        return Ok(());
    }
    eprintln!("fetching {what}");
    let maven = find("mvn").context("`mvn` is not on PATH")?;
    let scratch = context
        .infra_dir()
        .join(format!("kafka-fetch-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId>\
         <artifactId>kafka</artifactId><version>1</version><dependencies>{}</dependencies></project>",
        dependencies.concat(),
    );
    fs::write(scratch.join("pom.xml"), pom)?;
    let mut copy = Command::new(maven);
    copy.args([
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DoutputDirectory=libs",
    ]);
    captured(copy.current_dir(&scratch), DOWNLOAD_LIMIT)
        .with_context(|| format!("cannot fetch {what}"))?;
    // Renamed as a whole: a folder of that name is complete. Somebody else may have been faster.
    if let Err(error) = fs::rename(scratch.join("libs"), target)
        && !target.is_dir()
    {
        return Err(error).with_context(|| format!("cannot put {what} in place"));
    }
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// Writes the configuration and, the first time, formats the storage.
pub(super) fn prepare(set: &Native<'_>, state: &State, part: &Part) -> Result<()> {
    let home = set.dir.join(part.name());
    fs::create_dir_all(&home)?;
    fs::write(home.join("log4j2.xml"), LOGGING)?;
    let properties = home.join("server.properties");
    fs::write(
        &properties,
        configuration(state, part, &home.join("data").display().to_string()),
    )?;
    let mut format = java(set, part, "kafka.tools.StorageTool");
    format
        .args(["format", "--ignore-formatted", "-t", CLUSTER_ID, "-c"])
        .arg(&properties);
    if home.join("data/meta.properties").is_file() {
        return Ok(());
    }
    captured(&mut format, FORMAT_LIMIT).map(drop)
}

pub(super) fn spawn(set: &Native<'_>, state: &State, part: &Part) -> Result<Child> {
    // Several are there for outages, where a quick start counts and peak speed does not.
    let (heap, jit) = if state.of(PartKind::Kafka).count() > 1 {
        ("-Xmx320m", "-XX:TieredStopAtLevel=1")
    } else {
        ("-Xmx512m", "-XX:TieredStopAtLevel=4")
    };
    let home = set.dir.join(part.name());
    let mut command = java(set, part, heap);
    command
        .arg(jit)
        .arg("kafka.Kafka")
        .arg(home.join("server.properties"))
        .current_dir(&home);
    detached(&command, &set.log(part), None)
}

/// Asks for the metadata of the cluster.
///
/// # Errors
/// Unless it answers and knows of the brokers with these node ids.
pub(super) fn ready(port: u16, awaited: &[u16]) -> Result<()> {
    // Metadata request, version 1, about no topic: key, version, correlation id, no client id, [].
    const BODY: [u8; 14] = [0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0];
    /// Far above what three brokers need.
    const LONGEST: u32 = 1 << 16;
    let mut request = 14_i32.to_be_bytes().to_vec();
    request.extend_from_slice(&BODY);
    let mut stream = probe::connect(port)?;
    let size = u32::from_be_bytes(probe::ask::<4>(&mut stream, &request)?);
    if size > LONGEST {
        bail!("an answer that is not Kafka's")
    }
    // Read to the end what was announced, so that the broker does not log a broken connection.
    let mut answer = vec![0; usize::try_from(size)?];
    stream.read_exact(&mut answer)?;
    let known = nodes(&answer).context("an answer that is not Kafka's")?;
    let missing = |node: &&u16| !known.contains(&u32::from(**node));
    if let Some(node) = awaited.iter().find(missing) {
        bail!("broker {node} is not registered");
    }
    Ok(())
}

/// The node ids in a metadata response: correlation id, then an array of id, host, port and rack.
fn nodes(answer: &[u8]) -> Option<Vec<u32>> {
    let mut rest = answer.get(4..)?;
    let count = u32::from_be_bytes(take(&mut rest)?);
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(u32::from_be_bytes(take(&mut rest)?));
        skip_text(&mut rest)?;
        take::<4>(&mut rest)?;
        skip_text(&mut rest)?;
    }
    Some(nodes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

/// A length in two bytes and as many bytes of text; a negative length is no text.
fn skip_text(rest: &mut &[u8]) -> Option<()> {
    let length = i16::from_be_bytes(take(rest)?);
    *rest = rest.get(usize::try_from(length).unwrap_or(0)..)?;
    Some(())
}

fn java(set: &Native<'_>, part: &Part, argument: &str) -> Command {
    let logging = set.dir.join(part.name()).join("log4j2.xml");
    let mut command = Command::new(&set.programs.java);
    command.arg("-cp").arg(set.libraries.join("*"));
    command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
    command.arg(argument);
    command
}

fn configuration(state: &State, part: &Part, data: &str) -> String {
    let nodes = state.of(PartKind::Kafka);
    let voters: Vec<String> = nodes
        .map(|node| {
            format!(
                "{}@127.0.0.1:{}",
                node.node,
                node.controller_port.unwrap_or_default()
            )
        })
        .collect();
    let (port, controller) = (part.port, part.controller_port.unwrap_or_default());
    let replicas = voters.len();
    let in_sync = replicas.min(2);
    let mut text = String::new();
    for (key, value) in [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", part.node.to_string()),
        ("controller.quorum.voters", voters.join(",")),
        (
            "listeners",
            format!("CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
        ),
        ("advertised.listeners", format!("CLIENT://127.0.0.1:{port}")),
        (
            "listener.security.protocol.map",
            "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        ),
        ("inter.broker.listener.name", "CLIENT".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("log.dirs", data.to_owned()),
        ("default.replication.factor", replicas.to_string()),
        ("min.insync.replicas", in_sync.to_string()),
        ("offsets.topic.replication.factor", replicas.to_string()),
        (
            "transaction.state.log.replication.factor",
            replicas.to_string(),
        ),
        ("transaction.state.log.min.isr", in_sync.to_string()),
        (
            "share.coordinator.state.topic.replication.factor",
            replicas.to_string(),
        ),
        ("share.coordinator.state.topic.min.isr", in_sync.to_string()),
        // The defaults of 50 partitions each take seconds to create and to recover.
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("transaction.state.log.num.partitions", "4".to_owned()),
        // A killed broker may register again only when its last session has timed out.
        ("broker.session.timeout.ms", "3000".to_owned()),
        ("broker.heartbeat.interval.ms", "500".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
    ] {
        writeln!(text, "{key}={value}").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_metadata_response_are_read() {
        let mut answer = vec![0, 0, 0, 7, 0, 0, 0, 2];
        for node in [1, 3] {
            answer.extend_from_slice(&[0, 0, 0, node, 0, 1, b'h', 0, 0, 35, 40, 0xff, 0xff]);
        }
        assert_eq!(nodes(&answer), Some(vec![1, 3]));
        assert_eq!(nodes(&answer[..answer.len() - 1]), None);
        assert_eq!(nodes(&[]), None);
    }
}
