//! What of a partition was sent again: a pure core, kept as a committed offset and its metadata.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// As many may be noted ahead of the first that was not sent again: some 1,400 bytes of the 4,096
/// that a broker keeps with an offset.
const MOST_AHEAD: usize = 200;

/// What was sent again: all before an offset, and some single ones after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    next: i64,
    ahead: BTreeSet<i64>,
}

impl Progress {
    /// From what was committed, if anything was. Records before `low` are gone.
    pub(super) fn read(committed: Option<(i64, &str)>, low: i64) -> Self {
        let (next, metadata) = committed.unwrap_or((low, ""));
        let ahead = metadata
            .split(',')
            .filter_map(|text| text.parse::<i64>().ok());
        let ahead = ahead.filter_map(|distance| next.checked_add(distance));
        let mut progress = Self {
            next: next.max(low),
            ahead: ahead.filter(|offset| *offset >= low).collect(),
        };
        progress.absorb();
        progress
    }

    /// The offset to commit, and its metadata: the distances of the single ones.
    pub(super) fn write(&self) -> (i64, String) {
        let mut text = String::new();
        for offset in &self.ahead {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{}", offset - self.next);
        }
        (self.next, text)
    }

    /// The first that was not sent again.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn is_done(&self, offset: i64) -> bool {
        offset < self.next || self.ahead.contains(&offset)
    }

    /// How many before `high` were not sent again.
    pub(super) fn left(&self, high: i64) -> u64 {
        let ahead = self.ahead.range(..high).count();
        let left = u64::try_from(high - self.next).unwrap_or(0);
        left.saturating_sub(ahead as u64)
    }

    /// Whether one more can be noted.
    pub(super) fn has_room(&self, offset: i64) -> bool {
        offset <= self.next || self.ahead.len() < MOST_AHEAD
    }

    /// One was sent again.
    pub(super) fn done(&mut self, offset: i64) {
        if offset >= self.next {
            self.ahead.insert(offset);
            self.absorb();
        }
    }

    /// Everything before an offset was sent again, or is no more.
    pub(super) fn all_before(&mut self, offset: i64) {
        self.next = self.next.max(offset);
        self.absorb();
    }

    fn absorb(&mut self) {
        self.ahead = self.ahead.split_off(&self.next);
        while self.ahead.remove(&self.next) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_widest_progress_fits_into_the_metadata_of_an_offset() {
        let mut progress = Progress::read(None, 0);
        let ahead = (1..).step_by(1_000).take_while(|offset| {
            progress.has_room(*offset) && {
                progress.done(*offset);
                true
            }
        });
        assert_eq!(ahead.count(), MOST_AHEAD);
        assert!(progress.write().1.len() < 2_000);
        assert!(progress.has_room(0));
    }

    #[test]
    fn what_the_topic_no_longer_keeps_is_not_left() {
        let progress = Progress::read(Some((3, "2,9")), 5);
        assert_eq!((progress.next(), progress.left(14)), (6, 7));
        assert_eq!(progress.left(2), 0);
    }

    proptest! {
        #[test]
        fn it_knows_what_was_done_also_after_it_was_kept(
            low in 0..10i64,
            done in prop::collection::vec(0..60i64, 0..60),
        ) {
            let mut progress = Progress::read(None, low);
            let mut model: BTreeSet<i64> = (0..low).collect();
            for offset in done {
                progress.done(offset);
                model.insert(offset);
                let (next, metadata) = progress.write();
                progress = Progress::read(Some((next, &metadata)), low);
                for offset in 0..70 {
                    prop_assert_eq!(progress.is_done(offset), model.contains(&offset));
                }
                let left = (0..60).filter(|offset| !model.contains(offset)).count();
                prop_assert_eq!(progress.left(60), left as u64);
            }
        }
    }
}
