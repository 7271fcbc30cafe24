//! The events that wait in this process: for their next attempt in place, or behind one of their
//! key. They hold no slot, so that they keep nothing else from being worked on; their number in a
//! partition is bounded instead.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::server::commit::Place;

/// As many may wait in one partition before no more of it is fetched. The rest of the partition
/// waits on the broker then, also what has another key.
pub(in crate::server) const MOST_PARKED: usize = 64;

/// How many events of each partition wait.
#[derive(Debug, Default)]
pub(in crate::server) struct Parked {
    counts: Mutex<HashMap<Place, usize>>,
}

/// One that waits, until this is dropped.
#[derive(Debug)]
pub(super) struct Parking {
    parked: Arc<Parked>,
    place: Place,
}

impl Parked {
    pub(super) fn enter(self: &Arc<Self>, place: &Place) -> Parking {
        *self.counts.lock().entry(place.clone()).or_default() += 1;
        Parking {
            parked: Arc::clone(self),
            place: place.clone(),
        }
    }

    /// Whether no more of the partition should be fetched. Once it is not, not before half of the
    /// waiting have gone on: stopping and going on costs a fetch each.
    pub(in crate::server) fn is_crowded(&self, place: &Place, was: bool) -> bool {
        let limit = if was { MOST_PARKED / 2 } else { MOST_PARKED };
        let counts = self.counts.lock();
        counts.get(place).is_some_and(|count| *count >= limit)
    }

    /// The partitions in which any wait.
    pub(in crate::server) fn places(&self) -> Vec<Place> {
        self.counts.lock().keys().cloned().collect()
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        let mut counts = self.parked.counts.lock();
        if let Some(count) = counts.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_crowded_from_the_limit_on_until_half_have_gone() {
        let parked = Arc::new(Parked::default());
        let place = ("t".into(), 0);
        let mut waiting: Vec<_> = (1..MOST_PARKED).map(|_| parked.enter(&place)).collect();
        assert!(!parked.is_crowded(&place, false));
        waiting.push(parked.enter(&place));
        assert!(parked.is_crowded(&place, false));
        assert!(!parked.is_crowded(&("t".into(), 1), false));
        waiting.truncate(MOST_PARKED / 2);
        assert!(parked.is_crowded(&place, true));
        waiting.pop();
        assert!(!parked.is_crowded(&place, true));
        drop(waiting);
        assert!(parked.places().is_empty());
    }
}
