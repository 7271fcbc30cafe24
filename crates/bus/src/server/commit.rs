//! The offsets of the partitions that this member has, and what of them may be committed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::tracker::Tracker;

/// A topic and a partition of it.
pub(super) type Place = (String, i32);

/// A record that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) offset: i64,
    /// In which assignment it was taken: one that is over commits nothing more.
    epoch: u64,
}

/// The trackers of all partitions.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    trackers: HashMap<Place, Tracker>,
    /// Offsets that may be committed and were not yet stored.
    ready: HashMap<Place, i64>,
}

impl Commits {
    /// A record was taken.
    pub(super) fn take(&self, topic: &str, partition: i32, offset: i64) -> Taken {
        let mut state = self.state.lock();
        let place = (topic.to_owned(), partition);
        state
            .trackers
            .entry(place.clone())
            .or_default()
            .take(offset);
        Taken {
            place,
            offset,
            epoch: state.epoch,
        }
    }

    /// A record is finished, or may not run again.
    pub(super) fn finish(&self, taken: &Taken) {
        let mut state = self.state.lock();
        if taken.epoch != state.epoch {
            return;
        }
        let tracker = state.trackers.get_mut(&taken.place);
        if let Some(offset) = tracker.and_then(|tracker| tracker.finish(taken.offset)) {
            state.ready.insert(taken.place.clone(), offset);
            self.progress.notify_all();
        }
    }

    /// What may be stored for the next commit: the last finished offset of each partition.
    pub(super) fn ready(&self) -> Vec<(Place, i64)> {
        self.state.lock().ready.drain().collect()
    }

    /// Waits until everything that was taken is finished. Says whether it is.
    pub(super) fn drain(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.state.lock();
        while !state.trackers.values().all(Tracker::is_idle) {
            if self.progress.wait_until(&mut state, until).timed_out() {
                return state.trackers.values().all(Tracker::is_idle);
            }
        }
        true
    }

    /// The assignment is over: what is finished from now on is not committed.
    pub(super) fn next_epoch(&self) {
        let mut state = self.state.lock();
        state.epoch += 1;
        state.trackers.clear();
        state.ready.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_handler_does_not_commit_into_the_next_assignment() {
        let commits = Commits::default();
        let old = commits.take("t", 0, 5);
        commits.next_epoch();
        let new = commits.take("t", 0, 5);
        commits.finish(&old);
        assert!(commits.ready().is_empty());
        commits.finish(&new);
        assert_eq!(commits.ready(), [(("t".into(), 0), 5)]);
    }

    #[test]
    fn draining_says_whether_all_is_finished() {
        let commits = Commits::default();
        let taken = commits.take("t", 0, 5);
        assert!(!commits.drain(Duration::from_millis(1)));
        commits.finish(&taken);
        assert!(commits.drain(Duration::from_millis(1)));
    }
}
