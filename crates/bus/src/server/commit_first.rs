//! Calls that may run only when the broker has their offset: those that must not run twice, of a
//! service that keeps no journal.
//!
//! Commits are asked for in the background and in turn: the calls that come while one is on its way
//! share the next, so that the poll thread never waits.

use std::sync::Arc;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tonic::Status;

use super::Shared;
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
    /// Asks for the next commit, unless one is on its way or nobody waits.
    pub(super) fn commit_waiting(&self, consumer: &impl Consumer<super::consumer::Group>) {
        let mut calls = self.commit_first.lock();
        if calls.waiting.is_empty() || !calls.asked.is_empty() {
            return;
        }
        let mut offsets = TopicPartitionList::new();
        let mut places: Vec<_> = calls.waiting.iter().map(|work| &work.taken).collect();
        places.sort_by(|a, b| (&a.place, b.offset).cmp(&(&b.place, a.offset)));
        // The furthest of each partition: every call of such a topic counts as done when taken.
        places.dedup_by(|a, b| a.place == b.place);
        let added = places.iter().try_for_each(|taken| {
            let (topic, partition) = &taken.place;
            offsets.add_partition_offset(topic, *partition, Offset::Offset(taken.offset + 1))
        });
        match added.and_then(|()| consumer.commit(&offsets, CommitMode::Async)) {
            Ok(()) => calls.asked = std::mem::take(&mut calls.waiting),
            Err(error) => {
                let all = calls.take();
                drop(calls);
                self.give_up(all, &error.to_string());
            }
        }
    }

    /// A commit has ended: what it covers may run, or may not.
    pub(super) fn committed(
        self: &Arc<Self>,
        result: rdkafka::error::KafkaResult<()>,
        offsets: &TopicPartitionList,
    ) {
        let mut calls = self.commit_first.lock();
        let (covered, rest) = std::mem::take(&mut calls.asked)
            .into_iter()
            .partition(|work| {
                let (topic, partition) = &work.taken.place;
                let found = offsets.find_partition(topic, *partition);
                found
                    .and_then(|element| element.offset().to_raw())
                    .is_some_and(|committed| committed > work.taken.offset)
            });
        calls.asked = rest;
        drop(calls);
        match result {
            Ok(()) => Vec::into_iter(covered).for_each(|work| self.start(work)),
            Err(error) => self.give_up(covered, &error.to_string()),
        }
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
