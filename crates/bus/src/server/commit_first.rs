//! Calls that may run only when the broker has their offset: those that must not run twice, of a
//! service that keeps no journal.
//!
//! They are committed beside the poll thread, one commit at a time: the calls that come while one is
//! on its way share the next.

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use tonic::Status;

use super::Shared;
use super::commit::Taken;
use super::group::Group;
use super::work::Work;

/// The calls whose offsets are not yet committed.
#[derive(Debug, Default)]
pub(super) struct CommitFirst {
    /// Not yet asked for.
    waiting: Vec<Work>,
    /// Asked for.
    asked: Vec<Work>,
}

impl CommitFirst {
    /// A call waits for the next commit.
    pub(super) fn wait(&mut self, work: Work) {
        self.waiting.push(work);
    }

    /// Everything that waits.
    fn take(&mut self) -> Vec<Work> {
        let mut all = std::mem::take(&mut self.asked);
        all.append(&mut self.waiting);
        all
    }
}

impl Shared {
    /// Begins the next commit, unless one is on its way or nobody waits.
    pub(super) fn commit_waiting(self: &Arc<Self>, consumer: &Arc<BaseConsumer<Group>>) {
        let mut calls = self.commit_first.lock();
        if calls.waiting.is_empty() || !calls.asked.is_empty() {
            return;
        }
        calls.asked = std::mem::take(&mut calls.waiting);
        let offsets = offsets_of(&calls.asked);
        drop(calls);
        let (shared, consumer) = (Arc::clone(self), Arc::clone(consumer));
        self.runtime.spawn_blocking(move || {
            let committed = offsets.and_then(|offsets| consumer.commit(&offsets, CommitMode::Sync));
            // Nothing is left of them if the partition went elsewhere meanwhile.
            let asked = std::mem::take(&mut shared.commit_first.lock().asked);
            match committed {
                Ok(()) => asked
                    .into_iter()
                    .for_each(|work| shared.run(shared.in_turn(work))),
                Err(error) => shared.give_up(asked, &error.to_string()),
            }
        });
    }

    /// Nothing more will be committed: what waits never runs.
    pub(super) fn commit_no_more(&self) {
        let all = self.commit_first.lock().take();
        self.give_up(all, "the partition goes to another process");
    }

    fn give_up(&self, calls: Vec<Work>, why: &str) {
        for work in calls {
            let status = Status::unavailable(format!("the call did not run: {why}"));
            self.refuse(&work.address, &status);
        }
    }
}

/// The furthest offset of each partition: every call of such a topic counts as done when taken.
fn offsets_of(calls: &[Work]) -> KafkaResult<TopicPartitionList> {
    let mut furthest = HashMap::new();
    for Taken { place, offset, .. } in calls.iter().map(|work| &work.taken) {
        let known = furthest.entry(place).or_insert(*offset);
        *known = (*known).max(*offset);
    }
    let mut offsets = TopicPartitionList::new();
    for ((topic, partition), offset) in furthest {
        // A committed offset is the next one to read.
        offsets.add_partition_offset(topic, *partition, Offset::Offset(offset + 1))?;
    }
    Ok(offsets)
}
