//! What holds after every case, whatever it was about.

use std::time::Instant;

use chassis::contract::Pattern;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{Bus, PATIENCE, raw, within};

impl Bus {
    /// Ends everything in order, and checks what must hold.
    pub(crate) async fn finish(self) {
        let channels = std::mem::take(&mut *self.channels.lock());
        let servers = std::mem::take(&mut *self.servers.lock());
        // Nothing pends: every call has ended, or its caller has gone.
        for channel in &channels {
            assert_eq!(channel.pending(), 0, "a call pends after the case");
            let calls = channel.calls().lock();
            assert_eq!(calls.begun, calls.ended + calls.dropped, "{calls:?}");
        }
        let served = servers.len();
        for server in servers {
            within(server.shutdown(PATIENCE)).await;
            assert_eq!(
                server.in_flight(),
                0,
                "a record is worked on after the stop"
            );
        }
        for ledger in self.ledgers.lock().iter() {
            assert_eq!(ledger.running(), 0, "a handler runs after the stop");
        }
        for channel in channels {
            channel.inner().shutdown().await;
        }
        // Tasks end on their own time, a moment after what they did is seen.
        let metrics = tokio::runtime::Handle::current().metrics();
        let until = Instant::now() + PATIENCE;
        while metrics.num_alive_tasks() > self.tasks_before {
            assert!(
                Instant::now() < until,
                "{} tasks are left of {} before",
                metrics.num_alive_tasks(),
                self.tasks_before
            );
            tokio::task::yield_now().await;
        }
        if served > 0 {
            // Where several served, the last may not have been given every partition yet.
            let checked = tokio::task::spawn_blocking(move || self.check_offsets(served == 1));
            checked.await.unwrap();
        }
    }

    /// After a stop in order every record is finished or left to be taken again: no committed offset
    /// is past the end of its partition.
    fn check_offsets(&self, to_the_end: bool) {
        let consumer = self.group_consumer();
        for topic in self.request_topics() {
            for (partition, committed, end) in offsets(&consumer, &topic) {
                assert!(
                    committed <= end,
                    "{topic}-{partition}: {committed} of {end}"
                );
                if to_the_end && committed < end {
                    self.check_left(&topic, partition, committed, end);
                }
            }
        }
    }

    /// What is left after a stop in order was not read before it: a hello, or a caller's farewell. A
    /// request that was answered is committed.
    fn check_left(&self, topic: &str, partition: i32, committed: i64, end: i64) {
        let all = raw::read(&self.settings().brokers, topic, |all| {
            all.iter().any(|raw| raw.place == (partition, end - 1))
        });
        let left = all
            .iter()
            .filter(|raw| raw.place.0 == partition && raw.place.1 >= committed);
        for raw in left {
            let at = raw.place.1;
            assert!(
                raw.is_control(),
                "{topic}-{partition}: a request at {at} is not committed after a stop in order"
            );
        }
    }

    /// How far a topic is committed, over all its partitions.
    pub(crate) async fn committed(&self, topic: &str) -> i64 {
        let consumer = self.group_consumer();
        let topic = topic.to_owned();
        let offsets = tokio::task::spawn_blocking(move || offsets(&consumer, &topic));
        let offsets = offsets.await.unwrap();
        offsets.iter().map(|(_, committed, _)| *committed).sum()
    }

    fn group_consumer(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.settings().brokers)
            .set("group.id", self.group())
            .create()
            .unwrap()
    }

    fn request_topics(&self) -> Vec<String> {
        // An event may wait to be tried again, uncommitted.
        let methods = self.contract().methods().into_iter();
        let calls = methods.filter(|method| method.pattern == Pattern::RequestReply);
        calls.map(|method| method.topic.clone()).collect()
    }
}

/// Partition, committed offset (0 where there is none), end.
fn offsets(consumer: &BaseConsumer, topic: &str) -> Vec<(i32, i64, i64)> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut asked = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        asked.add_partition(topic, partition.id());
    }
    let committed = consumer.committed_offsets(asked, PATIENCE).unwrap();
    let of = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let committed = match element.offset() {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        let (_, end) = consumer
            .fetch_watermarks(topic, element.partition(), PATIENCE)
            .unwrap();
        (element.partition(), committed, end)
    };
    committed.elements().iter().map(of).collect()
}
