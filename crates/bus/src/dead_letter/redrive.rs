//! Sending dead letters again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::log::{Log, Record};
use super::progress::Progress;
use super::{DeadLetterError, DeadLetters};
use crate::topics::dead_letter_topic;

/// How many letters are read at once.
const BATCH: usize = 50;

/// How often what was sent is noted, at least: as much is sent again if the process ends before.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// Which letters to send again, and how fast.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// The topic of the event, with or without `.dlq`.
    pub topic: String,
    /// Which of its letters.
    pub selection: Selection,
    /// As many records a second at most.
    pub per_second: NonZeroU32,
    /// As many records at most.
    pub limit: u64,
}

/// Which letters of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All that are there when it begins.
    All,
    /// Those of one partition.
    Partition(i32),
    /// One.
    One {
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
    },
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// How many were sent.
    pub sent: u64,
    /// How many were asked for one by one that were sent before.
    pub known: u64,
    /// How many could not be sent, since only their place is known: the events were too large to be
    /// kept with their reason.
    pub without_content: u64,
}

/// One partition, while letters of it are sent.
struct Turn<'a> {
    letters: &'a DeadLetters,
    log: Arc<Log>,
    /// The topic of the event.
    origin: &'a str,
    /// The dead-letter topic.
    topic: &'a str,
    partition: i32,
    progress: Progress,
    kept: Instant,
}

impl DeadLetters {
    /// Sends dead letters to their event's topic again, as they first were: with their own headers,
    /// key, value and time. One that was sent before is not sent twice, however often this is called.
    ///
    /// # Errors
    /// No such topic or record, no broker, or another redrive in this process. What was sent until
    /// then is noted.
    pub async fn redrive(&self, redrive: &Redrive) -> Result<Redriven, DeadLetterError> {
        let method = self.event(&redrive.topic)?;
        let _alone = self
            .redriving
            .try_lock()
            .map_err(|_| DeadLetterError::Busy)?;
        let topic = dead_letter_topic(&method.topic);
        let log = Arc::new(self.log()?);
        let mut pace = interval(Duration::from_secs(1) / redrive.per_second.get());
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut done = Redriven::default();
        for partition in partitions(&log, &topic, redrive.selection).await? {
            let (asked, reader) = (topic.clone(), Arc::clone(&log));
            let progress = spawn_blocking(move || reader.progress(&asked, partition)).await??;
            let mut turn = Turn {
                letters: self,
                log: Arc::clone(&log),
                origin: &method.topic,
                topic: &topic,
                partition,
                progress,
                kept: Instant::now(),
            };
            let ended = match redrive.selection {
                Selection::One { offset, .. } => turn.one(offset, &mut pace, &mut done).await,
                _ => turn.all(redrive.limit, &mut pace, &mut done).await,
            };
            // Also what was sent before an error.
            let kept = turn.keep().await;
            ended?;
            kept?;
        }
        Ok(done)
    }
}

async fn partitions(
    log: &Arc<Log>,
    topic: &str,
    selection: Selection,
) -> Result<Vec<i32>, DeadLetterError> {
    let (log, asked) = (Arc::clone(log), topic.to_owned());
    let partitions = spawn_blocking(move || log.partitions(&asked)).await??;
    match selection {
        Selection::All => Ok(partitions),
        Selection::Partition(partition) | Selection::One { partition, .. }
            if partitions.contains(&partition) =>
        {
            Ok(vec![partition])
        }
        Selection::Partition(partition) => Err(DeadLetterError::NoRecord {
            topic: topic.to_owned(),
            partition,
            offset: 0,
        }),
        Selection::One { partition, offset } => Err(DeadLetterError::NoRecord {
            topic: topic.to_owned(),
            partition,
            offset,
        }),
    }
}

impl Turn<'_> {
    async fn one(
        &mut self,
        offset: i64,
        pace: &mut Interval,
        done: &mut Redriven,
    ) -> Result<(), DeadLetterError> {
        if self.progress.is_done(offset) {
            done.known += 1;
            return Ok(());
        }
        if !self.progress.has_room(offset) {
            return Err(DeadLetterError::TooManySingle(self.topic.to_owned()));
        }
        let (log, topic, partition) =
            (Arc::clone(&self.log), self.topic.to_owned(), self.partition);
        let record = spawn_blocking(move || log.record(&topic, partition, offset)).await??;
        self.send(&record, pace, done).await
    }

    /// What comes while this goes on, perhaps the same events again, is left.
    async fn all(
        &mut self,
        limit: u64,
        pace: &mut Interval,
        done: &mut Redriven,
    ) -> Result<(), DeadLetterError> {
        let (log, topic, partition) =
            (Arc::clone(&self.log), self.topic.to_owned(), self.partition);
        let (_, end) = spawn_blocking(move || log.bounds(&topic, partition)).await??;
        while self.progress.next() < end && done.sent < limit {
            let (log, topic) = (Arc::clone(&self.log), self.topic.to_owned());
            let from = self.progress.next();
            let read = spawn_blocking(move || log.read(&topic, partition, from, end, BATCH));
            let records = read.await??;
            let Some(last) = records.last().map(|record| record.offset) else {
                // The rest was deleted meanwhile.
                self.progress.all_before(end);
                return Ok(());
            };
            for record in records {
                if done.sent >= limit {
                    return Ok(());
                }
                if !self.progress.is_done(record.offset) {
                    self.send(&record, pace, done).await?;
                }
                // Offsets may have gaps.
                self.progress.all_before(record.offset + 1);
                if self.kept.elapsed() >= KEEP_EVERY {
                    self.keep().await?;
                }
            }
            self.progress.all_before(last + 1);
        }
        Ok(())
    }

    async fn send(
        &mut self,
        record: &Record,
        pace: &mut Interval,
        done: &mut Redriven,
    ) -> Result<(), DeadLetterError> {
        if record.has_no_content() {
            done.without_content += 1;
        } else {
            pace.tick().await;
            let (key, time) = (record.key.as_deref(), record.time_ms);
            let headers = record.own_headers();
            let publisher = &self.letters.publisher;
            publisher
                .send(self.origin, key, time, headers, &record.value)
                .await
                .map_err(|source| DeadLetterError::Publish {
                    sent: done.sent,
                    source,
                })?;
            done.sent += 1;
        }
        self.progress.done(record.offset);
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), DeadLetterError> {
        let (log, topic, partition) =
            (Arc::clone(&self.log), self.topic.to_owned(), self.partition);
        let progress = self.progress.clone();
        spawn_blocking(move || log.keep(&topic, partition, &progress)).await??;
        self.kept = Instant::now();
        Ok(())
    }
}
