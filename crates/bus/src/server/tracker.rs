//! Which offset may be committed: a pure core, tested against a model.

use std::collections::VecDeque;

/// The records of one partition that were taken and not yet committed, in the order of their
/// offsets.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    taken: VecDeque<(i64, bool)>,
}

impl Tracker {
    /// A record was taken. Offsets come in rising order; one that does not is a record that was
    /// delivered again, and whatever was tracked from it on is forgotten.
    pub(super) fn take(&mut self, offset: i64) {
        while self.taken.back().is_some_and(|(last, _)| *last >= offset) {
            self.taken.pop_back();
        }
        self.taken.push_back((offset, false));
    }

    /// How many were taken and hold the commit back, or wait for one that does.
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    /// A record is finished. The last offset of the finished run at the front, if it grew: it and
    /// everything before it may be committed.
    pub(super) fn finish(&mut self, offset: i64) -> Option<i64> {
        let index = self
            .taken
            .binary_search_by_key(&offset, |(taken, _)| *taken)
            .ok()?;
        self.taken[index].1 = true;
        let mut last = None;
        while let Some(&(offset, true)) = self.taken.front() {
            self.taken.pop_front();
            last = Some(offset);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slow_record_holds_the_commit_back() {
        let mut tracker = Tracker::default();
        for offset in [10, 11, 13] {
            tracker.take(offset);
        }
        assert_eq!(tracker.finish(11), None);
        assert_eq!(tracker.finish(13), None);
        assert_eq!(tracker.finish(10), Some(13));
        assert!(tracker.taken.is_empty());
    }

    #[test]
    fn a_record_that_was_not_taken_finishes_nothing() {
        let mut tracker = Tracker::default();
        tracker.take(1);
        assert_eq!(tracker.finish(2), None);
        assert_eq!(tracker.finish(1), Some(1));
        assert_eq!(tracker.finish(1), None);
    }

    proptest! {
        #[test]
        fn the_commit_never_passes_an_unfinished_record(
            order in Just((0..40i64).collect::<Vec<_>>()).prop_shuffle(),
            gaps in prop::collection::vec(1..4i64, 40),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
            let mut tracker = Tracker::default();
            let mut open: BTreeSet<i64> = offsets.iter().copied().collect();
            offsets.iter().for_each(|offset| tracker.take(*offset));
            let mut committed = None;
            for index in order {
                let offset = offsets[usize::try_from(index).unwrap()];
                open.remove(&offset);
                committed = tracker.finish(offset).or(committed);
                let lowest_open = open.first().copied().unwrap_or(i64::MAX);
                let expected = offsets.iter().copied().filter(|o| *o < lowest_open).max();
                prop_assert_eq!(committed, expected);
            }
            prop_assert!(tracker.taken.is_empty());
        }
    }
}
