//! What the broker's access rules have to allow each process, as rules to add.
//!
//! A rule allows one operation on one topic or group by its full name. Reading and writing include
//! looking: `Describe` is asked for where neither is. No transaction is ever begun, so there is no
//! rule for a transactional id, and a producer of events, which is idempotent, needs none of its own
//! from Kafka 3.0 on.

use std::collections::BTreeMap;
use std::fmt;

use chassis::contract::{Contract, Method, Pattern};

use crate::topics::{TopicSpec, dead_letter_topic, reply_topic, retry_topics};

/// One operation that a process needs on one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// On what.
    pub resource: Resource,
    /// Its full name.
    pub name: String,
    /// To do what.
    pub operation: Operation,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
}

/// What a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reading records; being a member of a group and committing its offsets.
    Read,
    /// Writing records.
    Write,
    /// Making a topic.
    Create,
    /// Seeing that it is there.
    Describe,
    /// Seeing its configuration.
    DescribeConfigs,
}

/// What a process calls and serves.
#[derive(Debug, Clone, Default)]
pub struct Process<'a> {
    /// The application that it calls as, if it calls.
    pub calls_as: Option<&'a str>,
    /// The services that it serves, in the group of that name.
    pub serves: &'a [&'a str],
    /// The group that it serves in; empty if it serves none.
    pub group: &'a str,
    /// The paths of the methods whose events it publishes, beside those that it serves.
    pub emits: &'a [&'a str],
    /// The applications whose calls it answers.
    pub answers: &'a [&'a str],
    /// The topics on which it trusts foreign callers, who have their answers on `<topic>.reply`.
    pub trusted: &'a [String],
    /// Whether it shows dead letters of its events and sends them again.
    pub redrives: bool,
}

/// What a process needs to do its work, in order of resource and name.
#[must_use]
pub fn of(contract: &Contract, process: &Process<'_>) -> Vec<Acl> {
    let mut needs = Needs::default();
    if let Some(app) = process.calls_as {
        // It pings itself through its replies.
        needs.topic(&reply_topic(app), &[Operation::Read, Operation::Write]);
        for method in contract.methods() {
            needs.topic(&method.topic, &[Operation::Write]);
        }
    }
    let served: Vec<_> = contract
        .methods()
        .into_iter()
        .filter(|method| process.serves.contains(&method.service.as_str()))
        .collect();
    for method in &served {
        needs.topic(&method.topic, &[Operation::Read]);
        needs.event(method, process.redrives);
        if process.trusted.contains(&method.topic) {
            needs.topic(&format!("{}.reply", method.topic), &[Operation::Write]);
        }
    }
    if served
        .iter()
        .any(|method| method.pattern == Pattern::RequestReply)
    {
        for app in process.answers {
            needs.topic(&reply_topic(app), &[Operation::Write]);
        }
    }
    for method in process.emits.iter().filter_map(|path| contract.get(path)) {
        needs.topic(&method.topic, &[Operation::Write]);
    }
    if !process.group.is_empty() {
        needs.group(process.group.to_owned());
        if process.redrives {
            needs.group(format!("{}.redrive", process.group));
        }
    }
    needs.sorted()
}

/// What `topics apply` needs to make topics and to check them.
#[must_use]
pub fn of_apply(topics: &[TopicSpec]) -> Vec<Acl> {
    let mut needs = Needs::default();
    for topic in topics {
        let operations = [
            Operation::Create,
            Operation::Describe,
            Operation::DescribeConfigs,
        ];
        needs.topic(&topic.name, &operations);
    }
    needs.sorted()
}

/// The rules as command lines of Kafka's own tool, one for all that need the same operations.
#[must_use]
pub fn commands(
    acls: &[Acl],
    brokers: &str,
    principal: &str,
    command_config: Option<&str>,
) -> Vec<String> {
    // By resource and operations.
    let mut names: BTreeMap<(Resource, &str), Vec<Operation>> = BTreeMap::new();
    for acl in acls {
        names
            .entry((acl.resource, &acl.name))
            .or_default()
            .push(acl.operation);
    }
    let mut lines: BTreeMap<(Resource, Vec<Operation>), Vec<&str>> = BTreeMap::new();
    for ((resource, name), operations) in names {
        lines.entry((resource, operations)).or_default().push(name);
    }
    let config = command_config.map(|file| format!(" --command-config {}", quoted(file)));
    let begin = format!(
        "kafka-acls.sh --bootstrap-server {}{} --add --allow-principal {}",
        quoted(brokers),
        config.unwrap_or_default(),
        quoted(principal)
    );
    let lines = lines.into_iter().map(|((resource, operations), names)| {
        let operations = operations.iter().map(|one| format!(" --operation {one}"));
        let names = names
            .iter()
            .map(|name| format!(" {resource} {}", quoted(name)));
        operations
            .chain(names)
            .fold(begin.clone(), |line, word| line + &word)
    });
    lines.collect()
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:,/@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[derive(Default)]
struct Needs(Vec<Acl>);

// === impl Needs ===

impl Needs {
    fn topic(&mut self, name: &str, operations: &[Operation]) {
        self.0.extend(operations.iter().map(|&operation| Acl {
            resource: Resource::Topic,
            name: name.to_owned(),
            operation,
        }));
    }

    fn group(&mut self, name: String) {
        self.0.push(Acl {
            resource: Resource::Group,
            name,
            operation: Operation::Read,
        });
    }

    /// Where events wait for another attempt, and where they end.
    fn event(&mut self, method: &Method, redrives: bool) {
        if method.pattern != Pattern::Event {
            return;
        }
        for topic in retry_topics(method) {
            self.topic(&topic, &[Operation::Read, Operation::Write]);
        }
        self.topic(&dead_letter_topic(&method.topic), &[Operation::Write]);
        if redrives {
            self.topic(&dead_letter_topic(&method.topic), &[Operation::Read]);
            self.topic(&method.topic, &[Operation::Write]);
        }
    }

    fn sorted(mut self) -> Vec<Acl> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}

// === impl Resource ===

/// The flag of `kafka-acls.sh`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "--topic",
            Self::Group => "--group",
        })
    }
}

// === impl Operation ===

/// As Kafka calls it.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::Describe => "Describe",
            Self::DescribeConfigs => "DescribeConfigs",
        })
    }
}

#[cfg(test)]
mod tests {
    use test_contract::{ECHO, NOTE};

    use super::*;

    fn contract() -> Contract {
        Contract::read(test_contract::echo::descriptors(), &[ECHO, NOTE]).unwrap()
    }

    /// `Read Write` for each operation on a topic or group.
    fn on(acls: &[Acl], resource: Resource, name: &str) -> String {
        let found = acls
            .iter()
            .filter(|acl| acl.resource == resource && acl.name == name);
        let operations: Vec<_> = found.map(|acl| acl.operation.to_string()).collect();
        operations.join(" ")
    }

    #[test]
    fn a_caller_writes_requests_and_has_its_replies_and_no_group() {
        let process = Process {
            calls_as: Some("gateway"),
            ..Process::default()
        };
        let acls = of(&contract(), &process);
        assert_eq!(on(&acls, Resource::Topic, "reply.gateway"), "Read Write");
        assert_eq!(on(&acls, Resource::Topic, "echo.echo"), "Write");
        assert_eq!(on(&acls, Resource::Topic, "note.note"), "Write");
        assert_eq!(on(&acls, Resource::Topic, "note.note.dlq"), "");
        assert!(acls.iter().all(|acl| acl.resource == Resource::Topic));
    }

    #[test]
    fn a_worker_reads_requests_and_writes_replies() {
        let process = Process {
            serves: &[ECHO],
            group: "echo",
            emits: &["/echo.v1.NoteService/Note"],
            answers: &["gateway"],
            trusted: &["echo.echo".to_owned(), "note.note".to_owned()],
            ..Process::default()
        };
        let acls = of(&contract(), &process);
        assert_eq!(on(&acls, Resource::Topic, "echo.echo"), "Read");
        assert_eq!(on(&acls, Resource::Topic, "reply.gateway"), "Write");
        assert_eq!(on(&acls, Resource::Topic, "echo.echo.reply"), "Write");
        assert_eq!(on(&acls, Resource::Topic, "note.note"), "Write");
        assert_eq!(on(&acls, Resource::Topic, "note.note.reply"), "");
        assert_eq!(on(&acls, Resource::Group, "echo"), "Read");
        assert_eq!(on(&acls, Resource::Group, "echo.redrive"), "");
    }

    #[test]
    fn a_worker_of_events_writes_and_reads_where_they_wait_and_sends_them_again() {
        let process = |redrives| Process {
            serves: &[NOTE],
            group: "note",
            redrives,
            ..Process::default()
        };
        let acls = of(&contract(), &process(false));
        assert_eq!(on(&acls, Resource::Topic, "note.note"), "Read");
        assert_eq!(
            on(&acls, Resource::Topic, "note.note.retry.1"),
            "Read Write"
        );
        assert_eq!(on(&acls, Resource::Topic, "note.note.dlq"), "Write");
        let acls = of(&contract(), &process(true));
        assert_eq!(on(&acls, Resource::Topic, "note.note"), "Read Write");
        assert_eq!(on(&acls, Resource::Topic, "note.note.dlq"), "Read Write");
        assert_eq!(on(&acls, Resource::Group, "note.redrive"), "Read");
    }

    #[test]
    fn applying_topics_makes_and_looks() {
        let topics = crate::topics::plan(&contract(), &["gateway"], 1);
        let acls = of_apply(&topics);
        assert_eq!(acls.len(), topics.len() * 3);
        let expected = "Create Describe DescribeConfigs";
        assert_eq!(on(&acls, Resource::Topic, "reply.gateway"), expected);
    }

    #[test]
    fn what_needs_the_same_is_one_line_that_a_shell_takes() {
        let acl = |resource, name: &str, operation| Acl {
            resource,
            name: name.into(),
            operation,
        };
        let acls = [
            acl(Resource::Topic, "a", Operation::Read),
            acl(Resource::Topic, "a", Operation::Write),
            acl(Resource::Topic, "b", Operation::Write),
            acl(Resource::Topic, "c", Operation::Write),
            acl(Resource::Group, "g", Operation::Read),
        ];
        let begin = "kafka-acls.sh --bootstrap-server kafka:9093 --command-config admin.properties \
                     --add --allow-principal 'User:CN=it'\\''s'";
        let expected = [
            "--operation Read --operation Write --topic a",
            "--operation Write --topic b --topic c",
            "--operation Read --group g",
        ];
        assert_eq!(
            commands(
                &acls,
                "kafka:9093",
                "User:CN=it's",
                Some("admin.properties")
            ),
            expected.map(|end| format!("{begin} {end}"))
        );
    }
}
