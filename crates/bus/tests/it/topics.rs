//! Making and checking topics, which the embedded broker does in its own way.

use std::time::Duration;

use bus::topics::{TopicSpec, apply};

use crate::harness::Bus;

pub(crate) async fn topics_are_made_once_and_what_differs_is_told(bus: Bus) {
    let brokers = &bus.settings().brokers;
    let spec = |name: &str, partitions| TopicSpec {
        name: format!("{}.{name}", bus.app),
        partitions,
        retention: Duration::from_secs(3600),
    };
    let topics = [spec("a", 2), spec("b", 1)];
    let lines = apply(brokers, &topics, Some(1)).await.unwrap();
    assert_eq!(
        lines[0],
        format!("created {} (2 partitions)", topics[0].name)
    );
    let lines = apply(brokers, &topics, Some(1)).await.unwrap();
    assert_eq!(
        lines[1],
        format!("exists  {} (1 partitions)", topics[1].name)
    );
    let longer = TopicSpec {
        retention: Duration::from_secs(7200),
        ..topics[1].clone()
    };
    let lines = apply(brokers, &[longer], Some(3)).await.unwrap();
    let expected = format!(
        "differs {} (1 partitions): retention.ms is 3600000, planned is 7200000; \
         has 1 replicas, asked for are 3",
        topics[1].name
    );
    assert_eq!(lines, [expected]);
    let error = apply(brokers, &[spec("a", 5)], Some(1)).await.unwrap_err();
    assert!(
        error.to_string().contains("has 2 partitions and needs 5"),
        "{error}"
    );
    bus.finish().await;
}
