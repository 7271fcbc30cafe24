//! Which partitions are not fetched, and why: a pure core. A partition may have several reasons, and
//! librdkafka knows but one switch.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::commit::Place;

/// Why each partition of this member is not fetched.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    assigned: Vec<Place>,
    /// As much is being worked on as may be.
    full: bool,
    /// As many events of it wait in this process as may.
    crowded: HashSet<Place>,
    /// Its first record is not due.
    held: HashMap<Place, Held>,
    /// The record that was held and is due.
    due: HashMap<Place, i64>,
    /// What librdkafka was told.
    paused: HashSet<Place>,
    /// Whether it has to be told something.
    changed: bool,
}

#[derive(Debug)]
struct Held {
    offset: i64,
    until: Instant,
}

/// What librdkafka is to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) pause: Vec<Place>,
    pub(super) resume: Vec<Place>,
}

impl Pauses {
    /// These partitions are this member's from now on, all of them fetched.
    pub(super) fn assign(&mut self, places: Vec<Place>) {
        let full = self.full;
        *self = Self {
            assigned: places,
            full,
            changed: full,
            ..Self::default()
        };
    }

    /// No partition is this member's any more. Those that librdkafka still has paused.
    pub(super) fn revoke(&mut self) -> Vec<Place> {
        let paused = self.paused.drain().collect();
        self.assign(Vec::new());
        paused
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn set_full(&mut self, full: bool) {
        self.changed |= self.full != full;
        self.full = full;
    }

    pub(super) fn is_crowded(&self, place: &Place) -> bool {
        self.crowded.contains(place)
    }

    /// The partitions that are crowded.
    pub(super) fn crowded(&self) -> Vec<Place> {
        self.crowded.iter().cloned().collect()
    }

    pub(super) fn set_crowded(&mut self, place: &Place, crowded: bool) {
        self.changed |= if crowded {
            self.crowded.insert(place.clone())
        } else {
            self.crowded.remove(place)
        };
    }

    /// Whether a record was held until it was due, so that it may be handled. True once.
    pub(super) fn was_held(&mut self, place: &Place, offset: i64) -> bool {
        let was = self.due.get(place) == Some(&offset);
        if was {
            self.due.remove(place);
        }
        was
    }

    /// The partition's next record, at `offset`, is not due before `until`.
    pub(super) fn hold(&mut self, place: Place, offset: i64, until: Instant) {
        self.held.insert(place, Held { offset, until });
        self.changed = true;
    }

    /// The record could not be kept on the broker.
    pub(super) fn let_go(&mut self, place: &Place) {
        self.held.remove(place);
        self.changed = true;
    }

    /// When the next record is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }

    /// What has to be told at `now`. It counts as told.
    pub(super) fn change(&mut self, now: Instant) -> Change {
        if self.next_due().is_some_and(|due| due <= now) {
            for (place, held) in self.held.extract_if(|_, held| held.until <= now) {
                self.due.insert(place, held.offset);
            }
            self.changed = true;
        }
        if !std::mem::take(&mut self.changed) {
            return Change::default();
        }
        let mut change = Change::default();
        for place in &self.assigned {
            let paused = self.full || self.crowded.contains(place) || self.held.contains_key(place);
            if paused && self.paused.insert(place.clone()) {
                change.pause.push(place.clone());
            } else if !paused && self.paused.remove(place) {
                change.resume.push(place.clone());
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn place(name: &str) -> Place {
        (name.into(), 0)
    }

    fn two() -> Pauses {
        let mut pauses = Pauses::default();
        pauses.assign(vec![place("a"), place("b")]);
        pauses
    }

    #[test]
    fn a_held_partition_stays_paused_when_there_is_room_again() {
        let (mut pauses, now) = (two(), Instant::now());
        let due = now + Duration::from_secs(1);
        pauses.hold(place("a"), 7, due);
        assert_eq!(pauses.change(now).pause, [place("a")]);
        pauses.set_full(true);
        assert_eq!(pauses.change(now).pause, [place("b")]);
        pauses.set_full(false);
        assert_eq!(pauses.change(now).resume, [place("b")]);
        assert_eq!(pauses.change(now), Change::default());
        assert_eq!(pauses.next_due(), Some(due));
        assert_eq!(pauses.change(due).resume, [place("a")]);
        assert_eq!(pauses.next_due(), None);
    }

    #[test]
    fn what_comes_due_while_all_is_full_waits_for_room() {
        let (mut pauses, now) = (two(), Instant::now());
        pauses.hold(place("a"), 7, now);
        pauses.set_full(true);
        assert_eq!(pauses.change(now).pause, [place("a"), place("b")]);
        pauses.set_full(false);
        assert_eq!(pauses.change(now).resume, [place("a"), place("b")]);
    }

    #[test]
    fn a_record_that_was_held_passes_once() {
        let (mut pauses, now) = (two(), Instant::now());
        assert!(!pauses.was_held(&place("a"), 7));
        pauses.hold(place("a"), 7, now);
        pauses.change(now);
        assert!(!pauses.was_held(&place("a"), 8));
        assert!(pauses.was_held(&place("a"), 7));
        assert!(!pauses.was_held(&place("a"), 7));
    }

    #[test]
    fn a_crowded_partition_holds_up_no_other() {
        let (mut pauses, now) = (two(), Instant::now());
        pauses.set_crowded(&place("b"), true);
        assert_eq!(pauses.change(now).pause, [place("b")]);
        pauses.set_crowded(&place("b"), false);
        assert_eq!(pauses.change(now).resume, [place("b")]);
    }

    #[test]
    fn a_new_assignment_begins_with_what_is_true_of_the_process() {
        let (mut pauses, now) = (two(), Instant::now());
        pauses.hold(place("a"), 7, now + Duration::from_secs(60));
        pauses.set_full(true);
        pauses.change(now);
        let mut paused = pauses.revoke();
        paused.sort();
        assert_eq!(paused, [place("a"), place("b")]);
        assert_eq!(pauses.next_due(), None);
        pauses.assign(vec![place("a")]);
        assert_eq!(pauses.change(now).pause, [place("a")]);
        pauses.set_full(false);
        assert_eq!(pauses.change(now).resume, [place("a")]);
    }
}
