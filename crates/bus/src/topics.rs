//! Which topics the contracts need; creating and checking them.

use std::time::Duration;

use chassis::contract::{Contract, Method, Pattern, Retry};

use crate::header;

mod apply;

pub use apply::{TopicError, apply};

/// The partitions of a reply topic: as many channels can have one of their own.
pub const REPLY_PARTITIONS: i32 = 64;

/// How long request and reply topics keep records: longer than any deadline, and no longer than
/// operators need to look at what was just said.
const CALL_RETENTION: Duration = Duration::from_secs(15 * 60);

/// How long event topics keep records: a consumer may be down over a long weekend.
const EVENT_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long retry topics keep records: an event comes with the time at which it was made, which may
/// be as long ago as its topic keeps it, and then waits.
const RETRY_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// One partition of a retry topic for so many of its event's: few events fail, each of the partitions
/// is in the order of due times by itself, and the work on them runs in parallel.
const PARTITIONS_PER_RETRY: i32 = 8;

/// How long dead letters are kept for somebody to look at them.
const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// A topic that has to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it has at least.
    pub partitions: i32,
    /// How long it keeps records.
    pub retention: Duration,
}

/// The topic that the replies to an application's calls come to.
#[must_use]
pub fn reply_topic(app: &str) -> String {
    format!("reply.{app}")
}

/// The topic of the events that cannot be handled: `<topic>.dlq`.
#[must_use]
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}{}", header::DEAD_LETTER_SUFFIX)
}

/// The topic on which an event waits before its `tier`-th further attempt, counted from 1:
/// `<topic>.retry.<tier>`.
#[must_use]
pub fn retry_topic(topic: &str, tier: usize) -> String {
    format!("{topic}{}{tier}", header::RETRY_INFIX)
}

/// The retry topics of a method: one a pause, for an event whose retries are not in order.
#[must_use]
pub fn retry_topics(method: &Method) -> Vec<String> {
    match (method.pattern, &method.retry) {
        (Pattern::Event, Retry::Tiers(pauses)) => (1..=pauses.len())
            .map(|tier| retry_topic(&method.topic, tier))
            .collect(),
        _ => Vec::new(),
    }
}

/// The topics of a contract, ordered by name: one a method, retry topics and a dead-letter topic an
/// event, and a reply topic for each of the calling applications.
#[must_use]
pub fn plan(contract: &Contract, apps: &[&str], partitions: i32) -> Vec<TopicSpec> {
    let spec = |name, partitions, retention| TopicSpec {
        name,
        partitions,
        retention,
    };
    let mut topics = Vec::new();
    for method in contract.methods() {
        let retention = match method.pattern {
            Pattern::RequestReply => CALL_RETENTION,
            Pattern::Event => EVENT_RETENTION,
        };
        topics.push(spec(method.topic.clone(), partitions, retention));
        let waiting = (partitions / PARTITIONS_PER_RETRY).max(1);
        let retries = retry_topics(method).into_iter();
        topics.extend(retries.map(|name| spec(name, waiting, RETRY_RETENTION)));
        if method.pattern == Pattern::Event {
            let name = dead_letter_topic(&method.topic);
            topics.push(spec(name, 1, DEAD_LETTER_RETENTION));
        }
    }
    let replies = apps.iter().map(|app| reply_topic(app));
    topics.extend(replies.map(|name| spec(name, REPLY_PARTITIONS, CALL_RETENTION)));
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    topics
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn plan_of(partitions: i32) -> Vec<TopicSpec> {
        let services = [test_contract::ECHO, test_contract::NOTE];
        let contract = Contract::read(test_contract::echo::descriptors(), &services).unwrap();
        plan(&Arc::new(contract), &["gateway"], partitions)
    }

    fn find<'a>(topics: &'a [TopicSpec], name: &str) -> Option<&'a TopicSpec> {
        topics.iter().find(|topic| topic.name == name)
    }

    #[test]
    fn an_event_in_tiers_has_a_topic_for_each_pause() {
        let topics = plan_of(8);
        let event = find(&topics, "note.note").unwrap();
        for name in ["note.note.retry.1", "note.note.retry.2"] {
            let retry = find(&topics, name).unwrap();
            assert_eq!(retry.partitions, 1);
            assert!(retry.retention > event.retention);
        }
        assert!(find(&topics, "note.note.retry.3").is_none());
        let dead = find(&topics, "note.note.dlq").unwrap();
        assert!(dead.retention > find(&topics, "note.note.retry.1").unwrap().retention);
    }

    #[test]
    fn an_event_in_order_and_a_call_have_no_retry_topic() {
        let topics = plan_of(8);
        assert!(find(&topics, "note.note_in_order").is_some());
        assert!(find(&topics, "note.note_in_order.dlq").is_some());
        assert!(find(&topics, "note.note_in_order.retry.1").is_none());
        assert!(find(&topics, "echo.echo.retry.1").is_none());
        assert!(find(&topics, "echo.echo.dlq").is_none());
    }

    #[test]
    fn many_partitions_share_a_few_of_a_retry_topic() {
        let retry = |partitions| {
            find(&plan_of(partitions), "note.note.retry.1")
                .unwrap()
                .partitions
        };
        assert_eq!((retry(1), retry(15), retry(64)), (1, 1, 8));
    }
}
