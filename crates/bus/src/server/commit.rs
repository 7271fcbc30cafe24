//! The offsets of the partitions that this member has, and what of them may be committed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::tracker::Tracker;

/// A topic and a partition of it.
pub(super) type Place = (Arc<str>, i32);

/// A record that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) offset: i64,
    /// In which assignment it was taken: one that is over commits nothing more.
    epoch: u64,
    /// Cancelled when the assignment is about to end: nothing should wait any longer.
    pub(super) ending: CancellationToken,
}

/// The trackers of all partitions.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    ending: CancellationToken,
    trackers: HashMap<Place, Tracker>,
    /// Offsets that may be committed and were not yet stored.
    ready: HashMap<Place, i64>,
}

impl Commits {
    /// A record was taken.
    pub(super) fn take(&self, topic: &Arc<str>, partition: i32, offset: i64) -> Taken {
        let mut state = self.state.lock();
        let place = (Arc::clone(topic), partition);
        state
            .trackers
            .entry(place.clone())
            .or_default()
            .take(offset);
        Taken {
            place,
            offset,
            epoch: state.epoch,
            ending: state.ending.clone(),
        }
    }

    /// A record is finished, or may not run again. False where its assignment is over: it is not
    /// committed, and its partition's next owner has it.
    pub(super) fn finish(&self, taken: &Taken) -> bool {
        let mut state = self.state.lock();
        if taken.epoch != state.epoch {
            return false;
        }
        let tracker = state.trackers.get_mut(&taken.place);
        if let Some(offset) = tracker.and_then(|tracker| tracker.finish(taken.offset)) {
            state.ready.insert(taken.place.clone(), offset);
        }
        true
    }

    /// What may be stored for the next commit: the last finished offset of each partition.
    pub(super) fn ready(&self) -> Vec<(Place, i64)> {
        self.state.lock().ready.drain().collect()
    }

    /// How many records were taken and may not be committed.
    pub(super) fn uncommitted(&self) -> usize {
        self.state.lock().trackers.values().map(Tracker::len).sum()
    }

    /// The assignment is about to end: what waits to be tried again is left to the next owner.
    pub(super) fn end_waiting(&self) {
        self.state.lock().ending.cancel();
    }

    /// The assignment is over: what is finished from now on is not committed.
    pub(super) fn next_epoch(&self) {
        let mut state = self.state.lock();
        state.epoch += 1;
        state.ending.cancel();
        state.ending = CancellationToken::new();
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
        let old = commits.take(&"t".into(), 0, 5);
        commits.next_epoch();
        let new = commits.take(&"t".into(), 0, 5);
        assert!(!commits.finish(&old));
        assert!(commits.ready().is_empty());
        assert!(commits.finish(&new));
        assert_eq!(commits.ready(), [(("t".into(), 0), 5)]);
    }

    #[test]
    fn what_waits_is_told_when_its_assignment_ends() {
        let commits = Commits::default();
        let taken = commits.take(&"t".into(), 0, 5);
        assert!(!taken.ending.is_cancelled());
        commits.end_waiting();
        assert!(taken.ending.is_cancelled());
        commits.next_epoch();
        assert!(!commits.take(&"t".into(), 0, 5).ending.is_cancelled());
    }
}
