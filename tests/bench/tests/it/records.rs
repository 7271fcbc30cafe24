//! What the two sides write must weigh the same, or their comparison says nothing.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::program::{Worker, brokers, run};

/// How long records that were answered may take to be read.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names and lengths of a record's headers, and the length of its value.
#[derive(Debug, PartialEq, Eq)]
struct Weight {
    headers: Vec<(String, usize)>,
    value: usize,
}

#[test]
fn the_baseline_carries_the_headers_and_the_bytes_of_the_bus() {
    let [bare, bus] = [
        ("bare", ["bare.echo", "reply.floor"]),
        ("bus", ["echo.echo", "reply.bench"]),
    ]
    .map(|(side, topics)| {
        let worker = Worker::start(&["worker", side]);
        let readers = topics.map(Reader::at_the_end_of);
        run(&["load", side, "--calls", "1"]);
        worker.end();
        readers.map(|reader| reader.record())
    });
    assert_eq!(bus[0].value, 128);
    assert_eq!(bare, bus);
}

/// Reads what is written to a topic from now on.
struct Reader {
    topic: &'static str,
    consumer: BaseConsumer,
}

impl Reader {
    fn at_the_end_of(topic: &'static str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers())
            .set("group.id", "records")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut ends = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            let (_, end) = consumer
                .fetch_watermarks(topic, partition.id(), PATIENCE)
                .unwrap();
            ends.add_partition_offset(topic, partition.id(), Offset::Offset(end))
                .unwrap();
        }
        consumer.assign(&ends).unwrap();
        Self { topic, consumer }
    }

    /// The first record that has a value: a ping has none.
    fn record(&self) -> Weight {
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < until,
                "{} has no record with a value",
                self.topic
            );
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.unwrap();
            let value = message.payload_len();
            if value == 0 {
                continue;
            }
            let length = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
            let headers = message.headers().unwrap().iter();
            let mut headers: Vec<_> = headers
                .map(|header| (header.key.to_owned(), length(header.value)))
                .collect();
            headers.sort();
            return Weight { headers, value };
        }
    }
}
