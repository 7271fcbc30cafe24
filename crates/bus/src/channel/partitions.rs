//! Which partition of its topic a request goes to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};

/// So many calls in a row go to one partition: records for one partition travel in one request, and
/// workers still share the load.
const RUN: u64 = 16;

/// The number of partitions of each request topic.
#[derive(Debug)]
pub(super) struct Partitions {
    counts: HashMap<String, AtomicI32>,
}

impl Partitions {
    /// None is known yet.
    pub(super) fn new(topics: impl Iterator<Item = String>) -> Self {
        Self {
            counts: topics.map(|topic| (topic, AtomicI32::new(0))).collect(),
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        let mut topics: Vec<_> = self.counts.keys().cloned().collect();
        topics.sort();
        topics
    }

    /// What the broker says now. Says whether it is something else than before.
    pub(super) fn set(&self, topic: &str, count: i32) -> bool {
        let known = self.counts.get(topic);
        known.is_some_and(|known| known.swap(count, Ordering::Relaxed) != count)
    }

    pub(super) fn count(&self, topic: &str) -> i32 {
        self.counts
            .get(topic)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// The partition of a call: that of its key, or the next in turn. `None` while the topic is
    /// unknown, so that librdkafka chooses once it is known.
    pub(super) fn choose(&self, topic: &str, key: Option<&[u8]>, number: u64) -> Option<i32> {
        let count = u64::try_from(self.count(topic))
            .ok()
            .filter(|count| *count > 0)?;
        let chosen = match key {
            // As Kafka's own clients choose, so that others can follow.
            Some(key) => u64::from(murmur2(key) & 0x7fff_ffff) % count,
            None => number / RUN % count,
        };
        i32::try_from(chosen).ok()
    }
}

/// The hash that Kafka's Java client chooses partitions by: `MurmurHash2`, 32 bits, with its seed.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(count: i32) -> Partitions {
        let partitions = Partitions::new(["t".to_owned()].into_iter());
        partitions.set("t", count);
        partitions
    }

    #[test]
    fn the_hash_is_that_of_kafkas_clients() {
        // The values that Kafka's own tests of its client hold.
        for (text, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn calls_without_a_key_take_turns_in_runs() {
        let partitions = partitions(3);
        let chosen: Vec<_> = (0..4 * RUN)
            .step_by(usize::try_from(RUN).unwrap())
            .map(|number| partitions.choose("t", None, number).unwrap())
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0]);
        assert_eq!(partitions.choose("t", None, RUN - 1), Some(0));
    }

    #[test]
    fn a_key_always_has_the_same_partition_and_an_unknown_topic_none() {
        let partitions = partitions(7);
        let first = partitions.choose("t", Some(b"ada"), 1);
        assert_eq!(first, partitions.choose("t", Some(b"ada"), 99));
        assert_eq!(partitions.choose("u", Some(b"ada"), 1), None);
        assert!(partitions.set("t", 8) && !partitions.set("t", 8));
    }
}
